package console_test

import (
	"compress/gzip"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/console/consoletest"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// addresses are pages in every state there is.
func addresses() []string {
	list := []string{"/connectors?account=acc_contoso", "/connectors?account=acc_northwind", "/connectors?account=acc_wingtip", "/directory-sync?account=acc_contoso", "/directory-sync?account=acc_northwind", "/accounts", "/accounts?q=contoso", "/connectors/con_int_retail", "/people?account=acc_contoso", "/people?account=acc_wingtip"}
	for _, s := range consoletest.States {
		list = append(list, "/migrations/"+s.MigrationID(), "/directory-sync/"+s.IntegrationID())
	}
	return list
}

func TestEveryPageInEveryStateForEverybody(t *testing.T) {
	w := open(t)
	for _, who := range []domain.Caller{consoletest.Ana, consoletest.Ben, consoletest.Leo, consoletest.Olga} {
		w.as(who)
		for _, address := range addresses() {
			if who.ID != consoletest.Ana.ID && who.ID != consoletest.Olga.ID && strings.HasSuffix(address, "acc_wingtip") {
				continue
			}
			page := w.get(address)
			where := who.Name + " at " + address
			require.Len(t, page.all("h1"), 1, where)
			require.NotContains(t, page.text(), "%!", where)
			require.NotContains(t, page.text(), "<nil>", where)
			require.NotContains(t, page.text(), " 0001", where)
			require.Contains(t, page.one(t, "#as-of").text(), "UTC", where)
			wellFormed(t, page, where)
		}
	}
}

// wellFormed holds what browsers forgive and the morph and readers do not.
func wellFormed(t *testing.T, page node, where string) {
	t.Helper()
	var ids []string
	for _, e := range page.all("[id]") {
		require.NotContains(t, ids, e.attr("id"), "doubled id, %s", where)
		ids = append(ids, e.attr("id"))
	}
	for _, ref := range []string{"aria-labelledby", "aria-describedby", "for", "popovertarget"} {
		for _, e := range page.all("[" + ref + "]") {
			for id := range strings.FieldsSeq(e.attr(ref)) {
				require.Contains(t, ids, id, "%s names nothing, %s", ref, where)
			}
		}
	}
	for _, tag := range []string{"[style]", "[onclick]", "script[src=]"} {
		page.none(t, tag)
	}
	for _, part := range page.all("[data-live]") {
		require.NotEmpty(t, part.attr("id"), "a live part without an id, %s", where)
	}
	for _, form := range page.all("main form[method=post]") {
		self := page.one(t, "body").attr("data-self")
		require.Equal(t, self, form.attr("action"), "a form posts to its page, %s", where)
	}
}

func TestPagesAreSmall(t *testing.T) {
	w := open(t)
	for _, address := range addresses() {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		r.Header.Set("Accept-Encoding", "gzip")
		rec := httptest.NewRecorder()
		w.echo.ServeHTTP(rec, r)
		require.Equal(t, "gzip", rec.Header().Get("Content-Encoding"))
		require.LessOrEqual(t, rec.Body.Len(), 30<<10, address)
		plain, err := gzip.NewReader(rec.Body)
		require.NoError(t, err)
		require.NoError(t, plain.Close())
	}
}

func TestHeadersOfAPage(t *testing.T) {
	h := open(t).do(http.MethodGet, "/connectors", nil).Header()
	policy := h.Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'")
	require.Contains(t, policy, "form-action 'self' https://login.microsoftonline.com https://login.microsoftonline.us;")
	require.NotContains(t, policy, "unsafe")
	require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
	require.Equal(t, "same-origin", h.Get("Referrer-Policy"))
	require.Equal(t, "same-origin", h.Get("Cross-Origin-Opener-Policy"))
	require.Equal(t, "private, no-cache", h.Get("Cache-Control"))
}

func TestSomebodySignedOutSeesWhereToSignIn(t *testing.T) {
	w := open(t).as(domain.Anonymous())
	rec := w.do(http.MethodGet, "/migrations/mig_new?from=mail", nil)
	require.Equal(t, http.StatusUnauthorized, rec.Code)
	page := parse(t, rec.Body.String())
	require.Equal(t, "/auth/sign-in?return=%2Fmigrations%2Fmig_new%3Ffrom%3Dmail", page.one(t, "main a.btn").attr("href"))
	page.none(t, "nav")
	require.Equal(t, http.StatusUnauthorized, w.do(http.MethodPost, "/migrations/mig_new", nil).Code)
	require.Empty(t, w.commands.begun)
}

func TestWhatMayNotBeSeenDoesNotExist(t *testing.T) {
	w := open(t).as(consoletest.Tess)
	for _, address := range []string{"/connectors?account=acc_contoso", "/directory-sync?account=acc_contoso", "/people?account=acc_contoso", "/connectors/con_int_retail", "/migrations/mig_hq", "/directory-sync/int_hq"} {
		theirs, nobodys := w.do(http.MethodGet, address, nil), w.do(http.MethodGet, address+"x", nil)
		require.Equal(t, http.StatusNotFound, theirs.Code, address)
		require.Equal(t, nobodys.Code, theirs.Code, address)
		require.NotContains(t, theirs.Body.String(), "Contoso", address)
		require.NotEmpty(t, parse(t, theirs.Body.String()).one(t, "main code").text(), "an id to quote")
	}
}

func TestSomebodyWithoutAnythingSeesSo(t *testing.T) {
	w := open(t).as(consoletest.Tess)
	page := w.get("/connectors")
	page.none(t, "#campaign")
	page.none(t, "#todo")
	require.Empty(t, page.one(t, "#needed").text())
	require.Contains(t, page.one(t, "#connected").text(), "No connector yet")
	require.Contains(t, w.get("/directory-sync").text(), "No directory synchronization yet")
}

func TestOperatorChoosesAnAccount(t *testing.T) {
	w := open(t).as(consoletest.Olga)
	rec := w.do(http.MethodGet, "/connectors", nil)
	require.Equal(t, http.StatusSeeOther, rec.Code)
	require.Equal(t, "/accounts", rec.Header().Get("Location"))
	page := w.get("/accounts?q=CONTOSO.com")
	require.Equal(t, "/connectors?account=acc_contoso", page.one(t, "main li a").attr("href"))
	require.Equal(t, "/directory-sync?account=acc_contoso", w.get("/connectors?account=acc_contoso").all("nav a")[1].attr("href"))
}

func TestOperatorDecidesNothingForACustomerButAWayOut(t *testing.T) {
	w := open(t).as(consoletest.Olga)
	for _, s := range consoletest.States {
		page := w.get("/migrations/" + s.MigrationID())
		for _, do := range page.all("main form input[name=do]") {
			require.Contains(t, []string{"cancel", "roll-back", "again"}, do.attr("value"), s.MigrationID())
		}
	}
	require.Contains(t, w.get("/migrations/mig_new").text(), "The decision is the customer's own. It can be done by any of Ana Ruiz, Ben Okafor.")
}

func TestActionsNeeded(t *testing.T) {
	page := open(t).get("/connectors")
	button := page.one(t, "#needed button")
	require.Equal(t, "Actions needed 2 , 2 open", button.text())
	require.Equal(t, page.one(t, "#needed-list[role=dialog]").attr("id"), button.attr("popovertarget"))
	lines := page.all("#needed-list li")
	require.Len(t, lines, 2)
	require.Equal(t, "Contoso HQ Before 21 Aug 2026, 31 days left Not started Migrate now : Contoso HQ", lines[0].text())
	require.Equal(t, "/connectors?account=acc_contoso#m-mig_hq", lines[0].one(t, "a").attr("href"))
	require.Equal(t, "Continue : Contoso Manufacturing", lines[1].one(t, "a").text())
}

func TestConnectorsListsWhatToDoAndWhatIsConnected(t *testing.T) {
	page := open(t).get("/connectors")
	require.Contains(t, page.one(t, "#campaign").text(), "2 integrations have to move to a connector After 21 August 2026")
	require.Equal(t, "31 days left", page.one(t, "#campaign p.left").text())
	failed := page.one(t, "#m-mig_lab")
	require.Equal(t, "Consent failed", failed.one(t, "span.badge").text())
	require.Contains(t, failed.text(), "The permissions were not accepted.")
	require.Contains(t, failed.text(), "910 users as of 21 Jul 2026, 06:30 UTC")
	require.Equal(t, "/migrations/mig_lab", failed.one(t, "a").attr("href"))
	connector := page.one(t, "#c-con_int_retail")
	require.Contains(t, connector.text(), "Contoso Retail Retail staff and store groups contosoretail.onmicrosoft.com Contoso Retail …9F3E21D0 Valid until")
	require.Equal(t, "Connected", connector.one(t, "span.badge").text())
	require.Equal(t, "/migrations/mig_retail", page.one(t, "#d-mig_retail a").attr("href"))
	w := open(t)
	require.Empty(t, w.get("/connectors?account=acc_wingtip").all("#todo"), "the section goes away by itself")
}

func TestConnectorPage(t *testing.T) {
	page := open(t).get("/connectors/con_int_retail")
	text := page.one(t, "#connector").text()
	for _, want := range []string{"contosoretail.onmicrosoft.com", "User.Read.All", "GroupMember.Read.All", "by the administrator 3f8d0c52-91b7-4f0f-8a1e-6d2f9a70c114", "Thumbprint ends in 9F3E21D0", "Last rotation 21 Jul 2026, 06:30 UTC"} {
		require.Contains(t, text, want)
	}
	require.Len(t, page.all("tbody tr"), 4)
}

func TestALivePageSaysWhereItListens(t *testing.T) {
	body := open(t).get("/connectors").one(t, "body")
	require.Equal(t, "/events?accountId=acc_contoso", body.attr("data-events"))
	require.NotEqual(t, "0", body.attr("data-seq"))
	require.Equal(t, "/connectors", body.attr("data-self"))
}

func TestAssetsAreImmutableAndSmall(t *testing.T) {
	w := open(t)
	page := w.get("/connectors")
	limits := map[string]int{"app.css": 12 << 10, "app.js": 8 << 10, "favicon.svg": 2 << 10}
	var seen []string
	for _, e := range append(page.all("head link"), page.all("head script")...) {
		address := e.attr("href") + e.attr("src")
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		r.Header.Set("Accept-Encoding", "gzip, br")
		rec := httptest.NewRecorder()
		w.echo.ServeHTTP(rec, r)
		require.Equal(t, http.StatusOK, rec.Code, address)
		require.Contains(t, rec.Header().Get("Cache-Control"), "immutable")
		parts := strings.Split(strings.TrimPrefix(address, "/assets/"), ".")
		name := parts[0] + "." + parts[2]
		require.LessOrEqual(t, rec.Body.Len(), limits[name], name)
		seen = append(seen, name)
		require.Equal(t, http.StatusNotFound, w.do(http.MethodGet, strings.Replace(address, parts[1], "000000000000", 1), nil).Code, "an old page's style")
	}
	slices.Sort(seen)
	require.Equal(t, []string{"app.css", "app.js", "favicon.svg"}, seen)
}

func TestAnAcceptedInvitationNamesTheAccountAndTheRole(t *testing.T) {
	w := open(t)
	require.Equal(t, "You accepted the invitation to the account Contoso Ltd. Your role here: May migrate.", w.as(consoletest.Ben).get("/connectors?account=acc_contoso&joined=1").one(t, "#joined").text())
	w.get("/connectors?account=acc_contoso").none(t, "#joined")
	w.as(consoletest.Olga)
	require.Equal(t, "You accepted the invitation to the vendor's operations. Your role here: Operator.", w.get("/operators?joined=1").one(t, "#joined").text())
}

// What may succeed the next time can be tried again from the page that says so.
func TestAFaultCanBeTriedAgain(t *testing.T) {
	w := open(t)
	w.commands.err = &domain.Error{Kind: domain.Unavailable, Code: "away", Message: "Nothing was changed."}
	post := func(from string) node {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/migrations/mig_new", strings.NewReader("do=consent"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Referer", from) // of httptest's own host
		rec := httptest.NewRecorder()
		w.echo.ServeHTTP(rec, r)
		require.Equal(t, http.StatusServiceUnavailable, rec.Code)
		return parse(t, rec.Body.String())
	}
	again := post("http://example.com/migrations/mig_new?x=1").one(t, "a.primary")
	require.Equal(t, []string{"Try again", "/migrations/mig_new?x=1"}, []string{again.text(), again.attr("href")})
	for _, from := range []string{"", "https://elsewhere.example/migrations/mig_new"} {
		require.Equal(t, "To the start page", post(from).one(t, "a.primary").text(), from)
	}
	require.Equal(t, "/", post("http://example.com//elsewhere.example/").one(t, "a.primary").attr("href"))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	rec := httptest.NewRecorder()
	w.echo.ServeHTTP(rec, httptest.NewRequestWithContext(over, http.MethodGet, "/connectors?account=acc_contoso", nil))
	require.GreaterOrEqual(t, rec.Code, http.StatusInternalServerError)
	require.Equal(t, "/connectors?account=acc_contoso", parse(t, rec.Body.String()).one(t, "a.primary").attr("href"))
}

func TestWhatHasNoNameAndWhatWasNeverReadReadsAsEnglish(t *testing.T) {
	w := open(t)
	require.NoError(t, w.store.Write(t.Context(), func(rows service.Rows) error {
		p, err := rows.Proofs().Get("prf_int_frozen")
		if err != nil {
			return err
		}
		p.AsOf = domain.Instant{}
		p.Examples = []domain.Difference{{Kind: "membership", Change: "added", ObjectID: "g", MemberID: "m"}, {Kind: "user", Change: "added", ObjectID: "u"}}
		if err := rows.Proofs().Update(&p); err != nil {
			return err
		}
		i, err := rows.Integrations().Get("int_overdue")
		if err != nil {
			return err
		}
		i.LastSyncedAt = domain.Instant{}
		return rows.Integrations().Update(&i)
	}))
	text := w.get("/migrations/mig_frozen").one(t, "#stage").text()
	require.Contains(t, text, "A membership g, member m")
	require.Contains(t, text, "A user without a name u")
	require.Contains(t, text, "Nothing was read before, after as of 21 Jul 2026")
	e, err := w.commands.Explain(t.Context(), consoletest.Ana, "int_overdue")
	require.NoError(t, err)
	require.Contains(t, e.Facts, service.Fact{Name: "Directory held", Value: "4180 users, 212 groups, 9731 memberships, nothing was read before"})
	for _, address := range []string{"/migrations/mig_frozen", "/migrations/mig_overdue", "/directory-sync/int_overdue", "/directory-sync/int_hq"} {
		text := strings.ToLower(w.get(address).text())
		require.NotContains(t, text, "as of never", address)
		require.NotContains(t, text, "as of as of", address)
	}
}
