package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"consentry/emulator"
)

// copyOf is what a client knows of a directory from the pages of delta queries alone.
type copyOf struct {
	objects map[string]map[string]any // by id, as last told
	edges   map[string]bool           // group and member
}

func (c *copyOf) take(t require.TestingT, page map[string]any) {
	for _, v := range page["value"].([]any) {
		object := v.(map[string]any)
		id := object["id"].(string)
		if _, gone := object["@removed"]; gone {
			delete(c.objects, id)
			for edge := range c.edges { // who forgets a group forgets who was in it
				if strings.HasPrefix(edge, id) {
					delete(c.edges, edge)
				}
			}
			continue
		}
		members, _ := object["members@delta"].([]any)
		for _, m := range members {
			member := m.(map[string]any)
			edge := id + " " + member["id"].(string)
			if _, gone := member["@removed"]; gone {
				delete(c.edges, edge)
			} else {
				c.edges[edge] = true
			}
		}
		delete(object, "members@delta")
		c.objects[id] = object
	}
}

// requireSame compares the copy with the directory itself.
func (c *copyOf) requireSame(t require.TestingT, dump emulator.Dump, kind string) {
	want := map[string]string{}
	for _, u := range dump.Users {
		if kind == "users" {
			want[u.ID] = u.DisplayName + "|" + u.UserPrincipalName
		}
	}
	for _, g := range dump.Groups {
		if kind == "groups" {
			want[g.ID] = g.DisplayName + "|"
		}
	}
	got := map[string]string{}
	for id, o := range c.objects {
		name, _ := o["displayName"].(string)
		upn, _ := o["userPrincipalName"].(string)
		got[id] = name + "|" + upn
	}
	require.Equal(t, want, got)
	if kind == "groups" {
		require.Len(t, c.edges, len(dump.Memberships))
		for _, m := range dump.Memberships {
			require.True(t, c.edges[m.GroupID+" "+m.MemberID], m)
		}
	}
}

// TestCopiesStayTrueOverHTTP follows both collections of a tenant by delta queries while it is changed, between the
// pages too, with everything that Graph may do to a round.
func TestCopiesStayTrueOverHTTP(t *testing.T) {
	s := newStage(t, func(c *config) { c.PageSize, c.MemberPage = 5, 6 })
	client := s.HTTPClient()
	tenants := 0
	rapid.Check(t, func(rt *rapid.T) {
		tenants++
		id := fmt.Sprintf("99999999-0000-4000-8000-%012d", tenants)
		quirks := emulator.DeltaQuirks{Duplicates: rapid.Bool().Draw(rt, "duplicates"), Reordered: rapid.Bool().Draw(rt, "reordered"),
			EmptyPages: rapid.IntRange(0, 2).Draw(rt, "empty"), Replay: rapid.IntRange(0, 6).Draw(rt, "replay"),
			Tombstones: rapid.Bool().Draw(rt, "tombstones"), Chunk: rapid.IntRange(0, 3).Draw(rt, "chunk")}
		require.NoError(rt, s.AddTenant(emulator.Tenant{ID: id, DisplayName: "T", Domain: id + ".example", Generate: &emulator.Generate{Seed: uint64(tenants), Users: 9, Groups: 6},
			Policy: emulator.Policy{Switches: &emulator.Switches{Graph: emulator.GraphSwitches{Delta: quirks}}}}))
		require.NoError(rt, s.GrantConsent(id, connectorApp))
		path := "/" + id + "/oauth2/v2.0/token"
		_, body := s.post(t, path, s.assertionForm(t, path, s.key, nil))
		token := body["access_token"].(string)
		ids := []string{}
		for _, u := range s.Directory(id).Users {
			ids = append(ids, u.ID)
		}
		for _, g := range s.Directory(id).Groups {
			ids = append(ids, g.ID)
		}
		change := func() {
			one, other := rapid.SampledFrom(ids).Draw(rt, "one"), rapid.SampledFrom(ids).Draw(rt, "other")
			op := rapid.SampledFrom([]string{"delete-user", "delete-group", "restore", "purge", "add-member", "remove-member", "add-member",
				"update-user", "update-group", "create-user", "move-member"}).Draw(rt, "op")
			m := emulator.Mutation{Op: op, ID: one, MemberID: other, To: rapid.SampledFrom(ids).Draw(rt, "to")}
			switch op {
			case "create-user":
				made := fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", len(ids))
				m = emulator.Mutation{Op: op, User: &emulator.User{ID: made, DisplayName: "New", UserPrincipalName: made}}
				ids = append(ids, made)
			case "update-user", "update-group":
				m = emulator.Mutation{Op: op, ID: one, Set: emulator.Patch{"displayName": rapid.SampledFrom([]any{"X", "Y"}).Draw(rt, "name")}}
			}
			_ = s.Mutate(id, m) // many draws make no sense and change nothing
		}
		links := map[string]string{"users": s.HTTPSURL() + "/v1.0/users/delta?$select=displayName,userPrincipalName",
			"groups": s.HTTPSURL() + "/v1.0/groups/delta?$select=displayName,members"}
		copies := map[string]*copyOf{"users": {map[string]map[string]any{}, map[string]bool{}}, "groups": {map[string]map[string]any{}, map[string]bool{}}}
		round := func(kind string, quiet bool) {
			for {
				page := fetch(rt, client, token, links[kind])
				copies[kind].take(rt, page)
				if link, done := page["@odata.deltaLink"].(string); done {
					links[kind] = link
					return
				}
				links[kind] = page["@odata.nextLink"].(string)
				if !quiet && rapid.Bool().Draw(rt, "between pages") {
					change()
				}
			}
		}
		for range rapid.IntRange(1, 2).Draw(rt, "rounds") {
			round("users", false)
			round("groups", false)
			for range rapid.IntRange(0, 6).Draw(rt, "changes") {
				change()
			}
		}
		for _, kind := range []string{"users", "groups"} {
			round(kind, true)
			copies[kind].requireSame(rt, s.Directory(id), kind)
		}
	})
}

func fetch(t require.TestingT, client *http.Client, token, address string) map[string]any {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	var page map[string]any
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&page))
	require.Equal(t, http.StatusOK, resp.StatusCode, page)
	return page
}

// quirky sets what happens to the delta queries of the customer from now on.
func (s *stage) quirky(q emulator.DeltaQuirks) {
	s.SetFault(emulator.Fault{ID: "quirks", TenantID: customerTenant, PathPrefix: "/v1.0/", Delta: &q, Remaining: -1})
}

func TestDeltaQuirksOnDemand(t *testing.T) {
	s := newStage(t, func(c *config) { c.PageSize = 20 })
	token := s.legacyToken(t)
	first := "/v1.0/users/delta?$select=displayName"
	values := func(page map[string]any) (ids []string) {
		for _, v := range page["value"].([]any) {
			ids = append(ids, v.(map[string]any)["id"].(string))
		}
		return ids
	}
	_, plain := s.get(t, token, first)
	require.Len(t, values(plain), 20)

	s.quirky(emulator.DeltaQuirks{Duplicates: true})
	_, page := s.get(t, token, first)
	require.Equal(t, append(values(plain), values(plain)[:3]...), values(page))

	s.quirky(emulator.DeltaQuirks{Reordered: true})
	_, page = s.get(t, token, first)
	require.Len(t, values(page), 20)
	require.NotEqual(t, values(plain), values(page))

	s.quirky(emulator.DeltaQuirks{EmptyPages: 2})
	_, page = s.get(t, token, first)
	require.Empty(t, values(page))
	_, page = s.get(t, token, page["@odata.nextLink"].(string))
	require.Empty(t, values(page))
	_, page = s.get(t, token, page["@odata.nextLink"].(string))
	require.Equal(t, values(plain), values(page))
	s.ClearFaults()

	_, link := s.round(t, token, first)
	gone := values(plain)[0]
	require.NoError(t, s.DeleteUser(customerTenant, gone))
	changes, link := s.round(t, token, link)
	require.Len(t, changes, 1)
	s.quirky(emulator.DeltaQuirks{Replay: 5})
	again, _ := s.round(t, token, link)
	require.Equal(t, changes, slices.DeleteFunc(again, func(o map[string]any) bool { return o["id"] != gone }))
	s.quirky(emulator.DeltaQuirks{Tombstones: true})
	all, _ := s.round(t, token, first)
	require.Contains(t, all, changes[0], "deleted before the reader began")

	s.SetFault(emulator.Fault{PathPrefix: "/v1.0/users/delta", Gone: true})
	s.ClearFault("quirks")
	resp, text := s.ask(t, "GET", token, link, "")
	require.Equal(t, 410, resp.StatusCode, text)
	require.Contains(t, first, "$select=")
	asked, err := url.Parse(first)
	require.NoError(t, err)
	location, err := url.Parse(resp.Header.Get("Location"))
	require.NoError(t, err)
	require.Equal(t, asked.Query().Get("$select"), location.Query().Get("$select"), "as an expired token does")
	status, body := s.get(t, token, link)
	require.Equal(t, 200, status, body)
}

func TestDeltaOfAFewObjects(t *testing.T) {
	s := newStage(t, func(c *config) { c.PageSize = 10 })
	token := s.legacyToken(t)
	people := s.Directory(customerTenant).Users
	one, other := people[3].ID, people[40].ID
	filter := url.QueryEscape("id eq '" + one + "' or id eq '" + other + "'")
	found, link := s.round(t, token, "/v1.0/users/delta?$select=mail&$filter="+filter)
	require.Len(t, found, 2)
	for _, id := range []string{one, people[5].ID} {
		require.NoError(t, s.UpdateUser(customerTenant, id, emulator.Patch{"mail": "new@contoso.example"}))
	}
	found, link = s.round(t, token, link)
	require.Len(t, found, 1)
	require.Equal(t, one, found[0]["id"])

	status, body := s.get(t, token, link+"&$filter="+filter)
	require.Equal(t, 400, status, body)
	many := strings.Repeat("id eq '"+one+"' or ", 50) + "id eq '" + other + "'"
	status, body = s.get(t, token, "/v1.0/users/delta?$filter="+url.QueryEscape(many))
	require.Equal(t, 400, status, body)
	status, body = s.get(t, token, "/v1.0/users?$select=skills")
	require.Equal(t, 501, status, body)
	require.Equal(t, "NotImplemented", code(body))
}

func TestHiddenMembershipsTakeAPermission(t *testing.T) {
	s := newStage(t)
	token := s.legacyToken(t)
	edge := s.Directory(customerTenant).Memberships[0]
	require.NoError(t, s.UpdateGroup(customerTenant, edge.GroupID, emulator.Patch{"visibility": "HiddenMembership"}))
	told := func(token string) (listed, streamed int) {
		_, body := s.get(t, token, "/v1.0/groups/"+edge.GroupID+"/members")
		all, _ := s.round(t, token, "/v1.0/groups/delta?$select=displayName,members")
		for _, g := range all {
			if g["id"] == edge.GroupID {
				members, _ := g["members@delta"].([]any)
				streamed += len(members)
			}
		}
		return len(body["value"].([]any)), streamed
	}
	listed, streamed := told(token)
	require.Zero(t, listed)
	require.Zero(t, streamed)
	listed, streamed = told(s.tokenWith(t, "GroupMember.Read.All", "Member.Read.Hidden"))
	require.Positive(t, listed)
	require.Positive(t, streamed)
}

func TestReplicasThatHaveNotHeardYet(t *testing.T) {
	s := newStage(t)
	token := s.legacyToken(t)
	_, link := s.round(t, token, "/v1.0/users/delta?$select=city")
	victim := s.Directory(customerTenant).Users[0]
	s.clock.Advance(time.Minute)
	require.NoError(t, s.UpdateUser(customerTenant, victim.ID, emulator.Patch{"city": "Reykjavík"}))
	made, err := s.CreateUser(customerTenant, emulator.User{DisplayName: "Late", UserPrincipalName: "late@contoso.example"})
	require.NoError(t, err)

	s.SetFault(emulator.Fault{ID: "lag", TenantID: customerTenant, PathPrefix: "/v1.0/", Lag: emulator.Duration(30 * time.Second), Remaining: -1})
	_, body := s.get(t, token, "/v1.0/users/"+victim.ID+"?$select=city")
	require.NotEqual(t, "Reykjavík", body["city"])
	status, _ := s.get(t, token, "/v1.0/users/"+made)
	require.Equal(t, 404, status)
	changes, same := s.round(t, token, link)
	require.Empty(t, changes)
	s.clock.Advance(31 * time.Second)
	changes, _ = s.round(t, token, same)
	require.Len(t, changes, 2, "nothing is lost by asking a replica that lags")
	status, _ = s.get(t, token, "/v1.0/users/"+made)
	require.Equal(t, 200, status)
}

func TestMinimalRoundsTellOnlyWhatChanged(t *testing.T) {
	s := newStage(t)
	token := s.legacyToken(t)
	_, link := s.round(t, token, "/v1.0/users/delta?$select=displayName,mail,userPrincipalName")
	id := s.Directory(customerTenant).Users[0].ID
	require.NoError(t, s.UpdateUser(customerTenant, id, emulator.Patch{"mail": nil, "displayName": "Changed"}))
	changes := func(header ...string) []any {
		resp, text := s.ask(t, "GET", token, link, "", header...)
		require.Equal(t, 200, resp.StatusCode, text)
		var page map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &page))
		return page["value"].([]any)
	}
	require.Contains(t, changes()[0], "userPrincipalName")
	require.Equal(t, []any{map[string]any{"id": id, "displayName": "Changed", "mail": nil}}, changes("Prefer", "odata.maxpagesize=5, return=minimal"))
}
