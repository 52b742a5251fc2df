package emulator_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"crypto/sha1"
	"crypto/sha256"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

func (s *stage) assertionForm(t *testing.T, path string, pair keyPair, change func(header, claims map[string]any)) url.Values {
	t.Helper()
	text, err := s.signed(pair, s.HTTPSURL()+path, change)
	require.NoError(t, err)
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {connectorApp}, "scope": {"https://graph.microsoft.com/.default"},
		"client_assertion_type": {assertionType}, "client_assertion": {text}}
}

func TestAssertionsAreReallyChecked(t *testing.T) {
	s := newStage(t)
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	now := s.clock.Now()
	stranger := newKeyPair(t, 1, now.Add(-time.Hour), now.AddDate(0, 0, 30))
	expired := newKeyPair(t, 2, now.AddDate(0, 0, -30), now.Add(-time.Hour))
	_, err := s.AddCertificate(connectorApp, expired.cert.Raw)
	require.NoError(t, err)
	path := "/" + customerTenant + "/oauth2/v2.0/token"
	sum256, sum1 := sha256.Sum256(s.key.cert.Raw), sha1.Sum(s.key.cert.Raw)

	for name, c := range map[string]struct {
		pair   keyPair
		change func(header, claims map[string]any)
		want   string // AADSTS number, or nothing if the token is issued
		status int
	}{
		"PS256, x5t#S256":          {pair: s.key, status: 200},
		"padded standard alphabet": {pair: s.key, status: 200, change: func(h, _ map[string]any) { h["x5t#S256"] = base64.StdEncoding.EncodeToString(sum256[:]) }},
		"RS256, x5t": {pair: s.key, status: 200, change: func(h, _ map[string]any) {
			delete(h, "x5t#S256")
			h["x5t"] = base64.RawURLEncoding.EncodeToString(sum1[:])
			h["alg"] = "RS256"
		}},
		"fractional times": {pair: s.key, status: 200, change: func(_, c map[string]any) {
			c["iat"] = float64(now.Unix()) + 0.123
			c["exp"] = float64(now.Unix()) + 600.5
		}},
		"no nbf":                 {pair: s.key, status: 200, change: func(_, c map[string]any) { delete(c, "nbf") }},
		"slow clock within skew": {pair: s.key, status: 200, change: func(_, c map[string]any) { c["nbf"] = now.Add(4 * time.Minute).Unix() }},
		"tenant in capitals": {pair: s.key, status: 200, change: func(_, c map[string]any) {
			c["aud"] = s.HTTPSURL() + strings.ToUpper("/"+customerTenant) + "/oauth2/v2.0/token"
		}},
		// Facts 3.1: the endpoint that was called, its form with the GUID, and the issuer; other names are a switch.
		"another name of the tenant": {pair: s.key, want: "700023", status: 401, change: func(_, c map[string]any) { c["aud"] = s.HTTPSURL() + "/contoso.example/oauth2/v2.0/token" }},
		"audience is the issuer":     {pair: s.key, status: 200, change: func(_, c map[string]any) { c["aud"] = s.HTTPSURL() + "/" + customerTenant + "/v2.0" }},
		"audience list":              {pair: s.key, status: 200, change: func(_, c map[string]any) { c["aud"] = []string{s.HTTPSURL() + path} }},
		"the older endpoint":         {pair: s.key, want: "700023", status: 401, change: func(_, c map[string]any) { c["aud"] = s.HTTPSURL() + "/" + customerTenant + "/oauth2/token" }},
		"unregistered key":           {pair: stranger, want: "700027", status: 401},
		"expired key":                {pair: expired, want: "700027", status: 401},
		"other key's thumbprint":     {pair: stranger, want: "700027", status: 401, change: func(h, _ map[string]any) { h["x5t#S256"] = base64.RawURLEncoding.EncodeToString(sum256[:]) }},
		"no thumbprint":              {pair: s.key, want: "50027", status: 401, change: func(h, _ map[string]any) { delete(h, "x5t#S256") }},
		"alg none":                   {pair: s.key, want: "50027", status: 401, change: func(h, _ map[string]any) { h["alg"] = "none" }},
		"past":                       {pair: s.key, want: "700024", status: 401, change: func(_, c map[string]any) { c["exp"] = now.Add(-6 * time.Minute).Unix() }},
		"future":                     {pair: s.key, want: "700024", status: 401, change: func(_, c map[string]any) { c["nbf"] = now.Add(6 * time.Minute).Unix() }},
		"no exp":                     {pair: s.key, want: "700024", status: 401, change: func(_, c map[string]any) { delete(c, "exp") }},
		"another tenant's endpoint":  {pair: s.key, want: "700023", status: 401, change: func(_, c map[string]any) { c["aud"] = s.HTTPSURL() + "/" + vendorTenant + "/oauth2/v2.0/token" }},
		"another issuer":             {pair: s.key, want: "70025", status: 401, change: func(_, c map[string]any) { c["iss"] = legacyApp }},
		"another subject":            {pair: s.key, want: "50048", status: 401, change: func(_, c map[string]any) { c["sub"] = legacyApp }},
	} {
		status, body := s.post(t, path, s.assertionForm(t, path, c.pair, c.change))
		require.Equal(t, c.status, status, "%s: %v", name, body)
		if c.want == "" {
			require.NotContains(t, body, "scope", "app-only answers name no scope")
			continue
		}
		require.Equal(t, "invalid_client", body["error"], name)
		require.Contains(t, body["error_description"], "AADSTS"+c.want+":", name)
	}
}

func TestTokenRefusals(t *testing.T) {
	s := newStage(t)
	const unknown = "99999999-0000-4000-8000-000000000009"
	require.NoError(t, s.AddApplication(emulator.Application{AppID: consoleID, TenantID: customerTenant, DisplayName: "Old app", Consented: true,
		Secrets: []emulator.Secret{{Value: "expired secret", NotAfter: s.clock.Now().Add(-time.Hour)}}}))
	good := url.Values{"grant_type": {"client_credentials"}, "client_id": {legacyApp}, "client_secret": {legacySecret}, "scope": {"https://graph.microsoft.com/.default"}}
	path := func(tenant string) string { return "/" + tenant + "/oauth2/v2.0/token" }
	for name, c := range map[string]struct {
		tenant string
		set    url.Values
		status int
		oauth  string
		code   int
	}{
		"unknown tenant":   {unknown, nil, 400, "invalid_request", 90002},
		"unknown app":      {customerTenant, url.Values{"client_id": {unknown}}, 400, "unauthorized_client", 700016},
		"foreign app":      {vendorTenant, nil, 400, "unauthorized_client", 700016},
		"wrong secret":     {customerTenant, url.Values{"client_secret": {"wrong"}}, 401, "invalid_client", 7000215},
		"expired secret":   {customerTenant, url.Values{"client_id": {consoleID}, "client_secret": {"expired secret"}}, 401, "invalid_client", 7000222},
		"no credential":    {customerTenant, url.Values{"client_secret": nil}, 400, "invalid_request", 7000216},
		"no grant type":    {customerTenant, url.Values{"grant_type": nil}, 400, "invalid_request", 900144},
		"other grant type": {customerTenant, url.Values{"grant_type": {"password"}}, 400, "unsupported_grant_type", 70003},
		"common":           {"common", nil, 400, "invalid_request", 9001023},
		"organizations":    {"organizations", nil, 400, "invalid_request", 50059},
		"no scope":         {customerTenant, url.Values{"scope": nil}, 400, "invalid_request", 900144},
		"scope by name":    {customerTenant, url.Values{"scope": {"https://graph.microsoft.com/User.Read.All"}}, 400, "invalid_scope", 1002012},
		"two resources":    {customerTenant, url.Values{"scope": {"https://graph.microsoft.com/.default https://vault.example/.default"}}, 400, "invalid_scope", 700022},
		"unknown resource": {customerTenant, url.Values{"scope": {"https://vault.example/.default"}}, 400, "invalid_resource", 500011},
		"no client id":     {customerTenant, url.Values{"client_id": {""}}, 400, "invalid_request", 900144},
	} {
		form := url.Values{}
		maps.Copy(form, good)
		maps.Copy(form, c.set)
		status, body := s.post(t, path(c.tenant), form)
		require.Equal(t, c.status, status, "%s: %v", name, body)
		require.Equal(t, c.oauth, body["error"], name)
		require.Equal(t, []any{float64(c.code)}, body["error_codes"], name)
		require.Contains(t, body["error_description"], fmt.Sprintf("AADSTS%d: ", c.code), name)
		for _, member := range []string{"timestamp", "trace_id", "correlation_id", "error_uri"} {
			require.NotEmpty(t, body[member], name)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.HTTPSURL()+path(customerTenant), nil)
	require.NoError(t, err)
	status, body := s.do(t, r)
	require.Equal(t, 400, status)
	require.Equal(t, []any{float64(900561)}, body["error_codes"])
}

func TestSecretByBasicAuthentication(t *testing.T) {
	s := newStage(t)
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default openid offline_access profile"}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.HTTPSURL()+"/contoso.example/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(legacyApp), url.QueryEscape(legacySecret))
	status, body := s.do(t, r)
	require.Equal(t, 200, status, body)
}

func TestAppTokenIsOpaqueAndOfVersionOne(t *testing.T) {
	s := newStage(t)
	token := s.legacyToken(t)
	var header, claims map[string]any
	for i, into := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, into))
	}
	require.NotEmpty(t, header["nonce"])
	require.Equal(t, "https://graph.microsoft.com", claims["aud"])
	require.Equal(t, "https://sts.windows.net/"+customerTenant+"/", claims["iss"])
	require.Equal(t, "1.0", claims["ver"])
	require.Equal(t, "app", claims["idtyp"])
	require.Equal(t, "1", claims["appidacr"])
	require.Equal(t, claims["oid"], claims["sub"])
	require.Equal(t, []any{"User.Read.All", "GroupMember.Read.All"}, claims["roles"])
	require.Equal(t, float64(s.clock.Now().Add(-5*time.Minute).Unix()), claims["nbf"])

	keys := s.publishedKeys(t, customerTenant)
	require.Len(t, keys, 2)
	_, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return keys[header["kid"].(string)], nil }, jwt.WithValidMethods([]string{"RS256"}))
	require.ErrorIs(t, err, jwt.ErrTokenSignatureInvalid, "nobody but Graph can check a token for Graph")
	require.Equal(t, header["kid"], header["x5t"])
}

func TestRevocationsShowAsInTheRealService(t *testing.T) {
	s := newStage(t)
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	path := "/" + customerTenant + "/oauth2/v2.0/token"
	acquire := func() (int, map[string]any) { return s.post(t, path, s.assertionForm(t, path, s.key, nil)) }
	code := func() float64 {
		status, body := acquire()
		if status == 200 {
			return 0
		}
		return body["error_codes"].([]any)[0].(float64)
	}
	_, body := acquire()
	live := body["access_token"].(string)

	require.NoError(t, s.RevokeGrants(customerTenant, connectorApp))
	_, body = acquire()
	status, _ := s.get(t, body["access_token"].(string), "/v1.0/users/delta")
	require.Equal(t, 403, status)
	status, _ = s.get(t, live, "/v1.0/users/delta")
	require.Equal(t, 200, status, "a live token keeps its roles until it ends")

	require.NoError(t, s.DisableServicePrincipal(customerTenant, connectorApp))
	require.EqualValues(t, 7000112, code())
	require.NoError(t, s.EnableServicePrincipal(customerTenant, connectorApp))
	require.Zero(t, code())

	require.NoError(t, s.RevokeConsent(customerTenant, connectorApp))
	require.EqualValues(t, 7000229, code())
	status, body = s.get(t, live, "/v1.0/users/delta")
	require.Equal(t, 401, status, body)

	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	status, _ = s.get(t, live, "/v1.0/users/delta")
	require.Equal(t, 401, status, "a new consent makes a new service principal")
	require.NoError(t, s.DeleteApplication(connectorApp))
	require.EqualValues(t, 700016, code())
	require.NoError(t, s.RestoreApplication(connectorApp))
	require.Zero(t, code())
	require.NoError(t, s.DisableApplication(connectorApp))
	require.EqualValues(t, 7000112, code())
}

func TestDiscoveryDocuments(t *testing.T) {
	s := newStage(t)
	for segment, issuer := range map[string]string{customerTenant: customerTenant, "contoso.example": customerTenant, "common": "{tenantid}", "organizations": "{tenantid}"} {
		status, body := s.get(t, "", "/"+segment+"/v2.0/.well-known/openid-configuration?")
		require.Equal(t, 200, status)
		require.Equal(t, s.HTTPSURL()+"/"+issuer+"/v2.0", body["issuer"], segment)
	}
	status, body := s.get(t, "", "/nobody.example/v2.0/.well-known/openid-configuration")
	require.Equal(t, 400, status)
	require.Equal(t, "invalid_tenant", body["error"])
	require.Contains(t, body["error_description"], "AADSTS90002: Tenant 'nobody.example' not found.")

	instance := "/common/discovery/instance?api-version=1.1&authorization_endpoint="
	status, body = s.get(t, "", instance+url.QueryEscape(s.HTTPSURL()+"/"+customerTenant+"/oauth2/v2.0/authorize"))
	require.Equal(t, 200, status)
	require.Contains(t, body["tenant_discovery_endpoint"], customerTenant)
	older := strings.Replace(instance, "1.1", "1.0", 1) + url.QueryEscape(s.HTTPSURL()+"/"+customerTenant+"/oauth2/v2.0/authorize")
	_, body = s.get(t, "", older)
	require.Equal(t, s.HTTPSURL()+"/"+customerTenant+"/.well-known/openid-configuration", body["tenant_discovery_endpoint"])
	require.NotContains(t, body, "metadata")
	status, body = s.get(t, "", instance+url.QueryEscape("https://login.elsewhere.example/common/oauth2/v2.0/authorize"))
	require.Equal(t, 400, status)
	require.Equal(t, "invalid_instance", body["error"])
}

func TestUserRealm(t *testing.T) {
	s := newStage(t)
	for path, want := range map[string][2]any{"/common/UserRealm/" + globalAdmin: {"Managed", "contoso.example"},
		"/common/userrealm/x@nowhere.example": {"Unknown", "nowhere.example"}, "/common/UserRealm/nobody": {"Unknown", nil}} {
		status, body := s.get(t, "", path+"?api-version=1.0")
		require.Equal(t, 200, status)
		require.Equal(t, want[0], body["account_type"], path)
		require.Equal(t, want[1], body["domain_name"], path)
		require.Equal(t, "1.0", body["ver"])
	}
}
