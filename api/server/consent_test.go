package server

import (
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/service"
)

func (w *world) session(id string) domain.ConsentSession {
	w.t.Helper()
	var cs domain.ConsentSession
	require.NoError(w.t, w.store.Read(w.t.Context(), func(r service.Rows) (err error) {
		cs, err = r.ConsentSessions().Get(id)
		return err
	}))
	return cs
}

func signedIn(state, code string) string {
	return "/consent/callback?" + url.Values{"state": {state}, "code": {code}}.Encode()
}

func TestAConsentNeedsBothLegsAndBindsWhoSignedIn(t *testing.T) {
	w := newWorld(t)
	m := w.migration("contoso")
	session, path := w.as("mia-migrator").begin(m.ID)
	other, _ := w.as("ana-approver").begin(m.ID)

	admin := w.browser() // no login here
	away := admin.get(path)
	require.Equal(t, http.StatusSeeOther, away.status)
	require.Contains(t, away.header.Get("Location"), "https://login.test/"+contoso+"/v2.0/adminconsent")
	require.Contains(t, away.header.Get("Set-Cookie"), "HttpOnly; SameSite=Lax")

	back := admin.get("/consent/callback?" + accepted(away.query("state"), contoso))
	require.Equal(t, http.StatusSeeOther, back.status, back.body)
	require.Equal(t, "select_account", back.query("prompt"))
	require.Equal(t, domain.AwaitingConsent, w.migration("contoso").Phase, "the first leg proves nothing")
	kept := w.session(session)
	require.NotContains(t, string(kept.SealedVerifier), w.door.sent[back.query("state")].Verifier)

	done := admin.get(signedIn(back.query("state"), "privileged-admin"))
	require.Equal(t, http.StatusOK, done.status, done.body)
	require.Contains(t, done.body, "the consent is given")

	got := w.migration("contoso")
	require.Equal(t, domain.ConfirmingConsent, got.Phase)
	require.Equal(t, session, got.ConsentSession)
	cs := w.session(session)
	require.Equal(t, domain.ConsentVerified, cs.Outcome)
	require.Equal(t, "object-pra", cs.VerifiedObject)
	require.Equal(t, contoso, cs.VerifiedTenant)
	require.Empty(t, cs.StateDigest+cs.Nonce+string(cs.SealedVerifier))
	require.Equal(t, "superseded", w.session(other).Code)
	signals := w.engine.Named(contract.SignalConsentGranted)
	require.Len(t, signals, 1)
	require.Equal(t, session, signals[0].DedupeID)
}

func TestAPersonOfOursComesBackToTheMigration(t *testing.T) {
	w := newWorld(t)
	m := w.migration("contoso")
	mia := w.as("mia-migrator")
	_, path := mia.begin(m.ID)
	state := mia.accept(path, contoso)
	refused := mia.get(signedIn(state, "plain-user"))
	require.Equal(t, http.StatusSeeOther, refused.status)
	require.Equal(t, "/migrations/"+m.ID, refused.header.Get("Location"))
	require.Equal(t, "role_missing", w.migration("contoso").ConsentCode)

	again := mia.get("/consent/again/" + w.migrationSession(m.ID) + "?fresh=1")
	require.Equal(t, "login", again.query("prompt"), "a role activated a minute ago needs a fresh token")
	done := mia.get(signedIn(again.query("state"), "global-admin"))
	require.Equal(t, "/migrations/"+m.ID, done.header.Get("Location"))
	require.Equal(t, domain.ConfirmingConsent, w.migration("contoso").Phase)
	require.Empty(t, w.migration("contoso").ConsentCode)
}

func (w *world) migrationSession(migrationID string) string {
	w.t.Helper()
	var cs domain.ConsentSession
	require.NoError(w.t, w.store.Read(w.t.Context(), func(r service.Rows) (err error) {
		cs, err = r.ConsentSessions().Find(service.Query{Where: service.Where{"migration_id": migrationID}, Order: []string{"-created_at", "-id"}})
		return err
	}))
	return cs.ID
}

// TestTheFirstLegCanBeRefused: each ends the session, says why on the migration
// and lets the person begin again.
func TestTheFirstLegCanBeRefused(t *testing.T) {
	declined := "AADSTS65004: User declined to consent to access the app.\r\nTrace ID: 55555555-5555-4555-8555-555555555555\r\nCorrelation ID: 66666666-6666-4666-8666-666666666666"
	for name, c := range map[string]struct {
		query url.Values
		code  string
		says  string
	}{
		"declined, documented for v2":          {url.Values{"admin_consent": {"True"}, "error": {"consent_required"}, "error_description": {declined}}, "declined", "not accepted"},
		"declined, documented for v1":          {url.Values{"error": {"permission_denied"}, "error_description": {"The admin canceled the request"}}, "declined", "not accepted"},
		"declined, as observed":                {url.Values{"error": {"access_denied"}, "error_subcode": {"cancel"}, "error_description": {declined}}, "declined", "not accepted"},
		"may not consent":                      {url.Values{"error": {"access_denied"}, "error_description": {"AADSTS90094: an administrator has to"}}, "may_not_consent", "Privileged Role Administrator"},
		"another tenant":                       {url.Values{"admin_consent": {"True"}, "tenant": {fabric}}, "tenant_mismatch", contoso + ", and Microsoft answered for the tenant " + fabric},
		"no tenant":                            {url.Values{"admin_consent": {"True"}}, "tenant_missing", "names no tenant"},
		"a tenant in a form that is no id":     {url.Values{"admin_consent": {"True"}, "tenant": {"contoso.test"}}, "malformed_return", "form"},
		"two tenants":                          {url.Values{"admin_consent": {"True"}, "tenant": {contoso, fabric}}, "malformed_return", "twice"},
		"a tenant without the word of consent": {url.Values{"tenant": {contoso}}, "consent_not_given", "did not say"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.migration("contoso")
			session, path := w.as("mia-migrator").begin(m.ID)
			admin := w.browser()
			c.query.Set("state", admin.get(path).query("state"))
			seq := w.audited()
			a := admin.get("/consent/callback?" + c.query.Encode())
			require.Equal(t, http.StatusForbidden, a.status, a.body)
			require.Contains(t, a.body, c.says)
			require.NotContains(t, a.body, "/consent/again/")
			require.Equal(t, []string{c.code}, w.refusals(seq))
			require.Equal(t, domain.ConsentRefused, w.session(session).Outcome)
			got := w.migration("contoso")
			require.Equal(t, domain.AwaitingConsent, got.Phase)
			require.Equal(t, c.code, got.ConsentCode)
			require.Contains(t, got.ConsentText, c.says)
			require.Empty(t, w.engine.Named(contract.SignalConsentGranted))

			// Neither the address nor the state opens the session again.
			require.Equal(t, http.StatusGone, admin.get(path).status)
			require.Equal(t, http.StatusBadRequest, admin.get("/consent/callback?"+accepted(c.query.Get("state"), contoso)).status)
		})
	}
}

// TestTheSecondLegCanBeTriedAgain: who signs in without the role, or as somebody
// else, is told so and returns to that leg only.
func TestTheSecondLegCanBeTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		query url.Values
		code  string
		says  string
	}{
		"a plain user":                    {url.Values{"code": {"plain-user"}}, "role_missing", "Global Administrator or Privileged Role Administrator"},
		"a Cloud Application Admin":       {url.Values{"code": {"cloud-app-admin"}}, "role_insufficient", "You are Cloud Application Administrator"},
		"an administrator of another one": {url.Values{"code": {"other-tenant"}}, "tenant_mismatch", fabric},
		"a guest":                         {url.Values{"code": {"guest"}}, "guest_account", "guest"},
		"Microsoft is down":               {url.Values{"code": {"down"}}, "microsoft_unavailable", "not available"},
		"a code used before":              {url.Values{"code": {"stale"}}, "too_old", "too old or was already used"},
		"a token that nobody signed":      {url.Values{"code": {"unsigned"}}, "sign_in_invalid", "could not be verified"},
		"an identity without a tenant":    {url.Values{"code": {"nobody"}}, "identity_missing", "does not say which account"},
		"the person pressed cancel":       {url.Values{"error": {"access_denied"}, "error_description": {"AADSTS65004: declined"}}, "declined", "not accepted"},
		"Conditional Access":              {url.Values{"error": {"access_denied"}, "error_description": {"AADSTS53003: blocked"}}, "conditional_access", "Conditional Access"},
		"no code":                         {url.Values{}, "malformed_return", "no sign-in"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.migration("contoso")
			session, path := w.as("mia-migrator").begin(m.ID)
			admin := w.browser()
			c.query.Set("state", admin.accept(path, contoso))
			seq, before := w.audited(), w.rows()
			a := admin.get("/consent/callback?" + c.query.Encode())
			require.Equal(t, http.StatusForbidden, a.status, a.body)
			require.Contains(t, a.body, c.says)
			require.Contains(t, a.body, "/consent/again/"+session)
			require.Equal(t, []string{c.code}, w.refusals(seq))
			cs := w.session(session)
			require.Equal(t, domain.ConsentOpen, cs.Outcome)
			require.Equal(t, domain.LegSignIn, cs.Leg)
			require.Equal(t, c.code, cs.Code)
			require.Equal(t, domain.AwaitingConsent, w.migration("contoso").Phase)
			onlyChanged(t, before, w.rows(), "consent_sessions", "migrations", "changes")

			replay := admin.get("/consent/callback?" + c.query.Encode())
			require.Equal(t, http.StatusBadRequest, replay.status, "a state is good once")

			again := admin.get("/consent/again/" + session)
			require.Contains(t, again.header.Get("Location"), "/oauth2/", "not the consent once more")
			require.Equal(t, http.StatusOK, admin.get(signedIn(again.query("state"), "global-admin")).status)
			require.Equal(t, domain.ConfirmingConsent, w.migration("contoso").Phase)
		})
	}
}

func onlyChanged(t *testing.T, before, after map[string]string, tables ...string) {
	t.Helper()
	for name := range before {
		if !slices.Contains(tables, name) {
			require.Equal(t, before[name], after[name], name)
		}
	}
}

// TestACallbackOfNobodyChangesNothing: forged, replayed, expired and foreign
// callbacks leave their trace in the audit and nowhere else.
func TestACallbackOfNobodyChangesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		code string
		make func(w *world, admin *browser, path string) (from *browser, query string)
	}{
		"a state that was never given": {"state_unknown", func(w *world, admin *browser, path string) (*browser, string) {
			admin.get(path)
			return admin, accepted("forged", contoso)
		}},
		"success without a state": {"state_missing", func(w *world, admin *browser, path string) (*browser, string) {
			admin.get(path)
			return admin, url.Values{"admin_consent": {"True"}, "tenant": {contoso}}.Encode()
		}},
		"an error without a state from a browser we do not know": {"state_missing", func(w *world, admin *browser, path string) (*browser, string) {
			admin.get(path)
			return w.browser(), "error=access_denied"
		}},
		"two states": {"malformed_return", func(w *world, admin *browser, path string) (*browser, string) {
			state := admin.get(path).query("state")
			return admin, accepted(state, contoso) + "&state=" + state
		}},
		"the right state from another browser": {"wrong_browser", func(w *world, admin *browser, path string) (*browser, string) {
			return w.browser(), accepted(admin.get(path).query("state"), contoso)
		}},
		"the right state from a browser with another session": {"wrong_browser", func(w *world, admin *browser, path string) (*browser, string) {
			fay := w.as("fay-fabric")
			_, hers := fay.begin(w.migration("fabric").ID)
			fay.get(hers)
			return fay, accepted(admin.get(path).query("state"), contoso)
		}},
		"a first leg that was answered before": {"state_unknown", func(w *world, admin *browser, path string) (*browser, string) {
			query := accepted(admin.get(path).query("state"), contoso)
			admin.get("/consent/callback?" + query)
			return admin, query
		}},
		"a first leg that was begun anew": {"state_unknown", func(w *world, admin *browser, path string) (*browser, string) {
			query := accepted(admin.get(path).query("state"), contoso)
			admin.get(path)
			return admin, query
		}},
		"a first leg that took too long": {"state_expired", func(w *world, admin *browser, path string) (*browser, string) {
			query := accepted(admin.get(path).query("state"), contoso)
			w.clock.Pass(11 * time.Minute)
			return admin, query
		}},
		"a second leg that took too long": {"state_expired", func(w *world, admin *browser, path string) (*browser, string) {
			state := admin.accept(path, contoso)
			w.clock.Pass(11 * time.Minute)
			return admin, url.Values{"state": {state}, "code": {"global-admin"}}.Encode()
		}},
		"a second leg from another browser": {"wrong_browser", func(w *world, admin *browser, path string) (*browser, string) {
			return w.browser(), url.Values{"state": {admin.accept(path, contoso)}, "code": {"global-admin"}}.Encode()
		}},
		"a second leg that was verified before": {"state_unknown", func(w *world, admin *browser, path string) (*browser, string) {
			query := url.Values{"state": {admin.accept(path, contoso)}, "code": {"global-admin"}}.Encode()
			require.Equal(w.t, http.StatusOK, admin.get("/consent/callback?"+query).status)
			return admin, query
		}},
		"a session that a newer one replaced": {"state_unknown", func(w *world, admin *browser, path string) (*browser, string) {
			query := accepted(admin.get(path).query("state"), contoso)
			w.as("mia-migrator").begin(w.migration("contoso").ID)
			return admin, query
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, path := w.as("mia-migrator").begin(w.migration("contoso").ID)
			from, query := c.make(w, w.browser(), path)
			seq, before := w.audited(), w.rows()
			a := from.get("/consent/callback?" + query)
			require.Equal(t, http.StatusBadRequest, a.status, a.body)
			require.NotContains(t, a.body, contoso, "a stranger learns nothing of the attempt")
			require.Equal(t, []string{c.code}, w.refusals(seq))
			require.Equal(t, before, w.rows())
		})
	}
}

// What says to start again from the page of the migration leads there whoever may
// see it, and nobody else.
func TestAPersonOfOursIsLedBackFromARefusedAnswer(t *testing.T) {
	w := newWorld(t)
	m := w.migration("contoso")
	mia := w.as("mia-migrator")
	_, path := mia.begin(m.ID)
	query := accepted(mia.get(path).query("state"), contoso)
	require.Equal(t, http.StatusSeeOther, mia.get("/consent/callback?"+query).status)
	link := `href="/migrations/` + m.ID + `"`
	for name, spent := range map[string]string{"answered before": query, "without a state": url.Values{"admin_consent": {"True"}, "tenant": {contoso}}.Encode()} {
		a := mia.get("/consent/callback?" + spent)
		require.Equal(t, http.StatusBadRequest, a.status, name)
		require.Contains(t, a.body, link, name)
	}
	require.NotContains(t, w.browser().get("/consent/callback?"+query).body, m.ID)
	require.NotContains(t, w.as("fay-fabric").get("/consent/callback?"+query).body, m.ID)

	mia.begin(m.ID) // which replaces the link
	a := mia.get(path)
	require.Equal(t, http.StatusGone, a.status)
	require.Contains(t, a.body, link)
	require.NotContains(t, w.browser().get(path).body, m.ID)
}

func TestAnErrorWithoutStateEndsTheOneSessionOfTheBrowser(t *testing.T) {
	w := newWorld(t)
	session, path := w.as("mia-migrator").begin(w.migration("contoso").ID)
	admin := w.browser()
	admin.get(path)
	a := admin.get("/consent/callback?error=permission_denied&error_description=The+admin+canceled+the+request")
	require.Equal(t, http.StatusForbidden, a.status)
	require.Equal(t, domain.ConsentRefused, w.session(session).Outcome)
	require.Equal(t, "declined", w.migration("contoso").ConsentCode)

	// With two open sessions in one browser nobody can tell which one it was.
	first, one := w.as("mia-migrator").begin(w.migration("contoso").ID)
	second, two := w.as("ana-approver").begin(w.migration("contoso-two").ID)
	admin.get(one)
	admin.get(two)
	before := w.rows()
	require.Equal(t, http.StatusBadRequest, admin.get("/consent/callback?error=access_denied").status)
	require.Equal(t, before, w.rows())
	require.Equal(t, domain.ConsentOpen, w.session(first).Outcome)
	require.Equal(t, domain.ConsentOpen, w.session(second).Outcome)
}

func TestTwoCallbacksThatRaceGrantOnce(t *testing.T) {
	w := newWorld(t)
	_, path := w.as("mia-migrator").begin(w.migration("contoso").ID)
	admin := w.browser()
	state := admin.accept(path, contoso)
	var statuses [8]int
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() { statuses[i] = admin.get(signedIn(state, "global-admin")).status })
	}
	all.Wait()
	won := 0
	for _, s := range statuses {
		if s == http.StatusOK {
			won++
		} else {
			require.Equal(t, http.StatusBadRequest, s)
		}
	}
	require.Equal(t, 1, won)
	require.Len(t, w.engine.Named(contract.SignalConsentGranted), 1)
}

func TestASessionReplacedWhileItsCodeIsRedeemedGrantsNothing(t *testing.T) {
	w := newWorld(t)
	m := w.migration("contoso")
	mia := w.as("mia-migrator")
	session, path := mia.begin(m.ID)
	admin := w.browser()
	state := admin.accept(path, contoso)
	w.door.mu.Lock()
	w.door.before = func() { mia.begin(m.ID) }
	w.door.mu.Unlock()
	require.Equal(t, http.StatusForbidden, admin.get(signedIn(state, "global-admin")).status)
	require.Equal(t, "superseded", w.session(session).Code)
	require.Equal(t, domain.AwaitingConsent, w.migration("contoso").Phase)
}

func TestTheStartAddressIsForOneBrowser(t *testing.T) {
	w := newWorld(t)
	m := w.migration("contoso")
	session, path := w.as("mia-migrator").begin(m.ID)
	admin := w.browser()
	first := admin.get(path).query("state")
	require.NotEqual(t, first, admin.get(path).query("state"), "the same browser may begin the leg anew")
	require.Equal(t, http.StatusGone, w.browser().get(path).status)
	require.Equal(t, http.StatusNotFound, w.browser().get("/consent/again/"+session).status)
	require.Equal(t, http.StatusNotFound, w.browser().get("/consent/start/unknown").status)

	_, unopened := w.as("mia-migrator").begin(m.ID)
	require.Equal(t, http.StatusGone, admin.get(path).status, "the same person began anew")
	w.clock.Pass(25 * time.Hour)
	a := w.browser().get(unopened)
	require.Equal(t, http.StatusGone, a.status)
	require.Contains(t, a.body, "too old")
}

func TestBeginningAConsentNeedsTheRole(t *testing.T) {
	w := newWorld(t)
	path := prefix + "/migrations/" + w.migration("contoso").ID + "/consent-sessions"
	for subject, status := range map[string]int{
		"vic-viewer": http.StatusForbidden, "olga-operator": http.StatusForbidden, "fay-fabric": http.StatusNotFound,
	} {
		b := w.as(subject)
		before := w.rows()
		a := b.do(http.MethodPost, path, "", nil)
		require.Equal(t, status, a.status, subject)
		a.problem()
		require.Equal(t, before, w.rows())
	}
	require.Equal(t, http.StatusUnauthorized, w.browser().do(http.MethodPost, path, "", nil).status)
	w.grant("contoso")
	require.Equal(t, "consent-not-awaited", w.as("mia-migrator").do(http.MethodPost, path, "", nil).problem().Code)
}

// grant leads a migration's consent to its verified end and gives the session.
func (w *world) grant(integrationID string) string {
	w.t.Helper()
	session, path := w.as("mia-migrator").begin(w.migration(integrationID).ID)
	admin := w.browser()
	require.Equal(w.t, http.StatusOK, admin.get(signedIn(admin.accept(path, contoso), "global-admin")).status)
	return session
}

func TestTheSignalIsRefusedUnlessItsSessionIsVerifiedForThatMigration(t *testing.T) {
	w := newWorld(t)
	mia := w.as("mia-migrator")
	m, other := w.migration("contoso"), w.migration("contoso-two")
	signal := func(b *browser, migration, session string) answer {
		return b.post(prefix+"/migrations/"+migration+"/signals/consent-granted", map[string]string{"consentSessionId": session})
	}
	open, _ := mia.begin(m.ID)
	first := signal(mia, m.ID, open)
	require.Equal(t, "consent-not-verified", first.problem().Code, first.body)
	require.Equal(t, http.StatusNotFound, signal(mia, m.ID, "cs_unknown").status)
	require.Equal(t, http.StatusNotFound, signal(mia, "mig_unknown", open).status)

	granted := w.grant("contoso")
	require.Equal(t, http.StatusNotFound, signal(mia, other.ID, granted).status, "another migration's session")
	require.Equal(t, http.StatusNotFound, signal(w.as("fay-fabric"), m.ID, granted).status)
	require.Equal(t, http.StatusForbidden, signal(w.as("vic-viewer"), m.ID, granted).status)
	before := w.rows()
	for range 2 {
		a := signal(mia, m.ID, granted)
		require.Equal(t, http.StatusAccepted, a.status, a.body)
	}
	require.Equal(t, before["engine_calls"], w.rows()["engine_calls"])
	require.Equal(t, before["migrations"], w.rows()["migrations"])
}

func TestALaterTryKeepsTheGraceOfOneBegunInTime(t *testing.T) {
	w := newWorld(t)
	m := w.migration("contoso")
	w.as("mia-migrator").begin(m.ID)
	began := w.migration("contoso").ConsentBeganAt
	require.False(t, began.IsZero())
	w.clock.Pass(31 * 24 * time.Hour) // beyond the deadline
	w.as("mia-migrator").begin(m.ID)
	require.Equal(t, began, w.migration("contoso").ConsentBeganAt)
	w.as("mia-migrator").begin(w.migration("contoso-two").ID)
	require.Equal(t, domain.At(w.clock.Now()), w.migration("contoso-two").ConsentBeganAt)
}
