package emulator_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

// mutate applies mutations that must succeed.
func (s *stage) mutate(t *testing.T, all ...emulator.Mutation) {
	t.Helper()
	for _, m := range all {
		require.NoError(t, s.Mutate(customerTenant, m), m)
	}
}

// listed are the ids of a list, over all its pages.
func (s *stage) listed(t *testing.T, token, path string) []string {
	t.Helper()
	ids := []string{}
	for address := path; address != ""; {
		status, body := s.get(t, token, address)
		require.Equal(t, 200, status, body)
		for _, v := range body["value"].([]any) {
			ids = append(ids, v.(map[string]any)["id"].(string))
		}
		address, _ = body["@odata.nextLink"].(string)
	}
	return ids
}

func TestDeltaTellsOwnersAndManagers(t *testing.T) {
	s := newStage(t, func(c *config) { c.PageSize, c.MemberPage = 9, 5 })
	token := s.legacyToken(t)
	dump := s.Directory(customerTenant)
	user, first, second, group := dump.Users[0].ID, dump.Users[1].ID, dump.Users[2].ID, dump.Memberships[0].GroupID
	s.mutate(t, emulator.Mutation{Op: "set-manager", ID: user, MemberID: first}, emulator.Mutation{Op: "add-owner", ID: group, MemberID: first})
	person := func(id string, gone bool) any {
		entry := map[string]any{"@odata.type": "#microsoft.graph.user", "id": id}
		if gone {
			entry["@removed"] = map[string]any{"reason": "deleted"}
		}
		return entry
	}
	told := func(all []map[string]any, relation string) map[string][]any {
		found := map[string][]any{}
		for _, o := range all {
			if entries, ok := o[relation].([]any); ok {
				found[o["id"].(string)] = append(found[o["id"].(string)], entries...)
			}
		}
		return found
	}
	all, users := s.round(t, token, "/v1.0/users/delta?$select=displayName,manager")
	require.Len(t, all, len(dump.Users))
	require.Equal(t, map[string][]any{user: {person(first, false)}}, told(all, "manager@delta"))
	all, groups := s.round(t, token, "/v1.0/groups/delta?$select=displayName,owners,members")
	require.Equal(t, map[string][]any{group: {person(first, false)}}, told(all, "owners@delta"), "once, although the group comes on several pages")
	_, plain := s.round(t, token, "/v1.0/users/delta?$select=displayName")

	s.mutate(t, emulator.Mutation{Op: "set-manager", ID: user, MemberID: second}, emulator.Mutation{Op: "remove-owner", ID: group, MemberID: first})
	all, users = s.round(t, token, users)
	require.Len(t, all, 1)
	require.Equal(t, []any{person(first, true), person(second, false)}, all[0]["manager@delta"])
	all, _ = s.round(t, token, groups)
	require.Len(t, all, 1)
	require.NotContains(t, all[0], "members@delta")
	require.Equal(t, []any{person(first, true)}, all[0]["owners@delta"])
	all, _ = s.round(t, token, plain)
	require.Empty(t, all, "nobody asked for managers")

	require.NoError(t, s.DeleteUser(customerTenant, second))
	all, _ = s.round(t, token, users)
	require.Equal(t, map[string][]any{user: {person(second, true)}}, told(all, "manager@delta"))
	status, body := s.get(t, token, "/v1.0/users/delta?$select=owners")
	require.Equal(t, 400, status, body)
	status, body = s.get(t, token, "/v1.0/groups/delta?$select=manager")
	require.Equal(t, 400, status, body)
}

func TestManagersOwnersAndMembershipsOfSomebody(t *testing.T) {
	s := newStage(t)
	token := s.tokenWith(t, "Directory.Read.All")
	dump := s.Directory(customerTenant)
	user, manager, group := dump.Users[0], dump.Users[1], dump.Groups[0].ID
	status, body := s.get(t, token, "/v1.0/users/"+user.ID+"/manager")
	require.Equal(t, 404, status)
	require.Equal(t, "Request_ResourceNotFound", code(body))
	s.mutate(t, emulator.Mutation{Op: "set-manager", ID: user.ID, MemberID: manager.ID}, emulator.Mutation{Op: "set-manager", ID: dump.Users[3].ID, MemberID: manager.ID},
		emulator.Mutation{Op: "add-owner", ID: group, MemberID: user.ID})
	status, body = s.get(t, token, "/v1.0/users/"+url.PathEscape(user.UserPrincipalName)+"/manager?$select=displayName")
	require.Equal(t, 200, status, body)
	require.Equal(t, map[string]any{"@odata.context": s.HTTPSURL() + "/v1.0/$metadata#directoryObjects/$entity", "@odata.type": "#microsoft.graph.user",
		"id": manager.ID, "displayName": manager.DisplayName}, body)
	require.ElementsMatch(t, []string{user.ID, dump.Users[3].ID}, s.listed(t, token, "/v1.0/users/"+manager.ID+"/directReports?$top=1"))
	require.Equal(t, []string{user.ID}, s.listed(t, token, "/v1.0/groups/"+group+"/owners"))
	require.Empty(t, s.listed(t, token, "/v1.0/groups/"+group+"/owners/microsoft.graph.group"))

	direct := map[string][]string{}
	for _, m := range dump.Memberships {
		direct[m.MemberID] = append(direct[m.MemberID], m.GroupID)
	}
	for id, groups := range direct {
		kind := "users"
		if slices.ContainsFunc(dump.Groups, func(g emulator.Group) bool { return g.ID == id }) {
			kind = "groups"
		}
		require.ElementsMatch(t, groups, s.listed(t, token, "/v1.0/"+kind+"/"+id+"/memberOf"))
		above := map[string]bool{}
		for frontier := groups; len(frontier) > 0; {
			next := frontier[0]
			frontier = frontier[1:]
			if !above[next] && next != id {
				above[next] = true
				frontier = append(slices.Clone(frontier), direct[next]...)
			}
		}
		require.ElementsMatch(t, slices.Collect(maps.Keys(above)), s.listed(t, token, "/v1.0/"+kind+"/"+id+"/transitiveMemberOf?$top=2"), "%s %s", kind, id)
	}
	require.NotEmpty(t, s.listed(t, token, "/v1.0/users/"+dump.Memberships[0].MemberID+"/memberOf/microsoft.graph.group"))
	for path, role := range map[string]string{"/users/" + user.ID + "/manager": "User.Read.All", "/users/" + user.ID + "/memberOf": "GroupMember.ReadBasic.All",
		"/users/" + user.ID + "/transitiveMemberOf": "User.Read.All", "/groups/" + group + "/owners": "GroupMember.Read.All", "/groups/" + group + "/memberOf": "Group.ReadBasic.All"} {
		status, body = s.get(t, s.tokenWith(t, role), "/v1.0"+path)
		require.Equal(t, 200, status, body)
		status, _ = s.get(t, s.tokenWith(t, "Organization.Read.All"), "/v1.0"+path)
		require.Equal(t, 403, status, path)
	}
}

func TestObjectsById(t *testing.T) {
	s := newStage(t)
	token := s.tokenWith(t, "Directory.Read.All")
	dump := s.Directory(customerTenant)
	user, group, principal := dump.Users[0].ID, dump.Groups[0].ID, s.Grants(customerTenant)[0].ServicePrincipalID
	ask := func(body string) []string {
		resp, text := s.ask(t, "POST", token, "/v1.0/directoryObjects/getByIds", body)
		require.Equal(t, 200, resp.StatusCode, text)
		require.Equal(t, "3", resp.Header.Get("x-ms-resource-unit"))
		var answer struct {
			Value []map[string]any `json:"value"`
		}
		require.NoError(t, json.Unmarshal([]byte(text), &answer))
		types := []string{}
		for _, o := range answer.Value {
			types = append(types, strings.TrimPrefix(o["@odata.type"].(string), "#microsoft.graph.")+" "+o["id"].(string))
		}
		return types
	}
	ids := `"ids":["` + strings.Join([]string{user, group, principal, vendorTenant}, `","`) + `"]`
	require.Equal(t, []string{"user " + user, "group " + group, "servicePrincipal " + principal}, ask(`{`+ids+`}`))
	require.Equal(t, []string{"group " + group}, ask(`{`+ids+`,"types":["group","device"]}`))
	for _, body := range []string{`{"ids":[]}`, `{"ids":["x"]}`, `{`} {
		resp, _ := s.ask(t, "POST", token, "/v1.0/directoryObjects/getByIds", body)
		require.Equal(t, 400, resp.StatusCode, body)
	}
	resp, _ := s.ask(t, "POST", s.legacyToken(t), "/v1.0/directoryObjects/getByIds", `{`+ids+`}`)
	require.Equal(t, 403, resp.StatusCode)
	for id, want := range map[string]string{user: "#microsoft.graph.user", group: "#microsoft.graph.group", principal: "#microsoft.graph.servicePrincipal"} {
		require.Equal(t, want, s.object(t, token, "/v1.0/directoryObjects/"+id)["@odata.type"])
	}
	status, _ := s.get(t, token, "/v1.0/directoryObjects/"+vendorTenant)
	require.Equal(t, 404, status)
}

func TestRecycleBin(t *testing.T) {
	s := newStage(t)
	reader, writer := s.legacyToken(t), s.tokenWith(t, "Group.ReadWrite.All", "User.ReadWrite.All")
	dump := s.Directory(customerTenant)
	user, group := dump.Users[0].ID, dump.Groups[0].ID
	require.NoError(t, s.DeleteUser(customerTenant, user))
	require.NoError(t, s.DeleteGroup(customerTenant, group))
	s.clock.Advance(time.Minute)
	require.Equal(t, []string{user}, s.listed(t, reader, "/v1.0/directory/deletedItems/microsoft.graph.user?$select=id"))
	require.Equal(t, []string{group}, s.listed(t, writer, "/v1.0/directory/deletedItems/microsoft.graph.group"))
	one := s.object(t, reader, "/v1.0/directory/deletedItems/"+user)
	require.Equal(t, s.clock.Now().Add(-time.Minute).Format(time.RFC3339), one["deletedDateTime"])
	require.Equal(t, dump.Users[0].DisplayName, one["displayName"])
	for path, token := range map[string]string{"/microsoft.graph.group": reader, "/" + group: reader} {
		status, body := s.get(t, token, "/v1.0/directory/deletedItems"+path)
		require.Equal(t, 403, status, body)
	}
	do := func(token, method, path string) (int, string) {
		resp, text := s.ask(t, method, token, "/v1.0/directory/deletedItems/"+path, "")
		return resp.StatusCode, text
	}
	status, _ := do(reader, "POST", user+"/restore")
	require.Equal(t, 403, status, "reading is not restoring")
	status, text := do(writer, "POST", user+"/restore")
	require.Equal(t, 200, status, text)
	require.Contains(t, text, `"id":"`+user+`"`)
	require.Equal(t, dump.Users, s.Directory(customerTenant).Users)
	status, _ = do(writer, "POST", user+"/restore")
	require.Equal(t, 404, status, "it is no longer there")
	status, _ = do(reader, "DELETE", group)
	require.Equal(t, 403, status)
	status, text = do(writer, "DELETE", group)
	require.Equal(t, 204, status, text)
	require.Empty(t, s.listed(t, writer, "/v1.0/directory/deletedItems/microsoft.graph.group"))
}

func TestOrganizationAndDomainsById(t *testing.T) {
	s := newStage(t)
	token := s.tokenWith(t, "Directory.Read.All")
	require.Equal(t, "Contoso", s.object(t, token, "/v1.0/organization/"+customerTenant)["displayName"])
	status, _ := s.get(t, token, "/v1.0/organization/"+vendorTenant)
	require.Equal(t, 404, status, "another tenant's organization")
	require.Equal(t, []string{"contoso.example"}, s.listed(t, token, "/v1.0/domains"))
	require.Equal(t, true, s.object(t, token, "/v1.0/domains/contoso.example")["isVerified"])
	status, _ = s.get(t, token, "/v1.0/domains/vendor.example")
	require.Equal(t, 404, status)
	status, _ = s.get(t, s.legacyToken(t), "/v1.0/domains")
	require.Equal(t, 403, status)
}

// delegated is a token of the connector for a person.
func (s *stage) delegated(t *testing.T, upn, scope string) string {
	t.Helper()
	query := signInQuery()
	query.Set("scope", scope)
	b, at := newBrowser(t), s.address("/"+customerTenant+"/oauth2/v2.0/authorize", query)
	sent := b.press(at, b.press(at, b.open(at), "login="+upn), "consent=accept").sent
	status, body := s.redeem(t, customerTenant, sent.Get("code"), nil)
	require.Equal(t, 200, status, body)
	return body["access_token"].(string)
}

func TestPeopleReadThemselves(t *testing.T) {
	s := newStage(t)
	own := s.delegated(t, plainUser, "openid User.Read")
	me := s.object(t, own, "/v1.0/me")
	require.Equal(t, plainUser, me["userPrincipalName"])
	require.Equal(t, map[string]any{"@odata.context": me["@odata.context"], "id": me["id"], "userType": "Member"},
		withContext(s.object(t, own, "/v1.0/me?$select=userType"), me))
	group := s.Directory(customerTenant).Groups[0].ID
	require.NoError(t, s.AddMember(customerTenant, group, me["id"].(string)))
	require.Equal(t, []string{group}, s.listed(t, own, "/v1.0/me/memberOf"))
	for path, want := range map[string]int{"/v1.0/organization": 200, "/v1.0/users/" + me["id"].(string): 200, "/v1.0/users/" + s.Directory(customerTenant).Users[0].ID: 403,
		"/v1.0/users": 403, "/v1.0/users/delta": 403, "/v1.0/groups": 403, "/v1.0/me/manager": 403, "/v1.0/me/calendar": 501, "/v1.0/me/shoes": 400} {
		status, body := s.get(t, own, path)
		require.Equal(t, want, status, "%s: %v", path, body)
	}
	status, _ := s.get(t, s.delegated(t, globalAdmin, "openid"), "/v1.0/me")
	require.Equal(t, 403, status, "signing in is not reading")
	status, body := s.get(t, s.legacyToken(t), "/v1.0/me")
	require.Equal(t, 400, status)
	require.Equal(t, "/me request is only valid with delegated authentication flow.", body["error"].(map[string]any)["message"])
	resp, _ := s.ask(t, "POST", own, "/v1.0/$batch", `{"requests":[{"id":"1","method":"GET","url":"/me"}]}`)
	require.Equal(t, 200, resp.StatusCode)
}

func withContext(object, like map[string]any) map[string]any {
	object["@odata.context"] = like["@odata.context"]
	return object
}

func TestSignInActivityTakesPermissionAndLicence(t *testing.T) {
	s := newStage(t)
	id := s.Directory(customerTenant).Users[0].ID
	require.NoError(t, s.UpdateUser(customerTenant, id, emulator.Patch{"signInActivity": map[string]any{"lastSignInDateTime": "2026-01-02T03:04:05Z"}}))
	allowed := s.tokenWith(t, "User.Read.All", "AuditLog.Read.All")
	for _, path := range []string{"/v1.0/users?$select=id,signInActivity", "/v1.0/users/" + id + "?$select=signInActivity"} {
		status, body := s.get(t, s.legacyToken(t), path)
		require.Equal(t, 403, status)
		require.Equal(t, "Authentication_MSGraphPermissionMissing", code(body))
		status, body = s.get(t, allowed, path)
		require.Equal(t, 403, status)
		require.Equal(t, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", code(body))
	}
	s.policy(t, emulator.Policy{Premium: true})
	require.Equal(t, map[string]any{"lastSignInDateTime": "2026-01-02T03:04:05Z"}, s.object(t, allowed, "/v1.0/users/"+id+"?$select=signInActivity")["signInActivity"])
	status, body := s.get(t, allowed, "/v1.0/users/delta?$select=signInActivity")
	require.Equal(t, 501, status, "delta queries do not track it: %v", body)
	require.NotContains(t, s.object(t, allowed, "/v1.0/users/"+id), "signInActivity")
}

func TestReportOfWhenAnAppWasLastUsed(t *testing.T) {
	s := newStage(t)
	s.legacyToken(t)
	used := s.clock.Now()
	s.clock.Advance(time.Minute)
	token := s.tokenWith(t, "AuditLog.Read.All")
	const path = "/beta/reports/servicePrincipalSignInActivities"
	status, body := s.get(t, token, path)
	require.Equal(t, 403, status)
	require.Equal(t, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", code(body))
	s.policy(t, emulator.Policy{Premium: true, Switches: &emulator.Switches{Graph: emulator.GraphSwitches{Throttling: true}}})
	one := s.object(t, token, path+"/"+base64.RawURLEncoding.EncodeToString([]byte(legacyApp)))
	require.Equal(t, legacyApp, one["appId"])
	for _, name := range []string{"lastSignInActivity", "applicationAuthenticationClientSignInActivity"} {
		require.Equal(t, used.Format(time.RFC3339), one[name].(map[string]any)["lastSignInDateTime"], name)
	}
	require.Nil(t, one["delegatedClientSignInActivity"].(map[string]any)["lastSignInDateTime"])
	require.Len(t, s.listed(t, token, path), 2)
	status, _ = s.get(t, token, strings.Replace(path, "beta", "v1.0", 1))
	require.Equal(t, 400, status, "it is not in v1.0")
	status, _ = s.get(t, s.legacyToken(t), path)
	require.Equal(t, 403, status)
	for range 3 {
		status, _ = s.get(t, token, path)
		require.Equal(t, 200, status)
	}
	resp, _ := s.ask(t, "GET", token, path, "")
	require.Equal(t, http.StatusTooManyRequests, resp.StatusCode, "reports have a budget of their own")
}

func TestWhatExistsElsewhereIsToldFromWhatDoesNot(t *testing.T) {
	s := newStage(t)
	token := s.tokenWith(t, "Directory.Read.All")
	for request, want := range map[string]int{
		"GET /devices": 501, "GET /devices/x": 501, "POST /subscriptions": 501, "GET /sites/root": 501, "GET /auditLogs/signIns": 501, "GET /auditLogs": 501,
		"GET /users/x/calendar": 501, "GET /groups/x/team": 501, "GET /directory/administrativeUnits": 501, "GET /directory/deletedItems": 501,
		"POST /users": 501, "PATCH /users/x": 501, "DELETE /users/x": 501, "POST /groups/x/members/$ref": 501, "GET /applications/x/owners": 501,
		"GET /groups/" + s.Directory(customerTenant).Groups[0].ID + "/members/$ref": 501,
		"GET /planets": 400, "GET /users/x/shoes": 400, "GET /reports/weather": 400, "GET /users/x/manager/shoes": 501,
		"DELETE /users": 405, "PUT /users/x": 405, "POST /organization": 405,
	} {
		method, path, _ := strings.Cut(request, " ")
		resp, text := s.ask(t, method, token, "/v1.0"+path, "{}")
		require.Equal(t, want, resp.StatusCode, "%s: %s", request, text)
		require.Equal(t, want == 501, strings.Contains(text, `"code":"EmulatorNotImplemented"`), request)
		if want == 501 {
			require.Contains(t, text, "exists in Microsoft Graph and is not emulated")
		}
	}
	require.Len(t, s.AskedFor(), 20, "the page lists all but wrong methods")
}
