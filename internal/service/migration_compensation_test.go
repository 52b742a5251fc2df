package service_test

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/internal/store/storetest"
)

// Whatever the directory held, whatever changed before, while and after it was
// compared, and wherever the first synchronization was cut short: what the
// compensation leaves is what was there before the switch, to the byte. The epoch
// alone grows.
func TestAnyCutOverThatIsTakenBackLeavesNothingBehind(t *testing.T) {
	for e, n := range map[storetest.Engine]int{storetest.SQLite: 20, storetest.Postgres: 5} {
		t.Run(string(e), func(t *testing.T) {
			checks := flag.Lookup("rapid.checks").Value
			asked := checks.String()
			require.NoError(t, checks.Set(strconv.Itoa(n))) // each has a database of its own
			defer func() { require.NoError(t, checks.Set(asked)) }()
			rapid.Check(t, func(rt *rapid.T) { cutShort(t, rt, e) })
		})
	}
}

// drawn is a test whose failures are the check's, so that rapid makes them small
// and prints how to have them again.
type drawn struct {
	testing.TB
	check *rapid.T
}

func (d drawn) Errorf(format string, args ...any) { d.check.Helper(); d.check.Errorf(format, args...) }
func (d drawn) FailNow()                          { d.check.Helper(); d.check.FailNow() }

func cutShort(t *testing.T, rt *rapid.T, e storetest.Engine) {
	t.Helper()
	w := migrationWorldOn(drawn{t, rt}, storetest.At(t, storetest.Database(t, e)))
	w.SetSlice(rapid.IntRange(1, 9).Draw(rt, "slice"))
	w.dir.size = rapid.IntRange(1, 7).Draw(rt, "page")
	w.drift(rt, "at first")
	w.round()
	w.drift(rt, "between two rounds") // a guard may hold removals
	w.round()
	w.keepSome(rt)
	w.reach(domain.Proving)
	frozen := w.trouble(rt)
	w.drift(rt, "before the comparison")
	w.prove(frozen)
	for range rapid.IntRange(1, 2).Draw(rt, "switches") {
		w.drift(rt, "after the comparison")
		before := w.stands()
		w.now = w.now.Add(time.Hour)
		w.approveUntilItSwitches(frozen)
		w.begunCutOver()
		run := w.partOfTheFirst(rt)
		w.takenBack(rt, run)
		require.Equal(w.t, domain.AwaitingApproval, w.row().Phase)
		after := w.stands()
		require.Equal(w.t, before.epoch+2, after.epoch)
		before.epoch = after.epoch
		require.Equal(w.t, before, after)
		if run != "" {
			out, err := w.ApplySlice(t.Context(), worker, run)
			require.NoError(w.t, err)
			require.False(w.t, out.More)
			require.Equal(w.t, before, w.stands(), "a slice that comes late finds the row closed")
		}
	}
}

// approveUntilItSwitches approves what stands; a reading that an earlier switch
// used up is made anew first.
func (w *migrationWorld) approveUntilItSwitches(frozen bool) {
	w.t.Helper()
	for w.row().Phase != domain.CuttingOver {
		if w.row().Phase == domain.Proving {
			w.prove(frozen)
			continue
		}
		w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: w.row().ProofID})
	}
}

// partOfTheFirst does as much of the first synchronization as was drawn.
func (w *migrationWorld) partOfTheFirst(rt *rapid.T) (run string) {
	w.t.Helper()
	if !rapid.Bool().Draw(rt, "it begins") {
		return ""
	}
	run = w.begin(contract.DirectorySyncInput{Purpose: domain.RunFirst, AttemptID: w.m.ID, ShadowRunID: w.proof().ShadowRunID}).RunID
	if rapid.IntRange(0, 3).Draw(rt, "its position dies") == 0 {
		_, err := w.ReadEverything(w.t.Context(), worker, run)
		require.NoError(w.t, err)
	}
	w.read(run)
	for range rapid.IntRange(0, 60).Draw(rt, "slices") {
		out, err := w.ApplySlice(w.t.Context(), worker, run)
		require.NoError(w.t, err)
		if !out.More {
			break
		}
	}
	return run
}

func (w *migrationWorld) takenBack(rt *rapid.T, run string) {
	w.t.Helper()
	if rapid.Bool().Draw(rt, "its workflow is lost") {
		w.loseWorkflow()
		_, healed := w.sweep()
		require.Equal(w.t, 1, healed)
		return
	}
	_, err := w.CompensateCutOver(w.t.Context(), worker, contract.FirstSyncFailed{AttemptID: w.m.ID, RunID: run, Code: contract.SyncUnavailable})
	require.NoError(w.t, err)
}

// What the property above once found, held for good: the first synchronization had
// seen people who were thought to have left, and what a person had decided about
// them did not come back.
func TestHoldsComeBackWithASwitchThatIsTakenBack(t *testing.T) {
	w := newMigrationWorld(t)
	for n := range 5 {
		w.dir.leave(fmt.Sprint("u", n))
	}
	w.round() // too many at once: held
	w.change(func(i *domain.Integration) { i.Condition, i.ConditionText = domain.ConditionError, "as it was" })
	w.write(func(r service.Rows) error {
		kept, err := r.Holds().Find(service.By(service.Where{"object_id": "u1", "kind": "user"}))
		if err != nil {
			return err
		}
		kept.State, kept.DecidedAt, kept.DecidedBy = "kept", domain.At(w.now), ana.ID
		return r.Holds().Update(&kept)
	})
	w.dir.user("u0", "User 0")
	w.dir.user("u1", "User 1")
	w.dir.group("g1", "u0")
	w.dir.leave("u5")
	w.reach(domain.AwaitingApproval)
	before := w.stands()
	require.Len(t, before.holds, 9, "five people and four memberships")
	w.approveUntilItSwitches(false)
	w.begunCutOver()
	first := w.first()
	require.Len(t, list(t, w.world, holds, service.By(service.Where{"gone_run_id": first})), 3, "two people and a membership were seen again")
	require.NotEmpty(t, list(t, w.world, holds, service.By(service.Where{"run_id": first, "object_id": "u5"})))
	_, err := w.CompensateCutOver(t.Context(), worker, contract.FirstSyncFailed{AttemptID: w.m.ID, RunID: first, Code: contract.SyncUnavailable})
	require.NoError(t, err)
	after := w.stands()
	before.epoch += 2
	require.Equal(t, before, after)
}

// trouble is what keeps legacy from reading, and what the page says of it.
func (w *migrationWorld) trouble(rt *rapid.T) (frozen bool) {
	switch rapid.IntRange(0, 2).Draw(rt, "trouble") {
	case 1:
		w.now = w.now.Add(31 * day)
		require.Equal(w.t, contract.SyncDeadlinePassed, w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled}).Code)
	case 2:
		run := w.begin(contract.DirectorySyncInput{Purpose: domain.RunLegacy, AttemptID: w.m.ID})
		require.NoError(w.t, w.NoteTrouble(w.t.Context(), worker, run.RunID, contract.SyncUnavailable))
		_, err := w.EndRun(w.t.Context(), worker, contract.EndRun{RunID: run.RunID, State: string(domain.RunError), Code: contract.SyncLegacyDead})
		require.NoError(w.t, err)
	default:
		return false
	}
	require.NotEqual(w.t, domain.ConditionOK, w.integration().Condition)
	return true
}

// keepSome has somebody decide on a removal that is held.
func (w *migrationWorld) keepSome(rt *rapid.T) {
	held := list(w.t, w.world, holds, service.Query{Where: service.Where{"state": "held"}, Order: []string{"object_id", "member_id"}, Limit: 1})
	if len(held) == 0 || !rapid.Bool().Draw(rt, "somebody decides") {
		return
	}
	held[0].State, held[0].DecidedAt, held[0].DecidedBy = "kept", domain.At(w.now), ana.ID
	w.write(func(r service.Rows) error { return r.Holds().Update(&held[0]) })
}

// drift changes the directory as a few days would; now and then many leave at
// once, or are back.
func (w *migrationWorld) drift(rt *rapid.T, when string) {
	switch many := rapid.IntRange(0, 5).Draw(rt, "many"); many {
	case 0, 1:
		for n := range 12 {
			if u := fmt.Sprint("u", n); many == 0 {
				w.dir.user(u, "Ada")
			} else if _, is := w.dir.users[u]; is {
				w.dir.leave(u)
			}
		}
	default:
	}
	for range rapid.IntRange(0, 12).Draw(rt, when) {
		u, g := fmt.Sprint("u", rapid.IntRange(0, 11).Draw(rt, "user")), fmt.Sprint("g", rapid.IntRange(0, 3).Draw(rt, "group"))
		_, is := w.dir.users[u]
		_, exists := w.dir.groups[g]
		switch rapid.IntRange(0, 5).Draw(rt, "what") {
		case 0:
			w.dir.user(u, rapid.SampledFrom([]string{"Ada", "Grace", "Barbara"}).Draw(rt, "name")) // new, renamed or back again
		case 1, 2:
			if is {
				w.dir.leave(u)
			}
		case 3:
			if !exists {
				w.dir.group(g)
			}
			if is && !slices.Contains(w.dir.members[g], u) {
				w.dir.group(g, u)
			}
		case 4:
			if exists && slices.Contains(w.dir.members[g], u) {
				w.dir.part(g, u)
			}
		case 5:
			if exists {
				w.dir.dissolve(g) // and may be there again under the same id
			}
		}
	}
}

// standsAsItWas is everything that a compensation promises to leave as it was.
type standsAsItWas struct {
	epoch       int64
	integration domain.Integration
	tables      map[string][]string
	holds       []domain.Hold
}

func (w *migrationWorld) stands() standsAsItWas {
	w.t.Helper()
	k := standsAsItWas{integration: w.integration(), tables: map[string][]string{}}
	k.epoch, k.integration.Epoch = k.integration.Epoch, 0
	all := storetest.Dump(w.t, w.store)
	for _, name := range []string{"mirror_users", "mirror_groups", "mirror_members", "sync_links", "before_images"} {
		rows, there := all[name]
		require.True(w.t, there || rows == nil, name)
		k.tables[name] = slices.Sorted(slices.Values(rows))
	}
	k.holds = list(w.t, w.world, holds, service.Query{Where: service.Where{"state": []string{"held", "kept"}}, Order: []string{"id"}})
	return k
}
