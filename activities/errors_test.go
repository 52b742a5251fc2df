package activities

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"consentry/internal/contract"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
)

// microsoft is an error as an adapter on Microsoft gives it.
type microsoft struct {
	kind string
	wait time.Duration
}

func (e microsoft) Error() string       { return "Microsoft says " + e.kind }
func (e microsoft) FaultKind() string   { return e.kind }
func (e microsoft) FaultCode() string   { return "" }
func (e microsoft) Wait() time.Duration { return e.wait }

// TestWhatAReadingFaultMeans: for every error that reading a directory can give,
// the one type that crosses to the workflow, and whether it is retried.
func TestWhatAReadingFaultMeans(t *testing.T) {
	const connector, legacy = true, false
	ms := func(kind string) error { return fmt.Errorf("read users: %w", microsoft{kind: kind}) }
	for name, c := range map[string]struct {
		err       error
		connector bool
		attempt   int32
		kind      string
		retry     bool
	}{
		"throttled":                                     {ms("throttled"), connector, 50, contract.ErrThrottled, true},
		"unavailable":                                   {ms("unavailable"), legacy, 50, contract.ErrUnavailable, true},
		"an answer nobody planned for":                  {ms("unexpected"), legacy, 50, contract.ErrUnavailable, true},
		"a kind of a later version":                     {ms("something_new"), connector, 50, contract.ErrUnavailable, true},
		"a consent that still travels":                  {ms("not_visible_yet"), connector, 50, contract.ErrConsentNotVisibleYet, true},
		"a permission missing once":                     {ms("consent_missing"), connector, 1, contract.ErrConsentNotVisibleYet, true},
		"a permission missing again and again":          {ms("consent_missing"), connector, 4, contract.ErrConsentLost, false},
		"the app gone again and again":                  {ms("app_missing"), connector, 4, contract.ErrConsentLost, false},
		"the app switched off":                          {ms("app_disabled"), connector, 1, contract.ErrConsentLost, false},
		"the legacy app gone again and again":           {ms("app_missing"), legacy, 4, contract.ErrLegacyCredentialDead, false},
		"the legacy app's permission gone":              {ms("consent_missing"), legacy, 4, contract.ErrLegacyCredentialDead, false},
		"an expired secret":                             {ms("secret_expired"), legacy, 1, contract.ErrLegacyCredentialDead, false},
		"a wrong secret":                                {ms("secret_invalid"), legacy, 1, contract.ErrLegacyCredentialDead, false},
		"another tenant's answer":                       {ms("tenant_mismatch"), connector, 1, contract.ErrTenantMismatch, false},
		"a tenant that does not exist":                  {ms("tenant_missing"), connector, 1, contract.ErrTenantMismatch, false},
		"a certificate that still travels":              {ms("key_unknown"), connector, 50, contract.ErrKeyRejected, true},
		"a dead link":                                   {ms("delta_expired"), connector, 1, contract.ErrDeltaExpired, false},
		"a link to another server":                      {ms("link_refused"), connector, 1, contract.ErrMisconfigured, false},
		"our own registration":                          {ms("misconfigured"), connector, 1, contract.ErrMisconfigured, false},
		"no page, at first":                             {&dirsync.PageError{Stream: dirsync.Users}, connector, 3, contract.ErrPageUnreadable, true},
		"no page, again and again":                      {&dirsync.PageError{Stream: dirsync.Users}, connector, 4, contract.ErrPageUnreadable, false},
		"a store that is away":                          {domain.Refuse(domain.Unavailable, "store", "x"), legacy, 50, contract.ErrStoreUnavailable, true},
		"a legacy secret that was destroyed":            {domain.Refuse(domain.Gone, "destroyed", "x"), legacy, 1, contract.ErrLegacyCredentialDead, false},
		"a legacy secret that was never given":          {domain.Missing("secret"), legacy, 1, contract.ErrLegacyCredentialDead, false},
		"a cell without an active certificate":          {domain.Missing("credential"), connector, 1, contract.ErrMisconfigured, false},
		"an error that nobody gave a type, for example": {errors.New("boom"), connector, 50, contract.ErrUnavailable, true},
	} {
		t.Run(name, func(t *testing.T) {
			v := directoryFault(c.err, c.connector, c.attempt)
			require.Equal(t, c.kind, v.kind)
			require.Equal(t, c.retry, v.retry)
			require.NotEqual(t, contract.SyncUnexpectedFault, contract.SyncCodeOf(v.kind), "every type has a code of its own")
			var application *temporal.ApplicationError
			require.ErrorAs(t, v.application(c.err), &application)
			require.Equal(t, c.kind, application.Type())
			require.Equal(t, !c.retry, application.NonRetryable())
		})
	}
}

func TestMicrosoftsWaitBecomesTheNextRetry(t *testing.T) {
	cause := microsoft{kind: "throttled", wait: 150 * time.Second}
	var application *temporal.ApplicationError
	require.ErrorAs(t, directoryFault(cause, true, 1).application(cause), &application)
	require.Equal(t, 150*time.Second, application.NextRetryDelay())
	require.Equal(t, temporal.ApplicationErrorCategoryBenign, application.Category(), "being slowed down is no alarm")
}

func TestWhatACommandsFaultMeans(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		kind  string
		retry bool
	}{
		"a store that is away":     {domain.Refuse(domain.Unavailable, "store", "x"), contract.ErrStoreUnavailable, true},
		"a row that is not there":  {domain.Missing("run"), contract.ErrNotFound, false},
		"a position lost for good": {domain.Refuse(domain.Gone, contract.SyncDeltaExpired, "x"), contract.ErrDeltaExpired, false},
		"a rule":                   {domain.Refuse(domain.Conflict, "not-read", "x"), contract.ErrStopped, false},
	} {
		t.Run(name, func(t *testing.T) {
			var application *temporal.ApplicationError
			require.ErrorAs(t, syncCommandFault(c.err), &application)
			require.Equal(t, c.kind, application.Type())
			require.Equal(t, !c.retry, application.NonRetryable())
		})
	}
	require.NoError(t, syncCommandFault(nil))
	require.ErrorIs(t, syncCommandFault(context.Canceled), context.Canceled)
	boom := errors.New("boom")
	require.Equal(t, boom, syncCommandFault(boom), "what has no type is retried in sight")
}
