package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"consentry/activities"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/test/scripted"
	"consentry/workflows"
)

// syncEnv is a synchronization workflow over activities that answer as told.
type syncEnv struct {
	*testsuite.TestWorkflowEnvironment
	t *testing.T
}

func newSyncEnv(t *testing.T) *syncEnv {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterActivity(&activities.Sync{})
	return &syncEnv{env, t}
}

var syncActivities *activities.Sync

func (e *syncEnv) begins(start contract.RunStart) {
	e.OnActivity(syncActivities.ServiceBeginRun, mock.Anything, mock.Anything).Return(start, nil).Once()
}

func (e *syncEnv) reads(slices ...contract.ReadSlice) {
	for _, s := range slices {
		e.OnActivity(syncActivities.GraphReadRound, mock.Anything, contract.ReadRound{RunID: "run"}).Return(s, nil).Once()
	}
}

func (e *syncEnv) applies(out contract.DirectorySyncResult) {
	e.OnActivity(syncActivities.ServiceApplyRun, mock.Anything, contract.ApplyRun{RunID: "run"}).Return(out, nil).Once()
}

// ends expects the row to be closed so.
func (e *syncEnv) ends(state domain.RunState, code string) {
	e.OnActivity(syncActivities.ServiceEndRun, mock.Anything, contract.EndRun{RunID: "run", State: string(state), Code: code}).
		Return(contract.DirectorySyncResult{RunID: "run", State: state, Code: code}, nil).Once()
}

func (e *syncEnv) run(in contract.DirectorySyncInput) (out contract.DirectorySyncResult, err error) {
	e.t.Helper()
	in.IntegrationID, in.AccountID, in.Region = "i", "a", "eu"
	e.ExecuteWorkflow(workflows.DirectorySyncWorkflow, in)
	require.True(e.t, e.IsWorkflowCompleted())
	e.AssertExpectations(e.t)
	if err := e.GetWorkflowError(); err != nil {
		return out, err
	}
	require.NoError(e.t, e.GetWorkflowResult(&out))
	return out, nil
}

func (e *syncEnv) mustRun(in contract.DirectorySyncInput) contract.DirectorySyncResult {
	e.t.Helper()
	out, err := e.run(in)
	require.NoError(e.t, err)
	return out
}

var (
	started   = contract.RunStart{RunID: "run"}
	scheduled = contract.DirectorySyncInput{Purpose: domain.RunScheduled}
	done      = contract.DirectorySyncResult{RunID: "run", State: domain.RunDone, Read: 12, Added: 3, Held: 1}
)

func retryable(kind string) error { return temporal.NewApplicationError("trouble", kind) }

func final(kind string) error { return temporal.NewNonRetryableApplicationError("trouble", kind, nil) }

func TestARoundIsBegunReadAndApplied(t *testing.T) {
	e := newSyncEnv(t)
	e.OnActivity(syncActivities.ServiceBeginRun, mock.Anything, mock.Anything).Return(func(_ context.Context, b contract.BeginRun) (contract.RunStart, error) {
		require.NotEmpty(t, b.Key, "the key makes a repeat harmless")
		require.Equal(t, "i", b.Input.IntegrationID)
		return started, nil
	}).Once()
	e.reads(contract.ReadSlice{More: true, Pages: 500}, contract.ReadSlice{More: true, Pages: 1000}, contract.ReadSlice{Pages: 1200, Read: 12})
	e.applies(done)
	require.Equal(t, done, e.mustRun(scheduled))
}

func TestARefusedRunDoesNothing(t *testing.T) {
	e := newSyncEnv(t)
	e.begins(contract.RunStart{Refused: true, Code: contract.SyncDeadlinePassed})
	require.Equal(t, contract.DirectorySyncResult{State: domain.RunStopped, Code: contract.SyncDeadlinePassed}, e.mustRun(scheduled))
}

func TestAShadowIsReadAndNotApplied(t *testing.T) {
	e := newSyncEnv(t)
	e.begins(started)
	e.reads(contract.ReadSlice{Full: true, Read: 9})
	out := e.mustRun(contract.DirectorySyncInput{Purpose: domain.RunShadow, AttemptID: "m"})
	require.Equal(t, contract.DirectorySyncResult{RunID: "run", State: domain.RunDone, Read: 9}, out)
}

func TestARunThatIsClosedWhileReadingEndsAsStopped(t *testing.T) {
	e := newSyncEnv(t)
	e.begins(started)
	e.reads(contract.ReadSlice{Stopped: true, Code: contract.SyncBindingChanged})
	out := e.mustRun(scheduled)
	require.Equal(t, []string{string(domain.RunStopped), contract.SyncBindingChanged}, []string{string(out.State), out.Code})
}

func TestARunThatARuleStopsMidApplyAnswersWhatItDid(t *testing.T) {
	e := newSyncEnv(t)
	e.begins(started)
	e.reads(contract.ReadSlice{})
	stopped := contract.DirectorySyncResult{RunID: "run", State: domain.RunStopped, Code: contract.SyncDeadlinePassed, Added: 2000}
	e.applies(stopped)
	require.Equal(t, stopped, e.mustRun(scheduled))
}

func TestAnExpiredLinkShowsAsAFullRound(t *testing.T) {
	e := newSyncEnv(t)
	e.begins(contract.RunStart{RunID: "run", Full: false})
	e.reads(contract.ReadSlice{More: true, Full: true}, contract.ReadSlice{Full: true})
	e.applies(done)
	require.Equal(t, done, e.mustRun(scheduled))
}

func TestThrottlingIsWaitedOutAndTheSameCallRepeated(t *testing.T) {
	e := newSyncEnv(t)
	e.begins(started)
	began := e.Now()
	e.OnActivity(syncActivities.GraphReadRound, mock.Anything, mock.Anything).Return(contract.ReadSlice{}, temporal.NewApplicationErrorWithOptions(
		"slow down", contract.ErrThrottled, temporal.ApplicationErrorOptions{NextRetryDelay: 10 * time.Minute})).Times(2)
	e.reads(contract.ReadSlice{})
	e.applies(done)
	require.Equal(t, done, e.mustRun(scheduled))
	require.GreaterOrEqual(t, e.Now().Sub(began), 20*time.Minute, "as long as Microsoft asked for")
}

func TestEveryLastingFaultEndsTheRunWithItsCode(t *testing.T) {
	for kind, code := range map[string]string{
		contract.ErrConsentLost:          contract.SyncConsentLost,
		contract.ErrLegacyCredentialDead: contract.SyncLegacyDead,
		contract.ErrTenantMismatch:       contract.SyncTenantMismatch,
		contract.ErrDeltaExpired:         contract.SyncDeltaExpired,
		contract.ErrMisconfigured:        contract.SyncMisconfigured,
		contract.ErrPageUnreadable:       contract.SyncPageUnreadable,
		"SomethingNew":                   contract.SyncUnexpectedFault,
	} {
		t.Run(kind, func(t *testing.T) {
			e := newSyncEnv(t)
			e.begins(started)
			e.OnActivity(syncActivities.GraphReadRound, mock.Anything, mock.Anything).Return(contract.ReadSlice{}, final(kind)).Once()
			e.ends(domain.RunError, code)
			if kind == contract.ErrConsentLost { // where operators filter for people
				e.OnUpsertTypedSearchAttributes(temporal.NewSearchAttributes(
					contract.AttrNeedsPerson.ValueSet("tenant-administrator"), contract.AttrConsentError.ValueSet(contract.SyncConsentLost))).Return(nil).Once()
			}
			out := e.mustRun(scheduled)
			require.Equal(t, []string{string(domain.RunError), code}, []string{string(out.State), out.Code})
		})
	}
}

func TestAFaultOfApplyingClosesTheRow(t *testing.T) {
	e := newSyncEnv(t)
	e.begins(started)
	e.reads(contract.ReadSlice{})
	e.OnActivity(syncActivities.ServiceApplyRun, mock.Anything, mock.Anything).Return(done, final(contract.ErrStopped)).Once()
	e.ends(domain.RunError, contract.SyncUnexpectedFault)
	require.Equal(t, domain.RunError, e.mustRun(scheduled).State)
}

func TestMicrosoftAwayForTooLongEndsTheRunVisibly(t *testing.T) {
	e := newSyncEnv(t)
	e.begins(started)
	e.OnActivity(syncActivities.GraphReadRound, mock.Anything, mock.Anything).Return(contract.ReadSlice{}, retryable(contract.ErrUnavailable))
	e.ends(domain.RunError, contract.SyncUnavailable)
	began := e.Now()
	require.Equal(t, contract.SyncUnavailable, e.mustRun(scheduled).Code)
	require.LessOrEqual(t, e.Now().Sub(began), 3*time.Hour)
}

func TestAFirstSynchronizationKeepsItsBudget(t *testing.T) {
	e := newSyncEnv(t)
	e.begins(started)
	e.OnActivity(syncActivities.GraphReadRound, mock.Anything, mock.Anything).Return(contract.ReadSlice{}, retryable(contract.ErrUnavailable))
	e.ends(domain.RunError, contract.SyncBudgetExceeded)
	began := e.Now()
	out := e.mustRun(contract.DirectorySyncInput{Purpose: domain.RunFirst, AttemptID: "m", Budget: 10 * time.Minute})
	require.Equal(t, contract.SyncBudgetExceeded, out.Code)
	require.LessOrEqual(t, e.Now().Sub(began), 11*time.Minute)
}

// A first synchronization that is over is taken back no more, however it ended.
func TestTheBudgetIsShownWhileItLastsAndNoLonger(t *testing.T) {
	first := contract.DirectorySyncInput{Purpose: domain.RunFirst, AttemptID: "m", Budget: 10 * time.Minute}
	page := func(e *syncEnv) string {
		answer, err := e.QueryWorkflow("__temporal_workflow_metadata")
		require.NoError(t, err)
		var shown sdkpb.WorkflowMetadata
		require.NoError(t, answer.Get(&shown))
		return shown.GetCurrentDetails()
	}
	for says, steps := range map[string]func(*syncEnv){
		"ended done: 3 added, 0 changed, 0 removed, 1 held": func(e *syncEnv) { e.begins(started); e.reads(contract.ReadSlice{}); e.applies(done) },
		"was refused: " + contract.SyncDeadlinePassed:       func(e *syncEnv) { e.begins(contract.RunStart{Refused: true, Code: contract.SyncDeadlinePassed}) },
		"was stopped: " + contract.SyncDisabled: func(e *syncEnv) {
			e.begins(started)
			e.reads(contract.ReadSlice{Stopped: true, Code: contract.SyncDisabled})
		},
	} {
		e := newSyncEnv(t)
		var meanwhile string
		e.SetOnActivityStartedListener(func(*activity.Info, context.Context, converter.EncodedValues) { meanwhile = page(e) })
		steps(e)
		e.mustRun(first)
		require.Contains(t, meanwhile, "not done by then is taken back")
		require.Contains(t, page(e), says)
		require.NotContains(t, page(e), "taken back", says)
	}
}

func TestABudgetThatIsUsedUpByReadingLeavesNothingToApply(t *testing.T) {
	e := newSyncEnv(t)
	e.begins(started)
	e.OnActivity(syncActivities.GraphReadRound, mock.Anything, mock.Anything).Return(contract.ReadSlice{}, nil).After(2 * time.Minute).Once()
	e.ends(domain.RunError, contract.SyncBudgetExceeded)
	out := e.mustRun(contract.DirectorySyncInput{Purpose: domain.RunFirst, AttemptID: "m", Budget: 2 * time.Minute})
	require.Equal(t, contract.SyncBudgetExceeded, out.Code)
}

func TestAMigrationsRunWaitsForTheRowOfAnotherOne(t *testing.T) {
	e := newSyncEnv(t)
	e.OnActivity(syncActivities.ServiceBeginRun, mock.Anything, mock.Anything).Return(contract.RunStart{}, retryable(contract.ErrRunOpen)).Times(3)
	e.begins(started)
	e.reads(contract.ReadSlice{})
	e.applies(done)
	require.Equal(t, done, e.mustRun(contract.DirectorySyncInput{Purpose: domain.RunLegacy, AttemptID: "m"}))
}

func TestARowThatStaysTakenIsAnAnswer(t *testing.T) {
	e := newSyncEnv(t)
	e.OnActivity(syncActivities.ServiceBeginRun, mock.Anything, mock.Anything).Return(contract.RunStart{}, retryable(contract.ErrRunOpen))
	out := e.mustRun(contract.DirectorySyncInput{Purpose: domain.RunLegacy, AttemptID: "m"})
	require.Equal(t, contract.DirectorySyncResult{State: domain.RunStopped, Code: contract.SyncRunOpen}, out)
}

func TestCancellationClosesTheRowAndStaysACancellation(t *testing.T) {
	for name, block := range map[string]func(*syncEnv){
		"while reading": func(e *syncEnv) {
			e.OnActivity(syncActivities.GraphReadRound, mock.Anything, mock.Anything).Return(contract.ReadSlice{}, retryable(contract.ErrUnavailable))
		},
		"while applying": func(e *syncEnv) {
			e.reads(contract.ReadSlice{})
			e.OnActivity(syncActivities.ServiceApplyRun, mock.Anything, mock.Anything).Return(done, retryable(contract.ErrStoreUnavailable))
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newSyncEnv(t)
			e.begins(started)
			block(e)
			e.ends(domain.RunStopped, contract.SyncCancelled)
			e.RegisterDelayedCallback(e.CancelWorkflow, time.Minute)
			_, err := e.run(scheduled)
			require.True(t, temporal.IsCanceledError(err), "got %v", err)
		})
	}
}

func TestCancellationBeforeTheRowLeavesNothingToClose(t *testing.T) {
	e := newSyncEnv(t)
	e.OnActivity(syncActivities.ServiceBeginRun, mock.Anything, mock.Anything).Return(contract.RunStart{}, retryable(contract.ErrStoreUnavailable))
	e.RegisterDelayedCallback(e.CancelWorkflow, time.Minute)
	_, err := e.run(scheduled)
	require.True(t, temporal.IsCanceledError(err), "got %v", err)
}

func TestARowThatCannotBeClosedFailsTheWorkflowInSight(t *testing.T) {
	e := newSyncEnv(t)
	e.begins(started)
	e.OnActivity(syncActivities.GraphReadRound, mock.Anything, mock.Anything).Return(contract.ReadSlice{}, final(contract.ErrConsentLost)).Once()
	e.OnActivity(syncActivities.ServiceEndRun, mock.Anything, mock.Anything).Return(contract.DirectorySyncResult{}, retryable(contract.ErrStoreUnavailable))
	_, err := e.run(scheduled)
	require.Error(t, err)
}

// TestARoundCostsItsStartAndThreeActivities holds the price of a round: what is
// billed is the start and every activity, and a round that does not retry has
// exactly these three.
func TestARoundCostsItsStartAndThreeActivities(t *testing.T) {
	e := newSyncEnv(t)
	calls := 0
	e.SetOnActivityCompletedListener(func(*activity.Info, converter.EncodedValue, error) { calls++ })
	e.begins(started)
	e.reads(contract.ReadSlice{Pages: 1})
	e.applies(done)
	e.mustRun(scheduled)
	require.Equal(t, 3, calls)
}

func TestASweepIsOneActivity(t *testing.T) {
	e := newSyncEnv(t)
	e.OnActivity(syncActivities.ServiceStartDueRuns, mock.Anything, contract.SweepInput{Region: "eu"}).Return(contract.SweepResult{}, retryable(contract.ErrStoreUnavailable)).Once()
	e.OnActivity(syncActivities.ServiceStartDueRuns, mock.Anything, contract.SweepInput{Region: "eu"}).Return(contract.SweepResult{Started: 7}, nil).Once()
	e.ExecuteWorkflow(workflows.SweepWorkflow, contract.SweepInput{Region: "eu"})
	require.NoError(t, e.GetWorkflowError())
	var out contract.SweepResult
	require.NoError(t, e.GetWorkflowResult(&out))
	require.Equal(t, 7, out.Started)
	e.AssertExpectations(t)
}

func TestASweepHealsWhatIsLostAndOnlyThen(t *testing.T) {
	for lost, times := range map[int]int{0: 0, 3: 1} {
		var suite testsuite.WorkflowTestSuite
		e := suite.NewTestWorkflowEnvironment()
		played := &scripted.Sync{Lost: lost}
		e.RegisterActivityWithOptions(played, activity.RegisterOptions{SkipInvalidStructFunctions: true})
		e.ExecuteWorkflow(workflows.SweepWorkflow, contract.SweepInput{Region: "eu"})
		require.NoError(t, e.GetWorkflowError())
		require.Equal(t, times, played.Heals)
	}
}

func TestASweepThatCannotReachTheStoreFailsInSight(t *testing.T) {
	e := newSyncEnv(t)
	e.OnActivity(syncActivities.ServiceStartDueRuns, mock.Anything, mock.Anything).Return(contract.SweepResult{}, retryable(contract.ErrStoreUnavailable))
	e.ExecuteWorkflow(workflows.SweepWorkflow, contract.SweepInput{Region: "eu"})
	require.Error(t, e.GetWorkflowError())
}
