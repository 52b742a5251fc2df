package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/console/consoletest"
	"consentry/internal/domain"
	"consentry/internal/service"
)

const contosoPeople = "/people?account=" + consoletest.Contoso

func TestWhoHasAccessIsListed(t *testing.T) {
	w := open(t)
	page := w.get("/people")
	require.Contains(t, page.one(t, "#people").text(), "3, as of 21 Jul 2026, 09:30 UTC")
	require.Contains(t, page.one(t, "#p-per_ana").text(), "Ana Ruiz You per_ana May migrate and approve not recorded 22 Apr 2026")
	require.Contains(t, page.one(t, "#p-per_ben").text(), "Ben Okafor per_ben May migrate Ana Ruiz 22 Apr 2026, 09:30 UTC 21 Jul 2026, 06:30 UTC")
	require.Contains(t, page.one(t, "#p-per_leo").text(), "Ana Ruiz 22 Apr 2026, 09:30 UTC never")
	require.Equal(t, "Mia <Marsh> Open May migrate. Invited by Ana Ruiz. The link ends 23 Jul 2026, 09:30 UTC . Withdraw the invitation of Mia <Marsh>", page.one(t, "#i-inv_mia").text())
	require.Contains(t, page.one(t, "#i-inv_late").text(), "Ended")
	require.Contains(t, page.one(t, "#t-tok_export").text(), "Nightly export tok_export May look Ana Ruiz")
	require.Contains(t, page.one(t, "#t-tok_child").text(), "token Nightly export of Contoso Ltd", "a token that a token issued")

	page = w.as(consoletest.Leo).get("/people?account=" + consoletest.Contoso)
	require.Empty(t, page.all("main form"), "who only looks changes nothing")
	require.Contains(t, page.text(), "This needs the role approve , which you do not have. It can be done by Ana Ruiz.")

	page = w.get("/people?account=" + consoletest.Northwind)
	page.none(t, "#invitations")
	page.none(t, "#t-tok_export")
	page.none(t, "#t-tok_ci")
	page = w.as(consoletest.Olga).get("/operators")
	page.none(t, "#t-tok_export")
	page.none(t, "#invitations")
	require.Contains(t, page.one(t, "#people").text(), "Olga Lind You")
	require.NotContains(t, page.text(), "Ana Ruiz per_ana", "the accounts' people are theirs")
	require.Contains(t, page.one(t, "#tokens").text(), "Pipeline")
	require.Equal(t, "/operators", page.one(t, "nav [aria-current=page]").attr("href"))
	page = w.get(contosoPeople)
	require.Len(t, page.all("#issue-role option"), 1, "an operator's tokens decide nothing for an account")
	require.Len(t, page.all("#invite-role option"), 3)
	for _, who := range []domain.Caller{consoletest.Ana, consoletest.Leo} {
		require.Equal(t, http.StatusNotFound, w.as(who).do(http.MethodGet, "/operators", nil).Code)
		require.Equal(t, http.StatusNotFound, w.do(http.MethodPost, "/operators", url.Values{"do": {"issue"}, "name": {"x"}, "days": {"30"}}).Code)
		w.get(contosoPeople).none(t, "nav a[href=/operators]")
	}
}

// TestALinkAndATokenAreShownOnce: in the answer to the form, which no browser
// keeps, and in no address.
func TestALinkAndATokenAreShownOnce(t *testing.T) {
	w := open(t)
	for do, c := range map[string]struct {
		list, begins string
		form         url.Values
	}{
		"invite": {"#invitations", "https://console.example/auth/invitation/", url.Values{"name": {" Nia "}, "role": {"migrate"}, "days": {"14"}}},
		"issue":  {"#tokens", domain.TokenPrefix, url.Values{"name": {"Nia"}, "role": {"migrate"}, "days": {"366"}}},
	} {
		t.Run(do, func(t *testing.T) {
			c.form.Set("do", do)
			page, h := w.post("/people", http.StatusOK, c.form)
			require.Equal(t, "no-store", h.Get("Cache-Control"))
			value := page.one(t, "#once code").text()
			require.True(t, strings.HasPrefix(value, c.begins), value)
			require.Greater(t, len(value), len(c.begins)+40)
			page.none(t, "#once[data-live]")
			require.NotContains(t, page.one(t, "#access").text(), value, "what a live page asks for again has it not")
			list := w.get("/people").one(t, c.list)
			require.Contains(t, list.text(), "Nia")
			require.Contains(t, list.text(), "May migrate")
			require.NotContains(t, w.get("/people").text(), value)
		})
	}
}

func TestWhatIsWrongWithAFormIsSaidAndKept(t *testing.T) {
	w := open(t)
	for name, c := range map[string]struct {
		form       url.Values
		goTo, says string
	}{
		"invite nobody":      {url.Values{"do": {"invite"}, "name": {" "}, "role": {"approve"}, "days": {"14"}}, "#invite-name", ""},
		"invite for ever":    {url.Values{"do": {"invite"}, "name": {"Nia"}, "role": {"approve"}, "days": {"9000"}}, "", "Choose how long"},
		"invite an operator": {url.Values{"do": {"invite"}, "name": {"Nia"}, "role": {"operator"}, "days": {"3"}}, "", "The role in an account is view, migrate or approve"},
		"a name twice":       {url.Values{"do": {"issue"}, "name": {"Nightly export"}, "role": {"view"}, "days": {"30"}}, "#issue-name", "A token of this name works already."},
		"remove, not sure":   {url.Values{"do": {"remove"}, "id": {"per_ben"}}, "#sure-per_ben", "Tick the box"},
		"end, not sure":      {url.Values{"do": {"end"}, "id": {"tok_export"}}, "#sure-tok_export", "Tick the box"},
		"no such form":       {url.Values{"do": {"dance"}}, "", "does not know that form"},
	} {
		t.Run(name, func(t *testing.T) {
			page, _ := w.post("/people", http.StatusUnprocessableEntity, c.form)
			problem := page.one(t, "#problem")
			require.Contains(t, problem.text(), c.says)
			if c.goTo != "" {
				require.Equal(t, c.goTo, problem.one(t, "a").attr("href"))
				require.Equal(t, "true", page.one(t, c.goTo).attr("aria-invalid"))
			}
			page.none(t, "#access[data-live]")
			wellFormed(t, page, name)
			if do := c.form.Get("do"); do == "invite" {
				require.Equal(t, c.form.Get("name"), page.one(t, "#invite-name").attr("value"))
			}
		})
	}
	require.Equal(t, "approve", func() string {
		page, _ := w.post("/people", http.StatusUnprocessableEntity, url.Values{"do": {"invite"}, "role": {"approve"}, "days": {"14"}})
		return page.one(t, "#invite-role option[selected]").attr("value")
	}())
	_, _ = w.post("/people", http.StatusNotFound, url.Values{"do": {"remove"}, "sure": {"yes"}, "id": {"per_gone"}})
}

func TestRolesInvitationsAndTokensAreChangedAndEnded(t *testing.T) {
	w := open(t)
	send := func(form url.Values) {
		t.Helper()
		_, h := w.post("/people", http.StatusSeeOther, form)
		require.Equal(t, "/people", h.Get("Location"))
	}
	send(url.Values{"do": {"role"}, "id": {"per_ben"}, "role": {"view"}})
	require.Contains(t, w.get("/people").one(t, "#p-per_ben").text(), "May look")
	send(url.Values{"do": {"remove"}, "id": {"per_ben"}, "sure": {"yes"}})
	w.get("/people").none(t, "#p-per_ben")
	send(url.Values{"do": {"withdraw"}, "id": {"inv_mia"}})
	w.get("/people").none(t, "#i-inv_mia")
	send(url.Values{"do": {"end"}, "id": {"tok_export"}, "sure": {"yes"}})
	w.get("/people").none(t, "#t-tok_child")

	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		i, err := r.Invitations().Get("inv_late")
		i.RedeemedAt = domain.At(now)
		if err != nil {
			return err
		}
		return r.Invitations().Update(&i)
	}))
	page, _ := w.post("/people", http.StatusUnprocessableEntity, url.Values{"do": {"withdraw"}, "id": {"inv_late"}})
	require.Contains(t, page.one(t, "#problem").text(), "Too late")

	page, _ = w.as(consoletest.Olga).post("/operators", http.StatusUnprocessableEntity, url.Values{"do": {"remove"}, "id": {"per_olga"}, "sure": {"yes"}})
	require.Contains(t, page.one(t, "#problem").text(), "This is the last operator.")
	for _, form := range []url.Values{{"do": {"invite"}, "name": {"x"}, "role": {"view"}, "days": {"3"}}, {"do": {"remove"}, "id": {"per_ana"}, "sure": {"yes"}}, {"do": {"end"}, "id": {"tok_ci"}, "sure": {"yes"}}} {
		code := w.as(consoletest.Leo).do(http.MethodPost, contosoPeople, form).Code
		require.Contains(t, []int{http.StatusForbidden, http.StatusNotFound}, code, form)
	}
}
