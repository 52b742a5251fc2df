package emulator_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

func TestFaultsInPlaceOfAnswers(t *testing.T) {
	s := newStage(t)
	token := s.legacyToken(t)
	strike := func(f emulator.Fault) (*http.Response, string) {
		s.ClearFaults()
		s.SetFault(f)
		return s.ask(t, "GET", token, "/v1.0/users", "")
	}
	resp, text := strike(emulator.Fault{Status: 429, RetryAfter: "240"})
	require.Equal(t, 429, resp.StatusCode)
	require.Equal(t, "240", resp.Header.Get("Retry-After"))
	require.Contains(t, text, `"code":"TooManyRequests"`)

	resp, _ = strike(emulator.Fault{Status: 503, RetryAfter: "90", RetryOnDate: true})
	require.Equal(t, 503, resp.StatusCode)
	at, err := http.ParseTime(resp.Header.Get("Retry-After"))
	require.NoError(t, err)
	sent, err := http.ParseTime(resp.Header.Get("Date"))
	require.NoError(t, err)
	require.Equal(t, 90*time.Second, at.Sub(sent))

	for _, status := range []int{502, 504} {
		resp, text = strike(emulator.Fault{Status: status, HTML: true})
		require.Equal(t, status, resp.StatusCode)
		require.Equal(t, "text/html", resp.Header.Get("Content-Type"))
		require.Contains(t, text, "<html>")
	}
	resp, text = strike(emulator.Fault{Status: 403, Body: "{}"})
	require.Equal(t, 403, resp.StatusCode)
	require.Equal(t, "{}", text)
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"))

	resp, _ = strike(emulator.Fault{TenantID: vendorTenant})
	require.Equal(t, 200, resp.StatusCode, "another tenant's fault")
	resp, _ = strike(emulator.Fault{AppID: connectorApp})
	require.Equal(t, 200, resp.StatusCode, "another app's fault")
	resp, _ = strike(emulator.Fault{PathPrefix: "/v1.0/groups"})
	require.Equal(t, 200, resp.StatusCode, "another path's fault")
}

func TestFaultsOnTheWay(t *testing.T) {
	s := newStage(t)
	token := s.legacyToken(t)
	_, whole := s.ask(t, "GET", token, "/v1.0/users?$top=20", "")
	fetch := func(f emulator.Fault) (string, error) {
		s.ClearFaults()
		s.SetFault(f)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.HTTPSURL()+"/v1.0/users?$top=20", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := s.HTTPClient().Do(r)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		return string(text), err
	}
	same := func(text string) {
		before, _, _ := strings.Cut(whole, "skiptoken")
		after, _, _ := strings.Cut(text, "skiptoken")
		require.Equal(t, before, after)
	}
	_, err := fetch(emulator.Fault{Drop: true})
	require.True(t, errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF), err)

	text, err := fetch(emulator.Fault{Cut: 100})
	require.Error(t, err, "the body promised more")
	require.Equal(t, whole[:len(text)], text)
	require.LessOrEqual(t, len(text), 100)

	for _, f := range []emulator.Fault{{Delay: emulator.Duration(30 * time.Millisecond)}, {Trickle: emulator.Duration(30 * time.Millisecond)}} {
		began := time.Now()
		text, err = fetch(f)
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(began), 30*time.Millisecond)
		same(text)
	}
	began := time.Now()
	_, err = fetch(emulator.Fault{Status: 504, HTML: true, Delay: emulator.Duration(30 * time.Millisecond)})
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(began), 30*time.Millisecond, "gateways give up late")
}

func TestFaultsCarryWhatGraphWouldSay(t *testing.T) {
	s := newStage(t)
	token := s.legacyToken(t)
	for status, want := range map[int]string{400: "Request_BadRequest", 401: "InvalidAuthenticationToken", 403: "Authorization_RequestDenied", 404: "Request_ResourceNotFound",
		410: "resyncRequired", 429: "TooManyRequests", 500: "InternalServerError", 501: "NotImplemented", 503: "serviceNotAvailable", 507: "UnknownError"} {
		s.SetFault(emulator.Fault{Status: status})
		resp, text := s.ask(t, "GET", token, "/v1.0/users/delta?$select=id,mail&$deltatoken=x", "", "client-request-id", "12345678-0000-4000-8000-000000000000")
		require.Equal(t, status, resp.StatusCode)
		require.Contains(t, text, `"code":"`+want+`"`)
		require.Equal(t, "12345678-0000-4000-8000-000000000000", resp.Header.Get("client-request-id"))
		require.NotEmpty(t, resp.Header.Get("request-id"))
		require.Equal(t, status == 401, strings.Contains(resp.Header.Get("WWW-Authenticate"), "authorization_uri="), status)
		for name, value := range map[string]string{"x-ms-throttle-scope": "Tenant_Application/ReadWrite/" + legacyApp + "/" + customerTenant,
			"x-ms-throttle-information": "CPULimitExceeded", "x-ms-throttle-limit-percentage": "1.00"} {
			if status != 429 {
				value = ""
			}
			require.Equal(t, value, resp.Header.Get(name), status)
		}
		require.Equal(t, status == 410, resp.Header.Get("Location") != "")
		if status == 410 {
			all, _ := s.round(t, token, resp.Header.Get("Location"))
			require.Len(t, all, len(s.Directory(customerTenant).Users), "the way back begins anew")
			require.NotContains(t, all[0], "displayName", "with the same selection")
		}
	}
	s.SetFault(emulator.Fault{Status: 410})
	resp, _ := s.ask(t, "GET", token, "/v1.0/users", "")
	require.Empty(t, resp.Header.Get("Location"), "lists have no way back")
	s.SetFault(emulator.Fault{PathPrefix: "/oauth2/v2.0/token", Status: 429, RetryAfter: "9"})
	status, body := s.post(t, "/"+customerTenant+"/oauth2/v2.0/token", legacyForm())
	require.Equal(t, 429, status)
	require.Equal(t, []any{float64(90055)}, body["error_codes"])
	require.Equal(t, "temporarily_unavailable", body["error"])
}

func TestAnswersAreDatedByTheMovedClock(t *testing.T) {
	s := newStage(t)
	require.NoError(t, s.Advance(1000*time.Hour))
	for _, path := range []string{"/v1.0/organization", "/" + customerTenant + "/v2.0/.well-known/openid-configuration", "/nowhere"} {
		resp, _ := s.ask(t, "GET", "", path, "")
		at, err := http.ParseTime(resp.Header.Get("Date"))
		require.NoError(t, err)
		require.Equal(t, s.Now().Truncate(time.Second), at, path)
	}
}
