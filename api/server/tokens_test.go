package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/consent"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// issue lets somebody issue a token and gives it.
func (b *browser) issue(order map[string]any) TokenIssued {
	b.w.t.Helper()
	a := b.post(prefix+"/tokens", order)
	require.Equal(b.w.t, http.StatusCreated, a.status, a.body)
	var issued TokenIssued
	a.into(&issued)
	require.True(b.w.t, domain.IsBearer(issued.Value), issued.Value)
	return issued
}

// machine calls with a bearer token and no cookies.
type machine struct {
	*browser
	value string
}

func (w *world) machine(value string) *machine { return &machine{browser: w.browser(), value: value} }

func (m *machine) call(method, path, body string, headers ...string) answer {
	all := map[string]string{"Authorization": "Bearer " + m.value}
	for i := 0; i+1 < len(headers); i += 2 {
		all[headers[i]] = headers[i+1]
	}
	return m.do(method, path, body, all)
}

func TestATokenIsAMachineWithOneRole(t *testing.T) {
	w := newWorld(t)
	issued := w.as("ana-approver").issue(map[string]any{"name": "exporter", "accountId": "acc-contoso", "role": "migrate"})
	m := w.machine(issued.Value)
	var me Me
	m.call(http.MethodGet, prefix+"/me", "").into(&me)
	require.Equal(t, Me{ID: issued.ID, Kind: "machine", Name: "exporter", Grants: []RoleGrant{{AccountID: "acc-contoso", Role: domain.RoleMigrate}}}, me)

	require.Contains(t, m.call(http.MethodGet, prefix+"/integrations", "").body, "contoso")
	require.Equal(t, http.StatusNotFound, m.call(http.MethodGet, prefix+"/integrations/fabric", "").status)
	describe := `{"kind":"describe","description":"People of the head office"}`
	path := prefix + "/migrations/" + w.migration("contoso").ID + "/decisions"
	require.Equal(t, http.StatusAccepted, m.call(http.MethodPost, path, describe).status)
	approve := m.call(http.MethodPost, path, `{"kind":"approve","proofId":"prf_x"}`)
	require.Equal(t, http.StatusForbidden, approve.status, approve.body)

	pages := m.call(http.MethodGet, "/connectors", "")
	require.NotEqual(t, http.StatusOK, pages.status, "pages take no token")

	olga := w.as("olga-operator").issue(map[string]any{"name": "ci", "role": "operator"})
	require.Contains(t, w.machine(olga.Value).call(http.MethodGet, prefix+"/campaigns", "").body, "campaign-eu")
}

func TestATokenIsKeptAsItsDigestAlone(t *testing.T) {
	w := newWorld(t)
	ana := w.as("ana-approver")
	issued := ana.issue(map[string]any{"name": "exporter", "accountId": "acc-contoso", "role": "view"})
	m := w.machine(issued.Value)
	require.Equal(t, http.StatusOK, m.call(http.MethodGet, prefix+"/me", "").status)
	for table, rows := range w.rows() {
		require.NotContains(t, rows, issued.Value, table)
		require.NotContains(t, rows, strings.TrimPrefix(issued.Value, domain.TokenPrefix), table)
	}
	listed := ana.get(prefix + "/tokens").body
	require.Contains(t, listed, issued.ID)
	require.NotContains(t, listed, issued.Value)
	require.NotContains(t, listed, consent.Hash(issued.Value))
}

func TestATokenThatOpensNothingIsRefused(t *testing.T) {
	w := newWorld(t)
	ana := w.as("ana-approver")
	revoked := ana.issue(map[string]any{"name": "revoked", "accountId": "acc-contoso", "role": "view"})
	require.Equal(t, http.StatusOK, ana.do(http.MethodDelete, prefix+"/tokens/"+revoked.ID, "", nil).status)
	require.Equal(t, http.StatusOK, ana.do(http.MethodDelete, prefix+"/tokens/"+revoked.ID, "", nil).status, "again changes nothing")
	short := ana.issue(map[string]any{"name": "short", "accountId": "acc-contoso", "role": "view", "expiresAt": w.clock.Now().Add(time.Minute)})
	require.Equal(t, http.StatusOK, w.machine(short.Value).call(http.MethodGet, prefix+"/me", "").status)
	w.clock.Pass(time.Minute)
	for name, c := range map[string]struct{ value, says string }{
		"unknown":  {domain.NewBearer(), "not one that works here"},
		"cut":      {revoked.Value[:len(revoked.Value)-1], "not one that works here"},
		"empty":    {"", "not one that works here"},
		"a cookie": {domain.NewToken(), "not one that works here"},
		"revoked":  {revoked.Value, "was revoked"},
		"ended":    {short.Value, "ended on 22 November 2026 10:01 UTC"},
	} {
		t.Run(name, func(t *testing.T) {
			seq := w.audited()
			// A good cookie beside it does not help: whoever sends both means the token.
			for range 2 {
				a := ana.do(http.MethodGet, prefix+"/me", "", map[string]string{"Authorization": "Bearer " + c.value})
				require.Equal(t, http.StatusUnauthorized, a.status, a.body)
				require.Equal(t, `Bearer realm="consentry", error="invalid_token"`, a.header.Get("WWW-Authenticate"))
				require.Contains(t, a.problem().Detail, c.says)
				if c.value != "" {
					require.NotContains(t, a.body, c.value)
				}
			}
			require.Equal(t, []string{"token-refused", "token-refused"}, w.refusals(seq))
		})
	}
	w.clock.Pass(time.Hour)
	seq := w.audited()
	for range 200 {
		require.Equal(t, http.StatusUnauthorized, w.machine("guess").call(http.MethodGet, prefix+"/me", "").status)
	}
	require.Less(t, len(w.refusals(seq)), 100, "guessing fills no table")
	require.Equal(t, `Bearer realm="consentry"`, w.browser().get(prefix+"/me").header.Get("WWW-Authenticate"))
}

func TestNobodyIssuesMoreThanHeHas(t *testing.T) {
	w := newWorld(t)
	ana, mia, olga := w.as("ana-approver"), w.as("mia-migrator"), w.as("olga-operator")
	parent := ana.issue(map[string]any{"name": "parent", "accountId": "acc-contoso", "role": "approve", "expiresAt": w.clock.Now().Add(time.Hour)})
	vendor := olga.issue(map[string]any{"name": "vendor", "role": "operator"})
	for name, c := range map[string]struct {
		by     func(order string) answer
		order  string
		status int
		code   string
	}{
		"a migrator for the account":              {nil, `{"name":"x","accountId":"acc-contoso","role":"view"}`, 403, "role-needed"},
		"an approver as operator":                 {func(o string) answer { return ana.do("POST", prefix+"/tokens", o, nil) }, `{"name":"x","role":"operator"}`, 403, "operator-needed"},
		"an approver for another account":         {func(o string) answer { return ana.do("POST", prefix+"/tokens", o, nil) }, `{"name":"x","accountId":"acc-fabric","role":"view"}`, 404, "not-found"},
		"an operator who would decide":            {func(o string) answer { return olga.do("POST", prefix+"/tokens", o, nil) }, `{"name":"x","accountId":"acc-contoso","role":"approve"}`, 403, "role-needed"},
		"a token of an operator likewise":         {func(o string) answer { return w.machine(vendor.Value).call("POST", prefix+"/tokens", o) }, `{"name":"x","accountId":"acc-contoso","role":"migrate"}`, 403, "role-needed"},
		"a token as operator":                     {func(o string) answer { return w.machine(parent.Value).call("POST", prefix+"/tokens", o) }, `{"name":"x","role":"operator"}`, 403, "operator-needed"},
		"a token that would outlive":              {func(o string) answer { return w.machine(parent.Value).call("POST", prefix+"/tokens", o) }, `{"name":"x","accountId":"acc-contoso","role":"view","expiresAt":"2026-11-22T11:00:01Z"}`, 409, "token-outlives-issuer"},
		"a life of decades":                       {func(o string) answer { return ana.do("POST", prefix+"/tokens", o, nil) }, `{"name":"x","accountId":"acc-contoso","role":"view","expiresAt":"2046-11-22T11:00:01Z"}`, 422, "invalid-expiresAt"},
		"an end in the past":                      {func(o string) answer { return ana.do("POST", prefix+"/tokens", o, nil) }, `{"name":"x","accountId":"acc-contoso","role":"view","expiresAt":"2026-11-22T10:00:00Z"}`, 422, "invalid-expiresAt"},
		"an operator's role in an account":        {func(o string) answer { return olga.do("POST", prefix+"/tokens", o, nil) }, `{"name":"x","accountId":"acc-contoso","role":"operator"}`, 422, "invalid-role"},
		"an account's role without account":       {func(o string) answer { return olga.do("POST", prefix+"/tokens", o, nil) }, `{"name":"x","role":"view"}`, 422, "invalid-role"},
		"a name that is taken":                    {func(o string) answer { return ana.do("POST", prefix+"/tokens", o, nil) }, `{"name":"parent","accountId":"acc-contoso","role":"view"}`, 409, "token-name-taken"},
		"an account that is none, by an operator": {func(o string) answer { return olga.do("POST", prefix+"/tokens", o, nil) }, `{"name":"x","accountId":"acc-none","role":"view"}`, 404, "not-found"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.by == nil {
				c.by = func(o string) answer { return mia.do("POST", prefix+"/tokens", o, nil) }
			}
			before := strings.Count(w.rows()["tokens"], "Digest")
			a := c.by(c.order)
			require.Equal(t, c.status, a.status, a.body)
			require.Equal(t, c.code, a.problem().Code)
			require.Equal(t, before, strings.Count(w.rows()["tokens"], "Digest"), "nothing is issued")
		})
	}
	require.Equal(t, http.StatusCreated, olga.do("POST", prefix+"/tokens", `{"name":"watch","accountId":"acc-contoso","role":"view"}`, nil).status)
}

// TestRevokingATokenEndsWhatItIssued: whoever stole it may have issued others.
func TestRevokingATokenEndsWhatItIssued(t *testing.T) {
	w := newWorld(t)
	ana := w.as("ana-approver")
	parent := ana.issue(map[string]any{"name": "parent", "accountId": "acc-contoso", "role": "approve"})
	order := `{"name":"%","accountId":"acc-contoso","role":"approve"}`
	var child, grandchild TokenIssued
	w.machine(parent.Value).call(http.MethodPost, prefix+"/tokens", strings.Replace(order, "%", "child", 1)).into(&child)
	w.machine(child.Value).call(http.MethodPost, prefix+"/tokens", strings.Replace(order, "%", "grandchild", 1)).into(&grandchild)
	other := ana.issue(map[string]any{"name": "other", "accountId": "acc-contoso", "role": "view"})
	var byThief, byAna Invited
	invitation := `{"name":"Mallory","accountId":"acc-contoso","role":"approve"}`
	w.machine(child.Value).call(http.MethodPost, prefix+"/invitations", invitation).into(&byThief)
	ana.post(prefix+"/invitations", map[string]any{"name": "Nia", "accountId": "acc-contoso", "role": "view"}).into(&byAna)
	opens := func(i Invited) int { return w.browser().get(strings.TrimPrefix(i.Link, w.URL)).status }
	require.Equal(t, []int{http.StatusOK, http.StatusOK}, []int{opens(byThief), opens(byAna)})
	require.Equal(t, http.StatusOK, w.machine(grandchild.Value).call(http.MethodGet, prefix+"/me", "").status)

	require.Equal(t, http.StatusForbidden, w.as("vic-viewer").do(http.MethodDelete, prefix+"/tokens/"+parent.ID, "", nil).status)
	require.Equal(t, http.StatusOK, w.machine(parent.Value).call(http.MethodDelete, prefix+"/tokens/"+parent.ID, "").status, "a token may end itself")
	for _, value := range []string{parent.Value, child.Value, grandchild.Value} {
		require.Equal(t, http.StatusUnauthorized, w.machine(value).call(http.MethodGet, prefix+"/me", "").status)
	}
	require.Equal(t, http.StatusOK, w.machine(other.Value).call(http.MethodGet, prefix+"/me", "").status)
	require.Equal(t, []int{http.StatusGone, http.StatusOK}, []int{opens(byThief), opens(byAna)}, "and the links that were made with them")
}

// TestATokenNeedsNoProtectionFromOtherSites: no browser adds it by itself, and
// beside it the cookie counts for nothing.
func TestATokenNeedsNoProtectionFromOtherSites(t *testing.T) {
	w := newWorld(t)
	ana := w.as("ana-approver")
	issued := ana.issue(map[string]any{"name": "exporter", "accountId": "acc-contoso", "role": "view"})
	path := prefix + "/migrations/" + w.migration("contoso").ID + "/consent-sessions"
	allowed := ana.issue(map[string]any{"name": "migrator", "accountId": "acc-contoso", "role": "migrate"})
	a := w.machine(allowed.Value).call(http.MethodPost, path, "", "Origin", "https://elsewhere.test", "Sec-Fetch-Site", "cross-site")
	require.Equal(t, http.StatusCreated, a.status, a.body)
	withCookie := ana.do(http.MethodPost, path, "", map[string]string{"Origin": "https://evil.test", "Authorization": "Bearer " + issued.Value})
	require.Equal(t, http.StatusForbidden, withCookie.status)
	require.Equal(t, "role-needed", withCookie.problem().Code, "the token's role, not the cookie's")
	signOut := ana.do(http.MethodPost, "/auth/sign-out", "", map[string]string{"Origin": "https://evil.test", "Authorization": "Bearer " + issued.Value})
	require.Equal(t, http.StatusForbidden, signOut.status, "pages take no token, so they stay protected")
}

func TestTheLastUseIsKnownToTheHour(t *testing.T) {
	w := newWorld(t)
	issued := w.as("ana-approver").issue(map[string]any{"name": "exporter", "accountId": "acc-contoso", "role": "view"})
	used := func() (at domain.Instant) {
		require.Equal(t, http.StatusOK, w.machine(issued.Value).call(http.MethodGet, prefix+"/me", "").status)
		require.NoError(t, w.store.Read(t.Context(), func(r service.Rows) error {
			token, err := r.Tokens().Get(issued.ID)
			at = token.LastUsedAt
			return err
		}))
		return at
	}
	first := used()
	require.Equal(t, domain.At(w.clock.Now()), first)
	w.clock.Pass(59 * time.Minute)
	require.Equal(t, first, used())
	w.clock.Pass(time.Minute)
	require.Equal(t, domain.At(w.clock.Now()), used())
}

func TestAnExplanationSaysTheDateInForce(t *testing.T) {
	w := newWorld(t)
	explain := func(b *browser) (e Explanation) {
		a := b.get(prefix + "/integrations/contoso/explanation")
		require.Equal(t, http.StatusOK, a.status, a.body)
		a.into(&e)
		return e
	}
	vic := w.as("vic-viewer")
	e := explain(vic)
	require.Contains(t, e.Sentence, "Directory of contoso waits for the consent of its tenant; ")
	require.Contains(t, e.Sentence, "ends on 22 December 2026 10:00 UTC")
	require.Equal(t, []string{"ana-approver", "mia-migrator"}, e.CanAct)
	require.Equal(t, "campaign", e.DateFrom)
	require.True(t, e.NeedsPerson)

	extended := w.clock.Now().Add(60 * 24 * time.Hour)
	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		m := w.migrationIn(r, "contoso")
		m.Deadline = domain.At(extended)
		return r.Migrations().Update(&m)
	}))
	e = explain(vic)
	require.Contains(t, e.Sentence, "ends on 22 December 2026 10:00 UTC, when its client secret does, unless another is entered before (its date is 21 January 2027 10:00 UTC)")
	require.Equal(t, "extension", e.DateFrom)
	require.Equal(t, domain.At(extended), e.DateInForce)
	require.Equal(t, http.StatusNotFound, w.as("fay-fabric").get(prefix+"/integrations/contoso/explanation").status)
}

// TestADecisionNamesWhoGaveIt, a person or a token.
func TestADecisionNamesWhoGaveIt(t *testing.T) {
	w := newWorld(t)
	ana := w.as("ana-approver")
	path := prefix + "/migrations/" + w.migration("contoso").ID
	token := ana.issue(map[string]any{"name": "onboarding", "accountId": "acc-contoso", "role": "migrate"})
	describe := `{"kind":"describe","description":"People of the head office"}`
	require.Equal(t, http.StatusAccepted, ana.do(http.MethodPost, path+"/decisions", describe, nil).status)
	w.clock.Pass(time.Second)
	require.Equal(t, http.StatusAccepted, w.machine(token.Value).call(http.MethodPost, path+"/decisions", describe).status)
	var m MigrationDetail
	w.as("vic-viewer").get(path).into(&m)
	require.Equal(t, token.ID, m.Decisions[0].GivenBy)
	require.Equal(t, "token onboarding of Contoso", m.Decisions[0].GivenByName)
	require.Equal(t, "ana-approver", m.Decisions[1].GivenByName)
	var listed struct{ Items []Decision }
	w.as("vic-viewer").get(prefix + "/decisions?migrationId=" + m.ID).into(&listed)
	require.Equal(t, "token onboarding of Contoso", listed.Items[0].GivenByName, "in the list")
	var one Decision
	w.as("vic-viewer").get(prefix + "/decisions/" + listed.Items[1].ID).into(&one)
	require.Equal(t, "ana-approver", one.GivenByName, "alone")
	v, err := w.service.ViewMigration(t.Context(), domain.System("test"), m.ID)
	require.NoError(t, err)
	require.Equal(t, "token onboarding of Contoso", v.People[token.ID], "and so do the pages")
}

// TestWhoIsStuckInACampaign: those that wait for a person, the most urgent first.
func TestWhoIsStuckInACampaign(t *testing.T) {
	w := newWorld(t)
	olga := w.as("olga-operator")
	w.inPhase("contoso", domain.AwaitingApproval)
	w.inPhase("fabric", domain.Proving) // goes on by itself
	waiting := func(query string) (l WaitingMigrations) {
		a := olga.get(prefix + "/campaigns/campaign-eu/waiting" + query)
		require.Equal(t, http.StatusOK, a.status, a.body)
		a.into(&l)
		return l
	}
	ids := func(l WaitingMigrations) (ids []string) {
		for _, one := range l.Items {
			ids = append(ids, one.IntegrationID)
		}
		return ids
	}
	change := func(id string, as func(*domain.Migration)) {
		require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
			m := w.migrationIn(r, id)
			as(&m)
			return r.Migrations().Update(&m)
		}))
	}
	change("contoso-two", func(m *domain.Migration) { m.PhaseSince = domain.At(w.clock.Now().Add(-time.Hour)) })
	l := waiting("")
	require.Equal(t, []string{"contoso-two", "contoso"}, ids(l), "who has waited longest")
	require.Equal(t, 2, l.Total)
	require.Equal(t, w.clock.Now(), l.AsOf)
	extended := domain.At(w.clock.Now().Add(60 * 24 * time.Hour))
	change("contoso", func(m *domain.Migration) { m.Overdue, m.Deadline = true, extended })
	l = waiting("")
	require.Equal(t, []string{"contoso", "contoso-two"}, ids(l), "first whose date has passed")
	first, second := l.Items[0], l.Items[1]
	require.Equal(t, domain.AwaitingApproval, first.Phase)
	require.Equal(t, "Contoso", first.AccountName)
	require.True(t, first.Overdue)
	require.Equal(t, extended, first.DateInForce, "its own")
	require.Equal(t, domain.At(w.clock.Now().Add(30*24*time.Hour)), second.DateInForce, "the campaign's")
	require.NotEqual(t, first.Status, second.Status)
	require.NotEmpty(t, first.Who)
	l = waiting("?limit=1")
	require.Equal(t, []string{"contoso"}, ids(l))
	require.Equal(t, 2, l.Total)
	change("contoso", func(m *domain.Migration) { m.Overdue, m.PhaseSince = false, domain.At(w.clock.Now().Add(-9*time.Hour)) })
	require.Equal(t, []string{"contoso-two", "contoso"}, ids(waiting("")), "the nearer date, however long the other has waited")
	require.Equal(t, []string{"contoso-two"}, ids(waiting("?limit=1")), "which no limit cuts off")
	require.Equal(t, http.StatusUnprocessableEntity, olga.get(prefix+"/campaigns/campaign-eu/waiting?limit=0").status)
	require.Equal(t, http.StatusNotFound, olga.get(prefix+"/campaigns/none/waiting").status)
	require.Equal(t, http.StatusNotFound, w.as("ana-approver").get(prefix+"/campaigns/campaign-eu/waiting").status)
}

// TestWhoLostItsConsentIsStuck: it waits for a person as much as who never
// migrated, whether its attempt is over or keeps its way back open.
func TestWhoLostItsConsentIsStuck(t *testing.T) {
	w := newWorld(t)
	olga := w.as("olga-operator")
	waiting := func(query string) (l WaitingMigrations) {
		a := olga.get(prefix + "/campaigns/campaign-eu/waiting" + query)
		require.Equal(t, http.StatusOK, a.status, a.body)
		a.into(&l)
		return l
	}
	for _, phase := range []domain.Phase{domain.Migrated, domain.CleanUp, domain.Closed} {
		w.inPhase("contoso", phase)
		before := waiting("").Total
		w.lost()
		l := waiting("")
		require.Equal(t, before+1, l.Total, phase)
		first := l.Items[0]
		require.Equal(t, "contoso", first.IntegrationID, "nothing of it is synchronized: it comes first")
		require.Equal(t, "Needs consent again", first.Status)
		require.Equal(t, phase, first.Phase)
		require.Contains(t, first.Who, "somebody with the role migrate can reconnect it")
		require.Equal(t, domain.At(w.clock.Now()), first.Since, "since it was lost")
		require.True(t, first.DateInForce.IsZero(), "the date of the old app is behind it")
		l = waiting("?limit=1")
		require.Len(t, l.Items, 1)
		require.Equal(t, before+1, l.Total)
		require.Equal(t, w.explained("contoso").Who, first.Who)
		require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
			c, err := r.Connectors().Get("con_hq")
			if err != nil {
				return err
			}
			c.ReconnectSession = "cs_1"
			return r.Connectors().Update(&c)
		}))
		require.Equal(t, before, waiting("").Total, "a new consent is being checked: nobody has to act")
		require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
			_, err := r.Connectors().Delete(service.By(service.Where{"id": "con_hq"}))
			return err
		}))
	}
}

func (w *world) migrationIn(r service.Rows, integrationID string) domain.Migration {
	w.t.Helper()
	m, err := r.Migrations().Find(service.By(service.Where{"integration_id": integrationID, "open": true}))
	require.NoError(w.t, err)
	return m
}
