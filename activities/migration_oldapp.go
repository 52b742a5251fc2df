package activities

import (
	"context"
	"errors"
	"time"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// OldAppProber asks Microsoft about an integration's old app with the secret we
// hold of it. A refusal of Microsoft tells its kind and code (fault).
type OldAppProber interface {
	// ProbeReading makes the calls a synchronization lives on.
	ProbeReading(ctx context.Context, tenantID, integrationID string) error
	// ProbeToken asks for one token and calls nothing with it.
	ProbeToken(ctx context.Context, tenantID, integrationID string) error
}

// oldAppPatience bounds one asking, so that whoever waits for the decision's
// answer gets it; no answer in that time is an answer that proves nothing.
const oldAppPatience = 6 * time.Second

// ServiceAdvanceCleanUp takes the rung of the clean-up ladder that was reached,
// after asking whether the old app is gone.
func (a *Migration) ServiceAdvanceCleanUp(ctx context.Context, in contract.Attempt) (contract.Standing, error) {
	trial, err := a.Service.TrialForCleanUp(ctx, worker, in.AttemptID)
	if err == nil {
		err = a.tryOldApp(ctx, trial)
	}
	if err != nil {
		return contract.Standing{}, commandFault(err)
	}
	s, err := a.Service.AdvanceCleanUp(ctx, worker, in.AttemptID)
	return a.orStanding(ctx, in.AttemptID, s, err)
}

// tryOldApp asks what the trial says and keeps the answer. Asking again after a
// worker's death is harmless: the latest answer stands.
func (a *Migration) tryOldApp(ctx context.Context, trial service.OldAppTrial) error {
	if trial.How == service.AskNothing {
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, oldAppPatience)
	defer cancel()
	var answer error
	if trial.How == service.AskReading {
		answer = a.OldApps.ProbeReading(asking, trial.TenantID, trial.IntegrationID)
	} else {
		answer = a.OldApps.ProbeToken(asking, trial.TenantID, trial.IntegrationID)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	verdict, code, err := readOldApp(answer)
	if err != nil {
		return err
	}
	return a.Service.NoteOldApp(ctx, worker, trial.IntegrationID, verdict, code)
}

// readOldApp reads an answer about the old app. Only a fault of our own store is
// an error.
func readOldApp(answer error) (verdict migration.OldApp, code string, err error) {
	if answer == nil {
		return migration.OldAppWorks, "", nil
	}
	if f, ok := errors.AsType[fault](answer); ok {
		return migration.ReadOldApp(f.FaultKind(), f.FaultCode()), f.FaultCode(), nil
	}
	switch domain.KindOf(answer) {
	case domain.Unavailable:
		return "", "", answer
	case domain.NotFound, domain.Gone:
		return migration.OldAppUnknown, migration.CodeNoSecret, nil
	default:
		return migration.OldAppUnknown, "", nil
	}
}
