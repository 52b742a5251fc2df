package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"consentry/internal/contract"
	"consentry/internal/rotation"
	"consentry/test/scripted"
)

var rotationStart = time.Date(2026, 6, 1, 2, 17, 0, 0, time.UTC)

func rotate(t *testing.T, played *scripted.Rotation) (contract.RotationResult, time.Duration, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(rotationStart)
	env.RegisterWorkflowWithOptions(CertificateRotationWorkflow, workflow.RegisterOptions{Name: contract.CertificateRotationWorkflow})
	env.RegisterActivityWithOptions(played, activity.RegisterOptions{SkipInvalidStructFunctions: true})
	env.ExecuteWorkflow(contract.CertificateRotationWorkflow, contract.RotationInput{CellID: "cell"})
	require.True(t, env.IsWorkflowCompleted())
	var res contract.RotationResult
	err := env.GetWorkflowError()
	if err == nil {
		require.NoError(t, env.GetWorkflowResult(&res))
	}
	return res, env.Now().Sub(rotationStart), err
}

func plan(action rotation.Action, why rotation.Reason) contract.RotationStep {
	return contract.RotationStep{Action: string(action), CredentialID: "crd_2", SignerID: "crd_1", Reason: string(why), Message: string(why)}
}

func wait(until time.Duration) contract.RotationStep {
	return contract.RotationStep{Action: string(rotation.Nothing), Reason: string(rotation.WaitingToProve), Until: rotationStart.Add(until)}
}

func TestRotationDoesWhatIsPlannedUntilNothingIs(t *testing.T) {
	played := &scripted.Rotation{Plan: []contract.RotationStep{
		plan(rotation.Mint, rotation.Due), plan(rotation.Publish, rotation.NotPublished), plan(rotation.Prove, rotation.NotProven),
		wait(time.Minute), plan(rotation.Prove, rotation.NotProven), plan(rotation.Activate, rotation.ProvenKey), wait(2 * time.Hour),
	}}
	res, took, err := rotate(t, played)
	require.NoError(t, err)
	require.Equal(t, []string{"mint", "publish", "prove", "prove", "activate"}, played.Calls())
	require.Equal(t, 6, res.Steps)
	require.True(t, res.NextAt.Equal(rotationStart.Add(2*time.Hour)), "what is far ahead is the next run's")
	require.GreaterOrEqual(t, took, time.Minute)
	require.Less(t, took, 10*time.Minute)
}

func TestRotationDoesNotWaitForAPerson(t *testing.T) {
	played := &scripted.Rotation{
		Plan:     []contract.RotationStep{plan(rotation.Prove, rotation.WaitingForPerson), plan(rotation.Prove, rotation.WaitingForPerson)},
		Outcomes: map[string][]contract.RotationOutcome{"prove": {{Refused: true}}},
	}
	res, _, err := rotate(t, played)
	require.NoError(t, err)
	require.Equal(t, string(rotation.WaitingForPerson), res.Reason)
	require.Len(t, played.Calls(), 1)
}

func TestRotationThatGoesInCirclesEnds(t *testing.T) {
	steps := make([]contract.RotationStep, 500)
	for i := range steps {
		steps[i] = plan(rotation.Publish, rotation.PublishAgain)
	}
	res, _, err := rotate(t, &scripted.Rotation{Plan: steps})
	require.NoError(t, err)
	require.Equal(t, rotationSteps, res.Steps)
}

func TestRotationRefusesAPlanItDoesNotKnow(t *testing.T) {
	_, _, err := rotate(t, &scripted.Rotation{Plan: []contract.RotationStep{plan("dance", "why")}})
	require.ErrorContains(t, err, "dance")
}
