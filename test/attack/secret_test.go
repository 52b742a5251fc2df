package attack

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/service"
)

const planted = "Xq8~aSecretOfAnAppThatTheAttackerControls"

// replace sends another client secret for an integration's old app.
func (b *browser) replace(integrationID, secret string) answer {
	ends := b.h.clock.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	body, err := json.Marshal(map[string]string{"secret": secret, "secretEndsAt": ends})
	require.NoError(b.h.t, err)
	a := b.do(http.MethodPut, prefix+"/integrations/"+integrationID+"/legacy-secret", string(body))
	require.NotContains(b.h.t, a.body, planted[:12])
	return a
}

// TestSecretsOfOthers: whoever replaces an old app's secret decides what its
// integration reads with, and a wrong one stops it.
func TestSecretsOfOthers(t *testing.T) {
	as := func(subject, integrationID, secret string) func(*scene) func() answer {
		return func(s *scene) func() answer {
			b := s.as(subject)
			return func() answer { return b.replace(integrationID, secret) }
		}
	}
	run(t, []attack{
		{"another account's old app", as("fay-fabric", "contoso", planted), http.StatusNotFound, "not-found", nothing},
		{"another account's old app, with what is no secret", as("fay-fabric", "contoso", contoso), http.StatusNotFound, "not-found", nothing},
		{"an integration that nobody knows", as("mia-migrator", "none", planted), http.StatusNotFound, "not-found", nothing},
		{"an id that is SQL", as("mia-migrator", "x%27%20OR%20id=%27contoso", planted), http.StatusNotFound, "not-found", nothing},
		{"by somebody who may only look", as("vic-viewer", "contoso", planted), http.StatusForbidden, "role-needed", nothing},
		{"an id in place of the secret", as("mia-migrator", "contoso", fabric), http.StatusUnprocessableEntity, "invalid-secret", nothing},
		{"a header behind a line break", as("mia-migrator", "contoso", planted+"\r\nX-Evil: 1"), http.StatusUnprocessableEntity, "invalid-secret", nothing},
		{"a null byte", as("mia-migrator", "contoso", planted+"\x00"), http.StatusUnprocessableEntity, "invalid-secret", nothing},
		{"a megabyte's beginning", as("mia-migrator", "contoso", strings.Repeat("x", 60<<10)), http.StatusUnprocessableEntity, "invalid-secret", nothing},
		{"when the date for the old app has passed", func(s *scene) func() answer {
			mia := s.as("mia-migrator")
			m := s.migration("contoso")
			m.CampaignID = s.past()
			require.NoError(s.t, s.store.Write(s.t.Context(), func(r service.Rows) error { return r.Migrations().Update(&m) }))
			return func() answer { return mia.replace("contoso", planted) }
		}, http.StatusConflict, "deadline-passed", nothing},
	})
}

// past is a campaign whose date has passed.
func (s *scene) past() (id string) {
	s.t.Helper()
	require.NoError(s.t, s.store.Write(s.t.Context(), func(r service.Rows) error {
		c, err := r.Campaigns().Get("campaign-eu")
		if err != nil {
			return err
		}
		c.ID, c.Terms.Deadline.Time = "campaign-past", s.clock.Now().Add(-time.Hour)
		return r.Campaigns().Insert(&c)
	}))
	return "campaign-past"
}

// TestAnotherSiteReplacesNoSecret: neither without a person, nor in the name of one, nor is anything of it logged.
func TestAnotherSiteReplacesNoSecret(t *testing.T) {
	s := newScene(t)
	before := s.rows()
	require.Equal(t, http.StatusUnauthorized, s.browser().replace("contoso", planted).status)
	mia := s.as("mia-migrator")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL+prefix+"/integrations/contoso/legacy-secret", strings.NewReader(`{"secret":"`+planted+`","secretEndsAt":"2027-01-01T00:00:00Z"}`))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	response, err := mia.client.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusForbidden, response.StatusCode)
	for _, row := range changed(before, s.rows()) {
		require.NotContains(t, row, "secrets/")
		require.NotContains(t, row, "legacy_apps/")
	}
	require.Equal(t, http.StatusOK, mia.replace("contoso", planted).status)
	for _, entry := range s.logged.All() {
		require.NotContains(t, entry.Message+toText(entry.ContextMap()), planted[:12])
	}
	for name, row := range s.rows() {
		require.NotContains(t, row, planted[:12], name)
	}
	require.NotContains(t, toText(s.audit(0)), planted[:12])
}
