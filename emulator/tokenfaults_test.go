package emulator_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"
	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

// tokenFault asks for a token while a fault is in force, and once more.
func (s *stage) tokenFault(t *testing.T, f emulator.Fault) (*http.Response, string, error) {
	t.Helper()
	f.TenantID, f.AppID, f.PathPrefix = customerTenant, legacyApp, "/oauth2/v2.0/token"
	s.SetFault(f)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.HTTPSURL()+"/"+customerTenant+"/oauth2/v2.0/token", strings.NewReader(legacyForm().Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.HTTPClient().Do(r)
	var body []byte
	if err == nil {
		defer resp.Body.Close()
		body, err = io.ReadAll(resp.Body)
	}
	status, _ := s.post(t, "/"+customerTenant+"/oauth2/v2.0/token", legacyForm())
	require.Equal(t, 200, status, "the fault hits once")
	return resp, string(body), err
}

func TestFaultsOfTheTokenEndpoint(t *testing.T) {
	s := newStage(t)
	for _, after := range []string{"3", "170"} {
		resp, body, err := s.tokenFault(t, emulator.Fault{Status: 429, RetryAfter: after})
		require.NoError(t, err)
		require.Equal(t, 429, resp.StatusCode)
		require.Equal(t, after, resp.Header.Get("Retry-After"))
		require.Contains(t, body, `"error":"temporarily_unavailable"`)
	}
	resp, _, err := s.tokenFault(t, emulator.Fault{Status: 503, RetryAfter: "60", RetryOnDate: true})
	require.NoError(t, err)
	require.Equal(t, 503, resp.StatusCode)
	on, err := http.ParseTime(resp.Header.Get("Retry-After"))
	require.NoError(t, err)
	require.Equal(t, s.clock.Now().Add(time.Minute).Truncate(time.Second), on)

	resp, body, err := s.tokenFault(t, emulator.Fault{Status: 502, HTML: true})
	require.NoError(t, err)
	require.Equal(t, 502, resp.StatusCode)
	require.Contains(t, resp.Header.Get("Content-Type"), "text/html")
	require.Contains(t, body, "<html")
	resp, body, err = s.tokenFault(t, emulator.Fault{Status: 500, Body: "{}"})
	require.NoError(t, err)
	require.Equal(t, 500, resp.StatusCode)
	require.Equal(t, "{}", body)

	_, _, err = s.tokenFault(t, emulator.Fault{Drop: true})
	require.Error(t, err, "no answer at all")
	_, body, err = s.tokenFault(t, emulator.Fault{Cut: 40})
	require.Error(t, err, "the answer breaks off")
	require.LessOrEqual(t, len(body), 40)
	begin := time.Now()
	resp, body, err = s.tokenFault(t, emulator.Fault{Delay: emulator.Duration(150 * time.Millisecond)})
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	require.Contains(t, body, "access_token", "late, but whole")
	require.GreaterOrEqual(t, time.Since(begin), 150*time.Millisecond)
}

func TestFaultsAreOfOneTenantAppAndPath(t *testing.T) {
	s := newStage(t)
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	s.SetFault(emulator.Fault{TenantID: customerTenant, AppID: legacyApp, PathPrefix: "/oauth2/v2.0/token", Status: 503, Remaining: -1})
	status, _ := s.post(t, "/contoso.example/oauth2/v2.0/token", legacyForm())
	require.Equal(t, 503, status, "also where the tenant is named by its domain")
	require.Equal(t, []int{0}, s.answers(t, s.key, 1), "another app")
	path := "/" + vendorTenant + "/oauth2/v2.0/token"
	status, body := s.post(t, path, s.assertionForm(t, path, s.key, nil))
	require.Equal(t, 200, status, body)
	status, _ = s.get(t, "", "/"+customerTenant+"/v2.0/.well-known/openid-configuration")
	require.Equal(t, 200, status)
}

func TestMSALMeetsThrottling(t *testing.T) {
	s := newStage(t)
	s.SetFault(emulator.Fault{TenantID: customerTenant, AppID: legacyApp, PathPrefix: "/oauth2/v2.0/token", AADSTS: 90055, RetryAfter: "9"})
	credential, err := confidential.NewCredFromSecret(legacySecret)
	require.NoError(t, err)
	_, err = s.msal(t, customerTenant, legacyApp, credential).AcquireTokenByCredential(t.Context(), graphScope)
	var refused errors.CallErr
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 429, refused.Resp.StatusCode)
	require.Equal(t, "9", refused.Resp.Header.Get("Retry-After"))
}
