package emulator_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

func decodedPart(t *testing.T, token string, part int) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[part])
	require.NoError(t, err)
	var decoded map[string]any
	require.NoError(t, json.Unmarshal(raw, &decoded))
	return decoded
}

func TestSwitchMissingPrincipal(t *testing.T) {
	s := newStage(t)
	for value, want := range map[string]int{"": 7000229, emulator.MissingIsInvalidClient: 7000229, emulator.MissingIsNotFound: 700016, emulator.MissingGetsToken: 0} {
		s.switches(t, emulator.Switches{MissingPrincipal: value})
		require.Equal(t, []int{want}, s.answers(t, s.key, 1), value)
	}
	path := "/" + customerTenant + "/oauth2/v2.0/token"
	s.switches(t, emulator.Switches{MissingPrincipal: emulator.MissingGetsToken})
	_, body := s.post(t, path, s.assertionForm(t, path, s.key, nil))
	claims := decodedPart(t, body["access_token"].(string), 1)
	require.NotContains(t, claims, "oid")
	require.NotContains(t, claims, "roles")
	status, body := s.get(t, body["access_token"].(string), "/v1.0/organization")
	require.Equal(t, 401, status)
	require.Equal(t, "Authorization_IdentityNotFound", code(body))
}

func TestSwitchPrincipalFirst(t *testing.T) {
	s := newStage(t)
	stranger := newKeyPair(t, 1, s.clock.Now().Add(-time.Hour), s.clock.Now().AddDate(0, 0, 30))
	require.Equal(t, []int{700027}, s.answers(t, stranger, 1))
	s.switches(t, emulator.Switches{PrincipalFirst: true})
	require.Equal(t, []int{7000229}, s.answers(t, stranger, 1))
}

func TestSwitchesOfTokens(t *testing.T) {
	s := newStage(t)
	ask := func() map[string]any {
		status, body := s.post(t, "/"+customerTenant+"/oauth2/v2.0/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {legacyApp},
			"client_secret": {legacySecret}, "scope": {"https://graph.microsoft.com/.default"}})
		require.Equal(t, 200, status, body)
		return body
	}
	s.switches(t, emulator.Switches{TokenLifetime: emulator.Duration(10 * time.Minute), RefreshIn: true})
	body := ask()
	require.EqualValues(t, 599, body["expires_in"])
	require.NotContains(t, body, "refresh_in", "only tokens of two hours and more are renewed ahead of time")
	s.switches(t, emulator.Switches{TokenLifetime: emulator.Duration(24 * time.Hour), RefreshIn: true, NewerClaims: true, PlainGraphTokens: true})
	body = ask()
	require.EqualValues(t, 86399, body["expires_in"])
	require.EqualValues(t, 43199, body["refresh_in"])
	token := body["access_token"].(string)
	require.Contains(t, decodedPart(t, token, 1), "xms_ftd")
	require.NotContains(t, decodedPart(t, token, 0), "nonce")
	keys := s.publishedKeys(t, customerTenant)
	_, err := jwt.Parse(token, func(j *jwt.Token) (any, error) { return keys[j.Header["kid"].(string)], nil }, jwt.WithValidMethods([]string{"RS256"}))
	require.NoError(t, err)
	status, body := s.get(t, token, "/v1.0/organization")
	require.Equal(t, 200, status, body)
}

func TestSwitchesOfRefusals(t *testing.T) {
	s := newStage(t)
	path := "/" + customerTenant + "/oauth2/v2.0/token"
	stranger := newKeyPair(t, 1, s.clock.Now().Add(-time.Hour), s.clock.Now().AddDate(0, 0, 30))
	ask := func(pair keyPair, change func(_, claims map[string]any)) (int, map[string]any) {
		return s.post(t, path, s.assertionForm(t, path, pair, change))
	}
	s.switches(t, emulator.Switches{OldAssertionWording: true, SpacedDescriptions: true, NoErrorURI: true,
		Refusals: map[int]emulator.Refusal{700027: {Status: 400, Error: "invalid_request"}}})
	status, body := ask(stranger, nil)
	require.Equal(t, 400, status)
	require.Equal(t, "invalid_request", body["error"])
	require.Contains(t, body["error_description"], "AADSTS700027: Client assertion contains an invalid signature. [Reason - The key was not found.")
	require.NotContains(t, body["error_description"], "\r\n")
	require.Contains(t, body["error_description"], " Trace ID: ")
	require.NotContains(t, body, "error_uri")

	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	s.switches(t, emulator.Switches{StrictAudience: true})
	status, _ = ask(s.key, nil)
	require.Equal(t, 200, status)
	elsewhere := "https://login.elsewhere.example/" + customerTenant + "/oauth2/v2.0/token"
	for _, aud := range []string{s.HTTPSURL() + "/" + customerTenant + "/v2.0", s.HTTPSURL() + "/contoso.example/oauth2/v2.0/token", elsewhere} {
		_, body = ask(s.key, func(_, c map[string]any) { c["aud"] = aud })
		require.Contains(t, body["error_description"], "AADSTS700023", aud)
	}
}

func TestSwitchLooseRedirects(t *testing.T) {
	s := newStage(t)
	query := consentQuery()
	query.Set("redirect_uri", callback+"/more")
	for _, loose := range []bool{false, true} {
		s.switches(t, emulator.Switches{LooseRedirects: loose})
		old := newBrowser(t).open(s.address("/"+customerTenant+"/adminconsent", query))
		require.Equal(t, loose, !strings.Contains(old.text, "AADSTS50011"))
		require.Contains(t, newBrowser(t).open(s.address("/"+customerTenant+"/v2.0/adminconsent", query)).text, "AADSTS50011", "v2 is exact")
	}
}

func TestSwitchesOfTheEmulatorHoldForTenantsWithoutTheirOwn(t *testing.T) {
	s := newStage(t, func(c *config) { c.Switches.MissingPrincipal = emulator.MissingIsNotFound })
	require.Equal(t, []int{700016}, s.answers(t, s.key, 1))
	s.switches(t, emulator.Switches{})
	require.Equal(t, []int{7000229}, s.answers(t, s.key, 1))
	require.Error(t, s.AddTenant(emulator.Tenant{ID: customerTenant, Domain: "contoso.example", Policy: emulator.Policy{Switches: &emulator.Switches{ConsentDeclined: "x"}}}))
}
