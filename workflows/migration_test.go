package workflows

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/test/scripted"
)

// noDates is an attempt without a date in force: no timer before the way back.
var noDates = contract.Dates{CampaignVersion: 1}

func TestHappyRoad(t *testing.T) {
	b := newBench(t, scripted.Script{FirstSyncTime: time.Hour})
	var described, approved, removed *answer
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.whenIn(domain.AwaitingDescription, func() { described = b.decide("dec_1", domain.DecideDescribe) })
	b.whenIn(domain.AwaitingApproval, func() {
		require.Equal(t, "account-administrator", b.describe().NeedsPerson)
		approved = b.decide("dec_2", domain.DecideApprove)
	})
	b.whenIn(domain.CleanUp, func() { removed = b.decide("dec_3", domain.DecideCleanUp) })
	res := b.run(noDates)

	require.Equal(t, domain.Closed, res.Phase)
	for _, a := range []*answer{described, approved, removed} {
		require.NoError(t, a.err)
		require.Equal(t, domain.DecisionApplied, a.result.State)
	}
	require.Equal(t, []domain.Purpose{domain.RunLegacy, domain.RunShadow, domain.RunFirst}, b.purposes())
	first := b.syncs.Runs()[2]
	require.Equal(t, "run_shadow", first.ShadowRunID, "the first sync goes on from what the shadow read")
	require.Equal(t, time.Hour, first.Budget)
	require.Equal(t, []string{
		"EntraConfirmConsent", "ServiceApplyDecision", "ServiceRecordProof", "ServiceApplyDecision", "ServiceBeginCutOver",
		"ServiceFinishMigration", "ServiceOpenCleanUp", "ServiceApplyDecision",
	}, b.rows.Calls())
}

func TestDescriptionFirstAndNothingChangesNeedsNoFurtherClick(t *testing.T) {
	b := newBench(t, scripted.Script{GoOn: true})
	b.at(time.Hour, func() { b.decide("dec_1", domain.DecideDescribe) })
	b.at(2*time.Hour, func() { b.grant("cs_1") })
	res := b.run(noDates)
	require.Equal(t, domain.Closed, res.Phase, "the clean-up ended by itself")
	require.Equal(t, 1, b.rows.Called("ServiceApplyDecision"))
	require.Equal(t, 1, b.rows.Called("ServiceAdvanceCleanUp"))
}

func TestFailedConsentIsTriedAgain(t *testing.T) {
	b := newBench(t, scripted.Script{Consents: []string{migration.ConsentNoPermission, ""}, Described: true, GoOn: true})
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.at(3*time.Hour, func() {
		require.Equal(t, domain.AwaitingConsent, b.describe().Phase)
		require.Equal(t, "tenant-administrator", b.describe().NeedsPerson)
		b.grant("cs_2")
	})
	require.Equal(t, domain.Closed, b.run(noDates).Phase)
	require.Equal(t, 2, b.rows.Called("EntraConfirmConsent"))
}

func TestDuplicateAndStrayConsentSignalsChangeNothing(t *testing.T) {
	b := newBench(t, scripted.Script{Consents: []string{migration.ConsentNotVisible, ""}, Described: true, GoOn: true})
	b.at(time.Hour, func() {
		first := b.rows.Grant(attempt, "cs_1")
		b.env.SignalWorkflow(contract.SignalConsentGranted, first)
		b.env.SignalWorkflow(contract.SignalConsentGranted, first)
		// The attempt before this one had the same workflow id.
		b.env.SignalWorkflow(contract.SignalConsentGranted, contract.ConsentGranted{AttemptID: "mig_0", PhaseSeq: 99})
		b.at(time.Hour, func() { b.env.SignalWorkflow(contract.SignalConsentGranted, first) }) // delivered again after the check failed
	})
	b.at(4*time.Hour, func() {
		require.Equal(t, domain.AwaitingConsent, b.describe().Phase)
		require.Equal(t, 1, b.rows.Called("EntraConfirmConsent"))
		b.grant("cs_2")
	})
	require.Equal(t, domain.Closed, b.run(noDates).Phase)
}

func TestDifferenceWaitsForApproval(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true, GoOn: true, Differences: []bool{true}})
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.whenIn(domain.AwaitingApproval, func() {
		require.NotContains(t, b.rows.Calls(), "ServiceBeginCutOver")
		b.decide("dec_1", domain.DecideApprove)
	})
	require.Equal(t, domain.Closed, b.run(noDates).Phase)
}

func TestRefusalStays(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true, Differences: []bool{true}})
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.whenIn(domain.AwaitingApproval, func() { b.decide("dec_1", domain.DecideRefuse) })
	b.at(48*time.Hour, func() {
		require.Equal(t, domain.AwaitingApproval, b.describe().Phase)
		b.decide("dec_2", domain.DecideCancel)
	})
	require.Equal(t, domain.Cancelled, b.run(noDates).Phase)
	require.NotContains(t, b.purposes(), domain.RunFirst)
}

func TestProofTooOldIsMadeAgain(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true, Approvals: []string{migration.ProofTooOld, ""}})
	var first *answer
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.whenIn(domain.AwaitingApproval, func() {
		first = b.decide("dec_1", domain.DecideApprove)
		b.at(time.Hour, func() {
			require.Equal(t, domain.AwaitingApproval, b.describe().Phase)
			b.decide("dec_2", domain.DecideApprove)
		})
	})
	require.Equal(t, domain.Closed, b.run(noDates).Phase)
	require.Equal(t, domain.DecisionRefused, first.result.State)
	require.Equal(t, migration.ProofTooOld, first.result.Code)
	require.Equal(t, domain.Proving, first.result.Phase)
	require.Equal(t, 2, b.rows.Called("ServiceRecordProof"))
}

func TestFirstSyncThatFailsIsTakenBack(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true})
	b.syncs.Results[domain.RunFirst] = []contract.DirectorySyncResult{{RunID: "run_f", State: domain.RunError, Code: contract.SyncBudgetExceeded}}
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.whenIn(domain.AwaitingApproval, func() {
		b.decide("dec_1", domain.DecideApprove)
		b.at(time.Hour, func() {
			require.Equal(t, domain.AwaitingApproval, b.describe().Phase)
			require.Equal(t, 1, b.rows.Called("ServiceCompensateCutOver"))
			b.decide("dec_2", domain.DecideApprove)
		})
	})
	require.Equal(t, domain.Closed, b.run(noDates).Phase)
	require.Equal(t, 1, b.rows.Called("ServiceFinishMigration"))
}

func TestFirstSyncThatFailsAsAWorkflowIsTakenBack(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true})
	b.env.OnWorkflow(contract.DirectorySyncWorkflow, mock.Anything, mock.MatchedBy(func(in contract.DirectorySyncInput) bool { return in.Purpose == domain.RunFirst })).
		Return(contract.DirectorySyncResult{}, errors.New("worker lost its mind")).Once()
	b.env.OnWorkflow(contract.DirectorySyncWorkflow, mock.Anything, mock.Anything).Return(contract.DirectorySyncResult{RunID: "run_x", State: domain.RunDone}, nil)
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.whenIn(domain.AwaitingApproval, func() {
		b.decide("dec_1", domain.DecideApprove)
		b.at(time.Hour, func() { b.decide("dec_2", domain.DecideCancel) })
	})
	require.Equal(t, domain.Cancelled, b.run(noDates).Phase)
	require.Equal(t, 1, b.rows.Called("ServiceCompensateCutOver"))
}

func TestConsentLostWhileProving(t *testing.T) {
	for code, want := range map[string]string{contract.SyncConsentLost: migration.ConsentWithdrawn, contract.SyncTenantMismatch: migration.ConsentWrongTenant} {
		b := newBench(t, scripted.Script{Described: true, GoOn: true})
		b.syncs.Results[domain.RunShadow] = []contract.DirectorySyncResult{{State: domain.RunError, Code: code}}
		b.at(time.Hour, func() { b.grant("cs_1") })
		b.at(3*time.Hour, func() {
			require.Equal(t, domain.AwaitingConsent, b.describe().Phase)
			b.grant("cs_2")
		})
		require.Equal(t, domain.Closed, b.run(noDates).Phase, want)
		require.Equal(t, 1, b.rows.Called("ServiceLoseConsent"))
	}
}

func TestDeadLegacySecretMeansAFrozenProof(t *testing.T) {
	for _, code := range []string{contract.SyncLegacyDead, contract.SyncDeadlinePassed} {
		b := newBench(t, scripted.Script{Described: true, GoOn: true})
		b.syncs.Results[domain.RunLegacy] = []contract.DirectorySyncResult{{State: domain.RunStopped, Code: code}}
		b.at(time.Hour, func() { b.grant("cs_1") })
		b.whenIn(domain.AwaitingApproval, func() { b.decide("dec_1", domain.DecideApprove) }) // frozen never goes on by itself
		require.Equal(t, domain.Closed, b.run(noDates).Phase)
		require.Equal(t, 1, b.rows.Called("ServiceApplyDecision"), "a person looked at it")
	}
}

func TestMicrosoftAwayIsWaitedForInSight(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true, GoOn: true})
	down := contract.DirectorySyncResult{State: domain.RunError, Code: contract.SyncUnavailable}
	b.syncs.Results[domain.RunShadow] = []contract.DirectorySyncResult{down, down, down}
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.at(time.Hour+10*time.Second, func() {
		d := b.describe()
		require.Equal(t, domain.Proving, d.Phase)
		require.Contains(t, d.Note, "does not answer")
		require.False(t, d.ArmedFor.IsZero(), "the one timer carries the retry")
	})
	require.Equal(t, domain.Closed, b.run(noDates).Phase)
	require.Equal(t, 3, b.rows.Called("ServiceNoteWaiting"))
	require.Equal(t, []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute}, b.timers[:3], "the waits grow")
}

func TestDecisionEndsAWaitForMicrosoft(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true})
	down := contract.DirectorySyncResult{State: domain.RunError, Code: contract.SyncUnavailable}
	b.syncs.Results[domain.RunLegacy] = slices.Repeat([]contract.DirectorySyncResult{down}, 500)
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.at(5*time.Hour, func() { b.decide("dec_1", domain.DecideCancel) })
	require.Equal(t, domain.Cancelled, b.run(noDates).Phase)
}

func TestCancelDecisionStopsTheRunThatIsAtWork(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true})
	b.syncs.Takes = 6 * time.Hour
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.at(2*time.Hour, func() { b.decide("dec_1", domain.DecideCancel) })
	start := b.env.Now()
	require.Equal(t, domain.Cancelled, b.run(noDates).Phase)
	require.Less(t, b.env.Now().Sub(start), 3*time.Hour, "nobody waited for the run")
}

func TestWorkflowCancelledFromOutside(t *testing.T) {
	for phase, script := range map[domain.Phase]scripted.Script{
		domain.AwaitingConsent:     {Consents: []string{migration.ConsentNotVisible}},
		domain.AwaitingDescription: {},
		domain.ConfirmingConsent:   {Described: true},
		domain.Proving:             {Described: true},
		domain.AwaitingApproval:    {Described: true},
		domain.Migrated:            {Described: true, GoOn: true},
		domain.CleanUp:             {Described: true, GoOn: true},
	} {
		t.Run(string(phase), func(t *testing.T) {
			b := newBench(t, script)
			b.syncs.Takes = time.Hour
			if phase == domain.ConfirmingConsent { // which takes no time in the script
				b.env.OnActivity("EntraConfirmConsent", mock.Anything, mock.Anything).After(time.Hour).Return(contract.Standing{}, errors.New("too late"))
			}
			b.at(time.Hour, func() { b.grant("cs_1") })
			b.whenIn(phase, b.env.CancelWorkflow)
			b.start(noDates)
			require.True(t, b.env.IsWorkflowCompleted())
			require.True(t, temporal.IsCanceledError(b.env.GetWorkflowError()), "%v", b.env.GetWorkflowError())
			require.Equal(t, 1, b.rows.Called("ServiceStopMigration"))
			require.Equal(t, !phase.Switched(), b.rows.Phase().Ended(), "after the switch cancelling is no way out")
		})
	}
}

func TestCancelledDuringCutOverGoesBackFirst(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true, GoOn: true})
	b.syncs.Takes = time.Hour
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.whenIn(domain.CuttingOver, b.env.CancelWorkflow)
	b.start(noDates)
	require.True(t, temporal.IsCanceledError(b.env.GetWorkflowError()))
	require.Equal(t, domain.Cancelled, b.rows.Phase())
	calls := b.rows.Calls()
	require.Less(t, slices.Index(calls, "ServiceCompensateCutOver"), slices.Index(calls, "ServiceStopMigration"))
	require.Contains(t, calls, "ServiceCompensateCutOver")
}

func TestLateRepeatedAndForeignDecisions(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true, GoOn: true})
	var early, foreign, blank, first, again *answer
	b.at(time.Hour, func() {
		early = b.decide("dec_early", domain.DecideApprove) // nothing to approve yet
		foreign = b.update("dec_x", contract.ApplyDecision{AttemptID: "mig_0", DecisionID: "dec_x"})
		blank = b.update("dec_y", contract.ApplyDecision{AttemptID: attempt})
		first = b.decide("dec_1", domain.DecideDescribe)
		again = b.update("dec_1", contract.ApplyDecision{AttemptID: attempt, DecisionID: "dec_1"}) // delivered twice
	})
	b.at(2*time.Hour, func() { b.grant("cs_1") })
	require.Equal(t, domain.Closed, b.run(noDates).Phase)
	require.Equal(t, domain.DecisionRefused, early.result.State)
	require.Equal(t, migration.NotInPhase, early.result.Code)
	require.Equal(t, contract.CodeOtherAttempt, foreign.result.Code)
	require.Error(t, blank.rejected, "rejected before it costs an event")
	require.Equal(t, domain.DecisionApplied, first.result.State)
	require.Equal(t, first.result, again.result)
}

// The engine may run an update before a signal that came first; whichever way,
// the later phase stands.
func TestSignalAndUpdateInOneTaskInEitherOrder(t *testing.T) {
	for name, both := range map[string]func(b *bench){
		"signal first": func(b *bench) { b.grant("cs_1"); b.decide("dec_1", domain.DecideDescribe) },
		"update first": func(b *bench) {
			granted := b.rows.Grant(attempt, "cs_1")
			b.decide("dec_1", domain.DecideDescribe) // applied in ConfirmingConsent, answered with that phase
			b.env.SignalWorkflow(contract.SignalConsentGranted, granted)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, scripted.Script{GoOn: true})
			b.at(time.Hour, func() { both(b) })
			require.Equal(t, domain.Closed, b.run(noDates).Phase)
			require.NotContains(t, b.rows.Calls(), "ServiceStopMigration")
		})
	}
}

// An answer that a later one overtook must not turn the attempt back.
func TestOvertakenAnswerIsIgnored(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true})
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.whenIn(domain.AwaitingApproval, func() {
		b.env.SignalWorkflow(contract.SignalConsentGranted, contract.ConsentGranted{AttemptID: attempt, PhaseSeq: 2})
		b.at(time.Hour, func() {
			require.Equal(t, domain.AwaitingApproval, b.describe().Phase)
			b.decide("dec_1", domain.DecideCancel)
		})
	})
	require.Equal(t, domain.Cancelled, b.run(noDates).Phase)
	require.Equal(t, 1, b.rows.Called("EntraConfirmConsent"))
}

func TestRemovedBeforeTheWindowEndsClosesTheWayBack(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true, GoOn: true})
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.whenIn(domain.Migrated, func() { b.decide("dec_1", domain.DecideCleanUp) })
	start := b.env.Now()
	require.Equal(t, domain.Closed, b.run(noDates).Phase)
	require.Less(t, b.env.Now().Sub(start), 24*time.Hour, "the window did not have to run out")
}

func TestReadableInTheUI(t *testing.T) {
	text := detailsOf(&migrationRun{
		in:       contract.MigrationInput{AttemptID: attempt, IntegrationID: "int_1", AccountID: "acc_1", CampaignID: "cam_1"},
		standing: contract.Standing{Phase: domain.AwaitingConsent, Code: migration.ConsentNotVisible},
		dates:    contract.Dates{NextAt: time.Unix(1e9, 0), CampaignVersion: 7, ReadAt: time.Unix(9e8, 0)}, armedFor: time.Unix(1e9, 0),
	})
	for _, want := range []string{"AwaitingConsent", "Global Administrator", "did not show the consent", "armed for 2001-09-09T01:46:40Z", "campaign version " + strconv.Itoa(7), "`mig_1`"} {
		require.Contains(t, text, want)
	}
}
