package service_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"consentry/internal/contract"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/internal/store/storetest"
)

const (
	legacyClient = "client-legacy"
	cellClient   = "client-cell"
)

// directory stands in for Microsoft's side: the objects of one tenant, and for
// each client the changes since the link it holds. A link is the number of the
// log entry that it begins behind.
type directory struct {
	users   map[string]map[string]any
	groups  map[string]map[string]any
	members map[string][]string
	log     []logged
	size    int // objects on a page
}

type logged struct {
	stream dirsync.Stream
	item   map[string]any
}

func newDirectory() *directory {
	return &directory{users: map[string]map[string]any{}, groups: map[string]map[string]any{}, members: map[string][]string{}, size: 3}
}

func (d *directory) user(id, name string) {
	d.users[id] = map[string]any{"id": id, "displayName": name, "accountEnabled": true, "userType": "Member", "mail": nil}
	d.log = append(d.log, logged{dirsync.Users, d.users[id]})
}

func (d *directory) leave(id string) {
	delete(d.users, id)
	d.log = append(d.log, logged{dirsync.Users, map[string]any{"id": id, "@removed": map[string]string{"reason": "changed"}}})
	for _, g := range slices.Sorted(maps.Keys(d.members)) { // the same test has the same pages
		if slices.Contains(d.members[g], id) {
			d.part(g, id)
		}
	}
}

func (d *directory) group(id string, members ...string) {
	d.groups[id] = map[string]any{"id": id, "displayName": "Group " + id}
	d.log = append(d.log, logged{dirsync.Groups, d.groups[id]})
	for _, m := range members {
		d.members[id] = append(d.members[id], m)
		d.log = append(d.log, logged{dirsync.Groups, d.with(id, m, false)})
	}
}

// dissolve deletes a group; of its memberships nobody speaks.
func (d *directory) dissolve(group string) {
	delete(d.groups, group)
	delete(d.members, group)
	d.log = append(d.log, logged{dirsync.Groups, map[string]any{"id": group, "@removed": map[string]string{"reason": "changed"}}})
}

func (d *directory) part(group, member string) {
	d.members[group] = slices.DeleteFunc(d.members[group], func(m string) bool { return m == member })
	d.log = append(d.log, logged{dirsync.Groups, d.with(group, member, true)})
}

func (d *directory) with(group, member string, removed bool) map[string]any {
	item := maps.Clone(d.groups[group])
	m := map[string]any{"@odata.type": "#microsoft.graph.user", "id": member}
	if removed {
		m["@removed"] = map[string]string{"reason": "deleted"}
	}
	item["members@delta"] = []any{m}
	return item
}

// page answers like a delta query: everything without a link, else what changed
// behind it; in pages.
func (d *directory) page(t testing.TB, stream dirsync.Stream, link string) []byte {
	t.Helper()
	var items []map[string]any
	offset := 0
	switch {
	case strings.HasPrefix(link, "since/"):
		var since int
		_, err := fmt.Sscanf(link, "since/%d/%d", &since, &offset)
		require.NoError(t, err)
		for _, l := range d.log[since:] {
			if l.stream == stream {
				items = append(items, l.item)
			}
		}
	default:
		if link != "" {
			_, err := fmt.Sscanf(link, "all/%d", &offset)
			require.NoError(t, err)
		}
		items = d.all(stream)
	}
	rest := items[min(offset, len(items)):]
	body := map[string]any{"value": rest[:min(d.size, len(rest))]}
	switch {
	case len(rest) > d.size && strings.HasPrefix(link, "since/"):
		body["@odata.nextLink"] = fmt.Sprintf("%s/%d", link[:strings.LastIndex(link, "/")], offset+d.size)
	case len(rest) > d.size:
		body["@odata.nextLink"] = fmt.Sprintf("all/%d", offset+d.size)
	default:
		body["@odata.deltaLink"] = fmt.Sprintf("since/%d/0", len(d.log))
	}
	if body["value"] == nil || len(rest) == 0 {
		body["value"] = []any{}
	}
	b, err := json.Marshal(body)
	require.NoError(t, err)
	return b
}

func (d *directory) all(stream dirsync.Stream) (items []map[string]any) {
	if stream == dirsync.Users {
		for _, u := range d.users {
			items = append(items, u)
		}
	} else {
		for id, g := range d.groups {
			items = append(items, g)
			for _, m := range d.members[id] {
				items = append(items, d.with(id, m, false))
			}
		}
	}
	slices.SortFunc(items, func(a, b map[string]any) int {
		return strings.Compare(fmt.Sprint(a["id"], a["members@delta"]), fmt.Sprint(b["id"], b["members@delta"]))
	})
	return items
}

// objects is what a mirror of the directory holds, to compare with.
func (d *directory) objects() map[string]bool {
	out := map[string]bool{}
	for id, u := range d.users {
		out["user "+id+" "+u["displayName"].(string)] = true
	}
	for id := range d.groups {
		out["group "+id+" Group "+id] = true
		for _, m := range d.members[id] {
			out[id+" has "+m] = true
		}
	}
	return out
}

var worker = domain.System("test")

// syncWorld is a world with one legacy integration "i" of account "a", whose
// migration, connector and cell exist as far as a test moves them.
type syncWorld struct {
	*world
	t   testing.TB
	dir *directory
	n   int
}

func newSyncWorld(t *testing.T) *syncWorld {
	t.Helper()
	return syncWorldOn(t, storetest.Open(t))
}

func syncWorldOn(t testing.TB, s service.Store) *syncWorld {
	t.Helper()
	w := benchWorldOn(t, s)
	for n := range 7 {
		w.dir.user(fmt.Sprintf("u%d", n), fmt.Sprintf("User %d", n))
	}
	w.dir.group("g1", "u0", "u1", "u2")
	w.dir.group("g2", "u3")
	return w
}

// newBenchWorld is the same over an empty directory.
func newBenchWorld(t testing.TB) *syncWorld {
	t.Helper()
	return benchWorldOn(t, storetest.Open(t))
}

func benchWorldOn(t testing.TB, s service.Store) *syncWorld {
	t.Helper()
	w := &syncWorld{t: t, dir: newDirectory(), world: &world{store: s, door: &door{}, now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}}
	w.Service = service.New(service.Deps{Store: w.store, Engine: w.door, Keeper: plainKeeper{}, Now: func() time.Time { return w.now }, Log: zap.NewNop()})
	w.write(func(r service.Rows) error {
		for _, err := range []error{
			r.Accounts().Insert(&domain.Account{ID: "a", Name: "Contoso", Region: "eu"}),
			r.Integrations().Insert(&domain.Integration{
				ID: "i", AccountID: "a", Name: "Contoso", TenantID: "tenant", Product: domain.ProductDirectorySync, Binding: domain.BoundLegacy, Epoch: 1,
				Settings: domain.SyncSettings{IncludeGuests: true, IncludeDisabled: true}, Condition: domain.ConditionOK, NextDueAt: domain.At(w.now),
			}),
			r.LegacyApps().Insert(&domain.LegacyApp{ID: "i", ClientID: legacyClient, SecretEndsAt: domain.At(w.now.Add(-time.Hour))}),
			r.Cells().Insert(&domain.Cell{ID: "cell", ClientID: cellClient}),
			r.Connectors().Insert(&domain.Connector{ID: "conn", AccountID: "a", TenantID: "tenant", Product: domain.ProductDirectorySync, CellID: "cell", Condition: domain.ConditionOK}),
			r.Campaigns().Insert(&domain.Campaign{
				ID: "c", Region: "eu", Product: domain.ProductDirectorySync, StartedAt: domain.At(w.now.Add(-time.Hour)),
				Terms: domain.CampaignTerms{Deadline: domain.At(w.now.Add(30 * 24 * time.Hour))},
			}),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	return w
}

func (w *syncWorld) write(fn func(service.Rows) error) {
	w.t.Helper()
	require.NoError(w.t, w.store.Write(w.t.Context(), fn))
}

func (w *syncWorld) integration() (i domain.Integration) {
	w.t.Helper()
	require.NoError(w.t, w.store.Read(w.t.Context(), func(r service.Rows) (err error) { i, err = r.Integrations().Get("i"); return err }))
	return i
}

func (w *syncWorld) change(fn func(*domain.Integration)) {
	w.t.Helper()
	w.write(func(r service.Rows) error {
		i, err := r.Integrations().Get("i")
		if err != nil {
			return err
		}
		fn(&i)
		return r.Integrations().Update(&i)
	})
}

func (w *syncWorld) run(id string) (run domain.SyncRun) {
	w.t.Helper()
	require.NoError(w.t, w.store.Read(w.t.Context(), func(r service.Rows) (err error) { run, err = r.SyncRuns().Get(id); return err }))
	return run
}

func (w *syncWorld) begin(in contract.DirectorySyncInput) contract.RunStart {
	w.t.Helper()
	w.n++
	in.IntegrationID, in.AccountID = "i", "a"
	start, err := w.BeginRun(w.t.Context(), worker, contract.BeginRun{Key: fmt.Sprint("key", w.n), Input: in})
	require.NoError(w.t, err)
	return start
}

// read reads a run to its end; each page arrives twice, as after a crash.
func (w *syncWorld) read(runID string) service.ReadPosition {
	w.t.Helper()
	p, err := w.ReadingOf(w.t.Context(), worker, runID)
	require.NoError(w.t, err)
	for !p.Done && !p.Ended {
		page, err := dirsync.DecodePage(p.Stream, w.dir.page(w.t, p.Stream, p.Link))
		require.NoError(w.t, err)
		next, err := w.StagePage(w.t.Context(), worker, runID, p.Link, page)
		require.NoError(w.t, err)
		again, err := w.StagePage(w.t.Context(), worker, runID, p.Link, page)
		require.NoError(w.t, err)
		if p.Link != "" && !next.Done {
			require.Equal(w.t, next, again, "a page that comes twice counts once")
		}
		p = again
	}
	return p
}

func (w *syncWorld) apply(runID string) contract.DirectorySyncResult {
	w.t.Helper()
	for {
		out, err := w.ApplySlice(w.t.Context(), worker, runID)
		require.NoError(w.t, err)
		if !out.More {
			return out.Result
		}
	}
}

// round runs a whole ordinary round.
func (w *syncWorld) round() contract.DirectorySyncResult {
	w.t.Helper()
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled})
	require.False(w.t, start.Refused, start.Code)
	w.read(start.RunID)
	return w.apply(start.RunID)
}

// mirror is what is held, in the words of directory.objects.
func (w *syncWorld) mirror() map[string]bool {
	w.t.Helper()
	out := map[string]bool{}
	for _, s := range dirsync.Streams {
		p, err := w.ReadDirectory(w.t.Context(), worker, "i", string(s), dirsync.Edge{}, 1000)
		require.NoError(w.t, err)
		for _, o := range p.Objects {
			out[s.Noun()+" "+o.ID+" "+o.Name] = true
		}
	}
	p, err := w.ReadDirectory(w.t.Context(), worker, "i", "memberships", dirsync.Edge{}, 1000)
	require.NoError(w.t, err)
	for _, e := range p.Memberships {
		out[e.GroupID+" has "+e.MemberID] = true
	}
	return out
}

// migrate opens a migration in a phase, with the connector it leads to.
func (w *syncWorld) migrate(phase domain.Phase) domain.Migration {
	w.t.Helper()
	m := domain.Migration{ID: "m", AccountID: "a", IntegrationID: "i", CampaignID: "c", Region: "eu", Phase: phase, Open: true, ConnectorID: "conn", StartedAt: domain.At(w.now)}
	w.write(func(r service.Rows) error { return r.Migrations().Insert(&m) })
	return m
}

func (w *syncWorld) phase(to domain.Phase) {
	w.t.Helper()
	w.write(func(r service.Rows) error {
		m, err := r.Migrations().Get("m")
		if err != nil {
			return err
		}
		m.Phase = to
		return r.Migrations().Update(&m)
	})
}

// shadow proves: a shadow run read to its end.
func (w *syncWorld) shadow() string {
	w.t.Helper()
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunShadow, AttemptID: "m"})
	require.False(w.t, start.Refused, start.Code)
	p := w.read(start.RunID)
	require.Equal(w.t, domain.RunDone, w.run(start.RunID).State, p.Code)
	return start.RunID
}

// cutOver switches the binding as the migration's command does.
func (w *syncWorld) cutOver() {
	w.t.Helper()
	w.phase(domain.CuttingOver)
	w.change(func(i *domain.Integration) {
		i.Binding, i.ConnectorID, i.Epoch = domain.BoundConnector, "conn", i.Epoch+1
	})
}

// inside runs a part of a migration's transaction.
func inside[T any](w *syncWorld, fn func(*service.Tx) (T, error)) T {
	w.t.Helper()
	out, err := service.Do(w.t.Context(), w.Service, worker, "", "test", "m", fn)
	require.NoError(w.t, err)
	return out
}

func holds(r service.Rows) service.Table[domain.Hold] { return r.Holds() }
