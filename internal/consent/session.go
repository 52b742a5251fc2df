// Package consent holds the rules that bind a person, a tenant and an account to each other.
//
// The attack they exist for: an attacker begins "connect" in his own workspace and then opens our callback with
// his own valid state and tenant=<a tenant that is already our customer>. That tenant consented long ago, so our
// app's tokens for it work, and the attacker's workspace would read somebody else's directory. Neither the state
// nor the tenant parameter stops him: the state is his own, and the parameter is anybody's.
//
// Therefore a consent session has two legs at Microsoft. The admin consent at the tenant's own address says only
// whether to go on. The sign-in that follows, pinned to the same tenant, says who stood there: only the tenant,
// object id, roles and membership in its verified id token bind the session.
//
// Everything here is pure. A refusal is data: a stable code, and a sentence for a person.
package consent

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/url"
	"time"
)

// Refusal is a rule that said no. It changes nothing; it is audited and shown. It is deliberately no error: a
// nil *Refusal in an error variable would not be nil.
type Refusal struct {
	Code     string
	Sentence string
	// Prompt is the OIDC prompt with which the same leg should be tried again, or empty.
	Prompt string
	// Expected and Returned are the tenant ids when they differ.
	Expected, Returned string
}

// The codes of refusals.
const (
	CodeStateMissing      = "state_missing"
	CodeStateUnknown      = "state_unknown"
	CodeStateExpired      = "state_expired"
	CodeStateUsed         = "state_used"
	CodeWrongLeg          = "wrong_leg"
	CodeWrongBrowser      = "wrong_browser"
	CodeMalformed         = "malformed_return"
	CodeTenantMissing     = "tenant_missing"
	CodeTenantMismatch    = "tenant_mismatch"
	CodeConsentNotGiven   = "consent_not_given"
	CodeGuest             = "guest_account"
	CodeMembershipUnknown = "membership_unknown"
	CodeRoleMissing       = "role_missing"
	CodeRoleInsufficient  = "role_insufficient"
	CodeIdentityMissing   = "identity_missing"
	CodeNotWaiting        = "not_waiting"
	CodeTenantUnproven    = "tenant_unproven"
	CodeTenantShared      = "tenant_shared"
)

// Leg is one way to Microsoft and back. Each has its own state.
type Leg string

// The legs of a consent session.
const (
	LegAdminConsent Leg = "admin-consent"
	LegSignIn       Leg = "sign-in"
)

// Pending is what was recorded when a leg began. The state and the browser's cookie are kept as hashes only, so
// that a copy of the database opens no session.
type Pending struct {
	Leg         Leg
	StateHash   string
	BrowserHash string
	ExpiresAt   time.Time
	UsedAt      time.Time
}

// Hash is how states and browser cookies are kept and found.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Callback is what came back from Microsoft, as far as it concerns the session.
type Callback struct {
	Leg     Leg    // by the address that was called
	State   string // from the query
	Browser string // from the cookie
}

// CheckCallback says whether a callback belongs to the pending leg. A pending leg is looked up by Hash(state);
// nil means that there is none.
func CheckCallback(now time.Time, pending *Pending, callback Callback) *Refusal {
	switch {
	case callback.State == "":
		return refuse(CodeStateMissing, "This answer from Microsoft does not say which attempt it belongs to. Nothing has changed; start again from the page of the migration.")
	case pending == nil || !equal(pending.StateHash, Hash(callback.State)):
		return refuse(CodeStateUnknown, "This answer belongs to no attempt that we know. Nothing has changed; start again from the page of the migration.")
	case pending.Leg != callback.Leg:
		return refuse(CodeWrongLeg, "This answer belongs to another step of the attempt. Nothing has changed; start again from the page of the migration.")
	case !pending.UsedAt.IsZero():
		return refuse(CodeStateUsed, "This answer was already used. Nothing has changed; if the attempt did not succeed, start again.")
	case !now.Before(pending.ExpiresAt):
		return refuse(CodeStateExpired, "This attempt is too old. Nothing has changed; start again.")
	case pending.BrowserHash == "" || callback.Browser == "" || !equal(pending.BrowserHash, Hash(callback.Browser)):
		return refuse(CodeWrongBrowser, "This attempt was begun in another browser. Finish it there, or start again in this one.")
	}
	return nil
}

// CheckStateless says what an answer without state may do. Microsoft leaves the state out of some errors, and
// such an answer may end the one open session of this browser; anything else without a state is refused.
func CheckStateless(query url.Values, browser string, openSessions int) *Refusal {
	if query.Get("error") == "" || browser == "" || openSessions != 1 {
		return refuse(CodeStateMissing, "This answer from Microsoft does not say which attempt it belongs to. Nothing has changed; start again from the page of the migration.")
	}
	return nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func refuse(code, sentence string) *Refusal { return &Refusal{Code: code, Sentence: sentence} }
