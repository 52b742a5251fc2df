package activities

import (
	"context"
	"time"

	"consentry/internal/contract"
	"consentry/internal/service"
)

// Connector looks after connectors that exist.
type Connector struct {
	Service  *service.Service
	Consents ConsentProber
	Now      func() time.Time
	// ProbeEvery is the pause between two probes; zero means two seconds.
	ProbeEvery time.Duration
}

// EntraConfirmConnector tries the calls of a connector that was consented anew
// until they work, or until the budget is over. The outcome is recorded here and
// is data; only our own faults are errors.
func (a *Connector) EntraConfirmConnector(ctx context.Context, in contract.ConnectorSetupInput) (out contract.ConnectorStanding, err error) {
	err = consentWatch{
		Consents: a.Consents, Now: a.Now, Every: a.ProbeEvery,
		Look: func(ctx context.Context) (watched, bool, error) {
			check, err := a.Service.ReconnectCheck(ctx, worker, in)
			return watched{CellID: check.CellID, TenantID: check.TenantID, Until: check.Until}, check.Over, commandFault(err)
		},
		Works: func(ctx context.Context) (err error) {
			out, err = a.Service.ReconnectConfirmed(ctx, worker, in)
			return commandFault(err)
		},
		Fails: func(ctx context.Context, code string) (err error) {
			out, err = a.Service.ReconnectNotConfirmed(ctx, worker, in, code)
			return commandFault(err)
		},
		// The connector says that it is being checked; there is nothing to add.
		Waits:   func(context.Context, string, time.Time) error { return nil },
		Answers: func(context.Context) error { return nil },
	}.run(ctx)
	return out, err
}
