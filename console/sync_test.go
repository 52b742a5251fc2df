package console_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/console/consoletest"
	"consentry/internal/domain"
)

func TestDirectorySynchronizationAtAGlance(t *testing.T) {
	page := open(t).get("/directory-sync")
	hq := page.one(t, "#i-int_hq")
	for _, want := range []string{"On schedule", "4,180", "212", "9,731", "as of 21 Jul 2026, 06:30 UTC", "Legacy app “Contoso HQ Directory Sync”", "0 added, 12 changed, 3 removed", "Next round 21 Jul 2026, 14:31 UTC 3 times a day", "Not started Migrate now"} {
		require.Contains(t, hq.text(), want)
	}
	running := page.one(t, "#i-int_lab")
	require.Equal(t, "Running", running.attr("data-status"))
	running.one(t, "progress")
	retail := page.one(t, "#i-int_retail")
	require.Contains(t, retail.text(), "2 changes held back")
	require.Equal(t, "/connectors/con_int_retail", retail.all("dl a")[0].attr("href"))
	require.Len(t, page.all("#history tbody tr"), 11)
}

func TestWhatIsWrongIsSaidOnceWithWhatToDo(t *testing.T) {
	page := open(t).get("/directory-sync?account=acc_northwind")
	stopped := page.one(t, "#i-int_overdue")
	require.Equal(t, "Stopped", stopped.attr("data-status"))
	require.Contains(t, stopped.text(), "Nothing is deleted. Complete the migration to start it again.")
	require.Contains(t, stopped.text(), "as of 19 Jul 2026, 09:30 UTC , kept until it runs again")
	require.Contains(t, stopped.text(), "Not planned while it is stopped")
	dead := page.one(t, "#i-int_expired")
	require.Equal(t, "Error", dead.attr("data-status"))
	require.Contains(t, dead.text(), "Microsoft no longer accepts the old app's secret, so nothing can be read through it.")
}

func TestSynchronizeNow(t *testing.T) {
	w := open(t)
	form := w.get("/directory-sync").all("main form")[0]
	_, h := w.post(form.attr("action"), http.StatusSeeOther, url.Values{"integration": {form.one(t, "input").attr("value")}})
	require.Equal(t, "/directory-sync", h.Get("Location"))
	_, h = w.post("/directory-sync/int_lab", http.StatusSeeOther, url.Values{})
	require.Equal(t, "/directory-sync/int_lab", h.Get("Location"))
	require.Equal(t, []string{"int_hq", "int_lab"}, w.commands.synced)

	w.commands.err = domain.Refuse(domain.Conflict, "too-soon", "The next one can be started at 10:05 UTC.")
	page, _ := w.post("/directory-sync", http.StatusUnprocessableEntity, url.Values{"integration": {"int_hq"}})
	require.Contains(t, page.one(t, "#problem").text(), "10:05 UTC")
	require.Contains(t, page.one(t, "#i-int_hq").one(t, "footer").text(), "10:05 UTC")
	require.NotContains(t, page.one(t, "#i-int_lab").one(t, "footer").text(), "10:05 UTC")
	page, _ = w.post("/directory-sync/int_hq", http.StatusUnprocessableEntity, url.Values{})
	require.Contains(t, page.one(t, "#problem").text(), "10:05 UTC")

	w.commands.err = domain.Missing("integration")
	w.post("/directory-sync", http.StatusNotFound, url.Values{"integration": {"int_unknown"}})
	w.commands.err = errors.New("a part fell over: secret-looking detail")
	page, h = w.post("/directory-sync", http.StatusInternalServerError, url.Values{"integration": {"int_hq"}})
	require.NotContains(t, page.text(), "secret-looking")
	require.Equal(t, h.Get("X-Request-Id"), page.one(t, "main code").text())
	w.as(consoletest.Leo).get("/directory-sync").none(t, "main form")
}

func TestAnIntegrationShowsItsHistoryAndHolds(t *testing.T) {
	page := open(t).get("/directory-sync/int_migrated")
	holds := page.all("#holds tbody tr")
	require.Len(t, holds, 2)
	require.Contains(t, holds[0].text(), "Remove a user 0e9d8c7b-1111-4222-8333-")
	require.Contains(t, page.one(t, "#settings").text(), "Guests are included Disabled accounts are left out")
	first := page.all("#history tbody tr")[0]
	require.Contains(t, first.text(), "21 Jul 2026, 07:30 UTC First through the connector Complete 41 s 14,123 3 12 0 Completed, 2 held")
}

func TestADatabaseThatDoesNotAnswerIsSaid(t *testing.T) {
	w := open(t)
	w.commands.err = &domain.Error{Kind: domain.Unavailable, Code: "database", Message: "The database does not answer."}
	page, _ := w.post("/directory-sync", http.StatusServiceUnavailable, url.Values{"integration": {"int_hq"}})
	require.Contains(t, page.one(t, "main").text(), "Nothing is lost.")
}
