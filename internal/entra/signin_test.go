package entra_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"consentry/internal/consent"
	"consentry/internal/entra"
)

const callback = "https://consentry.example/consent/callback"

func TestTheLegsOfAConsentSession(t *testing.T) {
	cloud := entra.Global()
	cloud.BrowserAuthority = "http://127.0.0.1:8080"
	signIn := entra.NewSignIn(cloud, newCredentials(), time.Now)

	address, values := query(t, signIn.AdminConsentURL(contoso, cellApp, callback, "state-1"))
	require.Equal(t, "http://127.0.0.1:8080/"+contoso+"/v2.0/adminconsent", address.Scheme+"://"+address.Host+address.Path)
	require.Equal(t, url.Values{
		"client_id": {cellApp}, "redirect_uri": {callback}, "state": {"state-1"}, "scope": {"https://graph.microsoft.com/.default"},
	}, values)

	verifier := oauth2.GenerateVerifier()
	address, values = query(t, signIn.AuthorizeURL(entra.SignInRequest{
		Tenant: contoso, ClientID: cellApp, RedirectURI: callback, State: "state-2", Nonce: "nonce", Verifier: verifier,
		Prompt: consent.PromptSelectAccount, LoginHint: "ana@contoso.com",
	}))
	require.Equal(t, "http://127.0.0.1:8080/"+contoso+"/oauth2/v2.0/authorize", address.Scheme+"://"+address.Host+address.Path)
	sum := sha256.Sum256([]byte(verifier))
	require.Equal(t, url.Values{
		"client_id": {cellApp}, "redirect_uri": {callback}, "state": {"state-2"}, "nonce": {"nonce"}, "response_type": {"code"},
		"response_mode": {"query"}, "scope": {"openid profile"}, "prompt": {"select_account"}, "login_hint": {"ana@contoso.com"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}, values)

	address, _ = query(t, signIn.AdminConsentURL("../evil?x", cellApp, callback, "s"))
	require.Equal(t, "127.0.0.1:8080", address.Host)
	require.NotContains(t, address.EscapedPath(), "/../")
}

// goodClaims are those of an administrator who just signed in.
func goodClaims(f *fake) map[string]any {
	now := time.Now()
	return map[string]any{
		"iss": f.URL + "/" + contoso + "/v2.0", "aud": cellApp, "tid": contoso, "oid": "object-1", "sub": "pairwise", "nonce": "nonce-1",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(), "name": "Ana Ruiz", "ver": "2.0",
		"wids": []string{consent.RoleGlobalAdministrator}, "acct": 0,
	}
}

func redeemRequest() entra.RedeemRequest {
	return entra.RedeemRequest{
		CellID: "cell-1", Tenant: contoso, ClientID: cellApp, Code: "code-1", Verifier: "verifier-verifier-verifier-verifier-verifier",
		Nonce: "nonce-1", RedirectURI: callback,
	}
}

func TestRedeemSendsAllProofsAndReadsTheIdentity(t *testing.T) {
	f := newFake(t)
	f.keys = []any{pairs()[1].jwk("key-1", "")}
	var form url.Values
	f.token = func(w http.ResponseWriter, r *http.Request) {
		form = posted(r)
		writeJSON(w, http.StatusOK, map[string]any{"access_token": "unused", "token_type": "Bearer", "expires_in": 3600, "id_token": pairs()[1].idToken(t, "key-1", goodClaims(f))})
	}
	identity, err := entra.NewSignIn(f.cloud(), newCredentials(), time.Now).Redeem(t.Context(), redeemRequest())
	require.NoError(t, err)
	require.Equal(t, consent.Identity{
		TenantID: contoso, ObjectID: "object-1", Roles: []string{consent.RoleGlobalAdministrator}, Name: "Ana Ruiz",
	}, identity)
	require.Nil(t, consent.CheckIdentity(contoso, identity))

	require.Equal(t, "authorization_code", form.Get("grant_type"))
	require.Equal(t, "code-1", form.Get("code"))
	require.Equal(t, callback, form.Get("redirect_uri"))
	require.Equal(t, redeemRequest().Verifier, form.Get("code_verifier"))
	require.Equal(t, cellApp, form.Get("client_id"))
	require.Equal(t, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", form.Get("client_assertion_type"))
	require.Empty(t, form.Get("client_secret"))
	_, assertion := jwtParts(t, form.Get("client_assertion"))
	require.Equal(t, f.URL+"/"+contoso+"/oauth2/v2.0/token", assertion["aud"])
}

func TestMembershipIsReadFromTheToken(t *testing.T) {
	f := newFake(t)
	f.keys = []any{pairs()[1].jwk("key-1", "")}
	signIn := entra.NewSignIn(f.cloud(), newCredentials(), time.Now)
	for sentence, test := range map[string]struct {
		acct           any
		guest, unknown bool
	}{
		"a member":            {0, false, false},
		"a member, quoted":    {"0", false, false},
		"a guest":             {1, true, false},
		"a guest, quoted":     {"1", true, false},
		"something else":      {"member", true, false},
		"not said at all":     {nil, false, true},
		"said with a boolean": {false, true, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			claims := goodClaims(f)
			claims["acct"] = test.acct
			if test.acct == nil {
				delete(claims, "acct")
			}
			f.token = answerWith(pairs()[1].idToken(t, "key-1", claims))
			identity, err := signIn.Redeem(t.Context(), redeemRequest())
			require.NoError(t, err)
			require.Equal(t, test.guest, identity.Guest)
			require.Equal(t, test.unknown, identity.MembershipUnknown)
		})
	}
}

func answerWith(idToken string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"access_token": "unused", "token_type": "Bearer", "expires_in": 3600, "id_token": idToken})
	}
}

func TestAnIdTokenThatDoesNotStandUpBindsNothing(t *testing.T) {
	f := newFake(t)
	f.keys = []any{
		map[string]any{"kty": "oct-of-the-future", "kid": "strange"},
		pairs()[1].jwk("key-1", f.URL+"/{tenantid}/v2.0"),
		pairs()[1].jwk("adatum-only", f.URL+"/"+adatum+"/v2.0"),
	}
	signIn := entra.NewSignIn(f.cloud(), newCredentials(), time.Now)
	with := func(change func(map[string]any)) string {
		claims := goodClaims(f)
		change(claims)
		return pairs()[1].idToken(t, "key-1", claims)
	}
	set := func(name string, value any) string { return with(func(c map[string]any) { c[name] = value }) }
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims(goodClaims(f))).SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)
	confused := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(goodClaims(f)))
	confused.Header["kid"] = "key-1"
	hmac, err := confused.SignedString(pairs()[1].key.N.Bytes())
	require.NoError(t, err)
	good := with(func(map[string]any) {})
	head, signature, _ := cutLast(good, ".")
	payload, err := json.Marshal(map[string]any{"iss": f.URL + "/" + contoso + "/v2.0", "tid": contoso, "aud": cellApp})
	require.NoError(t, err)

	for sentence, token := range map[string]string{
		"the issuer of another tenant":           set("iss", f.URL+"/"+adatum+"/v2.0"),
		"the tenant of another issuer":           set("tid", adatum),
		"another tenant throughout":              with(func(c map[string]any) { c["iss"], c["tid"] = f.URL+"/"+adatum+"/v2.0", adatum }),
		"the issuer of the older endpoint":       set("iss", "https://sts.windows.net/"+contoso+"/"),
		"an issuer on another server":            set("iss", "https://evil.example/"+contoso+"/v2.0"),
		"no tenant":                              with(func(c map[string]any) { delete(c, "tid") }),
		"a tenant that is no id":                 set("tid", "organizations"),
		"another audience":                       set("aud", "another-app"),
		"two audiences":                          set("aud", []string{cellApp, "another-app"}),
		"another nonce":                          set("nonce", "nonce-2"),
		"no nonce":                               with(func(c map[string]any) { delete(c, "nonce") }),
		"expired":                                set("exp", time.Now().Add(-time.Minute).Unix()),
		"without an end":                         with(func(c map[string]any) { delete(c, "exp") }),
		"not valid yet":                          set("nbf", time.Now().Add(time.Hour).Unix()),
		"alg none":                               unsigned,
		"a public key used as a password":        hmac,
		"signed by another key under a known id": pairs()[0].idToken(t, "key-1", goodClaims(f)),
		"signed by a key nobody published":       pairs()[0].idToken(t, "key-2", goodClaims(f)),
		"signed by a key that may sign for another tenant": pairs()[1].idToken(t, "adatum-only", goodClaims(f)),
		"an exchanged payload":                             strings.Split(head, ".")[0] + "." + base64.RawURLEncoding.EncodeToString(payload) + "." + signature,
		"no token":                                         "",
		"no token at all":                                  "not.a.token",
		"a claim of another type":                          set("wids", "all of them"),
		"a tenant in another spelling of the claim":        with(func(c map[string]any) { delete(c, "tid"); c["TID"] = contoso }),
		"a nonce in another spelling of the claim":         with(func(c map[string]any) { c["nonce"] = "nonce-2"; c["Nonce"] = "nonce-1" }),
	} {
		t.Run(sentence, func(t *testing.T) {
			f.token = answerWith(token)
			identity, err := signIn.Redeem(t.Context(), redeemRequest())
			require.Equal(t, entra.IdentityRejected, entra.KindOf(err), "%v", err)
			require.Equal(t, consent.Identity{}, identity)
		})
	}
	f.token = answerWith(good)
	_, err = signIn.Redeem(t.Context(), redeemRequest())
	require.NoError(t, err, "the good token is refused too, so the table proves nothing")
}

func TestAClaimInAnotherSpellingGivesNoRole(t *testing.T) {
	f := newFake(t)
	f.keys = []any{pairs()[1].jwk("key-1", "")}
	claims := goodClaims(f)
	claims["Wids"], claims["WIDS"], claims["Acct"] = claims["wids"], claims["wids"], claims["acct"]
	delete(claims, "wids")
	delete(claims, "acct")
	f.token = answerWith(pairs()[1].idToken(t, "key-1", claims))
	identity, err := entra.NewSignIn(f.cloud(), newCredentials(), time.Now).Redeem(t.Context(), redeemRequest())
	require.NoError(t, err)
	require.Empty(t, identity.Roles)
	require.True(t, identity.MembershipUnknown)
}

func TestANewConnectorAcceptsTheTenantThatSignedIn(t *testing.T) {
	f := newFake(t)
	f.issuer = f.URL + "/{tenantid}/v2.0"
	f.keys = []any{pairs()[1].jwk("key-1", f.URL+"/{tenantid}/v2.0")}
	f.token = answerWith(pairs()[1].idToken(t, "key-1", goodClaims(f)))
	request := redeemRequest()
	request.Tenant = entra.Organizations
	identity, err := entra.NewSignIn(f.cloud(), newCredentials(), time.Now).Redeem(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, contoso, identity.TenantID)
}

func TestRolledSigningKeysAreReadAgainButNotForEveryForgery(t *testing.T) {
	f := newFake(t)
	f.keys = []any{pairs()[0].jwk("old", "")}
	now := time.Now()
	signIn := entra.NewSignIn(f.cloud(), newCredentials(), func() time.Time { return now })
	redeem := func(pair keyPair, keyID string) error {
		f.token = answerWith(pair.idToken(t, keyID, goodClaims(f)))
		_, err := signIn.Redeem(t.Context(), redeemRequest())
		return err
	}
	require.NoError(t, redeem(pairs()[0], "old"))
	require.NoError(t, redeem(pairs()[0], "old"))
	require.Equal(t, 1, f.count("discovery/v2.0/keys"))
	for range 5 {
		require.Error(t, redeem(pairs()[1], "forged"))
	}
	require.Equal(t, 1, f.count("discovery/v2.0/keys"))

	f.mu.Lock()
	f.keys = []any{pairs()[1].jwk("new", "")}
	f.mu.Unlock()
	now = now.Add(2 * time.Minute)
	require.NoError(t, redeem(pairs()[1], "new"))
	require.Error(t, redeem(pairs()[0], "old"), "a withdrawn key still signs")
	require.Equal(t, 2, f.count("discovery/v2.0/keys"))
}

func TestKeysOnAnotherServerAreNotTrusted(t *testing.T) {
	f, evil := newFake(t), newFake(t)
	evil.keys = []any{pairs()[1].jwk("key-1", "")}
	evil.issuer = f.URL + "/{tenant}/v2.0"
	cloud := f.cloud()
	proxy := http.NewServeMux()
	proxy.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"issuer": f.URL + "/" + contoso + "/v2.0", "jwks_uri": evil.URL + "/" + contoso + "/discovery/v2.0/keys",
			"id_token": pairs()[1].idToken(t, "key-1", goodClaims(f)), "access_token": "x", "token_type": "Bearer"})
	})
	f.Config.Handler = proxy
	_, err := entra.NewSignIn(cloud, newCredentials(), time.Now).Redeem(t.Context(), redeemRequest())
	require.Equal(t, entra.Misconfigured, entra.KindOf(err), "%v", err)
	require.Zero(t, evil.count(""))
}

func TestAUsedCodeIsStale(t *testing.T) {
	f := newFake(t)
	f.token = func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_codes": []int{54005}})
	}
	_, err := entra.NewSignIn(f.cloud(), newCredentials(), time.Now).Redeem(t.Context(), redeemRequest())
	require.Equal(t, entra.SignInStale, entra.KindOf(err))

	request := redeemRequest()
	request.ClientID = "another"
	_, err = entra.NewSignIn(f.cloud(), newCredentials(), time.Now).Redeem(t.Context(), request)
	require.Equal(t, entra.Misconfigured, entra.KindOf(err))
}

func TestTheConsoleSignInNamesPeopleByTenantAndObject(t *testing.T) {
	f := newFake(t)
	f.keys = []any{pairs()[1].jwk("key-1", "")}
	config := entra.ConsoleConfig{
		Issuer: f.URL + "/" + contoso + "/v2.0", ClientID: cellApp, ClientSecret: "console~secret", RedirectURI: callback,
		BrowserAuthority: "http://127.0.0.1:8080", HTTP: f.Client(),
	}
	console := entra.NewConsole(config, time.Now)
	require.NotContains(t, config.String(), "console~secret")

	address, err := console.AuthorizeURL(t.Context(), entra.ConsoleRequest{State: "state", Nonce: "nonce-1", Verifier: oauth2.GenerateVerifier()})
	require.NoError(t, err)
	parsed, values := query(t, address)
	require.Equal(t, "http://127.0.0.1:8080/"+contoso+"/oauth2/v2.0/authorize", parsed.Scheme+"://"+parsed.Host+parsed.Path)
	require.Equal(t, "S256", values.Get("code_challenge_method"))
	require.Equal(t, "nonce-1", values.Get("nonce"))

	f.token = answerWith(pairs()[1].idToken(t, "key-1", goodClaims(f)))
	request := entra.ConsoleRedeemRequest{Code: "code", Nonce: "nonce-1", Verifier: "verifier"}
	identity, err := console.Redeem(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, entra.ConsoleIdentity{Issuer: config.Issuer, Subject: contoso + "/object-1", Name: "Ana Ruiz"}, identity)

	other := goodClaims(f)
	other["tid"] = adatum
	f.token = answerWith(pairs()[1].idToken(t, "key-1", other))
	identity, err = console.Redeem(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, "pairwise", identity.Subject, "a tenant that is not the issuer's own names nobody")

	request.Nonce = "nonce-2"
	_, err = console.Redeem(t.Context(), request)
	require.Equal(t, entra.IdentityRejected, entra.KindOf(err))
	request.Nonce = "nonce-1"
	f.token = answerWith(pairs()[0].idToken(t, "key-1", goodClaims(f)))
	_, err = console.Redeem(t.Context(), request)
	require.Equal(t, entra.IdentityRejected, entra.KindOf(err))
}

func TestASignInThatMeetsARotationIsRedeemedOnceMore(t *testing.T) {
	f := newFake(t)
	f.keys = []any{pairs()[1].jwk("key-1", "")}
	source := newCredentials()
	f.token = func(w http.ResponseWriter, _ *http.Request) {
		if f.count("POST") == 1 {
			source.set(func(c *credentials) { c.key = pairs()[1].signing("credential-2") })
			writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_codes": []int{700027}})
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"access_token": "unused", "token_type": "Bearer", "expires_in": 3600, "id_token": pairs()[1].idToken(t, "key-1", goodClaims(f))})
	}
	identity, err := entra.NewSignIn(f.cloud(), source, time.Now).Redeem(t.Context(), redeemRequest())
	require.NoError(t, err)
	require.Equal(t, "object-1", identity.ObjectID)
	require.Equal(t, 2, f.count("POST"))

	f.token = func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_codes": []int{700027}})
	}
	_, err = entra.NewSignIn(f.cloud(), source, time.Now).Redeem(t.Context(), redeemRequest())
	require.Equal(t, entra.KeyUnknown, entra.KindOf(err))
	require.Equal(t, 3, f.count("POST"), "with the same key a second try tells nothing new")
}
