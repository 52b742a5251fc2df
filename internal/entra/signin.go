package entra

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"consentry/internal/consent"
)

// SignIn builds the two legs of a consent session and redeems the second. It is no session itself: states, nonces
// and verifiers come from whoever keeps the session.
type SignIn struct {
	cloud  Cloud
	source CredentialSource
	now    func() time.Time
	http   *http.Client
	tokens *idTokens
}

// NewSignIn makes the interactive legs of one cloud.
func NewSignIn(cloud Cloud, source CredentialSource, now func() time.Time) *SignIn {
	client := cloud.client()
	return &SignIn{cloud: cloud, source: source, now: now, http: client, tokens: &idTokens{cloud: cloud, now: now, http: client}}
}

// Organizations is the address of "any work tenant", for a connector whose tenant is not known yet.
const Organizations = "organizations"

// AdminConsentURL is the first leg: the admin consent page of the tenant, for exactly what the registration
// requires. tenant is a tenant id or Organizations.
func (s *SignIn) AdminConsentURL(tenant, clientID, redirectURI, state string) string {
	query := url.Values{
		"client_id":    {clientID},
		"redirect_uri": {redirectURI},
		"state":        {state},
		"scope":        {s.cloud.graphScope()},
	}
	return s.cloud.browserAuthority() + "/" + url.PathEscape(tenant) + "/v2.0/adminconsent?" + query.Encode()
}

// SignInRequest is the second leg.
type SignInRequest struct {
	Tenant      string
	ClientID    string
	RedirectURI string
	State       string
	Nonce       string
	Verifier    string // PKCE
	Prompt      string // empty, select_account or login
	LoginHint   string
}

// AuthorizeURL is the second leg: a sign-in in the tenant, which shows who stands there. The answer comes by GET,
// because a cookie of ours would not come along with a form posted from another site.
func (s *SignIn) AuthorizeURL(r SignInRequest) string {
	options := []oauth2.AuthCodeOption{
		oidc.Nonce(r.Nonce),
		oauth2.S256ChallengeOption(r.Verifier),
		oauth2.SetAuthURLParam("response_mode", "query"),
	}
	if r.Prompt != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", r.Prompt))
	}
	if r.LoginHint != "" {
		options = append(options, oauth2.SetAuthURLParam("login_hint", r.LoginHint))
	}
	return s.config(r.Tenant, r.ClientID, r.RedirectURI).AuthCodeURL(r.State, options...)
}

func (s *SignIn) config(tenant, clientID, redirectURI string) *oauth2.Config {
	return &oauth2.Config{
		ClientID:    clientID,
		RedirectURL: redirectURI,
		Scopes:      []string{oidc.ScopeOpenID, "profile"},
		Endpoint: oauth2.Endpoint{
			AuthURL:   s.cloud.browserAuthority() + "/" + url.PathEscape(tenant) + "/oauth2/v2.0/authorize",
			TokenURL:  s.cloud.tokenURL(tenant),
			AuthStyle: oauth2.AuthStyleInParams,
		},
	}
}

// RedeemRequest exchanges the code of the second leg.
type RedeemRequest struct {
	CellID      string
	Tenant      string
	ClientID    string
	Code        string
	Verifier    string
	Nonce       string
	RedirectURI string
}

// Redeem exchanges the code and returns who signed in, from the verified id token. Whether that person may bind
// anything is for consent.CheckIdentity to say.
func (s *SignIn) Redeem(ctx context.Context, r RedeemRequest) (consent.Identity, error) {
	const doing = "verify the sign-in"
	ctx, cancel := context.WithTimeoutCause(traced(ctx), tokenTimeout, errSlow)
	defer cancel()
	raw, signedBy, err := s.exchange(ctx, r)
	if KindOf(err) == KeyUnknown {
		// The key was exchanged between signing and checking; a code is not spent by a client that was not known.
		if now, unread := s.source.CellSigner(ctx, r.CellID); unread == nil && now.CredentialID != signedBy {
			raw, _, err = s.exchange(ctx, r)
		}
	}
	if err != nil {
		return consent.Identity{}, outcome(ctx, doing, err)
	}
	verified, err := s.tokens.verify(ctx, r.Tenant, r.ClientID, r.Nonce, raw)
	if err != nil {
		return consent.Identity{}, outcome(ctx, doing, err)
	}
	return verified.identity(), nil
}

// exchange redeems the code as the cell, with the key that signs for it now.
func (s *SignIn) exchange(ctx context.Context, r RedeemRequest) (raw, credentialID string, err error) {
	key, err := s.source.CellSigner(ctx, r.CellID)
	if err != nil {
		return "", "", err
	}
	if key.ClientID != r.ClientID {
		return "", "", as(Misconfigured, "cell %s is not application %s", r.CellID, r.ClientID)
	}
	config := s.config(r.Tenant, r.ClientID, r.RedirectURI)
	assertion, err := key.assertion(config.Endpoint.TokenURL, s.now())
	if err != nil {
		return "", "", err
	}
	raw, err = redeem(ctx, s.http, config, r.Code,
		oauth2.VerifierOption(r.Verifier),
		oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
		oauth2.SetAuthURLParam("client_assertion", assertion))
	return raw, key.CredentialID, err
}

// redeem exchanges a code for an id token. The access token beside it is dropped: it would read the profile, which
// nobody asked for.
func redeem(ctx context.Context, client *http.Client, config *oauth2.Config, code string, options ...oauth2.AuthCodeOption) (string, error) {
	if code == "" {
		return "", as(SignInStale, "the answer has no code")
	}
	ctx, cancel := context.WithTimeoutCause(context.WithValue(ctx, oauth2.HTTPClient, client), tokenTimeout, errSlow)
	defer cancel()
	token, err := config.Exchange(ctx, code, options...)
	if err != nil {
		return "", err
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return "", as(IdentityRejected, "the token endpoint sent no id token")
	}
	return raw, nil
}
