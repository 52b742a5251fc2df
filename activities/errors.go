package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"consentry/internal/contract"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
)

// doubt is how often an answer that may be wrong for a moment is asked again
// before it is believed: servers of Microsoft learn of a consent one after the
// other, and a proxy may answer in place of one.
const doubt = 4

// directoryVerdict is what an error while reading a directory means for the run.
type directoryVerdict struct {
	kind  string // contract.Err…
	retry bool
	wait  time.Duration // what Microsoft asks for, else zero
}

// directoryFault is the one place that decides what an error while reading a
// directory means. Only an app that is a connector's can lose its consent; the
// same answers to a legacy app mean that nothing can be read through it.
func directoryFault(err error, connector bool, attempt int32) directoryVerdict {
	lost := contract.ErrLegacyCredentialDead
	if connector {
		lost = contract.ErrConsentLost
	}
	if _, ok := errors.AsType[*dirsync.PageError](err); ok {
		return directoryVerdict{kind: contract.ErrPageUnreadable, retry: attempt < doubt}
	}
	if f, ok := errors.AsType[fault](err); ok {
		v := directoryVerdict{wait: f.Wait()}
		switch f.FaultKind() {
		case "throttled":
			v.kind, v.retry = contract.ErrThrottled, true
		case "not_visible_yet":
			v.kind, v.retry = contract.ErrConsentNotVisibleYet, true
		case "key_unknown": // a certificate that was just changed travels, too
			v.kind, v.retry = contract.ErrKeyRejected, true
		case "consent_missing", "app_missing", "token_rejected":
			v.kind = lost
			if attempt < doubt {
				v.kind, v.retry = contract.ErrConsentNotVisibleYet, true
			}
		case "app_disabled", "secret_expired", "secret_invalid":
			v.kind = lost
		case "tenant_mismatch", "tenant_missing":
			v.kind = contract.ErrTenantMismatch
		case "delta_expired":
			v.kind = contract.ErrDeltaExpired
		case "misconfigured", "link_refused", "not_found":
			v.kind = contract.ErrMisconfigured
		default: // unavailable, unexpected, and what a later version may add
			v.kind, v.retry = contract.ErrUnavailable, true
		}
		return v
	}
	switch domain.KindOf(err) {
	case domain.Unavailable:
		return directoryVerdict{kind: contract.ErrStoreUnavailable, retry: true}
	case domain.NotFound, domain.Gone: // the credential to read with is not there, or no longer
		if connector {
			return directoryVerdict{kind: contract.ErrMisconfigured}
		}
		return directoryVerdict{kind: lost}
	default:
		return directoryVerdict{kind: contract.ErrUnavailable, retry: true}
	}
}

// application makes the error that crosses to the workflow.
func (v directoryVerdict) application(cause error) error {
	options := temporal.ApplicationErrorOptions{NonRetryable: !v.retry, Cause: cause, NextRetryDelay: v.wait}
	if v.kind == contract.ErrThrottled || v.kind == contract.ErrConsentNotVisibleYet {
		options.Category = temporal.ApplicationErrorCategoryBenign // expected: no alarm
	}
	return temporal.NewApplicationErrorWithOptions(cause.Error(), v.kind, options)
}

// syncCommandFault gives the error of a command its type. A rule's refusal will
// not change by asking again; a store that is away will come back.
func syncCommandFault(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	refusal, ok := errors.AsType[*domain.Error](err)
	switch {
	case !ok:
		return err
	case refusal.Kind == domain.Unavailable:
		return temporal.NewApplicationErrorWithCause(err.Error(), contract.ErrStoreUnavailable, err)
	case refusal.Kind == domain.NotFound:
		return temporal.NewNonRetryableApplicationError(err.Error(), contract.ErrNotFound, err)
	case refusal.Code == contract.SyncDeltaExpired:
		return temporal.NewNonRetryableApplicationError(err.Error(), contract.ErrDeltaExpired, err)
	}
	return temporal.NewNonRetryableApplicationError(err.Error(), contract.ErrStopped, err)
}
