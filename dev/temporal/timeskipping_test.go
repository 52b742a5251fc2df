package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

const season = 90 * 24 * time.Hour

func TestTheClockOfAWorkflowMovesOnlyWhenAsked(t *testing.T) {
	still := startServer(t, "--headless").dial(t, "default")
	require.ErrorContains(t, fastForward(t, still, startSeason(t, still), season), "not enabled")

	moving := startServer(t, "--headless", "--time-skipping").dial(t, "default")
	run := startSeason(t, moving)
	require.NoError(t, fastForward(t, moving, run, season))
	require.NoError(t, run.Get(t.Context(), nil))
}

// startSeason starts a workflow that waits for three months, and a worker for it.
func startSeason(t *testing.T, connection client.Client) client.WorkflowRun {
	t.Helper()
	w := worker.New(connection, "seasons", worker.Options{})
	w.RegisterWorkflowWithOptions(
		func(ctx workflow.Context) error { return workflow.Sleep(ctx, season) },
		workflow.RegisterOptions{Name: "Season"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	run, err := connection.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: "seasons"}, "Season")
	require.NoError(t, err)
	return run
}

func fastForward(t *testing.T, connection client.Client, run client.WorkflowRun, by time.Duration) error {
	t.Helper()
	_, err := connection.WorkflowService().UpdateWorkflowExecutionOptions(t.Context(),
		&workflowservice.UpdateWorkflowExecutionOptionsRequest{
			Namespace:         "default",
			WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: run.GetID(), RunId: run.GetRunID()},
			WorkflowExecutionOptions: &workflowpb.WorkflowExecutionOptions{TimeSkippingConfig: &commonpb.TimeSkippingConfig{
				Enabled:           true,
				FastForwardConfig: &commonpb.FastForwardConfig{Id: "season", Duration: durationpb.New(by)},
			}},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"time_skipping_config"}},
		})
	return err
}
