package emulator_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

// proof is the proof of possession that rolling a key takes, as documented.
func (s *stage) proof(t *testing.T, pair keyPair, change func(header, claims map[string]any)) string {
	t.Helper()
	now, sum := s.clock.Now(), sha1.Sum(pair.cert.Raw)
	claims := jwt.MapClaims{"aud": "00000002-0000-0000-c000-000000000000", "iss": connectorObject, "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix()}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"], token.Header["x5t"] = strings.ToUpper(hex.EncodeToString(sum[:])), base64.RawURLEncoding.EncodeToString(sum[:])
	if change != nil {
		change(token.Header, claims)
	}
	if alg := token.Header["alg"].(string); alg != "RS256" {
		token.Method = jwt.GetSigningMethod(alg)
	}
	text, err := token.SignedString(pair.key)
	require.NoError(t, err)
	return text
}

const connectorObject = "cccccccc-0000-4000-8000-0000000000ff"

func (s *stage) roll(t *testing.T, token, action string, body map[string]any, pack bool) (int, map[string]any) {
	t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	var sent io.Reader = bytes.NewReader(raw)
	if pack {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, err = w.Write(raw)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		sent = io.MultiReader(&packed) // hides the length, so that the body goes out in chunks
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.HTTPSURL()+"/v1.0/applications(appId='"+connectorApp+"')/"+action, sent)
	require.NoError(t, err)
	if pack {
		r.Header.Set("Content-Encoding", "gzip")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	return s.do(t, r)
}

func TestRollingAKey(t *testing.T) {
	s := newStage(t, func(c *config) { c.KeyDelay = 10 * time.Second })
	now := s.clock.Now()
	next := newKeyPair(t, 1, now.Add(-time.Minute), now.AddDate(0, 0, 30))
	stranger := newKeyPair(t, 2, now.Add(-time.Minute), now.AddDate(0, 0, 30))
	path := "/" + vendorTenant + "/oauth2/v2.0/token"
	_, body := s.post(t, path, s.assertionForm(t, path, s.key, nil))
	token := body["access_token"].(string)
	keyBody := func(proof string) map[string]any {
		return map[string]any{"keyCredential": map[string]any{"type": "AsymmetricX509Cert", "usage": "Verify", "key": next.cert.Raw}, "passwordCredential": nil, "proof": proof}
	}
	for name, proof := range map[string]string{
		"stranger's key":      s.proof(t, stranger, nil),
		"PS256":               s.proof(t, s.key, func(h, _ map[string]any) { h["alg"] = "PS256" }),
		"Graph as audience":   s.proof(t, s.key, func(_, c map[string]any) { c["aud"] = "00000003-0000-0000-c000-000000000000" }),
		"app id as issuer":    s.proof(t, s.key, func(_, c map[string]any) { c["iss"] = connectorApp }),
		"longer than allowed": s.proof(t, s.key, func(_, c map[string]any) { c["exp"] = now.Add(11 * time.Minute).Unix() }),
		"expired": s.proof(t, s.key, func(_, c map[string]any) {
			c["nbf"], c["exp"] = now.Add(-time.Hour).Unix(), now.Add(-50*time.Minute).Unix()
		}),
		"no proof": "",
		"padded":   strings.Replace(s.proof(t, s.key, nil), ".", "=.", 1),
	} {
		status, body := s.roll(t, token, "addKey", keyBody(proof), false)
		require.Equal(t, 401, status, "%s: %v", name, body)
		require.Equal(t, "Authentication_MissingOrMalformed", code(body), name)
	}
	status, body := s.roll(t, token, "addKey", map[string]any{"proof": s.proof(t, s.key, nil)}, false)
	require.Equal(t, 400, status, body)
	require.Len(t, s.Keys(connectorApp), 1)

	status, body = s.roll(t, token, "addKey", keyBody(s.proof(t, s.key, nil)), true)
	require.Equal(t, 200, status, body)
	added := body["keyId"].(string)
	status, _ = s.post(t, path, s.assertionForm(t, path, next, nil))
	require.Equal(t, 401, status, "the token endpoint has not heard of the new key")
	s.clock.Advance(11 * time.Second)
	status, _ = s.post(t, path, s.assertionForm(t, path, next, nil))
	require.Equal(t, 200, status)

	old := s.Keys(connectorApp)[0].KeyID
	status, body = s.roll(t, token, "removeKey", map[string]any{"keyId": old, "proof": s.proof(t, next, nil)}, false)
	require.Equal(t, 204, status, body)
	status, body = s.post(t, path, s.assertionForm(t, path, s.key, nil))
	require.Equal(t, 401, status)
	require.Contains(t, body["error_description"], "The key was not found.")
	require.Equal(t, added, s.Keys(connectorApp)[0].KeyID)

	require.NoError(t, s.AddApplication(emulator.Application{AppID: consoleID, TenantID: vendorTenant, DisplayName: "Neighbour", Consented: true,
		Secrets: []emulator.Secret{{Value: "neighbour"}}}))
	_, body = s.post(t, path, url.Values{"grant_type": {"client_credentials"}, "client_id": {consoleID}, "client_secret": {"neighbour"},
		"scope": {"https://graph.microsoft.com/.default"}})
	status, body = s.roll(t, body["access_token"].(string), "removeKey", map[string]any{"keyId": added, "proof": s.proof(t, next, nil)}, false)
	require.Equal(t, 403, status, "an app rolls its own keys only: %v", body)
	status, body = s.roll(t, s.legacyToken(t), "removeKey", map[string]any{"keyId": added, "proof": s.proof(t, next, nil)}, false)
	require.Equal(t, 404, status, "in another tenant the app object does not exist: %v", body)
}
