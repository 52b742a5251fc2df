package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// Migration moves an integration through its phases. Almost every method is one
// command of the service; a command that is out of order answers where the
// migration stands instead, because the workflow then only has to follow.
type Migration struct {
	Service  *service.Service
	Consents ConsentProber
	OldApps  OldAppProber
	Now      func() time.Time
	// ProbeEvery is the pause between two probes of a consent; zero means two
	// seconds.
	ProbeEvery time.Duration
}

// ConsentProber makes the calls a connector will live on (organization, users,
// groups), with a token issued just now, and reports the first that fails.
type ConsentProber interface {
	ProbeConsent(ctx context.Context, cellID, tenantID string) error
}

var worker = domain.System("worker")

// ServiceApplyDecision applies a decision that a person gave. Where it speaks of
// the old app, Microsoft is asked about that first.
func (a *Migration) ServiceApplyDecision(ctx context.Context, in contract.ApplyDecision) (contract.DecisionResult, error) {
	trial, err := a.Service.TrialForDecision(ctx, worker, in.DecisionID)
	if err == nil {
		err = a.tryOldApp(ctx, trial)
	}
	var res contract.DecisionResult
	if err == nil {
		res, err = a.Service.ApplyDecision(ctx, worker, in)
	}
	if domain.IsNotFound(err) {
		return contract.DecisionResult{State: domain.DecisionRefused, Code: "unknown-decision"}, nil
	}
	return res, commandFault(err)
}

// ServiceLoseConsent asks for consent again because it no longer works.
func (a *Migration) ServiceLoseConsent(ctx context.Context, in contract.ConsentLost) (contract.Standing, error) {
	s, err := a.Service.LoseConsent(ctx, worker, in.AttemptID, in.Code)
	return a.orStanding(ctx, in.AttemptID, s, err)
}

// ServiceRecordProof compares a complete shadow run with the mirror.
func (a *Migration) ServiceRecordProof(ctx context.Context, in contract.ShadowRead) (contract.Standing, error) {
	s, err := a.Service.RecordProof(ctx, worker, in)
	return a.orStanding(ctx, in.AttemptID, s, err)
}

// ServiceBeginCutOver switches the binding.
func (a *Migration) ServiceBeginCutOver(ctx context.Context, in contract.Attempt) (contract.CutOver, error) {
	c, err := a.Service.BeginCutOver(ctx, worker, in.AttemptID)
	c.Standing, err = a.orStanding(ctx, in.AttemptID, c.Standing, err)
	return c, err
}

// ServiceFinishMigration records that the switch is complete.
func (a *Migration) ServiceFinishMigration(ctx context.Context, in contract.FirstSyncDone) (contract.Standing, error) {
	s, err := a.Service.FinishMigration(ctx, worker, in)
	return a.orStanding(ctx, in.AttemptID, s, err)
}

// ServiceCompensateCutOver puts everything back as it was before the switch.
func (a *Migration) ServiceCompensateCutOver(ctx context.Context, in contract.FirstSyncFailed) (contract.Standing, error) {
	s, err := a.Service.CompensateCutOver(ctx, worker, in)
	return a.orStanding(ctx, in.AttemptID, s, err)
}

// ServiceOpenCleanUp closes the way back.
func (a *Migration) ServiceOpenCleanUp(ctx context.Context, in contract.Attempt) (contract.Standing, error) {
	s, err := a.Service.OpenCleanUp(ctx, worker, in.AttemptID)
	return a.orStanding(ctx, in.AttemptID, s, err)
}

// ServiceStopMigration records that the workflow was cancelled from outside.
func (a *Migration) ServiceStopMigration(ctx context.Context, in contract.Attempt) (contract.Standing, error) {
	s, err := a.Service.StopMigration(ctx, worker, in.AttemptID)
	return s, commandFault(err)
}

// ServiceReadDates reads what the campaign says now and tells what is due.
func (a *Migration) ServiceReadDates(ctx context.Context, in contract.Attempt) (contract.Dates, error) {
	d, err := a.Service.ReadDates(ctx, worker, in.AttemptID)
	return d, commandFault(err)
}

// ServiceNoteWaiting says that an outside part does not answer.
func (a *Migration) ServiceNoteWaiting(ctx context.Context, in contract.Waiting) error {
	return commandFault(a.Service.NoteWaiting(ctx, worker, in))
}

// orStanding turns "out of order" into the answer to it.
func (a *Migration) orStanding(ctx context.Context, attemptID string, s contract.Standing, err error) (contract.Standing, error) {
	if e, ok := errors.AsType[*domain.Error](err); ok && e.Code == service.CodeOutOfOrder {
		s, err = a.Service.Standing(ctx, worker, attemptID)
	}
	return s, commandFault(err)
}

// commandFault gives a command's error its type. A row that does not exist never
// will; everything else is tried again, in sight of the operators.
func commandFault(err error) error {
	switch domain.KindOf(err) {
	case "":
		return err
	case domain.NotFound:
		return temporal.NewNonRetryableApplicationError(err.Error(), contract.ErrNotFound, err)
	case domain.Unavailable:
		return temporal.NewApplicationErrorWithCause(err.Error(), contract.ErrStoreUnavailable, err)
	default:
		return temporal.NewApplicationErrorWithCause(err.Error(), contract.ErrStopped, err)
	}
}
