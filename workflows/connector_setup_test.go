package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/test/scripted"
)

func setUp(t *testing.T, played *scripted.Connector) (contract.ConnectorStanding, *testsuite.TestWorkflowEnvironment) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterWorkflowWithOptions(ConnectorSetupWorkflow, workflow.RegisterOptions{Name: contract.ConnectorSetupWorkflow})
	env.RegisterActivityWithOptions(played, activity.RegisterOptions{SkipInvalidStructFunctions: true})
	env.ExecuteWorkflow(contract.ConnectorSetupWorkflow, contract.ConnectorSetupInput{ConnectorID: "con_1", ConsentSessionID: "cs_1", AccountID: "acc_1", Region: "eu"})
	require.True(t, env.IsWorkflowCompleted())
	var out contract.ConnectorStanding
	if env.GetWorkflowError() == nil {
		require.NoError(t, env.GetWorkflowResult(&out))
	}
	return out, env
}

func TestAConnectorsConsentIsCheckedUntilItHolds(t *testing.T) {
	played := &scripted.Connector{Standing: contract.ConnectorStanding{Condition: domain.ConditionOK}, Failures: 8}
	start := time.Now()
	out, env := setUp(t, played)
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, domain.ConditionOK, out.Condition)
	require.Equal(t, 9, played.Called(), "workers that stop and a store that is away are outlasted")
	require.Greater(t, env.Now().Sub(start), 2*time.Minute, "with growing pauses")
}

func TestAConnectorsConsentThatDoesNotHoldIsAResult(t *testing.T) {
	out, env := setUp(t, &scripted.Connector{Standing: contract.ConnectorStanding{Condition: domain.ConditionError, Code: "consent-no-permission"}})
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, "consent-no-permission", out.Code)
}

func TestAConnectorThatIsGoneEndsItsCheck(t *testing.T) {
	_, env := setUp(t, &scripted.Connector{Gone: true})
	var failure interface{ Type() string }
	require.ErrorAs(t, env.GetWorkflowError(), &failure)
	require.Equal(t, contract.ErrNotFound, failure.Type())
}

func TestASweepLooksForApprovalsOnlyWhileSomebodyWaits(t *testing.T) {
	for waiting, looks := range map[int]int{0: 0, 3: 1} {
		played := &scripted.Sync{Waiting: waiting}
		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestWorkflowEnvironment()
		env.RegisterActivityWithOptions(played, activity.RegisterOptions{SkipInvalidStructFunctions: true})
		env.ExecuteWorkflow(SweepWorkflow, contract.SweepInput{Region: "eu"})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, looks, played.Looked)
	}
}
