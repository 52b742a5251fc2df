package workflows

import (
	"errors"
	"fmt"
	"strings"
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
	page := sweepPage{region: in.Region}
	page.show(ctx, "looks for synchronizations that are due")
	out, err := serviceStartDueRuns(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 5 * time.Minute, ScheduleToCloseTimeout: 15 * time.Minute, HeartbeatTimeout: 30 * time.Second,
		Summary:     "start due synchronizations of " + in.Region,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
	}), in)
	if err != nil {
		return out, err
	}
	page.did("started %d synchronizations", out.Started)
	if out.Waiting > 0 {
		page.show(ctx, fmt.Sprintf("asks Microsoft about %d consents that somebody may have given out of its sight", out.Waiting))
		err = findApprovals(ctx, in)
		page.tried(err, "looked for %d consents", out.Waiting)
	}
	if out.Lost > 0 {
		page.show(ctx, fmt.Sprintf("asks the engine about %d migrations that may have lost their workflow", out.Lost))
		lost := healLost(ctx, in)
		page.tried(lost, "looked after %d migrations", out.Lost)
		if err == nil {
			err = lost
		}
	}
	if out.Erasing > 0 {
		page.show(ctx, fmt.Sprintf("deletes what is due to be deleted: %d accounts or pieces of evidence", out.Erasing))
		erased := erase(ctx, in)
		page.tried(erased, "deleted what was due, or part of it")
		err = errors.Join(err, erased)
	}
	page.show(ctx, "is **done**")
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

// sweepPage is what a sweep says of itself: what it does, and what it has done.
type sweepPage struct {
	region string
	done   []string
}

func (p *sweepPage) did(format string, args ...any) {
	p.done = append(p.done, fmt.Sprintf(format, args...))
}

// tried notes a step that the next sweep repeats if it failed.
func (p *sweepPage) tried(err error, format string, args ...any) {
	if err != nil {
		format += " in vain (the history says why)"
	}
	p.did(format, args...)
}

func (p *sweepPage) show(ctx workflow.Context, what string) {
	workflow.SetCurrentDetails(ctx, p.text(what))
}

func (p *sweepPage) text(what string) string {
	var d details
	d.say("Where", "the sweep of region **%s** %s.", p.region, what)
	if len(p.done) > 0 {
		d.say("So far", "%s.", strings.Join(p.done, "; "))
	}
	d.say("Why", "its schedule (`%s`) fires again and again, and starts what has become due since.", contract.SweepScheduleID(p.region))
	d.say("Until", "each step is bounded to minutes; the next sweep begins at the schedule's next firing, or when this one is over.")
	d.say("Who acts", "nobody has to. What is due stays due until it was done, so a sweep that fails is followed by the next.")
	d.ids("region", p.region)
	return d.String()
}
