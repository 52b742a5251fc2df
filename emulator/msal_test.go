package emulator_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"testing"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

var graphScope = []string{"https://graph.microsoft.com/.default"}

func (s *stage) msal(t *testing.T, tenant, app string, credential confidential.Credential) confidential.Client {
	t.Helper()
	client, err := confidential.New(s.HTTPSURL()+"/"+tenant, app, credential,
		confidential.WithHTTPClient(s.HTTPClient()), confidential.WithInstanceDiscovery(false))
	require.NoError(t, err)
	return client
}

// assertion signs a client assertion the way a key held elsewhere would.
func (s *stage) assertion(pair keyPair, change func(header, claims map[string]any)) func(context.Context, confidential.AssertionRequestOptions) (string, error) {
	return func(_ context.Context, o confidential.AssertionRequestOptions) (string, error) {
		return s.signed(pair, o.TokenEndpoint, change)
	}
}

func (s *stage) signed(pair keyPair, audience string, change func(header, claims map[string]any)) (string, error) {
	now := s.clock.Now()
	sum := sha256.Sum256(pair.cert.Raw)
	claims := jwt.MapClaims{"aud": audience, "iss": connectorApp, "sub": connectorApp, "jti": uuid.NewString(),
		"nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix()}
	token := jwt.NewWithClaims(jwt.SigningMethodPS256, claims)
	token.Header["x5t#S256"] = base64.RawURLEncoding.EncodeToString(sum[:])
	if change != nil {
		change(token.Header, claims)
	}
	if alg, _ := token.Header["alg"].(string); alg != "PS256" {
		token.Method = jwt.GetSigningMethod(alg)
	}
	if token.Method == jwt.SigningMethodNone {
		return token.SignedString(jwt.UnsafeAllowNoneSignatureType)
	}
	return token.SignedString(pair.key)
}

func TestMSALBySecret(t *testing.T) {
	s := newStage(t)
	credential, err := confidential.NewCredFromSecret(legacySecret)
	require.NoError(t, err)
	result, err := s.msal(t, customerTenant, legacyApp, credential).AcquireTokenByCredential(t.Context(), graphScope)
	require.NoError(t, err)
	status, body := s.get(t, result.AccessToken, "/v1.0/organization?$select=id,displayName")
	require.Equal(t, 200, status, body)
	require.Equal(t, customerTenant, body["value"].([]any)[0].(map[string]any)["id"])
}

func TestMSALByCertificate(t *testing.T) {
	s := newStage(t)
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	credential, err := confidential.NewCredFromCert([]*certificate{s.key.cert}, s.key.key)
	require.NoError(t, err)
	client := s.msal(t, customerTenant, connectorApp, credential)
	result, err := client.AcquireTokenByCredential(t.Context(), graphScope)
	require.NoError(t, err)
	require.InDelta(t, time.Hour+15*time.Minute, time.Until(result.ExpiresOn), float64(16*time.Minute))

	again, err := client.AcquireTokenByCredential(t.Context(), graphScope)
	require.NoError(t, err)
	require.Equal(t, result.AccessToken, again.AccessToken, "the client caches the token")
}

func TestMSALByAssertionCallback(t *testing.T) {
	s := newStage(t)
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	credential := confidential.NewCredFromAssertionCallback(s.assertion(s.key, nil))
	client := s.msal(t, customerTenant, connectorApp, credential)
	result, err := client.AcquireTokenByCredential(t.Context(), graphScope)
	require.NoError(t, err)
	status, body := s.get(t, result.AccessToken, "/v1.0/users?$top=5")
	require.Equal(t, 200, status, body)

	home, err := client.AcquireTokenByCredential(t.Context(), graphScope, confidential.WithTenantID(vendorTenant))
	require.NoError(t, err, "one client serves several tenants")
	require.NotEqual(t, result.AccessToken, home.AccessToken)
}

func TestMSALSeesConsentAppearStepByStep(t *testing.T) {
	s := newStage(t, func(c *config) { c.ConsentDelay = 40 * time.Second })
	acquire := func() (string, error) { // a new client each time, because a client keeps the token without roles
		client := s.msal(t, customerTenant, connectorApp, confidential.NewCredFromAssertionCallback(s.assertion(s.key, nil)))
		result, err := client.AcquireTokenByCredential(t.Context(), graphScope)
		return result.AccessToken, err
	}
	_, err := acquire()
	require.ErrorContains(t, err, "AADSTS7000229")
	sent := s.consent(t, globalAdmin).sent
	require.Equal(t, "True", sent.Get("admin_consent"))
	_, err = acquire()
	require.ErrorContains(t, err, "AADSTS7000229", "the replica behind the token endpoint has not heard of it")

	s.clock.Advance(21 * time.Second)
	token, err := acquire()
	require.NoError(t, err)
	status, body := s.get(t, token, "/v1.0/users/delta")
	require.Equal(t, 401, status)
	require.Equal(t, "Authorization_IdentityNotFound", code(body))

	s.clock.Advance(10 * time.Second)
	status, body = s.get(t, token, "/v1.0/users/delta")
	require.Equal(t, 403, status)
	require.Equal(t, "Authorization_RequestDenied", code(body))

	s.clock.Advance(10 * time.Second)
	status, _ = s.get(t, token, "/v1.0/users/delta")
	require.Equal(t, 403, status, "the old token still has no roles")
	token, err = acquire()
	require.NoError(t, err)
	status, body = s.get(t, token, "/v1.0/users/delta")
	require.Equal(t, 200, status, body)
}

func code(body map[string]any) string {
	e, _ := body["error"].(map[string]any)
	text, _ := e["code"].(string)
	return text
}
