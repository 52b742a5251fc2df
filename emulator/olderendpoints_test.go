package emulator_test

import (
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOlderTokenEndpoint(t *testing.T) {
	s := newStage(t)
	path := "/" + customerTenant + "/oauth2/token"
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {legacyApp}, "client_secret": {legacySecret}, "resource": {"https://graph.microsoft.com/"}}
	status, body := s.post(t, path, form)
	require.Equal(t, 200, status, body)
	require.Equal(t, "https://graph.microsoft.com", body["resource"])
	on, err := strconv.ParseInt(body["expires_on"].(string), 10, 64)
	require.NoError(t, err)
	in, err := strconv.Atoi(body["expires_in"].(string))
	require.NoError(t, err)
	require.InDelta(t, s.clock.Now().Unix()+int64(in), on, 1)
	status, _ = s.get(t, body["access_token"].(string), "/v1.0/organization")
	require.Equal(t, 200, status)
	form.Del("resource")
	status, body = s.post(t, path, form)
	require.Equal(t, 400, status)
	require.Contains(t, body["error_description"], "'resource'")

	_, document := s.get(t, "", "/"+customerTenant+"/.well-known/openid-configuration")
	require.Equal(t, "https://sts.windows.net/"+customerTenant+"/", document["issuer"])
	require.Equal(t, s.HTTPSURL()+path, document["token_endpoint"])
}

func TestRefreshTokens(t *testing.T) {
	s := newStage(t)
	b := newBrowser(t)
	q := signInQuery()
	q.Set("scope", "openid profile offline_access")
	at := s.address("/"+customerTenant+"/oauth2/v2.0/authorize", q)
	code := b.press(at, b.press(at, b.open(at), "login="+plainUser), "consent=accept").sent.Get("code")
	status, body := s.redeem(t, customerTenant, code, nil)
	require.Equal(t, 200, status, body)
	token := body["refresh_token"].(string)
	refresh := func() (int, map[string]any) {
		return s.redeem(t, customerTenant, "", func(f url.Values) {
			f.Set("grant_type", "refresh_token")
			f.Set("refresh_token", token)
			f.Del("code")
		})
	}
	status, body = refresh()
	require.Equal(t, 200, status, body)
	require.NotEmpty(t, body["id_token"])
	require.NotEmpty(t, body["refresh_token"])
	refused := func(want, oauth string) {
		t.Helper()
		status, body := refresh()
		require.Equal(t, 400, status, body)
		require.Contains(t, body["error_description"], want)
		require.Equal(t, oauth, body["error"])
	}
	user := "00000000-0000-4000-8000-0000000000a4"
	require.NoError(t, s.UpdateUser(customerTenant, user, map[string]any{"accountEnabled": false}))
	refused("AADSTS50057", "invalid_grant")
	require.NoError(t, s.UpdateUser(customerTenant, user, map[string]any{"accountEnabled": true}))
	require.NoError(t, s.RevokeGrants(customerTenant, connectorApp))
	refused("AADSTS65001", "invalid_grant")
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	require.NoError(t, s.Advance(91*24*time.Hour))
	s.clock.Advance(91 * 24 * time.Hour)
	require.NoError(t, s.SetClock(s.clock.Now()))
	status, body = refresh()
	require.GreaterOrEqual(t, status, 400, body)
	token = "made up"
	status, _ = refresh()
	require.GreaterOrEqual(t, status, 400)
}
