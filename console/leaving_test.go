package console_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/console/consoletest"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// Whoever looks at an account that is to be deleted reads who asked, when it
// happens and who can stop it, on every page; who may, stops it there.
func TestAPendingDeletionIsOnEveryPageOfTheAccount(t *testing.T) {
	w := open(t)
	w.get("/migrations/mig_new").none(t, "#leaving")
	due := domain.At(now.Add(30 * 24 * time.Hour))
	require.NoError(t, w.store.Write(t.Context(), func(rows service.Rows) error {
		return rows.AccountDeletions().Insert(&domain.AccountDeletion{
			ID: consoletest.Northwind, Region: "europe", State: domain.DeletionPending, RequestedBy: consoletest.Ana.ID, RequestedAt: domain.At(now.Add(-time.Hour)), DueAt: due,
		})
	}))
	of := "?account=" + consoletest.Northwind
	for _, address := range []string{"/connectors" + of, "/directory-sync" + of, "/people" + of, "/migrations/mig_new", "/directory-sync/int_new"} {
		said := w.get(address).one(t, "#leaving").text()
		require.Contains(t, said, "This account will be deleted on 20 Aug 2026, 09:30 UTC", address)
		require.Contains(t, said, "Ana Ruiz asked for it on 21 Jul 2026, 08:30 UTC", address)
	}
	w.get("/connectors?account="+consoletest.Contoso).none(t, "#leaving")
	left := w.get("/connectors"+of).one(t, "#l-mig_cancelled")
	require.NotContains(t, left.text(), "Start again", "it would be refused")
	require.Contains(t, w.get("/migrations/mig_cancelled").one(t, "#ended").text(), "only when the deletion of this account has been stopped")
	w.get("/migrations/mig_cancelled").none(t, "#ended form")
	leo := w.as(consoletest.Leo).get("/migrations/mig_new").one(t, "#leaving")
	leo.none(t, "form")
	require.Contains(t, leo.text(), "This needs the role approve , which you do not have. It can be done by Ana Ruiz.")
	w.post("/leaving"+of, http.StatusForbidden, nil)

	form := w.as(consoletest.Ana).get("/migrations/mig_new").one(t, "#leaving form")
	_, h := w.post(form.attr("action"), http.StatusSeeOther, nil)
	require.Equal(t, "/connectors"+of, h.Get("Location"))
	w.get("/migrations/mig_new").none(t, "#leaving")
	w.get("/migrations/mig_cancelled").one(t, "#ended form")
	w.post("/leaving"+of, http.StatusSeeOther, nil) // asking again answers the same
}
