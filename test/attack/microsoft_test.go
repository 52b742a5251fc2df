package attack

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"consentry/internal/consent"
	"consentry/internal/entra"
)

// pair is a key with a certificate. Making them takes most of a test's time, so there are two for all.
type pair struct {
	key         *rsa.PrivateKey
	certificate *x509.Certificate
}

var pairs = sync.OnceValue(func() (made [2]pair) {
	for i := range made {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: "key"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			panic(err)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			panic(err)
		}
		made[i] = pair{key, certificate}
	}
	return made
})

// microsofts signs for the token service, ours for the cell; an attacker may have ours, but never microsofts.
func microsofts() pair { return pairs()[0] }
func ours() pair       { return pairs()[1] }

type signer struct{ entra.SigningKey }

func (s signer) CellSigner(context.Context, string) (entra.SigningKey, error) {
	return s.SigningKey, nil
}

func (signer) LegacySecret(context.Context, string) (entra.ClientSecret, error) {
	return entra.ClientSecret{}, errors.New("nobody reads a directory here")
}

func cellKey() entra.CredentialSource {
	return signer{entra.SigningKey{CellID: "cell-eu", ClientID: cellApp, CredentialID: "crd_1", Certificate: ours().certificate, Signer: ours().key}}
}

// tokenService is a Microsoft that signs whatever an attack needs. Its discovery and its keys are in order: those
// come over TLS from the configured authority, which no attacker of ours has.
type tokenService struct {
	*httptest.Server
	now func() time.Time

	mu      sync.Mutex
	idToken string       // of the next answer
	fault   http.Handler // answers the token endpoint instead, if set
	redeems int
}

func newTokenService(t *testing.T, now func() time.Time) *tokenService {
	t.Helper()
	s := &tokenService{now: now}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		tenant := r.PathValue("tenant")
		writeJSON(w, http.StatusOK, map[string]any{"issuer": s.issuer(tenant), "jwks_uri": s.URL + "/" + tenant + "/discovery/v2.0/keys"})
	})
	mux.HandleFunc("GET /{tenant}/discovery/v2.0/keys", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"keys": []any{
			jwk("key-1", s.URL+"/{tenantid}/v2.0"), jwk("fabric-only", s.issuer(fabric)),
		}})
	})
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.redeems++
		token, fault := s.idToken, s.fault
		s.mu.Unlock()
		if fault != nil {
			fault.ServeHTTP(w, r)
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"access_token": "unused", "token_type": "Bearer", "expires_in": 3600, "id_token": token})
	})
	s.Server = httptest.NewTLSServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *tokenService) cloud() entra.Cloud {
	return entra.Cloud{Name: "loopback", Authority: s.URL, GraphURL: s.URL + "/v1.0", HTTP: s.Client()}
}

func (s *tokenService) issuer(tenant string) string { return s.URL + "/" + tenant + "/v2.0" }

func (s *tokenService) answers(idToken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idToken, s.fault = idToken, nil
}

func (s *tokenService) fails(status int, body any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, status, body) })
}

func (s *tokenService) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idToken, s.fault, s.redeems = "", nil, 0
}

func (s *tokenService) redeemed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.redeems
}

type claims map[string]any

// administrator is what Microsoft says of a Global Administrator of the tenant who answers this nonce.
func (s *tokenService) administrator(tenant, nonce string) claims {
	now := s.now()
	return claims{
		"iss": s.issuer(tenant), "aud": cellApp, "tid": tenant, "oid": "aaaaaaaa-0000-4000-8000-000000000001", "sub": "pairwise", "ver": "2.0",
		"nonce": nonce, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(), "acct": 0,
		"wids": []string{consent.RoleGlobalAdministrator, "b79fbf4d-3ef9-4689-8143-76b194e85509"},
	}
}

func (c claims) with(name string, value any) claims {
	c = maps.Clone(c)
	c[name] = value
	return c
}

func (c claims) without(name string) claims {
	c = maps.Clone(c)
	delete(c, name)
	return c
}

// signed is an id token under the key id, with further header fields if any.
func (p pair) signed(t *testing.T, keyID string, c claims, header ...map[jose.HeaderKey]any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", keyID)
	for _, fields := range header {
		for name, value := range fields {
			options = options.WithHeader(name, value)
		}
	}
	maker, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: p.key}, options)
	require.NoError(t, err)
	payload, err := json.Marshal(c)
	require.NoError(t, err)
	made, err := maker.Sign(payload)
	require.NoError(t, err)
	compact, err := made.CompactSerialize()
	require.NoError(t, err)
	return compact
}

func jwk(keyID, issuer string) map[string]any {
	raw, err := jose.JSONWebKey{Key: microsofts().key.Public(), KeyID: keyID, Use: "sig", Algorithm: "RS256"}.MarshalJSON()
	if err != nil {
		panic(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		panic(err)
	}
	fields["issuer"] = issuer
	return fields
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
