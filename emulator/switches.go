package emulator

import (
	"fmt"
	"maps"
	"slices"
)

// Switches choose where the documents of the real service are silent or disagree with what was observed. The zero value
// is the default of each; a tenant may have its own. README.md lists them with their sources.
type Switches struct {
	// ConsentDeclined is how a declined admin consent comes back: "access_denied" with error_subcode=cancel (default,
	// observed), "consent_required" together with admin_consent=True (documented for v2), or "permission_denied" without
	// tenant and state (documented for v1).
	ConsentDeclined string `json:"consentDeclined,omitempty"`
	// MissingPrincipal is what the token endpoint says to an app without a service principal in the tenant: "7000229"
	// (default), "700016", or "token": a token without oid and roles, as it was before March 2026.
	MissingPrincipal string `json:"missingPrincipal,omitempty"`
	// PrincipalFirst looks for the service principal before the credential.
	PrincipalFirst bool `json:"principalFirst,omitempty"`
	// LooseRedirects lets the v1 consent endpoint take addresses that continue a registered one, as its page says.
	LooseRedirects bool `json:"looseRedirects,omitempty"`
	// StrictAudience takes as audience of an assertion the called endpoint only, not the issuer or the same with the
	// tenant's GUID.
	StrictAudience bool `json:"strictAudience,omitempty"`
	// LooseAudience takes every name of the tenant and both versions of the endpoint besides.
	LooseAudience bool `json:"looseAudience,omitempty"`
	// CommonConsent lets the v2 consent endpoint be called at common, which is documented as not to be used there.
	CommonConsent bool `json:"commonConsent,omitempty"`
	// OldAssertionWording words refused signatures as the service did for years.
	OldAssertionWording bool `json:"oldAssertionWording,omitempty"`
	// TokenLifetime is fixed instead of drawn between 60 and 90 minutes.
	TokenLifetime Duration `json:"tokenLifetime,omitempty"`
	// RefreshIn tells clients to renew tokens that live for two hours or more at half their life.
	RefreshIn bool `json:"refreshIn,omitempty"`
	// PlainGraphTokens leaves out the nonce that makes Graph's tokens impossible to verify.
	PlainGraphTokens bool `json:"plainGraphTokens,omitempty"`
	// NewerClaims adds the claims that only some tokens have been seen with.
	NewerClaims bool `json:"newerClaims,omitempty"`
	// SpacedDescriptions puts trace id, correlation id and timestamp after spaces instead of line breaks.
	SpacedDescriptions bool `json:"spacedDescriptions,omitempty"`
	// NoErrorURI leaves error_uri out.
	NoErrorURI bool `json:"noErrorUri,omitempty"`
	// Refusals change the HTTP status and the OAuth error of refusals by AADSTS number: those of few are documented.
	Refusals map[int]Refusal `json:"refusals,omitempty"`
	// Graph are the switches of Microsoft Graph.
	Graph GraphSwitches `json:"graph,omitzero"`
}

// Refusal is how a refusal is told; what is empty stays as it is.
type Refusal struct {
	Status int    `json:"status,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Values of the switches that have several.
const (
	DeclinedAccessDenied     = "access_denied"
	DeclinedConsentRequired  = "consent_required"
	DeclinedPermissionDenied = "permission_denied"

	MissingIsInvalidClient = "7000229"
	MissingIsNotFound      = "700016"
	MissingGetsToken       = "token"
)

func (s *Switches) check() error {
	switch s.ConsentDeclined {
	case "", DeclinedAccessDenied, DeclinedConsentRequired, DeclinedPermissionDenied:
	default:
		return fmt.Errorf("consentDeclined is one of %s, %s and %s, not %q", DeclinedAccessDenied, DeclinedConsentRequired, DeclinedPermissionDenied, s.ConsentDeclined)
	}
	switch s.MissingPrincipal {
	case "", MissingIsInvalidClient, MissingIsNotFound, MissingGetsToken:
	default:
		return fmt.Errorf("missingPrincipal is one of %s, %s and %s, not %q", MissingIsInvalidClient, MissingIsNotFound, MissingGetsToken, s.MissingPrincipal)
	}
	if s.StrictAudience && s.LooseAudience {
		return fmt.Errorf("strictAudience and looseAudience exclude each other")
	}
	if s.TokenLifetime < 0 {
		return fmt.Errorf("tokenLifetime is a positive time span")
	}
	if err := s.Graph.check(); err != nil {
		return fmt.Errorf("graph: %w", err)
	}
	for _, code := range slices.Sorted(maps.Keys(s.Refusals)) {
		if _, known := authErrors[code]; !known {
			return fmt.Errorf("refusals names AADSTS%d, which is never said here", code)
		}
		if status := s.Refusals[code].Status; status != 0 && (status < 400 || status > 599) {
			return fmt.Errorf("refusals.%d.status is from 400 to 599, not %d", code, status)
		}
	}
	return nil
}

// switchesOf are those of a tenant, or the emulator's. The caller holds the lock.
func (s *Server) switchesOf(t *tenant) *Switches {
	if t != nil && t.Policy.Switches != nil {
		return t.Policy.Switches
	}
	return &s.config.Switches
}
