package workflows

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/test/scripted"
)

// Only a legacy app that is dead for good leaves the mirror as it is. One that
// does not answer now is asked again, or the proof would compare with a mirror
// that is behind, and call it frozen.
func TestALegacyAppThatDoesNotAnswerNowIsAskedAgain(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true, GoOn: true})
	b.syncs.Results[domain.RunLegacy] = []contract.DirectorySyncResult{{State: domain.RunError, Code: contract.SyncUnavailable}}
	b.at(time.Hour, func() { b.grant("cs_1") })
	require.Equal(t, domain.Closed, b.run(noDates).Phase, "the second proof is of a mirror as of now, and needs nobody")
	require.Equal(t, []domain.Purpose{domain.RunLegacy, domain.RunLegacy, domain.RunShadow, domain.RunFirst}, b.purposes())
}

// The switch may have been taken back when its first step is told of it: repeated
// by the engine after its answer was lost, it answers where the attempt stands.
func TestNothingIsSynchronizedForASwitchThatIsNoMore(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true})
	b.env.OnActivity("ServiceBeginCutOver", mock.Anything, mock.Anything).Return(func(ctx context.Context, a contract.Attempt) (contract.CutOver, error) {
		if _, err := b.rows.ServiceCompensateCutOver(ctx, contract.FirstSyncFailed{AttemptID: a.AttemptID}); err != nil {
			return contract.CutOver{}, err
		}
		return b.rows.ServiceBeginCutOver(ctx, a)
	})
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.whenIn(domain.AwaitingApproval, func() {
		b.decide("dec_1", domain.DecideApprove)
		b.at(time.Hour, func() { b.decide("dec_2", domain.DecideCancel) })
	})
	require.Equal(t, domain.Cancelled, b.run(noDates).Phase)
	require.NotContains(t, b.purposes(), domain.RunFirst)
	require.Equal(t, 1, b.rows.Called("ServiceCompensateCutOver"), "once by whoever took it back, and not again for nothing")
}

// slowly lets an activity take an hour of the workflow's time.
func slowly[In, Out any](b *bench, name string, do func(context.Context, In) (Out, error)) {
	b.env.OnActivity(name, mock.Anything, mock.Anything).After(time.Hour).Return(do)
}

// A first synchronization that is done makes the switch true. A cancellation from
// outside that meets it there comes too late, and may not leave the row in
// CuttingOver for nobody to end.
func TestASwitchThatIsDoneIsFinishedThoughCancelled(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true, GoOn: true})
	slowly(b, "ServiceFinishMigration", b.rows.ServiceFinishMigration)
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.whenIn(domain.CuttingOver, b.env.CancelWorkflow)
	b.start(noDates)
	require.True(t, temporal.IsCanceledError(b.env.GetWorkflowError()), "%v", b.env.GetWorkflowError())
	require.Equal(t, domain.Migrated, b.rows.Phase())
	require.Equal(t, domain.Migrated, b.describe().Phase)
	require.NotContains(t, b.rows.Calls(), "ServiceCompensateCutOver")
}

// A decision that is being applied gets its answer though the workflow is
// cancelled meanwhile.
func TestADecisionIsAnsweredThoughTheWorkflowIsCancelled(t *testing.T) {
	b := newBench(t, scripted.Script{})
	slowly(b, "ServiceApplyDecision", b.rows.ServiceApplyDecision)
	var given *answer
	b.at(time.Hour, func() { given = b.decide("dec_1", domain.DecideDescribe) })
	b.at(90*time.Minute, b.env.CancelWorkflow)
	b.start(noDates)
	require.True(t, temporal.IsCanceledError(b.env.GetWorkflowError()), "%v", b.env.GetWorkflowError())
	require.NoError(t, given.err)
	require.NotEmpty(t, given.result.State, "it was given an answer")
}
