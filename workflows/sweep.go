package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consentry/internal/contract"
)

// SweepWorkflow starts the synchronizations of a region that are due. One
// schedule and one activity serve the whole region, where a schedule for each
// integration would cost several actions a round. A sweep that fails is seen as
// failed and followed by the next firing; nothing is lost, because what is due
// stays due until it was started.
func SweepWorkflow(ctx workflow.Context, in contract.SweepInput) (contract.SweepResult, error) {
	showSweep(ctx, in, "looks for synchronizations that are due")
	out, err := serviceStartDueRuns(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 5 * time.Minute, ScheduleToCloseTimeout: 15 * time.Minute, HeartbeatTimeout: 30 * time.Second,
		Summary:     "start due synchronizations of " + in.Region,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
	}), in)
	if err == nil {
		showSweep(ctx, in, fmt.Sprintf("started %d synchronizations", out.Started))
	}
	if err != nil {
		return out, err
	}
	if out.Waiting > 0 {
		err = findApprovals(ctx, in)
	}
	if out.Lost > 0 {
		if lost := healLost(ctx, in); err == nil {
			err = lost
		}
	}
	if out.Erasing > 0 {
		err = errors.Join(err, erase(ctx, in))
	}
	return out, err
}

// healLost starts migrations again whose workflow is gone. It is tried once,
// because the next sweep looks again.
func healLost(ctx workflow.Context, in contract.SweepInput) error {
	_, err := serviceHealLost(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Minute, HeartbeatTimeout: 30 * time.Second,
		Summary:     "look for lost migrations in " + in.Region,
		RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	}), in)
	return err
}

// erase deletes accounts whose date has come, for a bounded time. Where it stands
// is in the rows: whatever ends this attempt, the next sweep goes on from there.
func erase(ctx workflow.Context, in contract.SweepInput) error {
	showSweep(ctx, in, "deletes what is due to be deleted")
	_, err := serviceErase(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 5 * time.Minute, HeartbeatTimeout: 30 * time.Second,
		Summary:     "delete accounts of " + in.Region + " that are due",
		RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	}), in)
	return err
}

// findApprovals looks for consents that Microsoft announces to nobody: one look
// for the whole region, and none while nobody waits. It is tried once, because
// the next sweep looks again.
func findApprovals(ctx workflow.Context, in contract.SweepInput) error {
	_, err := entraFindApprovals(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: contract.QueueGraph, StartToCloseTimeout: 10 * time.Minute, HeartbeatTimeout: 30 * time.Second,
		Summary:     "look for approvals in " + in.Region,
		RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	}), in)
	return err
}

func showSweep(ctx workflow.Context, in contract.SweepInput, what string) {
	var d details
	d.say("Where", "the sweep of region **%s** %s.", in.Region, what)
	d.say("Who acts", "nobody has to. What is due stays due until it was started, so a sweep that fails is followed by the next.")
	d.ids("region", in.Region)
	workflow.SetCurrentDetails(ctx, d.String())
}
