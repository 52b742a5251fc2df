package entra_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/entra"
)

func TestTheAssertionHasTheDocumentedForm(t *testing.T) {
	f := newFake(t)
	var form url.Values
	f.token = func(w http.ResponseWriter, r *http.Request) {
		form = posted(r)
		writeJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": "token"})
	}
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	token, err := entra.NewTokens(f.cloud(), newCredentials(), func() time.Time { return now }).Token(t.Context(), connector)
	require.NoError(t, err)
	require.Equal(t, "token", token)

	require.Equal(t, "client_credentials", form.Get("grant_type"))
	require.Contains(t, strings.Fields(form.Get("scope")), "https://graph.microsoft.com/.default")
	header, claims := jwtParts(t, form.Get("client_assertion"))
	thumbprint, err := base64.RawURLEncoding.DecodeString(header["x5t#S256"].(string))
	require.NoError(t, err, "base64url without padding")
	require.Equal(t, sha256Hex(pairs()[0].certificate.Raw), fmt.Sprintf("%x", thumbprint))
	require.Equal(t, "PS256", header["alg"])
	require.Equal(t, "JWT", header["typ"])
	require.Equal(t, f.URL+"/"+contoso+"/oauth2/v2.0/token", claims["aud"])
	require.Equal(t, cellApp, claims["iss"])
	require.Equal(t, cellApp, claims["sub"])
	require.NotEmpty(t, claims["jti"])
	require.EqualValues(t, now.Unix(), claims["nbf"])
	require.EqualValues(t, now.Add(10*time.Minute).Unix(), claims["exp"])

	head, signature, _ := cutLast(form.Get("client_assertion"), ".")
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	require.NoError(t, err)
	digest := sha256.Sum256([]byte(head))
	require.NoError(t, rsa.VerifyPSS(&pairs()[0].key.PublicKey, crypto.SHA256, digest[:], raw, &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256}))
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	return s[:i], s[i+1:], i >= 0
}

func TestATokenIsCachedAndAFreshOneReplacesIt(t *testing.T) {
	f := newFake(t)
	issued := 0
	f.token = func(w http.ResponseWriter, _ *http.Request) {
		issued++
		writeJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": fmt.Sprintf("token-%d", issued)})
	}
	tokens := entra.NewTokens(f.cloud(), newCredentials(), time.Now)
	get := func(ask func() (string, error)) string {
		token, err := ask()
		require.NoError(t, err)
		return token
	}
	cached := func() (string, error) { return tokens.Token(t.Context(), connector) }
	require.Equal(t, "token-1", get(cached))
	require.Equal(t, "token-1", get(cached))
	require.Equal(t, "token-2", get(func() (string, error) { return tokens.FreshToken(t.Context(), connector) }))
	require.Equal(t, "token-2", get(cached), "the token that lied must not come back")
	require.Equal(t, "token-3", get(func() (string, error) { return tokens.Token(t.Context(), legacy) }),
		"the legacy app's token is another one")
	require.NoError(t, tokens.ProveKey(t.Context(), pairs()[1].signing("next"), contoso))
	require.Equal(t, "token-2", get(cached), "a proof leaves the cache alone")
}

func TestManyCallersShareOneRequest(t *testing.T) {
	f := newFake(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	var issued atomic.Int32
	f.token = func(w http.ResponseWriter, _ *http.Request) {
		if issued.Add(1) == 1 {
			close(arrived)
		}
		<-release
		writeJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": "token"})
	}
	tokens := entra.NewTokens(f.cloud(), newCredentials(), time.Now)
	var callers sync.WaitGroup
	results := make([]error, 20)
	for i := range results {
		callers.Go(func() { _, results[i] = tokens.Token(t.Context(), connector) })
	}
	<-arrived
	close(release)
	callers.Wait()
	require.NoError(t, errors.Join(results...))
	require.EqualValues(t, 1, issued.Load())
}

func TestARotatedKeySignsTheNextAssertionWithoutRestart(t *testing.T) {
	f := newFake(t)
	source := newCredentials()
	known := sha256.Sum256(pairs()[1].certificate.Raw)
	f.token = func(w http.ResponseWriter, r *http.Request) {
		head, _, _ := strings.Cut(posted(r).Get("client_assertion"), ".")
		header, err := base64.RawURLEncoding.DecodeString(head)
		if err != nil || !strings.Contains(string(header), base64.RawURLEncoding.EncodeToString(known[:])) {
			// The rotation finishes while this request is on its way.
			source.set(func(c *credentials) { c.key = pairs()[1].signing("credential-2") })
			writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_codes": []int{700027}})
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": "token"})
	}
	tokens := entra.NewTokens(f.cloud(), source, time.Now)
	token, err := tokens.Token(t.Context(), connector)
	require.NoError(t, err)
	require.Equal(t, "token", token)
	require.Equal(t, 2, f.count("POST"))

	// Refused with a key that is still the current one: no second try, the caller decides.
	source.set(func(c *credentials) { c.key = pairs()[0].signing("credential-3") })
	f.token = func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_codes": []int{700027}})
	}
	_, err = tokens.FreshToken(t.Context(), connector)
	require.Equal(t, entra.KeyUnknown, entra.KindOf(err))
	require.Equal(t, 3, f.count("POST"))
}

func TestALegacySecretIsAskedForEveryTime(t *testing.T) {
	f := newFake(t)
	source := newCredentials()
	var secrets []string
	f.token = func(w http.ResponseWriter, r *http.Request) {
		secrets = append(secrets, posted(r).Get("client_secret"))
		writeJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": "token"})
	}
	tokens := entra.NewTokens(f.cloud(), source, time.Now)
	for range 2 {
		_, err := tokens.Token(t.Context(), legacy)
		require.NoError(t, err)
	}
	source.set(func(c *credentials) { c.secret.Secret = "replaced" })
	_, err := tokens.Token(t.Context(), legacy)
	require.NoError(t, err)
	require.Equal(t, []string{"very~secret", "replaced"}, secrets)

	destroyed := errors.New("the secret was destroyed")
	source.set(func(c *credentials) { c.err = destroyed })
	_, err = tokens.Token(t.Context(), legacy)
	require.ErrorIs(t, err, destroyed, "a cached token must not outlive the secret")
}

func TestAnImpossibleAccessIsRefusedBeforeAnythingIsSent(t *testing.T) {
	f := newFake(t)
	tokens := entra.NewTokens(f.cloud(), newCredentials(), time.Now)
	for _, access := range []entra.Access{
		{TenantID: "organizations", CellID: "cell-1"},
		{TenantID: "contoso.com", CellID: "cell-1"},
		{TenantID: contoso + "/../x", CellID: "cell-1"},
		{TenantID: contoso},
		{CellID: "cell-1"},
	} {
		_, err := tokens.Token(t.Context(), access)
		require.Equal(t, entra.Misconfigured, entra.KindOf(err), "%+v", access)
	}
	require.Zero(t, f.count(""))
}

func TestSecretsAndKeysDoNotPrint(t *testing.T) {
	source := newCredentials()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		text := fmt.Sprintf(verb+" "+verb, source.secret, source.key)
		require.NotContains(t, text, "very~secret")
		require.NotRegexp(t, `[0-9]{30}`, text)
	}
}

func TestTheEnvironmentCannotRedirectAssertions(t *testing.T) {
	t.Setenv("MSAL_FORCE_REGION", "hostile")
	f := newFake(t)
	_, err := entra.NewTokens(f.cloud(), newCredentials(), time.Now).Token(t.Context(), connector)
	require.NoError(t, err)
	require.Equal(t, 1, f.count("POST /"+contoso+"/oauth2/v2.0/token"))
}

// TestTokensIssuedTogetherAreRenewedApart: a worker that starts, or a rotation, has every tenant's token issued in
// the same minute; an hour later they must not all be asked for in the same minute.
func TestTokensIssuedTogetherAreRenewedApart(t *testing.T) {
	f := newFake(t)
	var issued atomic.Int32
	var down atomic.Bool
	f.token = func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			writeJSON(w, http.StatusServiceUnavailable, map[string]any{})
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": fmt.Sprintf("token-%d", issued.Add(1))})
	}
	clock := &clock{at: time.Now()}
	tokens := entra.NewTokens(f.cloud(), newCredentials(), clock.now)
	const tenants = 60
	everybody := func() (renewed int32) {
		before := issued.Load()
		for i := range tenants {
			_, err := tokens.Token(t.Context(), entra.Access{TenantID: fmt.Sprintf("11111111-aaaa-4bbb-8ccc-%012d", i), CellID: "cell-1"})
			require.NoError(t, err)
		}
		return issued.Load() - before
	}
	require.EqualValues(t, tenants, everybody())
	clock.advance(44 * time.Minute)
	require.Zero(t, everybody(), "too early for any")
	clock.advance(6 * time.Minute)
	half := everybody()
	require.Greater(t, half, int32(tenants/6))
	require.Less(t, half, int32(tenants*5/6))

	// An outage while tokens are still good harms nobody.
	clock.advance(5 * time.Minute)
	down.Store(true)
	require.Zero(t, everybody())
	asked := f.count("POST")
	require.Zero(t, everybody())
	require.Equal(t, asked, f.count("POST"), "an outage is not hammered at")
	down.Store(false)
	clock.advance(time.Minute)
	require.GreaterOrEqual(t, everybody(), tenants-half)
}

func TestAClientCostsOneDiscoveryAndOneTokenRequest(t *testing.T) {
	f := newFake(t)
	tokens := entra.NewTokens(f.cloud(), newCredentials(), time.Now)
	for range 3 {
		_, err := tokens.Token(t.Context(), connector)
		require.NoError(t, err)
	}
	require.Equal(t, 1, f.count("openid-configuration"))
	require.Equal(t, 1, f.count("POST"))
	require.Equal(t, 2, f.count(""))
}
