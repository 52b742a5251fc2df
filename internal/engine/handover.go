package engine

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
)

// wordTime is what an attempt gets of the stop's time to say that it gives its
// work back.
const wordTime = 2 * time.Second

// handover ends the attempts that are still at work shortly before the worker
// has to be gone, so that Temporal hears of it and another worker goes on at
// once. The SDK by itself ends them when it no longer waits for their word, and
// Temporal would find out by a heartbeat that does not come.
type handover struct {
	interceptor.WorkerInterceptorBase
	after time.Duration // since the worker was told to stop
}

func newHandover(within time.Duration) *handover {
	return &handover{after: within - min(wordTime, within/2)}
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (h *handover) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &handing{interceptor.ActivityInboundInterceptorBase{Next: next}, h.after}
}

type handing struct {
	interceptor.ActivityInboundInterceptorBase
	after time.Duration
}

var errHandedOver = errors.New("the worker stops")

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (h *handing) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	stop := activity.GetWorkerStopChannel(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-ctx.Done():
			return
		case <-stop:
		}
		last := time.NewTimer(h.after)
		defer last.Stop()
		select {
		case <-ctx.Done():
		case <-last.C:
			cancel(errHandedOver)
		}
	}()
	out, err := h.Next.ExecuteActivity(ctx, in)
	if err != nil && errors.Is(context.Cause(ctx), errHandedOver) {
		return nil, temporal.NewApplicationErrorWithOptions("this worker is being stopped; another one goes on", "WorkerStops",
			temporal.ApplicationErrorOptions{Cause: err, Category: temporal.ApplicationErrorCategoryBenign})
	}
	return out, err
}
