package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/health"
	"consentry/internal/service"
	"consentry/test/standin"
)

func TestADecisionIsAnsweredAsItStands(t *testing.T) {
	w := newWorld(t)
	m := w.migration("contoso")
	ana := w.as("ana-approver")
	path := prefix + "/migrations/" + m.ID + "/decisions"
	body := `{"kind":"describe","description":"People of the head office"}`
	key := map[string]string{"Idempotency-Key": "once"}

	given := ana.do(http.MethodPost, path, body, key) // no workflow answers
	require.Equal(t, http.StatusAccepted, given.status, given.body)
	var d Decision
	given.into(&d)
	require.Equal(t, domain.DecisionGiven, d.State)
	require.Equal(t, prefix+"/decisions/"+d.ID, given.header.Get("Location"))
	require.Equal(t, given.body, ana.get(given.header.Get("Location")).body)
	require.Len(t, w.engine.Named(contract.UpdateApplyDecision), 1)

	before := w.rows()
	var again Decision
	ana.do(http.MethodPost, path, body, key).into(&again)
	require.Equal(t, d.ID, again.ID)
	require.Equal(t, before, w.rows(), "a repeat changes nothing")

	w.engine.Decides(func(id string) {
		_, err := w.service.ApplyDecision(t.Context(), domain.System("test"), contract.ApplyDecision{AttemptID: m.ID, DecisionID: id})
		require.NoError(t, err)
	})
	applied := ana.do(http.MethodPost, path, body, nil)
	require.Equal(t, http.StatusOK, applied.status, applied.body)
	applied.into(&d)
	require.Equal(t, domain.DecisionApplied, d.State)
	var detail MigrationDetail
	ana.get(prefix + "/migrations/" + m.ID).into(&detail)
	require.Equal(t, "People of the head office", detail.Description)
	require.Len(t, detail.Decisions, 2)
	require.Equal(t, "tenant-administrator", detail.NeedsPerson)
	require.Equal(t, w.clock.Now().Add(30*24*time.Hour), *detail.DateInForce)
}

// What is stored is not called undone: while the database is away after the
// commit, the answer is the decision's address.
func TestAStoredDecisionIsAnsweredAlthoughTheDatabaseIsAway(t *testing.T) {
	w := newWorld(t)
	ana := w.as("ana-approver")
	path := prefix + "/migrations/" + w.migration("contoso").ID + "/decisions"
	body := `{"kind":"describe","description":"People of the head office"}`
	key := map[string]string{"Idempotency-Key": "once"}
	w.engine.Decides(func(string) { w.store.down.Store(true) })
	given := ana.do(http.MethodPost, path, body, key)
	require.Equal(t, http.StatusAccepted, given.status, given.body)
	again := ana.do(http.MethodPost, path, body, key)
	require.Equal(t, http.StatusServiceUnavailable, again.status, again.body)
	w.store.down.Store(false)
	var first, second Decision
	given.into(&first)
	ana.get(given.header.Get("Location")).into(&second)
	require.Equal(t, first.ID, second.ID)
	ana.do(http.MethodPost, path, body, key).into(&second)
	require.Equal(t, first.ID, second.ID)
	require.Len(t, w.engine.Named(contract.UpdateApplyDecision), 1)
}

func TestAnInventoryIsTakenInAndStarted(t *testing.T) {
	w := newWorld(t)
	olga := w.as("olga-operator")
	inv := service.Inventory{
		Accounts: []service.InventoryAccount{{
			ID: "acc-tailspin", Name: "Tailspin", Region: "us", TimeZone: "America/New_York",
			People: []service.InventoryPerson{{Issuer: issuer, Subject: "tom-tailspin", Name: "Tom", Role: domain.RoleApprove}},
			Integrations: []service.InventoryIntegration{{
				ID: "tailspin", Name: "Tailspin", TenantID: "77777777-7777-4777-8777-777777777777", TenantDomain: "tailspin.test",
				LegacyApp: service.InventoryLegacyApp{ClientID: "88888888-8888-4888-8888-888888888888", Name: "old", Secret: "hush~hush~hush", SecretEndsAt: domain.At(w.clock.Now())},
			}},
		}},
		Campaigns: []service.InventoryCampaign{{ID: "campaign-us", Name: "America", Region: "us", Terms: standin.Terms(w.clock.Now())}},
	}
	a := olga.post(prefix+"/inventory", inv)
	require.Equal(t, http.StatusOK, a.status, a.body)
	tom := w.as("tom-tailspin")
	none := tom.do(http.MethodPost, prefix+"/integrations/tailspin/migrations", "", nil)
	require.Equal(t, "no-campaign", none.problem().Code)
	require.Equal(t, http.StatusOK, olga.do(http.MethodPost, prefix+"/campaigns/campaign-us/start", "", nil).status)
	var c CampaignDetail
	olga.get(prefix + "/campaigns/campaign-us").into(&c)
	require.Equal(t, map[domain.Phase]int{domain.AwaitingConsent: 1}, c.Phases)

	started := tom.do(http.MethodPost, prefix+"/integrations/tailspin/migrations", "", nil)
	require.Equal(t, http.StatusCreated, started.status, started.body)
	require.Equal(t, prefix+"/migrations/"+w.migration("tailspin").ID, started.header.Get("Location"))
	var detail IntegrationDetail
	tom.get(prefix + "/integrations/tailspin").into(&detail)
	require.Equal(t, w.migration("tailspin").ID, detail.Migration.ID)
	require.True(t, detail.Frozen)

	c.Terms.Deadline = domain.At(w.clock.Now().Add(48 * time.Hour))
	changed := olga.do(http.MethodPut, prefix+"/campaigns/campaign-us", asJSON(t, map[string]any{"version": c.Version, "terms": c.Terms}), nil)
	require.Equal(t, http.StatusOK, changed.status, changed.body)
	stale := olga.do(http.MethodPut, prefix+"/campaigns/campaign-us", asJSON(t, map[string]any{"version": c.Version, "terms": c.Terms}), nil)
	require.Equal(t, "campaign-changed", stale.problem().Code)
	require.Len(t, w.engine.Named(contract.SignalDatesChanged), 1, "an earlier date nudges")

	rotated := olga.do(http.MethodPost, prefix+"/cells/cell-eu/rotations", "", nil)
	require.Equal(t, http.StatusAccepted, rotated.status, rotated.body)
	require.Equal(t, http.StatusAccepted, tom.do(http.MethodPost, prefix+"/integrations/tailspin/sync-runs", "", nil).status)
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// TestListsAreReadInParts: rows of one instant are each read once, whatever the
// size of the parts.
func TestListsAreReadInParts(t *testing.T) {
	w := newWorld(t)
	const n = 23
	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		for i := range n {
			notice := domain.Notice{ID: domain.NewID("ntc"), AccountID: "acc-fabric", Key: domain.NewID("k"), Kind: "test", CreatedAt: domain.At(w.clock.Now().Add(time.Duration(i/7) * time.Second))}
			if err := r.Notices().Insert(&notice); err != nil {
				return err
			}
		}
		return nil
	}))
	fay := w.as("fay-fabric")
	var whole struct{ Items []Notice }
	fay.get(prefix + "/notices?limit=200").into(&whole)
	for _, size := range []string{"1", "5", "7", "24"} {
		var seen []Notice
		for cursor := ""; ; {
			var part struct {
				Items []Notice
				Next  string
			}
			fay.get(prefix + "/notices?limit=" + size + "&cursor=" + cursor).into(&part)
			seen = append(seen, part.Items...)
			if cursor = part.Next; cursor == "" {
				break
			}
		}
		require.Equal(t, whole.Items, seen, size)
	}
	require.Len(t, whole.Items, n+1) // and the notice of its migration
}

func TestOnlyInvitedPeopleSignIn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	sessions := func() string { return w.rows()["sessions"] }
	none := sessions()
	away := b.get("/auth/sign-in")
	back := b.get("/auth/callback?" + url.Values{"state": {away.query("state")}, "code": {"eve-uninvited"}}.Encode())
	require.Equal(t, http.StatusForbidden, back.status)
	require.Contains(t, back.body, "you are not invited")
	require.Equal(t, none, sessions())
	require.Equal(t, http.StatusUnauthorized, b.get(prefix+"/me").status)

	for name, c := range map[string]struct {
		from  func(b *browser) *browser
		query func(state string) url.Values
		then  time.Duration
	}{
		"a forged state":    {query: func(string) url.Values { return url.Values{"state": {"forged"}, "code": {"ana-approver"}} }},
		"no state":          {query: func(string) url.Values { return url.Values{"code": {"ana-approver"}} }},
		"another browser":   {from: func(*browser) *browser { return w.browser() }},
		"too late":          {then: 11 * time.Minute},
		"a sign-in refused": {query: func(s string) url.Values { return url.Values{"state": {s}, "error": {"access_denied"}} }},
		"no code":           {query: func(s string) url.Values { return url.Values{"state": {s}} }},
	} {
		t.Run(name, func(t *testing.T) {
			b := w.browser()
			state := b.get("/auth/sign-in").query("state")
			w.clock.Pass(c.then)
			query := url.Values{"state": {state}, "code": {"ana-approver"}}
			if c.query != nil {
				query = c.query(state)
			}
			from := b
			if c.from != nil {
				from = c.from(b)
			}
			a := from.get("/auth/callback?" + query.Encode())
			require.Contains(t, []int{http.StatusGone, http.StatusForbidden}, a.status, a.body)
			require.Equal(t, none, sessions())
		})
	}
}

func TestASignInIsGoodOnceAndEnds(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	query := url.Values{"state": {b.get("/auth/sign-in?return=" + url.QueryEscape("//evil.test/")).query("state")}, "code": {"vic-viewer"}}.Encode()
	in := b.get("/auth/callback?" + query)
	require.Equal(t, "/", in.header.Get("Location"), "never off this site")
	require.Equal(t, http.StatusGone, b.get("/auth/callback?"+query).status, "a state is good once")
	var me Me
	b.get(prefix + "/me").into(&me)
	require.Equal(t, []RoleGrant{{AccountID: "acc-contoso", Role: domain.RoleView}}, me.Grants)

	require.Equal(t, http.StatusSeeOther, b.do(http.MethodPost, "/auth/sign-out", "", nil).status)
	require.Equal(t, http.StatusUnauthorized, b.get(prefix+"/me").status)
	require.Equal(t, http.StatusOK, b.get("/auth/signed-out").status)

	vic := w.as("vic-viewer")
	w.clock.Pass(13 * time.Hour)
	require.Equal(t, http.StatusUnauthorized, vic.get(prefix+"/me").status, "a session ends by itself")
}

func TestLocalPathsOnly(t *testing.T) {
	for path, want := range map[string]string{
		"/connectors?x=1": "/connectors?x=1", "": "/", "connectors": "/", "//evil.test": "/", "/\\evil.test": "/", "https://evil.test": "/", "/a\r\nb": "/",
		"/" + strings.Repeat("x", 600): "/",
	} {
		require.Equal(t, want, service.LocalPath(path), path)
	}
}

func TestEveryAnswerCarriesItsHeaders(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/auth/signed-out", prefix + "/me", "/nothing", "/healthz"} {
		h := w.browser().get(path).header
		require.NotEmpty(t, h.Get("X-Request-Id"), path)
		require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'")
		require.Contains(t, h.Get("Content-Security-Policy"), "form-action 'self' https://login.test")
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
		require.Equal(t, "same-origin", h.Get("Referrer-Policy"))
		require.Empty(t, h.Get("Strict-Transport-Security"), "not over plain http")
	}
	require.Equal(t, "no-store", w.browser().get(prefix+"/me").header.Get("Cache-Control"))
	given := w.browser().do(http.MethodGet, "/healthz", "", map[string]string{"X-Request-Id": "from-the-proxy-1"})
	require.Equal(t, "from-the-proxy-1", given.header.Get("X-Request-Id"))
	odd := w.browser().do(http.MethodGet, "/healthz", "", map[string]string{"X-Request-Id": "<script>"})
	require.NotContains(t, odd.header.Get("X-Request-Id"), "script")
}

func TestCookiesAreSecureOverHTTPS(t *testing.T) {
	w := newWorld(t)
	e := echo.New()
	public, err := url.Parse("https://consentry.test")
	require.NoError(t, err)
	Mount(e, Deps{Service: w.service, Consent: service.NewConsentFlow(w.service, w.door), Console: standin.Provider{}, PublicURL: public, Stopping: w.stop, Log: zap.NewNop()})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/auth/sign-in", nil)
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, r)
	require.Equal(t, http.StatusSeeOther, rec.Code)
	require.Contains(t, rec.Header().Get("Set-Cookie"), "__Host-consentry_signin=")
	require.Contains(t, rec.Header().Get("Set-Cookie"), "; Secure")
	require.NotEmpty(t, rec.Header().Get("Strict-Transport-Security"))
}

func TestReadinessNamesThePartThatIsIll(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, http.StatusOK, w.browser().get("/readyz").status)
	w.mu.Lock()
	w.broke = errors.New("disk full at /var/lib")
	w.mu.Unlock()
	a := w.browser().get("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	var r health.Report
	a.into(&r)
	require.Equal(t, []bool{false, true}, []bool{r.Parts[0].Ready, r.Parts[1].Ready})
	require.Equal(t, "database", r.Parts[0].Name)
	require.NotContains(t, a.body, "disk full")
	require.NotContains(t, a.body, "db.internal", "sentences are for the internal listener")
	require.Equal(t, http.StatusOK, w.browser().get("/healthz").status, "alive all the same")
}

func TestWithoutTheDatabaseAnswersSaySo(t *testing.T) {
	w := newWorld(t)
	ana := w.as("ana-approver")
	w.store.down.Store(true)
	a := ana.get(prefix + "/migrations")
	require.Equal(t, http.StatusServiceUnavailable, a.status, a.body)
	require.Contains(t, a.problem().Detail, "try again")
	require.Equal(t, "5", a.header.Get("Retry-After"))
	away := w.browser().get("/auth/sign-in?return=%2Fpeople")
	require.Equal(t, http.StatusServiceUnavailable, away.status)
	require.Contains(t, away.body, `href="/auth/sign-in?return=%2Fpeople"`)
	require.NotContains(t, ana.get("//elsewhere.example/x").body, `href="//`)
	require.Equal(t, http.StatusOK, ana.get("/healthz").status)
	w.store.down.Store(false)
	require.Equal(t, http.StatusOK, ana.get(prefix+"/migrations").status)
}
