package service_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// What the way back restores is everything but the epoch, which only grows, and
// the counts, which the restored mirror gives anew.
func TestCompensationPutsEverythingBack(t *testing.T) {
	for name, far := range map[string]func(w *migrationWorld) string{
		"before the first page":     func(*migrationWorld) string { return "" },
		"after everything was done": func(w *migrationWorld) string { return w.first() },
		"in the middle of reading": func(w *migrationWorld) string {
			return w.begin(contract.DirectorySyncInput{Purpose: domain.RunFirst, AttemptID: w.m.ID, ShadowRunID: w.proof().ShadowRunID}).RunID
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newMigrationWorld(t)
			w.change(func(i *domain.Integration) { i.Schedule.TimesADay = 6 })
			w.reach(domain.AwaitingApproval)
			before, held := w.integration(), w.mirror()
			w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: w.row().ProofID})
			w.begunCutOver()
			w.dir.user("u77", "Seen by the first sync only")
			w.change(func(i *domain.Integration) {
				i.Settings, i.Schedule = domain.SyncSettings{IncludeGuests: true}, domain.SyncSchedule{TimesADay: 24}
			})
			run := far(w)
			s, err := w.CompensateCutOver(t.Context(), worker, contract.FirstSyncFailed{AttemptID: w.m.ID, RunID: run, Code: contract.SyncBudgetExceeded})
			require.NoError(t, err)
			require.Equal(t, domain.AwaitingApproval, s.Phase)
			require.Equal(t, migration.FirstSyncLate, s.Code)
			require.NotNil(t, s.Dates, "the workflow's timer is armed from the answer")
			require.True(t, w.row().ArmedFor.Equal(s.Dates.NextAt), "and the row says for when")
			require.Empty(t, w.row().ApprovedProof)

			after := w.integration()
			require.Equal(t, before.Epoch+2, after.Epoch)
			after.Epoch = before.Epoch
			require.Equal(t, before, after)
			require.Equal(t, held, w.mirror())
			require.Contains(t, w.notices(), "cut-over-failed")
			if run != "" && name != "after everything was done" {
				require.NotEqual(t, domain.RunReading, w.run(run).State, "its run is closed")
			}
			require.Equal(t, domain.RunDone, w.round().State, "and legacy synchronizes on")

			// The reading that was approved is used up, so the next approval has it
			// made anew and goes on by itself: still nothing changes.
			d, res := w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: w.row().ProofID})
			require.Equal(t, domain.DecisionApplied, d.State)
			require.Equal(t, domain.Proving, res.Phase)
			require.Equal(t, domain.CuttingOver, w.prove(false).Phase)
			w.begunCutOver()
			_, err = w.FinishMigration(t.Context(), worker, contract.FirstSyncDone{AttemptID: w.m.ID, RunID: w.first()})
			require.NoError(t, err)
			require.Equal(t, w.dir.objects(), w.mirror())
		})
	}
}

// Differences that were approved once are shown again before the next switch,
// and so is what was compared with a mirror that could not be read anew.
func TestAUsedComparisonThatShowedChangesIsShownAgain(t *testing.T) {
	for name, differs := range map[string]bool{"it differed": true, "the mirror was frozen": false} {
		t.Run(name, func(t *testing.T) {
			w := newMigrationWorld(t)
			w.reach(domain.Proving)
			if differs {
				w.dir.user("u77", "New since the last legacy round")
			}
			require.Equal(t, domain.AwaitingApproval, w.prove(!differs).Phase)
			require.Equal(t, !differs, w.proof().Equal())
			w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: w.row().ProofID})
			w.begunCutOver()
			_, err := w.CompensateCutOver(t.Context(), worker, contract.FirstSyncFailed{AttemptID: w.m.ID, Code: contract.SyncBudgetExceeded})
			require.NoError(t, err)

			d, res := w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: w.row().ProofID})
			require.Equal(t, migration.ProofUsed, d.Code)
			require.Equal(t, domain.Proving, res.Phase)
			require.False(t, w.row().GoOnIfUnchanged)
			require.Equal(t, domain.AwaitingApproval, w.prove(false).Phase)
		})
	}
}

// What a failed switch says has to be possible from where it leads: approving
// compares again, however long ago that was, and a comparison that is not let in
// either asks for the consent.
func TestASwitchThatFailedForWantOfConsentLeadsToItByComparingAgain(t *testing.T) {
	for code, says := range map[string]string{contract.SyncConsentLost: migration.FirstSyncUnconsented, contract.SyncConsentPending: migration.FirstSyncUnconsented, contract.SyncTenantMismatch: migration.FirstSyncFailed} {
		for _, wait := range []time.Duration{0, 100 * day} {
			w := newMigrationWorld(t)
			w.reach(domain.CuttingOver)
			w.begunCutOver()
			s, err := w.CompensateCutOver(t.Context(), worker, contract.FirstSyncFailed{AttemptID: w.m.ID, RunID: w.first(), Code: code})
			require.NoError(t, err)
			require.Equal(t, says, s.Code)
			text := w.row().FailureText
			require.NotContains(t, strings.ToLower(text), "consent again", "nobody can from here")
			require.Contains(t, text, "The comparison is made again before the next switch")

			w.now = w.now.Add(wait)
			d, res := w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: w.row().ProofID})
			require.Equal(t, domain.DecisionApplied, d.State, d.Reason)
			require.Equal(t, domain.Proving, res.Phase)
			s, err = w.LoseConsent(t.Context(), worker, w.m.ID, migration.ConsentWithdrawn)
			require.NoError(t, err)
			require.Equal(t, domain.AwaitingConsent, s.Phase, "where consent can be given again")
		}
	}
}

func TestCutOverIsRepeatableAndStopsTheRunAtWork(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.AwaitingApproval)
	open := w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled})
	require.False(t, open.Refused)
	w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: w.row().ProofID})
	epoch := w.integration().Epoch
	first := w.begunCutOver()
	require.Equal(t, domain.RunStopped, w.run(open.RunID).State)
	require.Equal(t, first, w.begunCutOver())
	require.Equal(t, epoch+1, w.integration().Epoch)
	require.Equal(t, 1, w.audited("bind-connector"))
	require.Equal(t, w.proof().ShadowRunID, first.ShadowRunID)
	require.Equal(t, day, first.Budget)

	for _, other := range []string{open.RunID, first.ShadowRunID, w.integration().LastRunID} {
		_, err := w.FinishMigration(t.Context(), worker, contract.FirstSyncDone{AttemptID: w.m.ID, RunID: other})
		require.Equal(t, "first-sync-not-done", codeOf(t, err), "no other run completes a cut-over")
	}
	unfinished := w.begin(contract.DirectorySyncInput{Purpose: domain.RunFirst, AttemptID: w.m.ID, ShadowRunID: first.ShadowRunID})
	w.read(unfinished.RunID)
	_, err := w.FinishMigration(t.Context(), worker, contract.FirstSyncDone{AttemptID: w.m.ID, RunID: unfinished.RunID})
	require.Equal(t, "first-sync-not-done", codeOf(t, err), "nor does its own before it is applied")
	require.Equal(t, domain.CuttingOver, w.row().Phase)
}

// While it is switched nobody is overdue; what comes back after the date is.
func TestADateThatPassesDuringASwitchIsMarkedWhenItIsTakenBack(t *testing.T) {
	for name, back := range map[string]func(w *migrationWorld){
		"failed": func(w *migrationWorld) {
			s, err := w.CompensateCutOver(w.t.Context(), worker, contract.FirstSyncFailed{AttemptID: w.m.ID, Code: contract.SyncUnavailable})
			require.NoError(w.t, err)
			require.True(w.t, s.Dates.Overdue)
		},
		"lost": func(w *migrationWorld) { w.loseWorkflow(); w.sweep() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newMigrationWorld(t)
			w.reach(domain.CuttingOver)
			w.begunCutOver()
			w.now = w.now.Add(31 * day)
			w.readDates()
			require.False(t, w.row().Overdue)
			require.True(t, w.row().ArmedFor.IsZero())
			back(w)
			require.True(t, w.row().Overdue)
			require.True(t, w.row().ArmedFor.IsZero())
			require.Equal(t, domain.ConditionStopped, w.integration().Condition)
			require.Equal(t, 1, w.count("overdue"))
		})
	}
}

// The next switch was approved and not made when it is given up: there is nothing
// to restore, least of all what an earlier one had kept.
func TestASwitchThatWasNotMadeIsNotTakenBack(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.CuttingOver)
	w.begunCutOver()
	failed := contract.FirstSyncFailed{AttemptID: w.m.ID, Code: contract.SyncUnavailable}
	_, err := w.CompensateCutOver(t.Context(), worker, failed)
	require.NoError(t, err)
	w.dir.user("u9", "Came since")
	require.Equal(t, domain.RunDone, w.round().State)
	w.approveUntilItSwitches(false)
	before, held := w.integration(), w.mirror()
	_, err = w.CompensateCutOver(t.Context(), worker, failed)
	require.NoError(t, err)
	require.Equal(t, before, w.integration(), "the epoch, too")
	require.Equal(t, held, w.mirror())
}

// A command that a dead worker left on its way is for the switch it was meant
// for: completing the next one by it would leave the integration on its old app
// with a migration that says otherwise.
func TestAFirstSynchronizationThatWasTakenBackCompletesNoLaterSwitch(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.CuttingOver)
	w.begunCutOver()
	late := contract.FirstSyncDone{AttemptID: w.m.ID, RunID: w.first()}
	w.loseWorkflow()
	w.sweep()
	w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: w.row().ProofID})
	require.Equal(t, domain.CuttingOver, w.prove(false).Phase)
	for _, bound := range []domain.Binding{domain.BoundLegacy, domain.BoundConnector} {
		require.Equal(t, bound, w.integration().Binding)
		_, err := w.FinishMigration(t.Context(), worker, late)
		require.Equal(t, service.CodeOutOfOrder, codeOf(t, err), "whoever asks reads where it stands and goes on from there")
		require.Equal(t, domain.CuttingOver, w.row().Phase)
		w.begunCutOver()
	}
	_, err := w.FinishMigration(t.Context(), worker, contract.FirstSyncDone{AttemptID: w.m.ID, RunID: w.first()})
	require.NoError(t, err)
}

func TestNothingIsSwitchedWithoutItsApproval(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.CuttingOver)
	w.write(func(r service.Rows) error {
		m, err := r.Migrations().Get(w.m.ID)
		if err != nil {
			return err
		}
		m.ApprovedProof = "prf_another"
		return r.Migrations().Update(&m)
	})
	_, err := w.BeginCutOver(t.Context(), worker, w.m.ID)
	require.Equal(t, "not-approved", codeOf(t, err))
	require.Equal(t, domain.BoundLegacy, w.integration().Binding)
}

func TestConsentLostWhileProvingIsAskedForAgain(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.Proving)
	s, err := w.LoseConsent(t.Context(), worker, w.m.ID, migration.ConsentWithdrawn)
	require.NoError(t, err)
	require.Equal(t, domain.AwaitingConsent, s.Phase)
	require.Equal(t, domain.ConditionError, w.connector().Condition)
	w.consent("cs_2")
	s, err = w.ConsentConfirmed(t.Context(), worker, w.m.ID)
	require.NoError(t, err)
	require.Equal(t, domain.Proving, s.Phase, "the description was given")
	require.Equal(t, domain.ConditionOK, w.connector().Condition)
}
