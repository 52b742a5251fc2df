package service_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// Whoever cancels, the customer or somebody at the engine, and wherever: what
// only the attempt needed is gone, and everything else is as it was.
func TestCancellingLeavesNoHalfState(t *testing.T) {
	ways := map[string]func(w *migrationWorld){
		"decision": func(w *migrationWorld) { w.decide(mika, domain.DecideCancel, domain.DecisionDetail{}) },
		"from outside": func(w *migrationWorld) {
			first, err := w.StopMigration(w.t.Context(), worker, w.m.ID)
			require.NoError(w.t, err)
			again, err := w.StopMigration(w.t.Context(), worker, w.m.ID)
			require.NoError(w.t, err)
			require.Equal(w.t, first, again, "a worker that died before it could say so tries again")
		},
	}
	for name, cancel := range ways {
		for _, p := range []domain.Phase{domain.AwaitingConsent, domain.ConfirmingConsent, domain.AwaitingDescription, domain.Proving, domain.AwaitingApproval} {
			t.Run(name+" in "+string(p), func(t *testing.T) {
				w := newMigrationWorld(t)
				before, held := w.integration(), w.mirror()
				app, secret := w.legacy()
				w.reach(p)
				var begun []string
				if p == domain.Proving {
					for _, purpose := range []domain.Purpose{domain.RunShadow, domain.RunLegacy} {
						begun = append(begun, w.begin(contract.DirectorySyncInput{Purpose: purpose, AttemptID: w.m.ID}).RunID)
					}
				}
				if p == domain.Proving && name == "decision" { // or while it applies
					w.dir.user("u0", "User 0")
					w.dir.user("u1", "User 1")
					w.SetSlice(1)
					w.read(begun[1])
					slice, err := w.ApplySlice(t.Context(), worker, begun[1])
					require.NoError(t, err)
					require.True(t, slice.More)
					w.SetSlice(2000)
				}
				w.write(func(r service.Rows) error {
					return r.ConsentSessions().Insert(
						&domain.ConsentSession{ID: "cs_open", AccountID: "a", MigrationID: w.m.ID, Outcome: domain.ConsentOpen, StateDigest: "digest"},
						&domain.ConsentSession{ID: "cs_asked", AccountID: "a", MigrationID: w.m.ID, Outcome: domain.ConsentRefused, Code: "declined", NextCheckAt: domain.At(w.now)})
				})
				cancel(w)

				require.Equal(t, domain.Cancelled, w.row().Phase)
				require.Equal(t, before, w.integration(), "epoch included: nothing was ever switched")
				require.Equal(t, held, w.mirror())
				keptApp, keptSecret := w.legacy()
				require.Equal(t, app, keptApp)
				require.Equal(t, secret, keptSecret, "legacy goes on")
				for _, run := range list(t, w.world, func(r service.Rows) service.Table[domain.SyncRun] { return r.SyncRuns() }, service.By(service.Where{"migration_id": w.m.ID})) {
					require.False(t, run.Open)
					require.NotContains(t, []domain.RunState{domain.RunReading, domain.RunApplying}, run.State)
					require.NoError(t, w.store.Read(t.Context(), func(r service.Rows) error {
						_, err := r.Mirror().Cursor(run.ID)
						require.True(t, domain.IsNotFound(err), "nothing that it read is kept")
						return nil
					}))
				}
				for _, id := range begun {
					require.True(t, w.read(id).Ended, "a page that comes late is not taken")
				}
				sessions := list(t, w.world, func(r service.Rows) service.Table[domain.ConsentSession] { return r.ConsentSessions() }, service.By(service.Where{"id": "cs_open"}))
				require.NotEqual(t, domain.ConsentOpen, sessions[0].Outcome)
				require.Empty(t, sessions[0].StateDigest, "nothing that a browser holds opens it")
				due, err := w.ApprovalsToLookFor(t.Context(), worker, "eu")
				require.NoError(t, err)
				require.Empty(t, due, "Microsoft is not asked on its behalf any more")
				require.Empty(t, list(t, w.world, func(r service.Rows) service.Table[domain.CutOverSnapshot] { return r.Snapshots() }, service.Query{}))
				require.Contains(t, w.said("cancelled"), "Nothing of its synchronization has changed")
				require.Equal(t, domain.RunDone, w.round().State)
			})
		}
	}
}

// The engine was away when the attempt was opened, and comes back when it is
// over: no workflow begins for it.
func TestAnAttemptThatEndsBeforeTheEngineTookItIsNeverStarted(t *testing.T) {
	w := newMigrationWorld(t)
	w.door.fail = errors.New("the engine is away")
	w.open()
	d, err := w.GiveDecision(t.Context(), mika, "", w.m.ID, domain.DecideCancel, domain.DecisionDetail{})
	require.NoError(t, err)
	_, res := w.applied(d) // a sweep or an operator's hand, since no workflow can
	require.Equal(t, domain.Cancelled, res.Phase)
	w.door.fail = nil
	w.now = w.now.Add(time.Hour)
	_, err = w.RedeliverCalls(t.Context())
	require.NoError(t, err)
	for _, c := range w.door.taken {
		require.NotEqual(t, domain.CallStart, c.Kind, c.Name)
	}
	again, err := w.StartMigration(t.Context(), mika, "i")
	require.NoError(t, err)
	require.NotEqual(t, w.m.ID, again.ID)
	w.m = again
	require.Equal(t, again.ID, w.started().AttemptID, "the next one is")
}

// After the switch cancelling is no way out: the rows stay as they are.
func TestCancellingFromOutsideAfterTheSwitchChangesNothing(t *testing.T) {
	for _, p := range []domain.Phase{domain.Migrated, domain.CleanUp} {
		w := newMigrationWorld(t)
		w.reach(p)
		before, bound := w.row(), w.integration()
		s, err := w.StopMigration(t.Context(), worker, w.m.ID)
		require.NoError(t, err)
		require.Equal(t, p, s.Phase)
		require.Equal(t, before, w.row())
		require.Equal(t, bound, w.integration())
	}
}

func TestCancellingDuringTheSwitchTakesItBackFirst(t *testing.T) {
	w := newMigrationWorld(t)
	before, held := w.integration(), w.mirror()
	w.reach(domain.CuttingOver)
	w.begunCutOver()
	w.first()
	s, err := w.StopMigration(t.Context(), worker, w.m.ID)
	require.NoError(t, err)
	require.Equal(t, domain.Cancelled, s.Phase)
	after := w.integration()
	require.Equal(t, before.Epoch+2, after.Epoch, "the epoch only grows")
	after.Epoch = before.Epoch
	require.Equal(t, before, after)
	require.Equal(t, held, w.mirror())
}
