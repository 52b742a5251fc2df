package emulator_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

// round follows a delta round to its end and returns every object and the delta link.
func (s *stage) round(t *testing.T, token, address string) ([]map[string]any, string) {
	t.Helper()
	var all []map[string]any
	for range 10_000 {
		status, body := s.get(t, token, address)
		require.Equal(t, 200, status, body)
		for _, v := range body["value"].([]any) {
			all = append(all, v.(map[string]any))
		}
		next, more := body["@odata.nextLink"].(string)
		link, done := body["@odata.deltaLink"].(string)
		require.NotEqual(t, more, done, "a page has one of both links")
		if done {
			return all, link
		}
		address = next
	}
	t.Fatal("the round does not end")
	return nil, ""
}

func TestDeltaRoundsTellTheWholeDirectory(t *testing.T) {
	s := newStage(t, func(c *config) { c.PageSize, c.MemberPage = 7, 11 })
	token := s.legacyToken(t)
	users, _ := s.round(t, token, "/v1.0/users/delta()?$select=id,userPrincipalName,accountEnabled,proxyAddresses")
	groups, link := s.round(t, token, "/v1.0/groups/microsoft.graph.delta()?$select=id,displayName,members")
	dump := s.Directory(customerTenant)
	require.Len(t, users, len(dump.Users))
	seen, repeated := map[string]map[string]string{}, 0
	for _, g := range groups {
		id := g["id"].(string)
		if seen[id] == nil {
			seen[id] = map[string]string{}
		} else {
			repeated++
		}
		members, _ := g["members@delta"].([]any)
		for _, m := range members {
			member := m.(map[string]any)
			seen[id][member["id"].(string)] = strings.TrimPrefix(member["@odata.type"].(string), "#microsoft.graph.")
		}
	}
	require.Positive(t, repeated, "a large group stands on several pages")
	require.Len(t, seen, len(dump.Groups))
	edges := 0
	for _, members := range seen {
		edges += len(members)
	}
	require.Equal(t, len(dump.Memberships), edges)
	for _, m := range dump.Memberships {
		require.Equal(t, m.MemberType, seen[m.GroupID][m.MemberID])
	}

	nothing, link := s.round(t, token, link)
	require.Empty(t, nothing)
	edge := dump.Memberships[0]
	require.NoError(t, s.RemoveMember(customerTenant, edge.GroupID, edge.MemberID))
	changes, _ := s.round(t, token, link)
	require.Len(t, changes, 1)
	require.Equal(t, []any{map[string]any{"@odata.type": "#microsoft.graph." + edge.MemberType, "id": edge.MemberID,
		"@removed": map[string]any{"reason": "deleted"}}}, changes[0]["members@delta"])
}

func TestDeltaAfterMutations(t *testing.T) {
	s := newStage(t)
	token := s.legacyToken(t)
	_, link := s.round(t, token, "/v1.0/users/delta?$select=displayName,mail")
	latest, fromNow := s.round(t, token, "/v1.0/users/delta?$deltatoken=latest&$select=displayName")
	require.Empty(t, latest)

	gone := s.Directory(customerTenant).Users[0].ID
	require.NoError(t, s.DeleteUser(customerTenant, gone))
	id, err := s.CreateUser(customerTenant, emulator.User{DisplayName: "New Person", UserPrincipalName: "new@contoso.example", AccountEnabled: true})
	require.NoError(t, err)
	for _, from := range []string{link, fromNow} {
		changes, _ := s.round(t, token, from)
		require.Len(t, changes, 2)
		require.Equal(t, map[string]any{"id": gone, "@removed": map[string]any{"reason": "changed"}}, changes[0])
		require.Equal(t, map[string]any{"id": id, "displayName": "New Person"}, changes[1])
	}
}

func TestDeltaTokensAreBoundAndExpire(t *testing.T) {
	s := newStage(t, func(c *config) { c.PageSize = 10 })
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	legacy := s.legacyToken(t)
	_, link := s.round(t, legacy, "/v1.0/users/delta?$select=mail")

	path := "/" + customerTenant + "/oauth2/v2.0/token"
	_, body := s.post(t, path, s.assertionForm(t, path, s.key, nil))
	other := body["access_token"].(string)
	status, _ := s.get(t, other, link)
	require.Equal(t, 400, status, "another app's token")
	status, _ = s.get(t, legacy, strings.Replace(link, "/users/", "/groups/", 1))
	require.Equal(t, 400, status, "another collection's token")
	status, _ = s.get(t, legacy, link[:len(link)-2]+"AA")
	require.Equal(t, 400, status, "a tampered token")
	_, body = s.get(t, legacy, "/v1.0/users/delta?$select=mail")
	status, _ = s.get(t, legacy, body["@odata.nextLink"].(string)+"&$select=id")
	require.Equal(t, 400, status, "another selection within a round")

	goneAt := func(address, code string) string {
		token := s.legacyToken(t)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := s.HTTPClient().Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusGone, resp.StatusCode)
		require.Contains(t, string(text), code)
		return resp.Header.Get("Location")
	}
	require.NoError(t, s.ExpireDeltas(customerTenant))
	status, _ = s.get(t, legacy, link)
	require.Equal(t, 200, status, "issued at the very moment")
	s.clock.Advance(time.Second)
	require.NoError(t, s.ExpireDeltas(customerTenant))
	again := goneAt(link, "resyncRequired")
	require.Contains(t, again, "deltatoken=")
	everything, fresh := s.round(t, s.legacyToken(t), again)
	require.Len(t, everything, len(s.Directory(customerTenant).Users))
	require.NotContains(t, everything[0], "displayName", "the way back keeps the selection")
	s.clock.Advance(8 * 24 * time.Hour)
	goneAt(fresh, "syncStateNotFound")
}

func TestGraphRefusals(t *testing.T) {
	s := newStage(t)
	good := s.legacyToken(t)
	require.NoError(t, s.AddApplication(emulator.Application{AppID: consoleID, TenantID: customerTenant, DisplayName: "Basic",
		RequiredRoles: []string{"97235f07-e226-4f63-ace3-39588e11d3a1"}, Consented: true, Secrets: []emulator.Secret{{Value: "basic"}}}))
	_, body := s.post(t, "/"+customerTenant+"/oauth2/v2.0/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {consoleID},
		"client_secret": {"basic"}, "scope": {"00000003-0000-0000-c000-000000000000/.default"}})
	basic := body["access_token"].(string)
	parts := strings.Split(good, ".")
	forged := parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"aud":"https://graph.microsoft.com","exp":99999999999}`)) + "." + parts[2]
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "."

	for name, c := range map[string]struct {
		token, path string
		status      int
		code        string
	}{
		"no token":             {"", "/v1.0/users", 401, "InvalidAuthenticationToken"},
		"forged token":         {forged, "/v1.0/users", 401, "InvalidAuthenticationToken"},
		"unsigned token":       {unsigned, "/v1.0/users", 401, "InvalidAuthenticationToken"},
		"basic users, no":      {basic, "/v1.0/users/delta", 403, "Authorization_RequestDenied"},
		"basic users, groups":  {basic, "/v1.0/groups", 403, "Authorization_RequestDenied"},
		"basic users, members": {basic, "/v1.0/groups/" + vendorTenant + "/members", 403, "Authorization_RequestDenied"},
		"applications":         {good, "/v1.0/applications(appId='" + legacyApp + "')", 403, "Authorization_RequestDenied"},
		"unknown user":         {good, "/v1.0/users/" + vendorTenant, 404, "Request_ResourceNotFound"},
		"unknown property":     {good, "/v1.0/users?$select=shoeSize", 400, "BadRequest"},
		"top too large":        {good, "/v1.0/users?$top=1000", 400, "Request_BadRequest"},
		"unknown path":         {good, "/v1.0/planets", 400, "BadRequest"},
		"filter in a delta":    {good, "/v1.0/users/delta?$filter=mail%20eq%20'a'", 400, "Request_BadRequest"},
	} {
		status, body := s.get(t, c.token, c.path)
		require.Equal(t, c.status, status, "%s: %v", name, body)
		require.Equal(t, c.code, code(body), name)
		inner := body["error"].(map[string]any)["innerError"].(map[string]any)
		require.NotEmpty(t, inner["request-id"], name)
	}
	status, _ := s.get(t, basic, "/v1.0/users")
	require.Equal(t, 200, status, "basic profiles do for the list")
	var unknown []string
	for _, r := range s.Requests() {
		if r.Unknown {
			unknown = append(unknown, r.Path)
		}
	}
	require.Equal(t, []string{"/v1.0/planets"}, unknown)

	s.clock.Advance(2 * time.Hour)
	status, body = s.get(t, good, "/v1.0/users")
	require.Equal(t, 401, status)
	require.Contains(t, body["error"].(map[string]any)["message"], "expired")
}

func TestGraphHeaders(t *testing.T) {
	s := newStage(t)
	token := s.legacyToken(t)
	const correlation = "12345678-0000-4000-8000-000000000000"
	for path, want := range map[string]int{"/v1.0/organization": 200, "/beta/users?$top=1": 200, "/v1.0/applications": 403, "/v1.0/users/" + vendorTenant: 404,
		"/v1.0/planets": 400} {
		resp, text := s.ask(t, "GET", token, path, "", "client-request-id", correlation)
		require.Equal(t, want, resp.StatusCode, text)
		require.Equal(t, correlation, resp.Header.Get("client-request-id"), path)
		require.Equal(t, "4.0", resp.Header.Get("OData-Version"), path)
		require.Equal(t, "no-cache", resp.Header.Get("Cache-Control"), path)
		require.NotEmpty(t, resp.Header.Get("x-ms-resource-unit"), path)
		require.True(t, json.Valid([]byte(resp.Header.Get("x-ms-ags-diagnostic"))), path)
		require.Empty(t, resp.Header.Get("WWW-Authenticate"), path)
		if want == 200 {
			require.Equal(t, "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8", resp.Header.Get("Content-Type"))
			continue
		}
		require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		require.Contains(t, text, `"request-id":"`+resp.Header.Get("request-id")+`"`)
		require.Contains(t, text, `"client-request-id":"`+correlation+`"`)
	}
	for _, bearer := range []string{"", "nonsense"} {
		resp, _ := s.ask(t, "GET", bearer, "/v1.0/organization", "")
		require.Equal(t, 401, resp.StatusCode)
		require.Equal(t, `Bearer realm="", authorization_uri="`+s.HTTPSURL()+`/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`,
			resp.Header.Get("WWW-Authenticate"))
		require.Equal(t, "no-cache", resp.Header.Get("Cache-Control"))
	}
	first, _ := s.ask(t, "GET", token, "/v1.0/organization", "")
	second, _ := s.ask(t, "GET", token, "/v1.0/organization", "")
	require.NotEqual(t, first.Header.Get("request-id"), second.Header.Get("request-id"))
}

func TestListsAndSingleObjects(t *testing.T) {
	s := newStage(t)
	token := s.legacyToken(t)
	dump := s.Directory(customerTenant)
	ids := map[string]bool{}
	address := "/beta/users?$select=id,mail&$top=9"
	for address != "" {
		status, body := s.get(t, token, address)
		require.Equal(t, 200, status, body)
		for _, v := range body["value"].([]any) {
			ids[v.(map[string]any)["id"].(string)] = true
			require.Len(t, v, 2)
		}
		address, _ = body["@odata.nextLink"].(string)
	}
	require.Len(t, ids, len(dump.Users))

	guest := dump.Users[0]
	for _, u := range dump.Users {
		if u.UserType == "Guest" {
			guest = u
		}
	}
	status, body := s.get(t, token, "/v1.0/users/"+url.PathEscape(guest.UserPrincipalName))
	require.Equal(t, 200, status, body)
	require.Equal(t, guest.ID, body["id"])
	status, body = s.get(t, token, "/v1.0/users?$select=id,mail&$filter="+url.QueryEscape("mail eq '"+guest.Mail+"'"))
	require.Equal(t, 200, status, body)
	require.Len(t, body["value"], 1)

	byGroup := map[string]int{}
	for _, m := range dump.Memberships {
		byGroup[m.GroupID]++
	}
	for group, n := range byGroup {
		found := 0
		for address := "/v1.0/groups/" + group + "/members?$top=5&$select=id,userPrincipalName"; address != ""; {
			status, body := s.get(t, token, address)
			require.Equal(t, 200, status, body)
			found += len(body["value"].([]any))
			address, _ = body["@odata.nextLink"].(string)
		}
		require.Equal(t, n, found)
		status, body := s.get(t, token, "/v1.0/groups/"+group+"/transitiveMembers")
		require.Equal(t, 200, status, body)
		require.GreaterOrEqual(t, len(body["value"].([]any)), n)
	}
}
