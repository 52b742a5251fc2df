package activities

import (
	"context"
	"errors"
	"time"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// errWorkerStops ends an attempt of a long activity so that another worker takes
// it over at once instead of after the heartbeat.
var errWorkerStops = errors.New("this worker is being stopped; another one goes on")

// EntraConfirmConsent tries the connector's calls until they work, or until the
// campaign's budget is over and somebody has to look. While Microsoft does not
// answer at all, nothing is concluded: the migration waits and says so. The
// outcome is recorded here and is data; only our own faults are errors.
func (a *Migration) EntraConfirmConsent(ctx context.Context, in contract.Attempt) (standing contract.Standing, err error) {
	err = consentWatch{
		Consents: a.Consents, Now: a.Now, Every: a.ProbeEvery,
		Look: func(ctx context.Context) (watched, bool, error) {
			check, err := a.Service.ConsentCheck(ctx, worker, in.AttemptID)
			standing = check.Standing
			over := check.Standing.Phase != domain.ConfirmingConsent
			return watched{CellID: check.CellID, TenantID: check.TenantID, Until: check.Until, Waiting: check.Waiting}, over, commandFault(err)
		},
		Works: func(ctx context.Context) error {
			s, err := a.Service.ConsentConfirmed(ctx, worker, in.AttemptID)
			standing, err = a.orStanding(ctx, in.AttemptID, s, err)
			return err
		},
		Fails: func(ctx context.Context, code string) error {
			s, err := a.Service.ConsentNotConfirmed(ctx, worker, in.AttemptID, code)
			standing, err = a.orStanding(ctx, in.AttemptID, s, err)
			return err
		},
		Waits: func(ctx context.Context, code string, retryAt time.Time) error {
			return commandFault(a.Service.NoteWaiting(ctx, worker, contract.Waiting{AttemptID: in.AttemptID, Code: code, RetryAt: retryAt}))
		},
		Answers: func(ctx context.Context) error {
			return commandFault(a.Service.ClearWaiting(ctx, worker, in.AttemptID))
		},
	}.run(ctx)
	return standing, err
}

// verdict is what a probe says about a consent.
type verdict int

const (
	works verdict = iota
	spreads
	refuses  // waiting will not help
	noAnswer // nothing can be concluded
)

type diagnosis struct {
	verdict verdict
	code    string
	wait    time.Duration
}

// fault is what an error of a port on Microsoft tells; the adapter's error type
// satisfies it.
type fault interface {
	error
	FaultKind() string
	FaultCode() string
	Wait() time.Duration
}

// diagnose reads a failed probe. Right after a consent, a missing app or
// permission means that the news still travels; only time tells it from a
// consent that lacks something, so those become a diagnosis when the budget is
// over.
func diagnose(err error) diagnosis {
	if err == nil {
		return diagnosis{verdict: works}
	}
	f, ok := errors.AsType[fault](err)
	if !ok {
		return diagnosis{verdict: noAnswer, code: migration.MicrosoftUnavailable}
	}
	d := diagnosis{verdict: spreads, code: migration.ConsentNotVisible, wait: f.Wait()}
	switch kind, code := f.FaultKind(), f.FaultCode(); {
	case kind == "throttled":
		d.verdict, d.code = noAnswer, migration.MicrosoftThrottled
	case kind == "unavailable", kind == "unexpected":
		d.verdict, d.code = noAnswer, migration.MicrosoftUnavailable
	case kind == "misconfigured", kind == "key_unknown":
		d.verdict, d.code = noAnswer, migration.CellMisconfigured
	case kind == "tenant_mismatch", kind == "tenant_missing":
		d.verdict, d.code = refuses, migration.ConsentWrongTenant
	case kind == "app_disabled":
		d.verdict, d.code = refuses, migration.ConsentAppDisabled
	case kind == "app_missing", code == "AADSTS7000229", code == "AADSTS700016":
		d.code = migration.ConsentNoPrincipal
	case kind == "consent_missing", code == "Authorization_RequestDenied":
		d.code = migration.ConsentNoPermission
	}
	return d
}
