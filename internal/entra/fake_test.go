package entra_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"consentry/internal/entra"
)

const (
	contoso = "11111111-aaaa-4bbb-8ccc-000000000001"
	adatum  = "22222222-aaaa-4bbb-8ccc-000000000002"
	cellApp = "99999999-aaaa-4bbb-8ccc-000000000009"
)

// fake is a stand-in for Microsoft that answers whatever a test wants, for answers that no honest service gives.
type fake struct {
	*httptest.Server
	token, graph http.HandlerFunc

	mu       sync.Mutex
	issuer   string // of the discovery document; {tenant} is filled in
	keys     []any
	requests []string
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{}
	f.token = func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": "token"})
	}
	f.graph = func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"value": []any{}})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		tenant := r.PathValue("tenant")
		f.mu.Lock()
		issuer := strings.ReplaceAll(f.issuer, "{tenant}", tenant)
		f.mu.Unlock()
		writeJSON(w, http.StatusOK, map[string]any{
			"issuer":                                issuer,
			"authorization_endpoint":                f.URL + "/" + tenant + "/oauth2/v2.0/authorize",
			"token_endpoint":                        f.URL + "/" + tenant + "/oauth2/v2.0/token",
			"jwks_uri":                              f.URL + "/" + tenant + "/discovery/v2.0/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /{tenant}/discovery/v2.0/keys", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		writeJSON(w, http.StatusOK, map[string]any{"keys": f.keys})
	})
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) { f.token(w, r) })
	f.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests = append(f.requests, r.Method+" "+r.URL.Path)
		f.mu.Unlock()
		if strings.HasPrefix(r.URL.Path, "/v1.0/") {
			f.graph(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	f.issuer = f.URL + "/{tenant}/v2.0"
	t.Cleanup(f.Close)
	return f
}

func (f *fake) cloud() entra.Cloud {
	return entra.Cloud{Name: "fake", Authority: f.URL, GraphURL: f.URL + "/v1.0", HTTP: f.Client()}
}

func (f *fake) count(request string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.requests {
		if strings.Contains(r, request) {
			n++
		}
	}
	return n
}

// posted is the form of a request, empty if it is none.
func posted(r *http.Request) url.Values {
	if r.ParseForm() != nil {
		return url.Values{}
	}
	return r.PostForm
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// keyPair is a certificate with its key, as rotation would have minted it.
type keyPair struct {
	key         *rsa.PrivateKey
	certificate *x509.Certificate
}

// Two pairs are enough for all tests; making them takes most of the time.
var pairs = sync.OnceValue(func() [2]keyPair {
	var made [2]keyPair
	for i := range made {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: "cell"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(14 * 24 * time.Hour),
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			panic(err)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			panic(err)
		}
		made[i] = keyPair{key: key, certificate: certificate}
	}
	return made
})

func (p keyPair) signing(credentialID string) entra.SigningKey {
	return entra.SigningKey{CellID: "cell-1", ClientID: cellApp, CredentialID: credentialID, Certificate: p.certificate, Signer: p.key}
}

// credentials is a credential source whose key and secret a test may exchange.
type credentials struct {
	mu     sync.Mutex
	key    entra.SigningKey
	secret entra.ClientSecret
	err    error
}

func (c *credentials) CellSigner(context.Context, string) (entra.SigningKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.key, c.err
}

func (c *credentials) LegacySecret(context.Context, string) (entra.ClientSecret, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.secret, c.err
}

func (c *credentials) set(change func(*credentials)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
}

func newCredentials() *credentials {
	return &credentials{key: pairs()[0].signing("credential-1"), secret: entra.ClientSecret{ClientID: "legacy-app", Secret: "very~secret"}}
}

var (
	connector = entra.Access{TenantID: contoso, CellID: "cell-1", IntegrationID: "integration-1"}
	legacy    = entra.Access{TenantID: contoso, IntegrationID: "integration-1"}
)

// idTokenKey signs id tokens of the fake.
func (p keyPair) jwk(keyID, issuer string) any {
	public := jose.JSONWebKey{Key: p.key.Public(), KeyID: keyID, Use: "sig", Algorithm: "RS256"}
	raw, err := public.MarshalJSON()
	if err != nil {
		panic(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		panic(err)
	}
	if issuer != "" {
		fields["issuer"] = issuer
	}
	return fields
}

func (p keyPair) idToken(t *testing.T, keyID string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: p.key},
		(&jose.SignerOptions{}).WithHeader("kid", keyID).WithType("JWT"))
	require.NoError(t, err)
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	signed, err := signer.Sign(payload)
	require.NoError(t, err)
	compact, err := signed.CompactSerialize()
	require.NoError(t, err)
	return compact
}

// jwtParts decodes a token without verifying it.
func jwtParts(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	for i, into := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		require.NoError(t, err, "unpadded base64url")
		require.NoError(t, json.Unmarshal(raw, into))
	}
	return header, claims
}

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func query(t *testing.T, address string) (*url.URL, url.Values) {
	t.Helper()
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	return parsed, parsed.Query()
}
