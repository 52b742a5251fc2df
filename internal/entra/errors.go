package entra

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Kind sorts errors by what the caller does next.
type Kind string

// The kinds of errors.
const (
	// Throttled: wait for RetryAfter, then go on.
	Throttled Kind = "throttled"
	// Unavailable: Microsoft or the way to it is down; try again later.
	Unavailable Kind = "unavailable"
	// NotVisibleYet: right after a consent, replicas do not know it yet; try again within minutes.
	NotVisibleYet Kind = "not_visible_yet"
	// ConsentMissing: the permission is not granted, or no longer; an administrator has to consent.
	ConsentMissing Kind = "consent_missing"
	// AppMissing: the app does not exist in the tenant, or no longer.
	AppMissing Kind = "app_missing"
	// AppDisabled: sign-in is switched off for the app; an administrator has to enable it.
	AppDisabled Kind = "app_disabled"
	// TenantMissing: the tenant does not exist, or is in another cloud.
	TenantMissing Kind = "tenant_missing"
	// TenantMismatch: a token for one tenant reads another; nothing of it may be used.
	TenantMismatch Kind = "tenant_mismatch"
	// KeyUnknown: the token service does not know the signing key: not yet, or no longer.
	KeyUnknown Kind = "key_unknown"
	// SecretExpired and SecretInvalid: the legacy app's secret has to be replaced.
	SecretExpired Kind = "secret_expired"
	SecretInvalid Kind = "secret_invalid"
	// TokenRejected: Graph does not take the token; a fresh one may help.
	TokenRejected Kind = "token_rejected"
	// ProofRejected: the proof of possession of a key change was not accepted.
	ProofRejected Kind = "proof_rejected"
	// KeyMissing: the key to be removed is not on the registration.
	KeyMissing Kind = "key_missing"
	// DeltaExpired: the delta link is dead; a full round is needed.
	DeltaExpired Kind = "delta_expired"
	// LinkRefused: a continuation link points elsewhere than to Graph; it was not followed.
	LinkRefused Kind = "link_refused"
	// NotFound: the object does not exist.
	NotFound Kind = "not_found"
	// SignInStale: the authorization code was used before, or is too old; sign in again.
	SignInStale Kind = "sign_in_stale"
	// IdentityRejected: the id token did not stand up to verification; nothing of it may be used.
	IdentityRejected Kind = "identity_rejected"
	// Misconfigured: our registration, address or clock is wrong; an operator has to act.
	Misconfigured Kind = "misconfigured"
	// Unexpected: an answer that nobody planned for.
	Unexpected Kind = "unexpected"
)

// Error is a refusal or failure of Microsoft, or of a rule about its answers. It holds no free text of theirs:
// that may name people. The identifiers let Microsoft's support find the request.
type Error struct {
	Kind Kind
	// Code is AADSTSnnnn of the token service, or the code of Graph's error.
	Code       string
	HTTPStatus int
	// RetryAfter is what Microsoft asks for, else zero.
	RetryAfter    time.Duration
	RequestID     string
	CorrelationID string
	err           error
}

var sentences = map[Kind]string{
	Throttled:        "Microsoft limits our speed for the moment",
	Unavailable:      "Microsoft cannot be reached or is not available",
	NotVisibleYet:    "Microsoft has not spread the consent to all its servers yet",
	ConsentMissing:   "the application has no permission in this tenant: an administrator of the tenant has to consent",
	AppMissing:       "the application does not exist in this tenant: it was never consented there, or was removed",
	AppDisabled:      "the application is disabled in this tenant: an administrator of the tenant has to enable sign-in for it",
	TenantMissing:    "Microsoft does not know this tenant, or it belongs to another cloud",
	TenantMismatch:   "Microsoft answered for another tenant than the one that was asked for",
	KeyUnknown:       "Microsoft does not know the certificate that signed: it has not spread yet, or was removed from the registration",
	SecretExpired:    "the client secret of the old application has expired: a new one has to be entered",
	SecretInvalid:    "the client secret of the old application is wrong: a new one has to be entered",
	TokenRejected:    "Microsoft Graph did not accept the access token",
	ProofRejected:    "Microsoft did not accept the proof that we hold the signing key",
	KeyMissing:       "the key is not on the registration",
	DeltaExpired:     "Microsoft no longer knows where the last synchronization ended: a full round is needed",
	LinkRefused:      "a continuation link points to another server and was not followed",
	NotFound:         "Microsoft does not know the object",
	SignInStale:      "the sign-in is too old or was already used: sign in again",
	IdentityRejected: "the sign-in could not be verified: sign in again",
	Misconfigured:    "the configuration of our application does not fit what Microsoft expects",
	Unexpected:       "Microsoft answered in a way we do not know",
}

func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString(sentences[e.Kind])
	var details []string
	add := func(format string, value any, present bool) {
		if present {
			details = append(details, fmt.Sprintf(format, value))
		}
	}
	add("%s", e.Code, e.Code != "")
	add("HTTP %d", e.HTTPStatus, e.HTTPStatus != 0)
	add("try again in %s", e.RetryAfter, e.RetryAfter > 0)
	add("request %s", e.RequestID, e.RequestID != "")
	add("correlation %s", e.CorrelationID, e.CorrelationID != "")
	if len(details) > 0 {
		fmt.Fprintf(&text, " (%s)", strings.Join(details, ", "))
	}
	if e.err != nil {
		fmt.Fprintf(&text, ": %v", e.err)
	}
	return text.String()
}

func (e *Error) Unwrap() error { return e.err }

// FaultKind, FaultCode and Wait are what rooms that do not know this package read of an error: what to do next,
// Microsoft's code, and how long Microsoft asks to wait.
func (e *Error) FaultKind() string { return string(e.Kind) }

// FaultCode is Microsoft's code, empty if there was none.
func (e *Error) FaultCode() string { return e.Code }

// Wait is what Microsoft asks for, else zero.
func (e *Error) Wait() time.Duration { return e.RetryAfter }

// KindOf is the kind of the *Error in err's chain, or empty if there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

func as(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, err: fmt.Errorf(format, args...)}
}

// errSlow ends an exchange by our own patience. The caller's has no kind: whoever gave up knows what to do next.
var errSlow = as(Unavailable, "no answer within %s", tokenTimeout)

// outcome gives the error of a library call the shape this package promises: the *Error that the transport
// found, or the end of the caller's patience, or what kept us from getting an answer at all.
func outcome(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*Error](err)
	if !ok && ctx.Err() != nil {
		if e, ok = errors.AsType[*Error](context.Cause(ctx)); !ok {
			return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
		}
	}
	if !ok {
		e = classified(err)
		if ending := trailOf(ctx).ending(); ending != nil {
			e = ending
		}
	}
	return fmt.Errorf("%s: %w", doing, trailOf(ctx).named(e))
}

func classified(err error) *Error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		// Its text repeats the address, which for a delta link carries a token.
		return &Error{Kind: Unavailable, err: e.Err}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{Kind: Unavailable, err: err}
	}
	return &Error{Kind: Unexpected, err: err}
}
