package activities

import (
	"context"

	"consentry/internal/contract"
	"consentry/internal/service"
)

// EntraFindApprovals looks for consents that nobody tells us of, for every
// session of the region that waits for one. Where Microsoft does not answer,
// nothing is concluded and a later sweep looks again.
func (a *Migration) EntraFindApprovals(ctx context.Context, in contract.SweepInput) (found contract.ApprovalsFound, err error) {
	defer beat(ctx)()
	due, err := a.Service.ApprovalsToLookFor(ctx, worker, in.Region)
	if err != nil {
		return found, commandFault(err)
	}
	for _, one := range due {
		if ctx.Err() != nil || stopping(ctx) {
			return found, ctx.Err()
		}
		seen := a.lookAt(ctx, one)
		if !seen.NoAnswer {
			found.Looked++
		}
		taken, err := a.Service.TakeApproval(ctx, worker, seen)
		if err != nil {
			return found, commandFault(err)
		}
		if taken {
			found.Taken++
		}
	}
	return found, nil
}

func (a *Migration) lookAt(ctx context.Context, one service.ApprovalCheck) service.Approval {
	seen := service.Approval{SessionID: one.SessionID}
	d := diagnose(a.Consents.ProbeConsent(ctx, one.CellID, one.TenantID))
	if d.verdict != works {
		seen.NoAnswer = d.verdict == noAnswer
		return seen
	}
	seen.Consented = true
	// Whoever obtains a token with the account's own secret holds the tenant's
	// trust already.
	err := a.OldApps.ProbeToken(ctx, one.TenantID, one.IntegrationID)
	seen.LegacySecretWorks = err == nil
	seen.NoAnswer = err != nil && directoryFault(err, false, doubt).kind != contract.ErrLegacyCredentialDead
	return seen
}
