package service_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/internal/store/storetest"
)

// door is an engine that keeps what it was handed and fails on demand. What it was
// handed to start is at work until it is lost.
type door struct {
	taken []domain.EngineCall
	fail  error
	lost  map[string]bool
	asked int

	looked []int // how many ids were looked up at once
}

func (d *door) lose(workflowID string) { d.lost = map[string]bool{workflowID: true} }

func (d *door) Running(_ context.Context, workflowID string) (bool, error) {
	d.asked++
	return !d.lost[workflowID], d.fail
}

func (d *door) RunningAmong(_ context.Context, ids []string) (running []string, err error) {
	d.looked = append(d.looked, len(ids))
	for _, id := range ids {
		if !d.lost[id] {
			running = append(running, id)
		}
	}
	return running, d.fail
}

func (d *door) Deliver(_ context.Context, c domain.EngineCall) error {
	if d.fail != nil {
		return d.fail
	}
	d.taken = append(d.taken, c)
	if c.Kind == domain.CallStart {
		delete(d.lost, c.Target)
	}
	return nil
}

func (d *door) names() (out []string) {
	for _, c := range d.taken {
		out = append(out, c.Name)
	}
	return out
}

// plainKeeper "seals" by reversing, so that a test can see whether a value was
// sealed at all.
type plainKeeper struct{}

func (plainKeeper) Seal(_ context.Context, p []byte) ([]byte, error) { return reversed(p), nil }
func (plainKeeper) Open(_ context.Context, s []byte) ([]byte, error) { return reversed(s), nil }

func reversed(p []byte) []byte {
	out := make([]byte, len(p))
	for i, b := range p {
		out[len(p)-1-i] = b
	}
	return out
}

type world struct {
	*service.Service
	store service.Store
	door  *door
	now   time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{store: storetest.Open(t), door: &door{}, now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	w.Service = service.New(service.Deps{Store: w.store, Engine: w.door, Keeper: plainKeeper{}, Now: func() time.Time { return w.now }, Log: zap.NewNop()})
	return w
}

func list[T any](t testing.TB, w *world, of func(service.Rows) service.Table[T], q service.Query) (out []T) {
	t.Helper()
	require.NoError(t, w.store.Read(t.Context(), func(r service.Rows) (err error) {
		out, err = of(r).List(q)
		return err
	}))
	return out
}

func audit(r service.Rows) service.Table[domain.AuditEntry] { return r.Audit() }

func TestARepeatedCommandAnswersAlikeAndChangesNothing(t *testing.T) {
	w := newWorld(t)
	run := func(key string) (string, error) {
		return service.Do(t.Context(), w.Service, domain.System("test"), key, "make", "thing", func(tx *service.Tx) (string, error) {
			id := domain.NewID("acc")
			return id, errors.Join(tx.Accounts().Insert(&domain.Account{ID: id}), tx.Done(id, "make", "account", id, nil))
		})
	}
	first, err := run("k1")
	require.NoError(t, err)
	again, err := run("k1")
	require.NoError(t, err)
	require.Equal(t, first, again)
	other, err := run("k2")
	require.NoError(t, err)
	require.NotEqual(t, first, other)
	require.Len(t, list(t, w, audit, service.Query{}), 2)
}

func TestARefusalCommitsItsAuditEntryAlone(t *testing.T) {
	w := newWorld(t)
	_, err := service.Do(t.Context(), w.Service, domain.Anonymous(), "", "make", "thing", func(tx *service.Tx) (bool, error) {
		require.NoError(t, tx.Accounts().Insert(&domain.Account{ID: "acc_1"}))
		return true, domain.Refuse(domain.Forbidden, "no", "No.")
	})
	require.Equal(t, domain.Forbidden, domain.KindOf(err))
	require.Empty(t, list(t, w, func(r service.Rows) service.Table[domain.Account] { return r.Accounts() }, service.Query{}))
	entries := list(t, w, audit, service.Query{})
	require.Len(t, entries, 1)
	require.Equal(t, "refused", entries[0].Outcome)
	require.Equal(t, "no", entries[0].Code)
}

func TestTheAuditChainShowsAnAlteredEntry(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		_, err := service.Do(t.Context(), w.Service, domain.System("test"), "", "act", "x", func(tx *service.Tx) (bool, error) {
			return true, tx.Done("acc_1", "act", "thing", "x", map[string]string{"b": "2", "a": "1"})
		})
		require.NoError(t, err)
	}
	entries := list(t, w, audit, service.Query{Order: []string{"seq"}})
	require.Len(t, entries, 3)
	for i, e := range entries {
		hash, err := service.AuditHash(e)
		require.NoError(t, err)
		require.Equal(t, e.Hash, hash)
		require.EqualValues(t, i+1, e.ChainSeq)
		if i > 0 {
			require.Equal(t, entries[i-1].Hash, e.Previous)
		}
	}
	entries[1].Action = "other"
	hash, err := service.AuditHash(entries[1])
	require.NoError(t, err)
	require.NotEqual(t, entries[1].Hash, hash)
}

func callFrom(t *testing.T, w *world, names ...string) {
	t.Helper()
	_, err := service.Do(t.Context(), w.Service, domain.System("test"), "", "call", "x", func(tx *service.Tx) (bool, error) {
		for _, n := range names {
			if err := tx.Call(domain.CallSignal, "acc_1", "migration/i1", n, n, map[string]string{"n": n}); err != nil {
				return false, err
			}
		}
		return true, nil
	})
	require.NoError(t, err, "a command stands even when the engine does not answer")
}

func TestCallsWaitForTheEngineAndKeepTheirOrder(t *testing.T) {
	w := newWorld(t)
	w.door.fail = errors.New("engine away")
	callFrom(t, w, "start", "second")
	require.Empty(t, w.door.taken)

	w.door.fail = nil
	w.now = w.now.Add(time.Second)
	callFrom(t, w, "third") // delivers what waits for the same target first
	require.Equal(t, []string{"start", "second", "third"}, w.door.names())

	w.now = w.now.Add(time.Hour)
	taken, err := w.RedeliverCalls(t.Context())
	require.NoError(t, err)
	require.Zero(t, taken, "nothing is delivered twice")
}

func TestAnUndeliveredCallIsRedeliveredLater(t *testing.T) {
	w := newWorld(t)
	w.door.fail = errors.New("engine away")
	callFrom(t, w, "start")
	w.now = w.now.Add(time.Minute)
	_, err := w.RedeliverCalls(t.Context())
	require.NoError(t, err)
	w.door.fail = nil
	w.now = w.now.Add(2 * time.Minute)
	taken, err := w.RedeliverCalls(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, taken)
}

func TestACallToACompleteWorkflowIsDropped(t *testing.T) {
	w := newWorld(t)
	w.door.fail = domain.Refuse(domain.Gone, "workflow-complete", "complete")
	callFrom(t, w, "late")
	calls := list(t, w, func(r service.Rows) service.Table[domain.EngineCall] { return r.EngineCalls() }, service.Query{})
	require.Len(t, calls, 1)
	require.Equal(t, "dropped", calls[0].State)
}
