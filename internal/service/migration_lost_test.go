package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// sweep does what a sweep does about lost migrations.
func (w *migrationWorld) sweep() (found, healed int) {
	w.t.Helper()
	found, err := w.LostMigrations(w.t.Context(), worker, "eu")
	require.NoError(w.t, err)
	healed, err = w.HealLost(w.t.Context(), worker, "eu")
	require.NoError(w.t, err)
	return found, healed
}

// started gives the input of the last start of a migration.
func (w *migrationWorld) started() (in contract.MigrationInput) {
	w.t.Helper()
	for _, c := range w.door.taken {
		if c.Kind == domain.CallStart && c.Name == contract.MigrationWorkflow {
			require.Equal(w.t, w.m.ID, c.DedupeID)
			require.NoError(w.t, json.Unmarshal(c.Payload, &in))
		}
	}
	return in
}

func (w *migrationWorld) loseWorkflow() { w.door.lose(contract.MigrationID("i")) }

// Wherever an attempt stands when the engine loses its workflow: it goes on
// there, once, however many sweeps look.
func TestALostWorkflowIsStartedAgainWhereItsRowStands(t *testing.T) {
	for _, p := range []domain.Phase{
		domain.AwaitingConsent, domain.ConfirmingConsent, domain.AwaitingDescription, domain.Proving, domain.AwaitingApproval, domain.Migrated, domain.CleanUp,
	} {
		t.Run(string(p), func(t *testing.T) {
			w := newMigrationWorld(t)
			w.reach(p)
			before, bound, held := w.row(), w.integration(), w.mirror()
			found, healed := w.sweep()
			require.Zero(t, found+healed, "it runs")

			w.loseWorkflow()
			found, healed = w.sweep()
			require.Equal(t, []int{1, 1}, []int{found, healed})
			in, after := w.started(), w.row()
			standing, err := w.Standing(t.Context(), worker, w.m.ID)
			require.NoError(t, err)
			require.Equal(t, standing, in.Standing)
			require.Equal(t, before.PhaseSeq, in.Standing.PhaseSeq)
			require.Equal(t, before.CampaignID, in.CampaignID)
			require.Equal(t, 1, after.Restarts)
			require.Equal(t, 1, w.audited("restart-migration"))
			after.Restarts, after.RestartedAt = before.Restarts, before.RestartedAt
			require.Equal(t, before, after)
			require.Equal(t, bound, w.integration())
			require.Equal(t, held, w.mirror())

			found, healed = w.sweep()
			require.Zero(t, found+healed, "once")
		})
	}
}

func TestASwitchWhoseWorkflowIsLostIsTakenBackFirst(t *testing.T) {
	for name, far := range map[string]func(w *migrationWorld){
		"after the switch": func(w *migrationWorld) { w.begunCutOver() },
		"in the middle of the sync": func(w *migrationWorld) {
			w.begunCutOver()
			w.begin(contract.DirectorySyncInput{Purpose: domain.RunFirst, AttemptID: w.m.ID, ShadowRunID: w.proof().ShadowRunID})
		},
		"after the sync": func(w *migrationWorld) { w.begunCutOver(); w.first() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newMigrationWorld(t)
			w.reach(domain.AwaitingApproval)
			before, held := w.integration(), w.mirror()
			w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: w.row().ProofID})
			w.dir.user("u77", "Seen by the first sync only")
			far(w)
			w.loseWorkflow()
			found, healed := w.sweep()
			require.Equal(t, []int{1, 1}, []int{found, healed})

			m, after := w.row(), w.integration()
			require.Equal(t, domain.AwaitingApproval, m.Phase)
			require.Equal(t, migration.WorkflowLost, m.FailureCode)
			require.Equal(t, domain.AwaitingApproval, w.started().Standing.Phase)
			require.False(t, w.started().Dates.NextAt.IsZero(), "before the switch its timer is armed again")
			require.True(t, m.ArmedFor.Equal(w.started().Dates.NextAt))
			require.GreaterOrEqual(t, after.Epoch, before.Epoch)
			after.Epoch = before.Epoch
			require.Equal(t, before, after)
			require.Equal(t, held, w.mirror())
			require.Contains(t, w.said("cut-over-failed"), migration.Text(migration.WorkflowLost))
			require.Equal(t, domain.RunDone, w.round().State, "legacy goes on")
		})
	}
}

// Nothing is there to be taken back yet, so the approval is carried out: a person
// who gave it has nothing to do again.
func TestAnApprovedSwitchThatWasNotMadeIsMade(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.CuttingOver)
	bound, before := w.integration(), w.row()
	w.loseWorkflow()
	found, healed := w.sweep()
	require.Equal(t, []int{1, 1}, []int{found, healed})
	require.Equal(t, domain.CuttingOver, w.started().Standing.Phase)
	require.Equal(t, before.PhaseSeq, w.started().Standing.PhaseSeq)
	require.Equal(t, bound, w.integration())
	require.NotContains(t, w.notices(), "cut-over-failed")

	w.begunCutOver()
	_, err := w.FinishMigration(t.Context(), worker, contract.FirstSyncDone{AttemptID: w.m.ID, RunID: w.first()})
	require.NoError(t, err)
	require.Equal(t, 1, w.audited("bind-connector"))
	require.Equal(t, w.dir.objects(), w.mirror())
}

// An engine that does not answer proves nothing, and one that has not taken the
// start yet has lost nothing.
func TestNothingIsHealedOnDoubt(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.CuttingOver)
	w.loseWorkflow()
	before := w.row()
	w.door.fail = errors.New("the engine is away")
	_, err := w.LostMigrations(t.Context(), worker, "eu")
	require.Error(t, err)
	_, err = w.HealLost(t.Context(), worker, "eu")
	require.Error(t, err)
	require.Equal(t, before, w.row())

	w = newMigrationWorld(t)
	w.door.fail = errors.New("the engine is away")
	w.open() // its start waits
	w.door.fail = nil
	w.loseWorkflow()
	_, healed := w.sweep()
	require.Zero(t, healed)
	require.Zero(t, w.row().Restarts)
}

// What happened while the engine was asked shows that somebody is at work.
func TestASweepThatWasOvertakenChangesNothing(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.Migrated)
	w.loseWorkflow()
	other := &overtaking{door: w.door, first: func() {
		_, err := w.HealLost(t.Context(), worker, "eu")
		require.NoError(t, err)
		w.loseWorkflow()
	}}
	s := service.New(service.Deps{Store: w.store, Engine: other, Keeper: plainKeeper{}, Now: func() time.Time { return w.now }, Log: zap.NewNop()})
	healed, err := s.HealLost(t.Context(), worker, "eu")
	require.NoError(t, err)
	require.Zero(t, healed)
	require.Equal(t, 1, w.row().Restarts)

	w.now = w.now.Add(24 * time.Hour)
	other.first = func() { // the other sweep was long ago when this one has its answer
		_, err := w.HealLost(t.Context(), worker, "eu")
		require.NoError(t, err)
		w.now = w.now.Add(24 * time.Hour)
		w.loseWorkflow()
	}
	w.loseWorkflow()
	healed, err = s.HealLost(t.Context(), worker, "eu")
	require.NoError(t, err)
	require.Zero(t, healed)
	other.first = func() {
		_, err := w.OpenCleanUp(t.Context(), worker, w.m.ID)
		require.NoError(t, err)
	}
	w.loseWorkflow()
	healed, err = s.HealLost(t.Context(), worker, "eu")
	require.NoError(t, err)
	require.Zero(t, healed, "it got somewhere, so it is at work")
}

func TestASweepLooksAfterItsRegion(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.Migrated)
	w.loseWorkflow()
	for region, lost := range map[string]int{"us": 0, "eu": 1} {
		n, err := w.LostMigrations(t.Context(), worker, region)
		require.NoError(t, err)
		require.Equal(t, lost, n, region)
	}
	healed, err := w.HealLost(t.Context(), worker, "us")
	require.NoError(t, err)
	require.Zero(t, healed)
}

// overtaking is an engine in whose answer's time something else happens.
type overtaking struct {
	*door
	first func()
}

func (o *overtaking) Running(ctx context.Context, workflowID string) (bool, error) {
	if f := o.first; f != nil {
		o.first = nil
		f()
	}
	return o.door.Running(ctx, workflowID)
}

// A workflow that ends again and again is started ever more seldom; one that got
// somewhere in between, at once.
func TestRestartsWithoutProgressBecomeRare(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.Migrated)
	for range 3 * 60 {
		w.loseWorkflow()
		w.sweep()
		w.now = w.now.Add(time.Minute)
	}
	require.InDelta(t, 7, w.row().Restarts, 1)
	_, err := w.OpenCleanUp(t.Context(), worker, w.m.ID)
	require.NoError(t, err)
	before := w.row().Restarts
	w.loseWorkflow()
	w.sweep()
	require.Equal(t, before+1, w.row().Restarts)
}

// Should the engine's count be right by mistake, a switch without a run is found
// all the same.
func TestASilentSwitchIsLookedAt(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.CuttingOver)
	w.begunCutOver()
	look := func() int {
		n, err := w.LostMigrations(t.Context(), worker, "eu")
		require.NoError(t, err)
		return n
	}
	require.Zero(t, look())
	w.now = w.now.Add(3 * time.Minute)
	require.Equal(t, 1, look())
	healed, err := w.HealLost(t.Context(), worker, "eu")
	require.NoError(t, err)
	require.Zero(t, healed, "its workflow runs, so it is looked at and left alone")
	require.Equal(t, domain.CuttingOver, w.row().Phase)
	w.begin(contract.DirectorySyncInput{Purpose: domain.RunFirst, AttemptID: w.m.ID, ShadowRunID: w.proof().ShadowRunID})
	require.Zero(t, look(), "its run is at work")
}

// However many are open, a sweep looks up a bounded number of them, each under
// its id, and a few sweeps have looked up all. When one is missing, it is found
// and healed wherever it stands.
func TestAMissingWorkflowIsFoundAmongMany(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.Migrated)
	of := w.row()
	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		for n := range 1200 {
			m, i := of, fmt.Sprintf("many-%04d", n)
			m.ID, m.IntegrationID = "mig_"+i, i
			if err := r.Migrations().Insert(&m); err != nil {
				return err
			}
		}
		return nil
	}))
	w.door.lose(contract.MigrationID("many-0901"))
	found := 0
	for range 3 {
		n, err := w.LostMigrations(t.Context(), worker, "eu")
		require.NoError(t, err)
		found += n
	}
	require.Equal(t, 1, found)
	require.Equal(t, []int{500, 500, 201}, w.door.looked)
	healed, err := w.HealLost(t.Context(), worker, "eu")
	require.NoError(t, err)
	require.Equal(t, 1, healed)
	require.Equal(t, 1, w.door.asked, "one by one only where the list has it not")
}
