package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// probesInARow is how many successes prove a consent: servers of Microsoft learn
// of it one after the other, and one success proves one server.
const probesInARow = 3

// errWorkerStops ends an attempt of a long activity so that another worker takes
// it over at once instead of after the heartbeat.
var errWorkerStops = errors.New("this worker is being stopped; another one goes on")

// EntraConfirmConsent tries the connector's calls until they work, or until the
// campaign's budget is over and somebody has to look. While Microsoft does not
// answer at all, nothing is concluded: the migration waits and says so. The
// outcome is recorded here and is data; only our own faults are errors.
func (a *Migration) EntraConfirmConsent(ctx context.Context, in contract.Attempt) (contract.Standing, error) {
	defer beat(ctx)() // one probe may take long while Microsoft is away
	for inARow := 0; ; {
		check, err := a.Service.ConsentCheck(ctx, worker, in.AttemptID)
		if err != nil {
			return contract.Standing{}, commandFault(err)
		}
		if check.Standing.Phase != domain.ConfirmingConsent {
			return check.Standing, nil
		}
		fault := a.Consents.ProbeConsent(ctx, check.CellID, check.TenantID)
		if ctx.Err() != nil {
			return contract.Standing{}, ctx.Err()
		}
		d := diagnose(fault)
		if d.verdict != noAnswer && check.Waiting {
			if err := a.Service.ClearWaiting(ctx, worker, in.AttemptID); err != nil {
				return contract.Standing{}, commandFault(err)
			}
		}
		switch {
		case d.verdict == works:
			if inARow++; inARow >= probesInARow {
				s, err := a.Service.ConsentConfirmed(ctx, worker, in.AttemptID)
				return a.orStanding(ctx, in.AttemptID, s, err)
			}
		case d.verdict == refuses, d.verdict == spreads && !a.Now().Before(check.Until):
			s, err := a.Service.ConsentNotConfirmed(ctx, worker, in.AttemptID, d.code)
			return a.orStanding(ctx, in.AttemptID, s, err)
		case d.verdict == noAnswer:
			inARow = 0
			err := a.Service.NoteWaiting(ctx, worker, contract.Waiting{AttemptID: in.AttemptID, Code: d.code, RetryAt: a.Now().Add(d.wait)})
			if err != nil {
				return contract.Standing{}, commandFault(err)
			}
		default:
			inARow = 0
		}
		if err := a.pause(ctx, d.wait); err != nil {
			return contract.Standing{}, err
		}
	}
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

// pause waits for the next probe, and no longer than the worker and the attempt
// live.
func (a *Migration) pause(ctx context.Context, asked time.Duration) error {
	every := a.ProbeEvery
	if every <= 0 {
		every = 2 * time.Second
	}
	timer := time.NewTimer(max(every, min(asked, 30*time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-activity.GetWorkerStopChannel(ctx):
		return errWorkerStops
	}
}
