package attack

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
)

func (b *browser) signal(migrationID, sessionID string) answer {
	return b.do(http.MethodPost, prefix+"/migrations/"+migrationID+"/signals/consent-granted", `{"consentSessionId":"`+sessionID+`"}`)
}

// TestTheSignalIsNoSideDoor: saying that a consent was granted says nothing that the verified callback did not say.
func TestTheSignalIsNoSideDoor(t *testing.T) {
	run(t, []attack{
		{"a session that stands at the first leg", func(s *scene) func() answer {
			mia, m := s.as("mia-migrator"), s.migration("contoso").ID
			return func() answer { return silent(s, mia.signal(m, s.session)) }
		}, http.StatusConflict, "consent-not-verified", nothing},
		{"a session that stands at the second leg", func(s *scene) func() answer {
			s.accept()
			mia, m := s.as("mia-migrator"), s.migration("contoso").ID
			return func() answer { return mia.signal(m, s.session) }
		}, http.StatusConflict, "consent-not-verified", nothing},
		{"a session that was refused", func(s *scene) func() answer {
			mia, m, refused := s.as("mia-migrator"), s.migration("contoso").ID, s.session
			require.Equal(s.t, http.StatusForbidden, s.admin.come("state", s.state, "error", "access_denied").status)
			s.anew()
			return func() answer { return mia.signal(m, refused) }
		}, http.StatusConflict, "consent-not-verified", nothing},
		{"a verified session of the account's other migration", func(s *scene) func() answer {
			s.finishOther()
			mia, m, other := s.as("mia-migrator"), s.migration("contoso").ID, s.migration("contoso-two").ConsentSession
			return func() answer { return mia.signal(m, other) }
		}, http.StatusNotFound, "not-found", nothing},
		{"a verified session of another account", func(s *scene) func() answer {
			theirs := s.finishFabric()
			mia, m := s.as("mia-migrator"), s.migration("contoso").ID
			return func() answer { return mia.signal(m, theirs) }
		}, http.StatusNotFound, "not-found", nothing},
		{"another account's migration with a session of one's own", func(s *scene) func() answer {
			own := s.finishFabric()
			eve, m := s.as("fay-fabric"), s.migration("contoso").ID
			return func() answer { return eve.signal(m, own) }
		}, http.StatusNotFound, "not-found", nothing},
		{"another account's migration with its own session", func(s *scene) func() answer {
			eve, m := s.as("fay-fabric"), s.migration("contoso").ID
			return func() answer { return silent(s, eve.signal(m, s.session)) }
		}, http.StatusNotFound, "not-found", nothing},
		{"somebody who may only look", func(s *scene) func() answer {
			vic, m := s.as("vic-viewer"), s.migration("contoso").ID
			return func() answer { return vic.signal(m, s.session) }
		}, http.StatusForbidden, "role-needed", nothing},
		{"a session that nobody knows", func(s *scene) func() answer {
			mia, m := s.as("mia-migrator"), s.migration("contoso").ID
			return func() answer { return mia.signal(m, "cs_unknown") }
		}, http.StatusNotFound, "not-found", nothing},
		{"a migration that nobody knows", func(s *scene) func() answer {
			mia := s.as("mia-migrator")
			return func() answer { return silent(s, mia.signal("mig_unknown", s.session)) }
		}, http.StatusNotFound, "not-found", nothing},
		{"a migration that was cancelled", func(s *scene) func() answer {
			s.end("contoso", domain.Cancelled)
			mia, m := s.as("mia-migrator"), s.migration("contoso").ID
			return func() answer { return silent(s, mia.signal(m, s.session)) }
		}, http.StatusGone, "migration-ended", dead},
		{"a session whose consent was checked and did not hold", func(s *scene) func() answer {
			s.finish()
			m := s.migration("contoso")
			m.Phase = domain.AwaitingConsent // as the workflow does when real calls fail
			require.NoError(s.t, s.store.Write(s.t.Context(), func(r service.Rows) error { return r.Migrations().Update(&m) }))
			mia := s.as("mia-migrator")
			return func() answer { return silent(s, mia.signal(m.ID, s.session)) }
		}, http.StatusConflict, "consent-spent", dead},
	})
}

// silent checks that an answer to somebody of the account, who knows these ids, says nothing of a secret.
func silent(s *scene, a answer) answer {
	s.t.Helper()
	require.NotContains(s.t, a.body, s.state)
	a.body = strings.ReplaceAll(a.body, s.session, "")
	return a
}

// finishFabric has the other customer consented, honestly.
func (s *scene) finishFabric() (session string) {
	s.t.Helper()
	eve, session, state := s.eve()
	back := eve.consented(state, fabric)
	s.microsoft.answers(microsofts().signed(s.t, "key-1", s.microsoft.administrator(fabric, back.query("nonce"))))
	require.Equal(s.t, http.StatusSeeOther, eve.come("state", back.query("state"), "code", "code").status)
	require.Equal(s.t, domain.ConsentVerified, s.house.session(session).Outcome)
	return session
}

// TestNobodySignals: without a person behind it the request is not looked at, so there is no attempt to audit.
func TestNobodySignals(t *testing.T) {
	s := newScene(t)
	m := s.migration("contoso").ID
	before := s.rows()
	require.Equal(t, http.StatusUnauthorized, s.browser().signal(m, s.session).status)
	require.Equal(t, http.StatusUnauthorized, s.browser().do(http.MethodPost, prefix+"/migrations/"+m+"/consent-sessions", "").status)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+prefix+"/migrations/"+m+"/consent-sessions", nil)
	require.NoError(t, err)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	response, err := s.as("mia-migrator").client.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusForbidden, response.StatusCode, "another site began a consent in mia's name")
	for _, row := range changed(before, s.rows()) {
		require.NotContains(t, row, "consent_sessions/")
		require.NotContains(t, row, "migrations/")
	}
	s.finish()
}
