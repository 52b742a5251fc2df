package workflows

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consentry/internal/contract"
)

// Options by kind of work: what each obliges the activity to, and why its
// retries may go on. Retries without an end show in Temporal's UI as a pending
// activity with its last failure; everything else is bounded.

// command is one transaction on our own store, harmless to repeat. It fails only
// while the store is away, so it is tried until it succeeds. It takes
// milliseconds; the timeout is how long a worker's sudden death goes unnoticed.
func command(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 20 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute,
		},
		Summary: summary,
	})
}

// comparison is a command that reads or restores a whole directory on its way:
// minutes are normal for the largest ones.
func comparison(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 30 * time.Minute,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 2 * time.Second, BackoffCoefficient: 2, MaximumInterval: 5 * time.Minute,
		},
		Summary: summary,
	})
}

// watch asks Microsoft again and again and heartbeats. How long it may take is
// data of the campaign and kept in the row, so a new attempt goes on where the
// last one stood.
func watch(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           contract.QueueGraph,
		StartToCloseTimeout: time.Hour,
		HeartbeatTimeout:    30 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute,
		},
		Summary: summary,
	})
}

// keyWork changes or proves a cell's keys. What may have happened outside is
// recorded before, so a repeat looks first. It gives up after a while: the
// schedule asks again, and an operator sees the failed run.
func keyWork(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              contract.QueueKeys,
		StartToCloseTimeout:    2 * time.Minute,
		ScheduleToCloseTimeout: 6 * time.Hour,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 2 * time.Second, BackoffCoefficient: 2, MaximumInterval: 5 * time.Minute, MaximumAttempts: 50,
		},
		Summary: summary,
	})
}

// migrationSync starts a migration's own run of the directory. The parent waits
// for its end even when it is cancelled, because two runs under one id exclude
// each other; a parent that ends takes the run along.
func migrationSync(ctx workflow.Context, in contract.DirectorySyncInput) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            contract.MigrationSyncID(in.IntegrationID, in.AttemptID, in.Purpose),
		TaskQueue:             contract.QueueMigrations,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
		WaitForCancellation:   true,
		StaticSummary:         "Synchronization (" + string(in.Purpose) + ") of integration " + in.IntegrationID,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			contract.AttrAccountID.ValueSet(in.AccountID), contract.AttrRegion.ValueSet(in.Region),
		),
	})
}

// retryWait is how long a migration waits before it tries again what an outside
// part did not answer: half a minute at first, a quarter of an hour at last.
func retryWait(failures int) time.Duration {
	return min(30*time.Second<<min(failures, 10), 15*time.Minute)
}
