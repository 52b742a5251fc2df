package emulator_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

const verifier = "a-verifier-that-is-at-least-forty-three-characters-long"

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func signInQuery() url.Values {
	return url.Values{"client_id": {connectorApp}, "redirect_uri": {callback}, "scope": {"openid profile"}, "response_type": {"code"},
		"response_mode": {"query"}, "state": {"s2"}, "nonce": {"n1"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"}}
}

// redeem exchanges a code, proving the app by certificate.
func (s *stage) redeem(t *testing.T, tenant, code string, change func(url.Values)) (int, map[string]any) {
	t.Helper()
	path := "/" + tenant + "/oauth2/v2.0/token"
	assertion, err := s.signed(s.key, s.HTTPSURL()+path, nil)
	require.NoError(t, err)
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {connectorApp}, "code": {code}, "redirect_uri": {callback},
		"code_verifier": {verifier}, "client_assertion_type": {assertionType}, "client_assertion": {assertion}}
	if change != nil {
		change(form)
	}
	return s.post(t, path, form)
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

func TestSignInTellsWhoAndWithWhichRole(t *testing.T) {
	s := newStage(t)
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	member := "b79fbf4d-3ef9-4689-8143-76b194e85509"
	for upn, want := range map[string]struct {
		wids []string
		acct float64
	}{
		globalAdmin: {[]string{"62e90394-69f5-4237-9190-012177145e10", member}, 0},
		roleAdmin:   {[]string{"e8611ab8-c189-46e8-94e1-60213ab1f814", member}, 0},
		cloudAdmin:  {[]string{"158c047a-c907-4556-b7ef-446551a6b5f7", member}, 0},
		plainUser:   {[]string{member}, 0},
		guestAdmin:  {[]string{"62e90394-69f5-4237-9190-012177145e10", "10dae51f-b6af-4016-8d66-8c2a99b929b3"}, 1},
	} {
		b := newBrowser(t)
		at := s.address("/"+customerTenant+"/oauth2/v2.0/authorize", signInQuery())
		sent := b.press(at, b.open(at), "login="+upn).sent
		require.Equal(t, "s2", sent.Get("state"), upn)
		status, body := s.redeem(t, customerTenant, sent.Get("code"), nil)
		require.Equal(t, 200, status, body)

		ctx := oidc.ClientContext(t.Context(), s.HTTPClient())
		provider, err := oidc.NewProvider(ctx, s.HTTPSURL()+"/"+customerTenant+"/v2.0")
		require.NoError(t, err)
		token, err := provider.Verifier(&oidc.Config{ClientID: connectorApp, Now: s.clock.Now}).Verify(ctx, body["id_token"].(string))
		require.NoError(t, err)
		var claims struct {
			TID, OID, Name, Nonce, Ver, Email string
			Wids                              []string
			Acct                              *float64
		}
		require.NoError(t, token.Claims(&claims))
		require.Equal(t, customerTenant, claims.TID)
		require.Equal(t, "n1", claims.Nonce)
		require.Equal(t, "2.0", claims.Ver)
		require.Equal(t, want.wids, claims.Wids, upn)
		require.Equal(t, want.acct, *claims.Acct, upn)
		require.Empty(t, claims.Email, "no e-mail address without its scope")
	}
}

func TestSignInThroughTheUsualLibrary(t *testing.T) {
	s := newStage(t)
	require.NoError(t, s.AddApplication(consoleApp(s)))
	ctx := oidc.ClientContext(t.Context(), s.HTTPClient())
	provider, err := oidc.NewProvider(ctx, s.HTTPSURL()+"/"+vendorTenant+"/v2.0")
	require.NoError(t, err)
	config := oauth2.Config{ClientID: consoleID, Endpoint: provider.Endpoint(), RedirectURL: callback, Scopes: []string{"openid", "profile"}}
	browserAt := config
	browserAt.Endpoint.AuthURL = s.HTTPURL() + "/" + vendorTenant + "/oauth2/v2.0/authorize"
	proof := oauth2.GenerateVerifier()
	at := browserAt.AuthCodeURL("s3", oauth2.S256ChallengeOption(proof), oidc.Nonce("n3"))

	b := newBrowser(t)
	page := b.press(at, b.open(at), "login=olga@vendor.example")
	token, err := config.Exchange(ctx, page.sent.Get("code"), oauth2.VerifierOption(proof))
	require.NoError(t, err)
	id, err := provider.Verifier(&oidc.Config{ClientID: consoleID}).Verify(ctx, token.Extra("id_token").(string))
	require.NoError(t, err)
	require.Equal(t, s.HTTPSURL()+"/"+vendorTenant+"/v2.0", id.Issuer, "the issuer is the programs' address although the browser used the other")
	require.Equal(t, "n3", id.Nonce)
}

func TestSingleSignOnAndPrompts(t *testing.T) {
	s := newStage(t)
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	b := newBrowser(t)
	with := func(name, value string) string {
		q := signInQuery()
		q.Set(name, value)
		return s.address("/"+customerTenant+"/oauth2/v2.0/authorize", q)
	}
	require.Equal(t, "login_required", b.open(with("prompt", "none")).sent.Get("error"))
	at := with("state", "s4")
	require.NotEmpty(t, b.press(at, b.open(at), "login="+plainUser).sent.Get("code"))
	require.NotEmpty(t, b.open(at).sent.Get("code"), "signed in already")
	require.NotEmpty(t, b.open(with("prompt", "none")).sent.Get("code"))
	for _, prompt := range []string{"login", "select_account"} {
		require.Contains(t, b.open(with("prompt", prompt)).buttons, "login="+globalAdmin, prompt)
	}
	require.Contains(t, b.open(with("login_hint", globalAdmin)).buttons, "login="+globalAdmin, "somebody else is wanted")
	again := with("prompt", "select_account")
	require.NotEmpty(t, b.press(again, b.open(again), "login="+globalAdmin).sent.Get("code"))
	require.Equal(t, "interaction_required", b.open(with("prompt", "none")).sent.Get("error"), "two accounts to choose from")

	b.open(s.HTTPURL() + "/" + customerTenant + "/oauth2/v2.0/logout")
	require.Equal(t, "login_required", b.open(with("prompt", "none")).sent.Get("error"))
}

func TestPersonalConsentWhenNobodyConsentedBefore(t *testing.T) {
	s := newStage(t)
	b := newBrowser(t)
	at := s.address("/"+customerTenant+"/oauth2/v2.0/authorize", signInQuery())
	page := b.press(at, b.open(at), "login="+plainUser)
	require.Contains(t, page.text, "Permissions requested")
	declined := b.press(at, page, "consent=cancel").sent
	require.Equal(t, "access_denied", declined.Get("error"))
	require.Equal(t, "s2", declined.Get("state"))
	require.NotEmpty(t, b.press(at, page, "consent=accept").sent.Get("code"))
	require.NotEmpty(t, b.open(at).sent.Get("code"), "asked once")
	for _, g := range s.Grants(customerTenant) {
		if g.AppID == connectorApp {
			require.Empty(t, g.Roles, "a person cannot grant application permissions")
		}
	}
}

func TestAnswerAsFormAndFragment(t *testing.T) {
	s := newStage(t)
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	b := newBrowser(t)
	q := signInQuery()
	q.Set("response_mode", "form_post")
	at := s.address("/"+customerTenant+"/oauth2/v2.0/authorize", q)
	page := b.press(at, b.open(at), "login="+plainUser)
	require.Equal(t, callback, page.action)
	require.NotEmpty(t, page.hidden.Get("code"))
	require.Equal(t, "s2", page.hidden.Get("state"))

	q.Set("response_mode", "fragment")
	answer := b.open(s.address("/"+customerTenant+"/oauth2/v2.0/authorize", q))
	require.Equal(t, "#", answer.mark)
	require.NotEmpty(t, answer.sent.Get("code"))
}

func TestCodesAreRefused(t *testing.T) {
	s := newStage(t)
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	b := newBrowser(t)
	at := s.address("/"+customerTenant+"/oauth2/v2.0/authorize", signInQuery())
	b.press(at, b.open(at), "login="+plainUser)
	fresh := func() string { return b.open(at).sent.Get("code") }
	refused := func(want, tenant, code string, change func(url.Values)) {
		t.Helper()
		status, body := s.redeem(t, tenant, code, change)
		require.GreaterOrEqual(t, status, 400)
		require.Contains(t, body["error_description"], want)
	}
	used := fresh()
	status, body := s.redeem(t, customerTenant, used, nil)
	require.Equal(t, 200, status, body)
	refused("AADSTS54005:", customerTenant, used, nil)
	refused("AADSTS70000:", customerTenant, "made up", nil)
	refused("AADSTS501481:", customerTenant, fresh(), func(f url.Values) { f.Set("code_verifier", verifier+"!") })
	refused("AADSTS501481:", customerTenant, fresh(), func(f url.Values) { f.Del("code_verifier") })
	refused("AADSTS500112:", customerTenant, fresh(), func(f url.Values) { f.Set("redirect_uri", callback+"2") })
	refused("AADSTS700005:", vendorTenant, fresh(), nil)
	refused("AADSTS7000218:", customerTenant, fresh(), func(f url.Values) { f.Del("client_assertion") })
	old := fresh()
	s.clock.Advance(11 * time.Minute)
	refused("AADSTS70008:", customerTenant, old, nil)
}

func TestRequestsThatGoBackToTheAppAsErrors(t *testing.T) {
	s := newStage(t)
	for name, c := range map[string]struct{ field, value, want string }{
		"id_token not enabled": {"response_type", "id_token", "unsupported_response_type"},
		"no response type":     {"response_type", "", "invalid_request"},
		"unknown scope":        {"scope", "openid groups", "invalid_scope"},
		"no scope":             {"scope", "", "invalid_request"},
		"short challenge":      {"code_challenge", "short", "invalid_request"},
	} {
		q := signInQuery()
		q.Set(c.field, c.value)
		sent := newBrowser(t).open(s.address("/"+customerTenant+"/oauth2/v2.0/authorize", q)).sent
		require.Equal(t, c.want, sent.Get("error"), name)
		require.Equal(t, "s2", sent.Get("state"), name)
	}
}

func TestErrorsForTokensGoByFragmentUnlessAskedOtherwise(t *testing.T) {
	s := newStage(t)
	for _, c := range []struct{ kind, mode, mark string }{
		{"id_token", "", "#"}, {"code id_token", "", "#"}, {"id_token", "fragment", "#"}, {"", "", "?"}, {"nonsense", "", "?"},
	} {
		q := signInQuery()
		q.Set("response_type", c.kind)
		q.Set("response_mode", c.mode)
		v := newBrowser(t).open(s.address("/"+customerTenant+"/oauth2/v2.0/authorize", q))
		require.Equal(t, c.mark, v.mark, c)
		require.NotEmpty(t, v.sent.Get("error"), c)
		require.Equal(t, "s2", v.sent.Get("state"), c)
	}
}

func TestWhatAPagePostsIsListedWithTenantAndApp(t *testing.T) {
	s := newStage(t)
	b := newBrowser(t)
	at := s.address("/organizations/oauth2/v2.0/authorize", signInQuery())
	b.press(at, b.open(at), "login="+plainUser)
	last := s.Requests()[0]
	require.Equal(t, http.MethodPost, last.Method)
	require.Equal(t, customerTenant, last.TenantID)
	require.Equal(t, connectorApp, last.AppID)
}

func TestDisabledAccountCannotSignIn(t *testing.T) {
	s := newStage(t)
	require.NoError(t, s.UpdateUser(customerTenant, "00000000-0000-4000-8000-0000000000a4", map[string]any{"accountEnabled": false}))
	b := newBrowser(t)
	at := s.address("/"+customerTenant+"/oauth2/v2.0/authorize", signInQuery())
	require.Contains(t, b.press(at, b.open(at), "login="+plainUser).text, "AADSTS50057")
}

func TestPromptsThatExist(t *testing.T) {
	s := newStage(t)
	for prompt, refused := range map[string]bool{"login": false, "select_account": false, "consent": false, "create": false, "bogus": true} {
		query := signInQuery()
		query.Set("prompt", prompt)
		v := newBrowser(t).open(s.address("/"+customerTenant+"/oauth2/v2.0/authorize", query))
		if !refused {
			require.Contains(t, v.text, "Pick an account", prompt)
			continue
		}
		require.Equal(t, "invalid_request", v.sent.Get("error"))
		require.Contains(t, v.sent.Get("error_description"), "AADSTS90023: ")
		require.Equal(t, "s2", v.sent.Get("state"))
	}
}
