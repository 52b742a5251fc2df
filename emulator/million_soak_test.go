//go:build soak

package emulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

// TestSoakAMillionUsers reads a tenant of a million users to the end, changes it, and reads the changes, all in 2 GB.
func TestSoakAMillionUsers(t *testing.T) {
	const users, groups, limit = 1_000_000, 10_000, 2 << 30
	s := newStage(t, func(c *config) { c.PageSize = 999 })
	const large = "abababab-0000-4000-8000-000000000001"
	require.NoError(t, s.AddTenant(emulator.Tenant{ID: large, DisplayName: "Large", Domain: "large.example", Generate: &emulator.Generate{Seed: 9, Users: users, Groups: groups}}))
	require.NoError(t, s.GrantConsent(large, connectorApp))
	path := "/" + large + "/oauth2/v2.0/token"
	_, body := s.post(t, path, s.assertionForm(t, path, s.key, nil))
	token := body["access_token"].(string)
	handler := s.Handler()
	page := func(link string) (objects, members int, next, delta string) {
		r := httptest.NewRequest(http.MethodGet, link, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, r)
		require.Equal(t, 200, recorder.Code)
		var answer struct {
			Value []struct {
				Members []struct{} `json:"members@delta"`
			} `json:"value"`
			Next  string `json:"@odata.nextLink"`
			Delta string `json:"@odata.deltaLink"`
		}
		require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &answer))
		for _, o := range answer.Value {
			members += len(o.Members)
		}
		return len(answer.Value), members, answer.Next, answer.Delta
	}
	round := func(link string) (objects, members int, delta string) {
		for link != "" {
			o, m, next, end := page(link)
			objects, members, link, delta = objects+o, members+m, next, end
		}
		return objects, members, delta
	}
	began := time.Now()
	told, _, link := round("https://graph.example/v1.0/users/delta?$select=displayName,userPrincipalName,mail,accountEnabled,proxyAddresses")
	require.Equal(t, users, told)
	_, members, _ := round("https://graph.example/v1.0/groups/delta?$select=displayName,members")
	require.Greater(t, members, 2*users)
	t.Logf("read %d users and %d memberships in %s", told, members, time.Since(began).Round(time.Millisecond))

	changed := map[string]bool{}
	recorder := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "https://graph.example/v1.0/users?$top=999&$select=id", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	handler.ServeHTTP(recorder, r)
	var list struct {
		Value []struct {
			ID string `json:"id"`
		} `json:"value"`
	}
	require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &list))
	for i, u := range list.Value {
		changed[u.ID] = true
		if i%10 == 0 {
			require.NoError(t, s.DeleteUser(large, u.ID))
		} else {
			require.NoError(t, s.UpdateUser(large, u.ID, emulator.Patch{"displayName": "Changed"}))
		}
	}
	told, _, _ = round(link)
	require.Equal(t, len(changed), told)

	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	peak := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(t, peak)
	kilobytes, err := strconv.Atoi(string(peak[1]))
	require.NoError(t, err)
	t.Logf("at most %d MiB were resident", kilobytes>>10)
	require.LessOrEqual(t, kilobytes<<10, limit)
}
