package emulator_test

import (
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

func uses(s *stage) []string {
	var list []string
	for _, k := range s.SigningKeys() {
		list = append(list, k.Use)
	}
	return list
}

func TestSigningKeysRollOver(t *testing.T) {
	s := newStage(t)
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	b := newBrowser(t)
	at := s.address("/"+customerTenant+"/oauth2/v2.0/authorize", signInQuery())
	b.press(at, b.open(at), "login="+globalAdmin)
	signIn := func() string {
		status, body := s.redeem(t, customerTenant, b.open(at).sent.Get("code"), nil)
		require.Equal(t, 200, status, body)
		return body["id_token"].(string)
	}
	ctx := oidc.ClientContext(t.Context(), s.HTTPClient())
	provider, err := oidc.NewProvider(ctx, s.HTTPSURL()+"/"+customerTenant+"/v2.0")
	require.NoError(t, err)
	check := provider.Verifier(&oidc.Config{ClientID: connectorApp, Now: s.clock.Now})
	before, graphToken := signIn(), s.legacyToken(t)
	_, err = check.Verify(ctx, before)
	require.NoError(t, err)
	announced := s.SigningKeys()[1].KeyID

	require.NoError(t, s.RollSigningKey(24*time.Hour))
	require.Equal(t, []string{"signs", "next", "old"}, uses(s))
	require.Equal(t, announced, s.SigningKeys()[0].KeyID, "the key that was announced signs")
	require.Len(t, s.publishedKeys(t, customerTenant), 3)
	_, err = check.Verify(ctx, before)
	require.NoError(t, err, "what the old key signed is still good")
	_, err = check.Verify(ctx, signIn())
	require.NoError(t, err, "a client finds the new key, which it may have read before")
	status, _ := s.get(t, graphToken, "/v1.0/organization")
	require.Equal(t, 200, status)

	s.clock.Advance(24 * time.Hour)
	require.Equal(t, []string{"signs", "next"}, uses(s), "the old key is no longer published")

	fresh := signIn()
	graphToken = s.legacyToken(t)
	require.NoError(t, s.RollSigningKey(0))
	require.Equal(t, []string{"signs", "next"}, uses(s))
	anew, err := oidc.NewProvider(ctx, s.HTTPSURL()+"/"+customerTenant+"/v2.0")
	require.NoError(t, err)
	_, err = anew.Verifier(&oidc.Config{ClientID: connectorApp, Now: s.clock.Now}).Verify(ctx, fresh)
	require.ErrorContains(t, err, "failed to verify", "after a compromise the old key is worth nothing at once")
	status, body := s.get(t, graphToken, "/v1.0/organization")
	require.Equal(t, 401, status)
	require.Equal(t, "InvalidAuthenticationToken", code(body))
}

func TestRolledKeysSurviveARestart(t *testing.T) {
	var config emulator.Config
	s := newStage(t, func(c *emulator.Config) { c.StateDir = t.TempDir(); config = *c })
	require.NoError(t, s.RollSigningKey(time.Hour))
	keys, published := s.SigningKeys(), s.publishedKeys(t, customerTenant)
	require.NoError(t, s.Advance(30*time.Minute))
	now := s.Now()
	s.restart(t, config)
	require.Equal(t, keys, s.SigningKeys())
	require.Equal(t, published, s.publishedKeys(t, customerTenant))
	require.Equal(t, now, s.Now(), "and so does the clock that was moved")
}

func TestVirtualClock(t *testing.T) {
	s := newStage(t, func(c *config) { c.ConsentDelay, c.KeyDelay = time.Hour, time.Hour })
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	path := "/" + customerTenant + "/oauth2/v2.0/token"
	status, _ := s.post(t, path, s.assertionForm(t, path, s.key, nil))
	require.Equal(t, 401, status)
	token := s.legacyToken(t)
	_, page := s.get(t, token, "/v1.0/users/delta?$deltatoken=latest")
	link := page["@odata.deltaLink"].(string)

	require.NoError(t, s.Advance(time.Hour))
	s.clock.Advance(time.Hour) // the client's own clock
	require.NoError(t, s.SetClock(s.clock.Now()))
	status, body := s.post(t, path, s.assertionForm(t, path, s.key, nil))
	require.Equal(t, 200, status, body)

	require.NoError(t, s.Advance(2*time.Hour))
	status, body = s.get(t, token, "/v1.0/organization")
	require.Equal(t, 401, status, body)
	require.NoError(t, s.Advance(8*24*time.Hour))
	status, _ = s.get(t, s.legacyToken(t), link)
	require.Equal(t, 410, status, "delta positions age")
	require.NoError(t, s.Advance(30*24*time.Hour))
	_, body = s.post(t, path, map[string][]string{"grant_type": {"client_credentials"}, "client_id": {legacyApp}, "client_secret": {legacySecret},
		"scope": {"https://graph.microsoft.com/.default"}})
	require.Contains(t, body["error_description"], "AADSTS7000222", "secrets end")
	require.Error(t, s.Advance(-time.Second))
}

func TestClockAndKeysOverTheControlAPI(t *testing.T) {
	s := newStage(t)
	status, text := s.control(t, "POST", "/clock", map[string]any{"advance": "48h"})
	require.Equal(t, 200, status, text)
	require.Equal(t, s.clock.Now().Add(48*time.Hour), s.Now())
	status, text = s.control(t, "POST", "/clock", map[string]any{"set": "2031-02-03T04:05:06Z"})
	require.Equal(t, 200, status, text)
	require.Contains(t, text, "2031-02-03T04:05:06Z")
	for _, wrong := range []map[string]any{{}, {"advance": "1h", "set": "2031-02-03T04:05:06Z"}, {"advance": "soon"}, {"advance": "-1h"}, {"forward": "1h"}} {
		status, text = s.control(t, "POST", "/clock", wrong)
		require.Equal(t, 400, status, text)
	}
	status, text = s.control(t, "POST", "/signing-keys/roll", map[string]any{"keepOld": "1h"})
	require.Equal(t, 200, status, text)
	require.Equal(t, []string{"signs", "next", "old"}, uses(s))
}
