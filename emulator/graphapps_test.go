package emulator_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

func (s *stage) object(t *testing.T, token, path string) map[string]any {
	t.Helper()
	resp, text := s.ask(t, "GET", token, path, "")
	require.Equal(t, 200, resp.StatusCode, text)
	var body map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &body))
	return body
}

func TestApplicationsAndPrincipals(t *testing.T) {
	s := newStage(t)
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	token := s.tokenWith(t, "Directory.Read.All")
	apps := s.object(t, token, "/v1.0/applications?$select=appId,displayName")["value"].([]any)
	require.Len(t, apps, 2, "its own registrations, not the vendor's")
	legacy := s.object(t, token, "/v1.0/applications(appId='"+legacyApp+"')")
	require.Equal(t, "AzureADMyOrg", legacy["signInAudience"])
	require.Len(t, legacy["passwordCredentials"], 1)
	require.Equal(t, legacy["id"], s.object(t, token, "/v1.0/applications/"+legacy["id"].(string))["id"])
	resp, _ := s.ask(t, "GET", token, "/v1.0/applications(appId='"+connectorApp+"')", "")
	require.Equal(t, 404, resp.StatusCode, "registered elsewhere")

	principals := s.object(t, token, "/v1.0/servicePrincipals?$filter=appId%20eq%20'"+connectorApp+"'")["value"].([]any)
	require.Len(t, principals, 1)
	connector := principals[0].(map[string]any)
	require.Equal(t, vendorTenant, connector["appOwnerOrganizationId"])
	require.Equal(t, s.Grants(customerTenant)[0].ServicePrincipalID, connector["id"])
	graph := s.object(t, token, "/v1.0/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')")
	assignments := s.object(t, token, "/v1.0/servicePrincipals/"+connector["id"].(string)+"/appRoleAssignments")["value"].([]any)
	var roles []string
	for _, a := range assignments {
		assignment := a.(map[string]any)
		require.Equal(t, graph["id"], assignment["resourceId"])
		require.Equal(t, connector["id"], assignment["principalId"])
		roles = append(roles, assignment["appRoleId"].(string))
	}
	require.Equal(t, []string{userReadAll, memberReadAll}, roles)
	assigned := s.object(t, token, "/v1.0/servicePrincipals/"+graph["id"].(string)+"/appRoleAssignedTo")["value"].([]any)
	require.Greater(t, len(assigned), len(assignments))
	grants := s.object(t, token, "/v1.0/oauth2PermissionGrants?$filter=clientId%20eq%20'"+connector["id"].(string)+"'")["value"].([]any)
	require.Len(t, grants, 1)
	require.Equal(t, "AllPrincipals", grants[0].(map[string]any)["consentType"])
	require.Equal(t, "openid profile", grants[0].(map[string]any)["scope"])

	require.NoError(t, s.RevokeGrants(customerTenant, connectorApp))
	require.Empty(t, s.object(t, token, "/v1.0/servicePrincipals/"+connector["id"].(string)+"/appRoleAssignments")["value"])
	require.NoError(t, s.RevokeConsent(customerTenant, connectorApp))
	resp, _ = s.ask(t, "GET", token, "/v1.0/servicePrincipals/"+connector["id"].(string), "")
	require.Equal(t, 404, resp.StatusCode)

	own := s.tokenWith(t, "Application.ReadWrite.OwnedBy")
	require.Len(t, s.object(t, own, "/v1.0/applications")["value"], 1, "owners see their own")
	resp, _ = s.ask(t, "GET", own, "/v1.0/applications(appId='"+legacyApp+"')", "")
	require.Equal(t, 403, resp.StatusCode)
}

func TestPatchReplacesAllKeys(t *testing.T) {
	s := newStage(t)
	token := s.tokenWith(t, "Application.ReadWrite.All")
	now := s.clock.Now()
	path := "/v1.0/applications(appId='" + legacyApp + "')"
	first, second := newKeyPair(t, 1, now, now.AddDate(0, 0, 30)), newKeyPair(t, 2, now, now.AddDate(0, 0, 30))
	patch := func(token, body string) (int, string) {
		resp, text := s.ask(t, "PATCH", token, path, body)
		return resp.StatusCode, text
	}
	fresh := func(k keyPair) string {
		return `{"type":"AsymmetricX509Cert","usage":"Verify","displayName":"k","key":"` + base64.StdEncoding.EncodeToString(k.cert.Raw) + `"}`
	}
	status, text := patch(token, `{"keyCredentials":[`+fresh(first)+`]}`)
	require.Equal(t, 204, status, text)
	require.Empty(t, text)
	kept := s.Keys(legacyApp)[0].KeyID

	shown := s.object(t, token, path)["keyCredentials"].([]any)[0].(map[string]any)
	require.Nil(t, shown["key"], "only when it is selected of a single object")
	shown = s.object(t, token, path+"?$select=keyCredentials")["keyCredentials"].([]any)[0].(map[string]any)
	require.Equal(t, base64.StdEncoding.EncodeToString(first.cert.Raw), shown["key"])

	status, text = patch(token, fmt.Sprintf(`{"keyCredentials":[{"keyId":%q,"type":"AsymmetricX509Cert","usage":"Verify","key":null},%s]}`, kept, fresh(second)))
	require.Equal(t, 204, status, text)
	require.Len(t, s.Keys(legacyApp), 2)
	require.Equal(t, kept, s.Keys(legacyApp)[0].KeyID)
	status, text = patch(token, `{"keyCredentials":[],"displayName":"Renamed"}`)
	require.Equal(t, 204, status, text)
	require.Empty(t, s.Keys(legacyApp), "what is left out is gone")
	require.Equal(t, "Renamed", s.object(t, token, path)["displayName"])

	for name, body := range map[string]string{
		"a secret":            `{"passwordCredentials":[]}`,
		"no certificate":      `{"keyCredentials":[{"type":"AsymmetricX509Cert","usage":"Verify"}]}`,
		"not JSON":            `keyCredentials`,
		"what is not modeled": `{"web":{}}`,
		"ends too late": `{"keyCredentials":[{"type":"AsymmetricX509Cert","usage":"Verify","endDateTime":"2099-01-01T00:00:00Z","key":"` +
			base64.StdEncoding.EncodeToString(first.cert.Raw) + `"}]}`,
	} {
		status, text = patch(token, body)
		require.Equal(t, 400, status, "%s: %s", name, text)
	}
	require.Empty(t, s.Keys(legacyApp))
	status, _ = patch(s.tokenWith(t, "Application.ReadWrite.OwnedBy"), `{"keyCredentials":[]}`)
	require.Equal(t, 403, status, "owned by somebody else")
	status, _ = patch(s.tokenWith(t, "Application.Read.All"), `{"keyCredentials":[]}`)
	require.Equal(t, 403, status)

	status, _ = patch(token, `{"isDisabled":true}`)
	require.Equal(t, 204, status)
	tokenStatus, body := s.post(t, "/"+customerTenant+"/oauth2/v2.0/token", legacyForm())
	require.Equal(t, 401, tokenStatus)
	require.Contains(t, body["error_description"], "7000112")
}

func TestSwitchesOfGraph(t *testing.T) {
	s := newStage(t, func(c *config) {
		c.Switches.Graph = emulator.GraphSwitches{ExpiredDelta: 400, DeltaLifetime: emulator.Duration(3600e9), NoErrorCode: true,
			LowerInnerError: true, ProofForGraph: true, ProofPS256: true, BareAddKey: true, MaxTop: 5, DefaultTop: 4}
	})
	token := s.legacyToken(t)
	_, link := s.round(t, token, "/v1.0/users/delta?$select=id")
	require.Len(t, s.object(t, token, "/v1.0/users")["value"], 4)
	resp, text := s.ask(t, "GET", token, "/v1.0/users?$top=6", "")
	require.Equal(t, 400, resp.StatusCode)
	require.Contains(t, text, `"code":""`)
	require.Contains(t, text, `"innererror":{`)
	s.clock.Advance(61 * 60e9)
	resp, _ = s.ask(t, "GET", s.legacyToken(t), link, "")
	require.Equal(t, 400, resp.StatusCode)
	require.Empty(t, resp.Header.Get("Location"))

	now := s.clock.Now()
	next := newKeyPair(t, 1, now, now.AddDate(0, 0, 30))
	path := "/" + vendorTenant + "/oauth2/v2.0/token"
	_, body := s.post(t, path, s.assertionForm(t, path, s.key, nil))
	status, answer := s.roll(t, body["access_token"].(string), "addKey", map[string]any{"passwordCredential": nil,
		"keyCredential": map[string]any{"type": "AsymmetricX509Cert", "usage": "Verify", "key": next.cert.Raw},
		"proof": s.proof(t, s.key, func(h, c map[string]any) {
			h["alg"], c["aud"] = "PS256", "00000003-0000-0000-c000-000000000000"
		})}, false)
	require.Equal(t, 200, status, answer)
	require.Len(t, answer, 1)
	require.Len(t, s.Keys(connectorApp), 2)

	_, err := emulator.New(emulator.Config{Switches: emulator.Switches{Graph: emulator.GraphSwitches{ExpiredDelta: 418}}})
	require.ErrorContains(t, err, "expiredDelta")
}
