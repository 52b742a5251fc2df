package emulator_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

// roleIDs are the app roles that tests ask for by name.
var roleIDs = map[string]string{
	"User.Read.All": userReadAll, "GroupMember.Read.All": memberReadAll,
	"User.ReadBasic.All": "97235f07-e226-4f63-ace3-39588e11d3a1", "Group.ReadBasic.All": "07d67222-3a10-4d3b-9ddc-b8aa43198a00",
	"GroupMember.ReadBasic.All": "8222c640-cae5-4860-8d11-b32cfad95e03", "Group.Read.All": "5b567255-7703-4780-807c-7be8301ae99b",
	"Member.Read.Hidden": "658aa5d8-239f-45c4-aa12-864f4fc7e490", "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
	"Application.ReadWrite.OwnedBy": "18a4783c-866b-4cc7-a460-3d5e5662c884", "Application.ReadWrite.All": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
	"AuditLog.Read.All": "b0afded3-3588-46d8-8b3d-9842eff778da", "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
	"User.ReadWrite.All": "741f803b-c850-494e-b5df-cde7c675a1ca", "Group.ReadWrite.All": "62a82d76-70ea-41e2-9197-370581804d09",
	"Organization.Read.All": "498476ce-e0fe-48b0-b801-37ba7e2685c6",
}

// tokenWith is a token of an app of the customer's that holds exactly the roles named.
func (s *stage) tokenWith(t *testing.T, roles ...string) string {
	t.Helper()
	s.apps++
	app := emulator.Application{AppID: fmt.Sprintf("12121212-0000-4000-8000-%012d", s.apps), TenantID: customerTenant, DisplayName: "With roles", Consented: true,
		Secrets: []emulator.Secret{{Value: "s"}}}
	for _, role := range roles {
		app.RequiredRoles = append(app.RequiredRoles, roleIDs[role])
	}
	require.NoError(t, s.AddApplication(app))
	_, body := s.post(t, "/"+customerTenant+"/oauth2/v2.0/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {app.AppID},
		"client_secret": {"s"}, "scope": {"https://graph.microsoft.com/.default"}})
	return body["access_token"].(string)
}

// ask sends a request with headers and returns the whole answer.
func (s *stage) ask(t *testing.T, method, token, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	if !strings.HasPrefix(path, "https://") {
		path = s.HTTPSURL() + path
	}
	r, err := http.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if s.web == nil {
		s.web = s.HTTPClient()
	}
	resp, err := s.web.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(text)
}

// TestPermissionsPerEndpoint holds the table of who may ask what: the least permission opens, its neighbours do not.
func TestPermissionsPerEndpoint(t *testing.T) {
	s := newStage(t)
	group := s.Directory(customerTenant).Memberships[0].GroupID
	paths := map[string]string{
		"organization": "/v1.0/organization", "users": "/v1.0/users", "one user": "/v1.0/users/" + s.Directory(customerTenant).Users[0].ID,
		"user delta": "/v1.0/users/delta", "groups": "/v1.0/groups", "group delta": "/v1.0/groups/delta",
		"members": "/v1.0/groups/" + group + "/members", "transitive members": "/v1.0/groups/" + group + "/transitiveMembers",
		"applications": "/v1.0/applications", "legacy application": "/v1.0/applications(appId='" + legacyApp + "')", "principals": "/v1.0/servicePrincipals",
		"assignments": "/v1.0/servicePrincipals(appId='" + legacyApp + "')/appRoleAssignments", "delegated": "/v1.0/oauth2PermissionGrants",
	}
	apps := []string{"applications", "legacy application", "principals", "assignments"}
	for role, open := range map[string][]string{
		"":                              {},
		"AuditLog.Read.All":             {},
		"User.ReadBasic.All":            {"users", "one user"},
		"User.Read.All":                 {"organization", "users", "one user", "user delta"},
		"Group.ReadBasic.All":           {"groups", "group delta", "members", "transitive members"},
		"GroupMember.ReadBasic.All":     {"members", "transitive members"},
		"GroupMember.Read.All":          {"groups", "group delta", "members", "transitive members"},
		"Organization.Read.All":         {"organization"},
		"Application.Read.All":          apps,
		"Application.ReadWrite.OwnedBy": {"applications", "principals"},
		"Directory.Read.All": append([]string{"organization", "users", "one user", "user delta", "groups", "group delta", "members",
			"transitive members", "delegated"}, apps...),
	} {
		var token string
		if role == "" {
			token = s.tokenWith(t)
		} else {
			token = s.tokenWith(t, role)
		}
		for name, path := range paths {
			want := 403
			if slices.Contains(open, name) {
				want = 200
			}
			resp, text := s.ask(t, "GET", token, path, "")
			require.Equal(t, want, resp.StatusCode, "%s with %q: %s", name, role, text)
			if want == 403 {
				require.Contains(t, text, `{"error":{"code":"Authorization_RequestDenied"`)
				require.Contains(t, text, `"message":"Insufficient privileges to complete the operation."`)
			}
		}
	}
}

func TestAdvancedQueriesTakeTheirHeader(t *testing.T) {
	s := newStage(t)
	token := s.legacyToken(t)
	dump := s.Directory(customerTenant)
	eventually := []string{"ConsistencyLevel", "eventual"}
	guests := 0
	for _, u := range dump.Users {
		if u.UserType == "Guest" {
			guests++
		}
	}
	for path, want := range map[string]string{
		"/v1.0/users/$count":                                                   "Request_BadRequest",
		"/v1.0/users?$search=%22displayName:ada%22":                            "Request_UnsupportedQuery",
		"/v1.0/users?$filter=userType%20ne%20'Guest'":                          "Request_UnsupportedQuery",
		"/v1.0/users?$filter=endswith(mail,'example')":                         "Request_UnsupportedQuery",
		"/v1.0/users?$filter=not(accountEnabled%20eq%20true)":                  "Request_UnsupportedQuery",
		"/v1.0/users?$filter=shoeSize%20eq%20'44'":                             "BadRequest",
		"/v1.0/users?$filter=mail%20like%20'x'":                                "BadRequest",
		"/v1.0/users?$filter=mail%20eq%20'x":                                   "BadRequest",
		"/v1.0/users?$orderby=displayName&$filter=startswith(displayName,'a')": "Request_UnsupportedQuery",
		"/v1.0/users?$skip=3":                                                  "Request_UnsupportedQuery",
		"/v1.0/users?$top=1&$top=2":                                            "BadRequest",
		"/v1.0/users/delta?$select=id&$Select=mail":                            "BadRequest",
		"/v1.0/users//":         "BadRequest",
		"/v1.0/users//memberOf": "BadRequest",
	} {
		status, body := s.get(t, token, path)
		require.Equal(t, 400, status, path)
		require.Equal(t, want, code(body), path)
	}
	resp, text := s.ask(t, "GET", token, "/v1.0/users/$count", "", eventually...)
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, "text/plain", resp.Header.Get("Content-Type"))
	require.Equal(t, fmt.Sprint(len(dump.Users)), text)
	_, text = s.ask(t, "GET", token, "/v1.0/users/$count?$filter=userType%20eq%20'Guest'", "", eventually...)
	require.Equal(t, fmt.Sprint(guests), text)

	list := func(path string, header ...string) (count float64, values []any, next string) {
		resp, text := s.ask(t, "GET", token, path, "", header...)
		require.Equal(t, 200, resp.StatusCode, text)
		var body map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &body))
		count, _ = body["@odata.count"].(float64)
		next, _ = body["@odata.nextLink"].(string)
		return count, body["value"].([]any), next
	}
	count, _, _ := list("/v1.0/users?$count=true")
	require.Zero(t, count, "ignored without the header")
	count, values, next := list("/v1.0/users?$count=true&$top=50&$filter=userType%20ne%20'Guest'", eventually...)
	require.EqualValues(t, len(dump.Users)-guests, count)
	require.Len(t, values, 50)
	resp, text = s.ask(t, "GET", token, next, "")
	require.Equal(t, 400, resp.StatusCode, "the header belongs to every page: %s", text)
	count, rest, _ := list(next, eventually...)
	require.Zero(t, count, "on the first page only")
	require.Len(t, rest, len(dump.Users)-guests-50)

	_, values, _ = list("/v1.0/users?$search=%22displayName:ada%22", eventually...)
	require.Len(t, values, 1)
	_, values, _ = list("/v1.0/users?$search=%22displayName:ada%22%20OR%20%22userPrincipalName:pam%22", eventually...)
	require.Len(t, values, 2)
	var names []string
	for next := "/v1.0/users?$orderby=displayName%20desc&$top=13"; next != ""; {
		_, values, next = list(next)
		for _, v := range values {
			names = append(names, strings.ToLower(v.(map[string]any)["displayName"].(string)))
		}
	}
	require.Len(t, names, len(dump.Users))
	slices.Reverse(names)
	require.True(t, slices.IsSorted(names))
	_, values, _ = list("/v1.0/users?$filter=" + url.QueryEscape("startswith(displayName,'ADA') and accountEnabled eq true"))
	require.Len(t, values, 1)
	_, values, _ = list("/v1.0/users?$select=id&$filter=" + url.QueryEscape("userPrincipalName in ('"+globalAdmin+"','"+plainUser+"')"))
	require.Len(t, values, 2)
	_, values, _ = list("/v1.0/users?$filter=" + url.QueryEscape("proxyAddresses/any(p:p eq 'SMTP:"+globalAdmin+"')"))
	require.Len(t, values, 1)
	_, values, _ = list("/v1.0/users?$filter=" + url.QueryEscape("id eq '"+dump.Users[7].ID+"'"))
	require.Len(t, values, 1)
	group := dump.Memberships[0].GroupID
	_, text = s.ask(t, "GET", token, "/v1.0/groups/"+group+"/members/$count", "", eventually...)
	_, values, _ = list("/v1.0/groups/" + group + "/members/microsoft.graph.user?$top=999")
	require.NotEqual(t, "0", text)
	for _, v := range values {
		require.Equal(t, "#microsoft.graph.user", v.(map[string]any)["@odata.type"])
	}
}

func TestPageTokensOfListsAge(t *testing.T) {
	s := newStage(t)
	_, body := s.get(t, s.legacyToken(t), "/v1.0/users?$top=5")
	next := body["@odata.nextLink"].(string)
	status, _ := s.get(t, s.legacyToken(t), next)
	require.Equal(t, 200, status)
	s.clock.Advance(61 * time.Minute)
	status, body = s.get(t, s.legacyToken(t), next)
	require.Equal(t, 400, status)
	require.Equal(t, "Directory_ExpiredPageToken", code(body))
}

func TestTransitiveMembersComeInPages(t *testing.T) {
	s := newStage(t)
	token := s.legacyToken(t)
	for _, group := range s.Directory(customerTenant).Groups {
		_, body := s.get(t, token, "/v1.0/groups/"+group.ID+"/transitiveMembers?$top=999&$select=id")
		whole := body["value"].([]any)
		var parts []any
		for address := "/v1.0/groups/" + group.ID + "/transitiveMembers?$top=7&$select=id"; address != ""; {
			_, body := s.get(t, token, address)
			parts = append(parts, body["value"].([]any)...)
			address, _ = body["@odata.nextLink"].(string)
		}
		require.Len(t, parts, len(whole))
		require.ElementsMatch(t, whole, parts)
	}
}

func TestWrongMethodsAndUnknownPaths(t *testing.T) {
	s := newStage(t)
	token := s.legacyToken(t)
	resp, text := s.ask(t, "PUT", token, "/v1.0/users/"+globalAdmin, "")
	require.Equal(t, 405, resp.StatusCode, text)
	require.Contains(t, text, `"code":"Request_BadRequest"`)
	for range 2 {
		resp, text = s.ask(t, "GET", token, "/v1.0/users/"+globalAdmin+"/shoes", "")
		require.Equal(t, 400, resp.StatusCode)
		require.Contains(t, text, "Resource not found for the segment 'shoes'.")
	}
	asked := s.AskedFor()
	require.Len(t, asked, 1)
	require.Equal(t, 2, asked[0].Times)
}

func TestBatch(t *testing.T) {
	s := newStage(t)
	token := s.legacyToken(t)
	run := func(body string) (int, map[string]map[string]any, string) {
		resp, text := s.ask(t, "POST", token, "/v1.0/$batch", body)
		var answer struct {
			Responses []map[string]any `json:"responses"`
		}
		require.NoError(t, json.Unmarshal([]byte(text), &answer), text)
		byID := map[string]map[string]any{}
		var order []string
		for _, r := range answer.Responses {
			byID[r["id"].(string)] = r
			order = append(order, r["id"].(string))
		}
		return resp.StatusCode, byID, strings.Join(order, "")
	}
	s.SetFault(emulator.Fault{PathPrefix: "/v1.0/groups", Status: 429, RetryAfter: "7"})
	status, answers, order := run(`{"requests":[
		{"id":"1","method":"GET","url":"/users?$top=2&$select=id"},
		{"id":"2","method":"GET","url":"users/nobody@contoso.example"},
		{"id":"3","method":"GET","url":"/users?$top=1","dependsOn":["2"]},
		{"id":"4","method":"GET","url":"/groups"},
		{"id":"5","method":"GET","url":"/users/$count","headers":{"ConsistencyLevel":"eventual"}},
		{"id":"6","method":"GET","url":"/planets"}]}`)
	require.Equal(t, 200, status)
	require.Equal(t, "654321", order, "in no promised order")
	require.EqualValues(t, 200, answers["1"]["status"])
	require.Len(t, answers["1"]["body"].(map[string]any)["value"], 2)
	require.EqualValues(t, 404, answers["2"]["status"])
	require.EqualValues(t, 424, answers["3"]["status"])
	require.EqualValues(t, 429, answers["4"]["status"])
	require.Equal(t, "7", answers["4"]["headers"].(map[string]any)["Retry-After"])
	require.EqualValues(t, 200, answers["5"]["status"])
	require.EqualValues(t, len(s.Directory(customerTenant).Users), answers["5"]["body"])
	require.EqualValues(t, 400, answers["6"]["status"])
	require.Len(t, s.AskedFor(), 1)

	var many []string
	for i := range 21 {
		many = append(many, fmt.Sprintf(`{"id":"%d","method":"GET","url":"/users"}`, i))
	}
	for name, body := range map[string]string{
		"too many":            `{"requests":[` + strings.Join(many, ",") + `]}`,
		"none":                `{"requests":[]}`,
		"no JSON":             `{`,
		"twice the same id":   `{"requests":[{"id":"1","method":"GET","url":"/users"},{"id":"1","method":"GET","url":"/groups"}]}`,
		"no id":               `{"requests":[{"method":"GET","url":"/users"}]}`,
		"absolute":            `{"requests":[{"id":"1","method":"GET","url":"https://graph.microsoft.com/v1.0/users"}]}`,
		"body without a type": `{"requests":[{"id":"1","method":"POST","url":"/applications/x/addKey","body":{}}]}`,
		"waits for the later": `{"requests":[{"id":"1","method":"GET","url":"/users","dependsOn":["2"]},{"id":"2","method":"GET","url":"/users"}]}`,
		"batch in a batch":    `{"requests":[{"id":"1","method":"POST","url":"/$batch"}]}`,
	} {
		resp, text := s.ask(t, "POST", token, "/v1.0/$batch", body)
		require.Equal(t, 400, resp.StatusCode, "%s: %s", name, text)
	}
	status, answers, _ = run(`{"requests":[{"id":"1","method":"POST","url":"/applications(appId='` + legacyApp + `')/removeKey","headers":{"Content-Type":"application/json"},"body":{"keyId":"` + vendorTenant + `","proof":"x"}}]}`)
	require.Equal(t, 200, status)
	require.EqualValues(t, 401, answers["1"]["status"], "bodies reach the requests inside: %v", answers["1"])
}

func TestResourceUnitsAreSpent(t *testing.T) {
	s := newStage(t, func(c *config) { c.Switches.Graph = emulator.GraphSwitches{Throttling: true, ThrottleUnits: 20} })
	token := s.legacyToken(t)
	group := s.Directory(customerTenant).Groups[0].ID
	units := func(path string) string {
		resp, text := s.ask(t, "GET", token, path, "")
		require.Equal(t, 200, resp.StatusCode, text)
		s.clock.Advance(10 * time.Second) // as if nothing was spent
		return resp.Header.Get("x-ms-resource-unit")
	}
	for path, want := range map[string]string{
		"/v1.0/users": "2", "/v1.0/users?$select=id": "1", "/v1.0/users?$top=5": "1", "/v1.0/users?$select=id&$top=5": "1",
		"/v1.0/groups/" + group + "/members": "3", "/v1.0/groups/" + group + "/transitiveMembers": "5",
		"/v1.0/groups/" + group + "/transitiveMembers?$select=id": "4", "/v1.0/users/delta": "1", "/v1.0/organization": "1",
	} {
		require.Equal(t, want, units(path), path)
	}
	var percentages []string
	for i := range 10 {
		resp, text := s.ask(t, "GET", token, "/v1.0/users", "")
		require.Equal(t, 200, resp.StatusCode, "%d: %s", i, text)
		percentages = append(percentages, resp.Header.Get("x-ms-throttle-limit-percentage"))
	}
	require.Equal(t, []string{"", "", "", "", "", "", "", "", "0.90", "1.00"}, percentages)
	resp, text := s.ask(t, "GET", token, "/v1.0/users", "")
	require.Equal(t, 429, resp.StatusCode)
	require.Contains(t, text, `"code":"TooManyRequests"`)
	require.Equal(t, "1", resp.Header.Get("Retry-After"))
	require.Equal(t, "ResourceUnitLimitExceeded", resp.Header.Get("x-ms-throttle-information"))
	// Units are one budget of reads and writes, so the scope names both (facts 6.3); Write is the scope of the count of writes.
	require.Equal(t, "Tenant_Application/ReadWrite/"+legacyApp+"/"+customerTenant, resp.Header.Get("x-ms-throttle-scope"))
	require.Equal(t, "1.10", resp.Header.Get("x-ms-throttle-limit-percentage"))
	other := s.tokenWith(t, "User.Read.All")
	resp, _ = s.ask(t, "GET", other, "/v1.0/users", "")
	require.Equal(t, 200, resp.StatusCode, "each app has a budget of its own")
	s.clock.Advance(time.Second)
	resp, _ = s.ask(t, "GET", token, "/v1.0/users", "")
	require.Equal(t, 200, resp.StatusCode, "after the seconds that the answer named")
}
