package engine

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"consentry/internal/logkey"
	"consentry/internal/service"
)

// named has each line of the log that an activity writes name the workflow and
// the activity, by the keys that Temporal's SDK uses. Of an attempt that failed it
// writes one more: the SDK's own line with the error is written outside of the
// trace and cannot name it. Workflows are not touched.
type named struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (*named) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &naming{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type naming struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (n *naming) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	ctx = service.LogWith(ctx, zap.String(logkey.WorkflowID, info.WorkflowExecution.ID), zap.String(logkey.RunID, info.WorkflowExecution.RunID),
		zap.String(logkey.ActivityType, info.ActivityType.Name), zap.Int32(logkey.Attempt, info.Attempt))
	out, err := n.Next.ExecuteActivity(ctx, in)
	if err != nil {
		failed := activity.GetLogger(ctx).Info
		if why, ok := errors.AsType[*temporal.ApplicationError](err); ok && why.Category() == temporal.ApplicationErrorCategoryBenign {
			failed = activity.GetLogger(ctx).Debug
		}
		failed("an attempt of an activity failed")
	}
	return out, err
}
