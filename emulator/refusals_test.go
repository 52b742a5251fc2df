package emulator_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

// refusal is a row of the tables of refusals: facts 1.8 and 2.14.
type refusal struct {
	code   int
	status int
	oauth  string
	text   string
}

// ordered are the refusals that follow from policies or faults of the real service that are not emulated. They come on
// demand; those that follow from what is asked stand in the other tests.
var ordered = []refusal{
	{50012, 401, "invalid_client", "invalid signature"},
	{50013, 400, "invalid_grant", "signature validation"},
	{50033, 503, "temporarily_unavailable", "transient"},
	{50196, 400, "invalid_grant", "client request loop"},
	{53000, 400, "interaction_required", "compliant device"},
	{53003, 400, "invalid_grant", "Conditional Access"}, // facts 2.14; pages say interaction_required
	{530032, 400, "interaction_required", "security policy"},
	{530035, 400, "access_denied", "security defaults"},
	{70001, 400, "unauthorized_client", "not found in the tenant"},
	{70011, 400, "invalid_scope", "is not valid"},
	{70021, 400, "invalid_request", "No matching federated identity record found"},
	{700211, 401, "invalid_client", "No matching federated identity record found for presented assertion issuer"},
	{90024, 503, "temporarily_unavailable", "transient"},
	{90033, 503, "temporarily_unavailable", "transient"},
	{90055, 429, "temporarily_unavailable", "too many incoming requests"},
	{90090, 500, "temporarily_unavailable", "try again"},
	{90093, 403, "access_denied", "administrator"},
	{1000031, 400, "unauthorized_client", "cannot be accessed at this time"},
}

func legacyForm() url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {legacyApp}, "client_secret": {legacySecret}, "scope": {"https://graph.microsoft.com/.default"}}
}

func TestRefusalsOnDemandAtTheTokenEndpoint(t *testing.T) {
	s := newStage(t)
	for _, want := range ordered {
		s.SetFault(emulator.Fault{TenantID: customerTenant, AppID: legacyApp, PathPrefix: "/oauth2/v2.0/token", AADSTS: want.code, RetryAfter: "7"})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.HTTPSURL()+"/"+customerTenant+"/oauth2/v2.0/token", strings.NewReader(legacyForm().Encode()))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		status, body := s.do(t, r)
		require.Equal(t, want.status, status, want.code)
		require.Equal(t, want.oauth, body["error"], want.code)
		require.Equal(t, []any{float64(want.code)}, body["error_codes"])
		require.True(t, strings.HasPrefix(body["error_description"].(string), fmt.Sprintf("AADSTS%d: ", want.code)))
		require.Contains(t, body["error_description"], want.text)
		require.NotContains(t, body["error_description"], "%", want.code)
		status, _ = s.post(t, "/"+customerTenant+"/oauth2/v2.0/token", legacyForm())
		require.Equal(t, 200, status, "once")
	}
}

func TestRefusalsOnDemandWhereAPersonSignsIn(t *testing.T) {
	s := newStage(t)
	for path, query := range map[string]url.Values{"/v2.0/adminconsent": consentQuery(), "/oauth2/v2.0/authorize": signInQuery()} {
		at := s.address("/"+customerTenant+path, query)
		for code, shown := range map[int]bool{53003: false, 530032: false, 65004: false, 65005: true, 650051: true, 650052: true, 650054: true, 650056: true,
			650057: true, 90072: true, 500208: true, 50020: true, 50105: true} {
			s.SetFault(emulator.Fault{PathPrefix: path, AADSTS: code})
			v := newBrowser(t).open(at)
			if shown {
				require.Contains(t, v.text, fmt.Sprintf("AADSTS%d: ", code))
				require.Empty(t, v.sent, "shown to the person, never told to the app")
				continue
			}
			require.Contains(t, v.sent.Get("error_description"), fmt.Sprintf("AADSTS%d: ", code))
			require.Equal(t, query.Get("state"), v.sent.Get("state"))
			require.NotEmpty(t, v.sent.Get("error"))
			if code == 53003 {
				require.Equal(t, "interaction_required", v.sent.Get("error"), "at /token it is invalid_grant")
			}
		}
	}
}

func TestScopeThatDoesNotExistIsRefused(t *testing.T) {
	s := newStage(t)
	q := signInQuery()
	q.Set("scope", "openid groups")
	sent := newBrowser(t).open(s.address("/"+customerTenant+"/oauth2/v2.0/authorize", q)).sent
	require.Equal(t, "invalid_scope", sent.Get("error"))
	require.Contains(t, sent.Get("error_description"), "AADSTS650053: ")
	q = consentQuery()
	q.Set("scope", "groups")
	require.Contains(t, newBrowser(t).open(s.address("/"+customerTenant+"/v2.0/adminconsent", q)).text, "AADSTS650053")
}

func TestAssignmentRequired(t *testing.T) {
	s := newStage(t)
	app := consoleApp(s)
	app.AssignmentRequired = true
	require.NoError(t, s.AddApplication(app))
	b := newBrowser(t)
	q := signInQuery()
	q.Set("client_id", consoleID)
	at := s.address("/"+vendorTenant+"/oauth2/v2.0/authorize", q)
	require.Contains(t, b.press(at, b.open(at), "login=olga@vendor.example").text, "AADSTS50105")
}

func TestDecisionBetweenTenantAppAndPrincipal(t *testing.T) {
	s := newStage(t)
	const unknown = "99999999-0000-4000-8000-000000000009"
	for _, c := range []struct {
		tenant, app string
		want        int
	}{
		{unknown, connectorApp, 90002}, {unknown, unknown, 90002}, {"nobody.example", legacyApp, 90002},
		{customerTenant, unknown, 700016}, {vendorTenant, legacyApp, 700016},
		{customerTenant, connectorApp, 7000229}, {"contoso.example", connectorApp, 7000229},
		{vendorTenant, connectorApp, 0}, {customerTenant, legacyApp, 0},
	} {
		path := "/" + c.tenant + "/oauth2/v2.0/token"
		form := legacyForm()
		if c.app == connectorApp {
			form = s.assertionForm(t, path, s.key, nil)
		}
		form.Set("client_id", c.app)
		status, body := s.post(t, path, form)
		if c.want == 0 {
			require.Equal(t, 200, status, body)
			continue
		}
		require.Equal(t, []any{float64(c.want)}, body["error_codes"], "%s in %s", c.app, c.tenant)
		require.Equal(t, map[int]int{90002: 400, 700016: 400, 7000229: 401}[c.want], status)
		require.Equal(t, map[int]string{90002: "invalid_request", 700016: "unauthorized_client", 7000229: "invalid_client"}[c.want], body["error"])
	}
}

func TestTokensWithoutRolesOnDemand(t *testing.T) {
	s := newStage(t)
	id := s.SetFault(emulator.Fault{TenantID: customerTenant, PathPrefix: "/oauth2/v2.0/token", WithoutRoles: true, Remaining: -1})
	token := s.legacyToken(t)
	require.NotContains(t, decodedPart(t, token, 1), "roles")
	status, body := s.get(t, token, "/v1.0/users/delta")
	require.Equal(t, 403, status)
	require.Equal(t, "Authorization_RequestDenied", code(body))
	s.ClearFault(id)
	require.Contains(t, decodedPart(t, s.legacyToken(t), 1), "roles")
}

func TestClockSkewOnDemand(t *testing.T) {
	s := newStage(t)
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	skewed := func(by time.Duration) {
		s.SetFault(emulator.Fault{TenantID: customerTenant, PathPrefix: "/oauth2/v2.0/token", ClockSkew: emulator.Duration(by)})
	}
	skewed(4 * time.Minute)
	require.Equal(t, []int{0}, s.answers(t, s.key, 1), "within what is tolerated")
	skewed(-6 * time.Minute)
	require.Equal(t, []int{700024}, s.answers(t, s.key, 1), "an assertion of the future")
	skewed(16 * time.Minute)
	require.Equal(t, []int{700024}, s.answers(t, s.key, 1), "or of the past")
	skewed(-2 * time.Hour)
	token := s.legacyToken(t)
	status, _ := s.get(t, token, "/v1.0/organization")
	require.Equal(t, 401, status, "a token whose life is over when it arrives")
	skewed(time.Hour)
	require.InDelta(t, s.clock.Now().Add(55*time.Minute).Unix(), decodedPart(t, s.legacyToken(t), 1)["nbf"], 1, "or has not begun")
}
