package activities

import (
	"context"
	"time"

	"consentry/internal/contract"
	"consentry/internal/service"
)

// Leaving deletes what has come to its date.
type Leaving struct {
	Service *service.Service
	Now     func() time.Time
}

// eraseFor bounds what one sweep deletes: while it is at work, the region's due
// synchronizations wait for the next.
const eraseFor = 30 * time.Second

// ServiceErase deletes accounts and evidence of the region, a batch a
// transaction, until nothing is due or its time is over.
func (a *Leaving) ServiceErase(ctx context.Context, in contract.SweepInput) (done contract.Erased, err error) {
	defer beat(ctx)()
	for until := a.Now().Add(eraseFor); ; {
		step, err := a.Service.EraseNext(ctx, worker, in.Region)
		if err != nil {
			return done, commandFault(err)
		}
		done.Accounts += step.Accounts
		done.Evidence += step.Evidence
		if done.More = step.More; !step.More {
			return done, nil
		}
		if ctx.Err() != nil || stopping(ctx) || !a.Now().Before(until) {
			return done, ctx.Err()
		}
	}
}
