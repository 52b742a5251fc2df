package activities

import (
	"context"

	"consentry/internal/contract"
)

// ServiceHealLost starts the lost workflows of a region again. It makes the
// service's calls to the engine and none to Microsoft.
func (a *Migration) ServiceHealLost(ctx context.Context, in contract.SweepInput) (contract.LostHealed, error) {
	defer beat(ctx)()
	n, err := a.Service.HealLost(ctx, worker, in.Region)
	return contract.LostHealed{Healed: n}, commandFault(err)
}
