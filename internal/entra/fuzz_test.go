package entra

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"consentry/internal/consent"
)

const (
	fuzzTenant = "11111111-aaaa-4bbb-8ccc-000000000001"
	fuzzApp    = "99999999-aaaa-4bbb-8ccc-000000000009"
	fuzzIssuer = "https://login.test/" + fuzzTenant + "/v2.0"
)

// fuzzKey is made once: a 2048-bit key takes longer than a hundred thousand runs of what is fuzzed.
var fuzzKey = sync.OnceValue(func() SigningKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fuzz"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return SigningKey{CellID: "cell", ClientID: fuzzApp, CredentialID: "credential", Certificate: certificate, Signer: key}
})

// FuzzErrorBody: whatever an error's body and headers hold, it becomes an Error with a kind, and nothing of its free
// text comes through.
func FuzzErrorBody(f *testing.F) {
	for _, body := range []string{
		``, `{}`, `null`, `[]`, `<html>502</html>`, `{"error":null}`, `{"error":{}}`, `{"error":[]}`, `{"error":""}`,
		`{"error":{"code":"Authorization_RequestDenied","message":"x","innerError":{"request-id":"r","client-request-id":"c","date":"d"}}}`,
		`{"error":{"code":"","message":"","innererror":{"code":"resyncRequired"}}}`,
		`{"error":"invalid_client","error_description":"AADSTS700027: x\r\nTrace ID: t","error_codes":[700027],"trace_id":"t","correlation_id":"c"}`,
		`{"error":"invalid_grant","error_codes":["1"]}`, `{"error":"x","error_codes":[1e99,-1]}`, `{"error":"a@b.c","error_description":"AADSTS99999999999"}`,
	} {
		f.Add(401, []byte(body), "5", "request-1")
	}
	f.Add(429, []byte(`{}`), "Wed, 21 Oct 2026 07:28:00 GMT", "\xff")
	f.Add(503, []byte(`{}`), "1e300", "")
	f.Add(410, []byte(`{}`), "-1", "a b")
	f.Fuzz(func(t *testing.T, status int, body []byte, retry, id string) {
		for _, address := range []string{"https://graph.test/v1.0/users/delta()?$deltatoken=x", "https://graph.test/v1.0/applications/a/removeKey", "https://login.test/t/oauth2/v2.0/token"} {
			request, err := http.NewRequest(http.MethodPost, address, nil)
			require.NoError(t, err)
			response := &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {retry}, "Request-Id": {id}, "Date": {"Wed, 21 Oct 2026 07:00:00 GMT"}}, Body: io.NopCloser(bytes.NewReader(body))}
			e := read(request, response, body)
			require.NotEmpty(t, sentences[e.Kind])
			require.GreaterOrEqual(t, e.RetryAfter, time.Duration(0))
			for _, told := range []string{e.Code, e.RequestID, e.CorrelationID} {
				require.Regexp(t, `^[A-Za-z0-9_.-]{0,90}$`, told)
			}
			require.Less(t, len(e.Error()), 600)
		}
	})
}

// FuzzClaims: a payload that Microsoft signed makes an identity that may bind a tenant only if its claims, by their
// exact names, say so.
func FuzzClaims(f *testing.F) {
	for _, payload := range []string{
		`{}`, `null`, `[]`, `"x"`, `{"tid":1}`,
		`{"tid":"` + fuzzTenant + `","oid":"o","acct":0,"wids":["62e90394-69f5-4237-9190-012177145e10"]}`,
		`{"tid":"` + fuzzTenant + `","oid":"o","acct":"0","wids":["E8611AB8-C189-46E8-94E1-60213AB1F814"]}`,
		`{"TID":"` + fuzzTenant + `","oid":"o","Acct":0,"Wids":["62e90394-69f5-4237-9190-012177145e10"]}`,
		`{"tid":"` + fuzzTenant + `","oid":"o","acct":null,"wids":null}`,
		`{"tid":"` + fuzzTenant + `","oid":"o","acct":0.0,"wids":[null]}`,
		`{"acct":"\"0"}`, `{"acct":[0]}`,
	} {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var c claims
		if json.Unmarshal(payload, &c) != nil {
			return
		}
		if consent.CheckIdentity(fuzzTenant, c.identity()) != nil {
			return
		}
		var said map[string]any
		require.NoError(t, json.Unmarshal(payload, &said))
		require.Equal(t, fuzzTenant, strings.ToLower(said["tid"].(string)))
		require.NotEmpty(t, said["oid"])
		require.Contains(t, []any{0.0, "0"}, said["acct"])
		roles, _ := said["wids"].([]any)
		require.True(t, slices.ContainsFunc(roles, func(role any) bool {
			name, _ := role.(string)
			return strings.EqualFold(name, consent.RoleGlobalAdministrator) || strings.EqualFold(name, consent.RolePrivilegedRoleAdministrator)
		}))
	})
}

// FuzzIDToken: no text but the token that was signed stands up to verification.
func FuzzIDToken(f *testing.F) {
	key, now := fuzzKey(), time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	payload, err := json.Marshal(map[string]any{
		"iss": fuzzIssuer, "aud": fuzzApp, "tid": fuzzTenant, "oid": "o", "sub": "s", "nonce": "nonce", "exp": now.Add(time.Hour).Unix(), "nbf": now.Unix(), "iat": now.Unix(), "acct": 0,
		"wids": []string{consent.RoleGlobalAdministrator},
	})
	require.NoError(f, err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key.Signer}, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "key-1"))
	require.NoError(f, err)
	signed, err := signer.Sign(payload)
	require.NoError(f, err)
	genuine, err := signed.CompactSerialize()
	require.NoError(f, err)
	parts := strings.Split(genuine, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	for _, token := range []string{
		genuine, genuine + "=", genuine + " ", "", ".", "..", "...", "not.a.token", none + "." + parts[1] + ".", parts[0] + "." + parts[1] + ".", parts[0] + ".." + parts[2],
		signed.FullSerialize(), `{"payload":"` + parts[1] + `","signatures":[]}`, "\x00", strings.Repeat(".", 100),
	} {
		f.Add(token)
	}
	tokens := &idTokens{now: func() time.Time { return now }, keys: map[string]*issuerKeys{}}
	public := jose.JSONWebKey{Key: key.Signer.Public(), KeyID: "key-1", Algorithm: "RS256", Use: "sig"}
	tokens.keys[fuzzTenant] = &issuerKeys{issuer: fuzzIssuer, owner: tokens, readAt: now, keys: []issuerKey{{JSONWebKey: public}}}
	_, err = tokens.verify(f.Context(), fuzzTenant, fuzzApp, "nonce", genuine)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, token string) {
		verified, err := tokens.verify(t.Context(), fuzzTenant, fuzzApp, "nonce", token)
		if err != nil {
			require.Equal(t, IdentityRejected, KindOf(err), "%v", err)
			return
		}
		// Other spellings of the same signed bytes are the same token.
		require.Equal(t, fuzzTenant, verified.TenantID)
		require.Equal(t, "o", verified.ObjectID)
		require.Contains(t, token, strings.TrimRight(parts[1], "="))
	})
}

// FuzzAssertion: whatever the addresses and ids in it are, an assertion is three unpadded parts that say exactly
// them, under a signature of the key that its thumbprint names.
func FuzzAssertion(f *testing.F) {
	f.Add("https://login.test/t/oauth2/v2.0/token", fuzzApp, int64(1_700_000_000))
	f.Add("", "", int64(0))
	f.Add("a\"b\\c\n<&>", "ü\u2028\xff", int64(-1))
	f.Fuzz(func(t *testing.T, endpoint, clientID string, unix int64) {
		key, at := fuzzKey(), time.Unix(unix%(1<<40), 0)
		key.ClientID = clientID
		for _, built := range []func() (string, error){
			func() (string, error) { return key.assertion(endpoint, at) },
			func() (string, error) { return key.proofOfPossession(clientID, at) },
		} {
			token, err := built()
			require.NoError(t, err)
			parts := strings.Split(token, ".")
			require.Len(t, parts, 3)
			raw, err := base64.RawURLEncoding.DecodeString(parts[1])
			require.NoError(t, err)
			var said map[string]any
			require.NoError(t, json.Unmarshal(raw, &said))
			if utf8.ValidString(clientID) {
				require.Equal(t, clientID, said["iss"])
			}
			if sub, given := said["sub"]; given && utf8.ValidString(endpoint) {
				require.Equal(t, endpoint, said["aud"])
				require.Equal(t, said["iss"], sub)
			}
			require.Equal(t, int64(assertionLife/time.Second), int64(said["exp"].(float64)-said["nbf"].(float64)))
			raw, err = base64.RawURLEncoding.DecodeString(parts[0])
			require.NoError(t, err)
			var header map[string]any
			require.NoError(t, json.Unmarshal(raw, &header))
			if thumbprint, given := header["x5t#S256"]; given {
				sum := sha256.Sum256(key.Certificate.Raw)
				require.Equal(t, base64.RawURLEncoding.EncodeToString(sum[:]), thumbprint)
			}
		}
	})
}

// FuzzLink: a link that is followed leads to Graph's own host, as the HTTP client understands it.
func FuzzLink(f *testing.F) {
	for _, link := range []string{
		"https://graph.test/v1.0/users/delta?$skiptoken=x", "https://graph.test:443/v1.0", "https://GRAPH.test/v1.0", "https://graph.test@evil.test/", "https://evil.test/?https://graph.test/",
		"https://graph.test.evil.test/", "https://graph.test\\@evil.test/", "https://graph.test#@evil.test/", "http://graph.test/", "//graph.test/", "/v1.0/users", "", "\x00", "https://[::1]/", "https://graph.test%2eevil.test/",
	} {
		f.Add(link)
	}
	p := &pipeline{base: "https://graph.test/v1.0"}
	f.Fuzz(func(t *testing.T, link string) {
		if err := p.follow(link); err != nil {
			require.Equal(t, LinkRefused, KindOf(err))
			return
		}
		request, err := http.NewRequest(http.MethodGet, link, nil)
		require.NoError(t, err)
		require.Equal(t, "https", request.URL.Scheme)
		require.Equal(t, "graph.test", strings.ToLower(request.URL.Hostname()))
		require.Empty(t, request.URL.Port())
		require.Nil(t, request.URL.User)
		again, err := url.Parse(request.URL.String())
		require.NoError(t, err)
		require.Equal(t, "graph.test", strings.ToLower(again.Host))
	})
}
