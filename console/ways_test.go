package console_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/console/consoletest"
	"consentry/internal/domain"
	"consentry/internal/service"
)

func TestCancellingIsConfirmedAndOfferedBeforeTheSwitchOnly(t *testing.T) {
	w := open(t)
	page := w.get("/migrations/mig_equal")
	require.Contains(t, page.one(t, "#cancel").text(), "stays connected", "the consent at Microsoft stands")
	page, _ = w.post("/migrations/mig_equal", http.StatusUnprocessableEntity, url.Values{"do": {"cancel"}})
	require.Equal(t, "#sure", page.one(t, "#problem a").attr("href"))
	page.one(t, "#cancel[open]")
	page, _ = w.post("/migrations/mig_equal", http.StatusUnprocessableEntity, url.Values{"do": {"cancel"}, "reason": {"<b>Sold"}})
	require.Equal(t, "<b>Sold", page.one(t, "#cancel-reason").text(), "what was typed is kept")
	w.post("/migrations/mig_equal", http.StatusSeeOther, url.Values{"do": {"cancel"}, "sure": {"yes"}, "reason": {" The tenant is sold. "}})
	require.Equal(t, domain.DecideCancel, w.commands.decisions[0].Kind)
	require.Equal(t, "The tenant is sold.", w.commands.decisions[0].Detail.Reason, "as at the other doors")
	for _, state := range []string{"first", "migrated", "cleanup", "closed", "cancelled", "rolledback"} {
		w.get("/migrations/mig_"+state).none(t, "#cancel")
	}
}

func TestRollingBackNeedsAReasonAndAConfirmation(t *testing.T) {
	w := open(t)
	page := w.get("/migrations/mig_migrated")
	require.Contains(t, page.one(t, "#roll-back").text(), "nobody who left since returns")
	at := "/migrations/mig_migrated"
	page, _ = w.post(at, http.StatusUnprocessableEntity, url.Values{"do": {"roll-back"}, "reason": {" "}, "sure": {"yes"}})
	require.Equal(t, "#reason", page.one(t, "#problem a").attr("href"))
	page.one(t, "#sure[checked]")
	page, _ = w.post(at, http.StatusUnprocessableEntity, url.Values{"do": {"roll-back"}, "reason": {"<b>Payroll"}})
	require.Equal(t, "#sure", page.one(t, "#problem a").attr("href"))
	require.Equal(t, "<b>Payroll", page.one(t, "#reason").text(), "what was typed is kept")
	require.Empty(t, w.commands.decisions)
	w.post(at, http.StatusSeeOther, url.Values{"do": {"roll-back"}, "reason": {"Payroll"}, "sure": {"yes"}})
	require.Equal(t, domain.Decision{MigrationID: "mig_migrated", Kind: domain.DecideRollBack, GivenBy: "per_ana", Detail: domain.DecisionDetail{Reason: "Payroll"}}, w.commands.decisions[0])

	require.Contains(t, w.as(consoletest.Ben).get(at).one(t, "#roll-back").text(), "This needs the role approve")
	w.get("/migrations/mig_cleanup").none(t, "#roll-back")
}

func TestWhyThereIsNoWayBackIsSaid(t *testing.T) {
	w := open(t)
	require.NoError(t, w.store.Write(t.Context(), func(rows service.Rows) error {
		app, err := rows.LegacyApps().Get("int_migrated")
		if err != nil {
			return err
		}
		app.SecretRef = ""
		return rows.LegacyApps().Update(&app)
	}))
	back := w.get("/migrations/mig_migrated").one(t, "#roll-back")
	require.Contains(t, back.text(), "there is nothing to go back to")
	require.Empty(t, back.all("form"))
}

func TestAnEndedMigrationIsStartedAgain(t *testing.T) {
	w := open(t)
	for _, state := range []string{"cancelled", "rolledback"} {
		page := w.get("/migrations/mig_" + state)
		require.Contains(t, page.one(t, "#ended").text(), "Start a new migration")
		_, h := w.post("/migrations/mig_"+state, http.StatusSeeOther, url.Values{"do": {"again"}})
		require.Equal(t, "/migrations/mig_new", h.Get("Location"))
		require.Contains(t, w.get("/connectors?account="+consoletest.Northwind).one(t, "#left").text(), "Start again")
	}
	require.Equal(t, []string{"int_cancelled", "int_rolledback"}, w.commands.started)
	w.as(consoletest.Leo).get("/migrations/mig_cancelled").none(t, "#ended form")
}

func TestWhatBecameOfTheOldAppIsOnTheReceipt(t *testing.T) {
	w := open(t)
	require.NoError(t, w.store.Write(t.Context(), func(rows service.Rows) error {
		m, err := rows.Migrations().Get("mig_closed")
		if err != nil {
			return err
		}
		app, err := rows.LegacyApps().Get("int_closed")
		if err != nil {
			return err
		}
		m.OldAppRemoved, app.ProbedAt, app.ProbeVerdict, app.ProbeCode = "proven", domain.At(now), "gone", "AADSTS700016"
		if err := rows.LegacyApps().Update(&app); err != nil {
			return err
		}
		return rows.Migrations().Update(&m)
	}))
	text := w.get("/migrations/mig_closed").one(t, "#clean-up").text()
	require.Contains(t, text, "is gone. Its secret was destroyed here")
	require.Contains(t, text, "the tenant does not know the app registration any more")
	require.Contains(t, text, "shows in your sign-in log")
}

func TestTheReceiptSaysWhoApproved(t *testing.T) {
	w := open(t)
	decide := func(id string, kind domain.DecisionKind, by string, ago time.Duration, detail domain.DecisionDetail) {
		t.Helper()
		require.NoError(t, w.store.Write(t.Context(), func(rows service.Rows) error {
			return rows.Decisions().Insert(&domain.Decision{
				ID: "dec_" + id + string(kind), AccountID: consoletest.Northwind, MigrationID: "mig_" + id, Kind: kind, State: domain.DecisionApplied, GivenBy: by, GivenAt: domain.At(now.Add(-ago)), Detail: detail,
			})
		}))
	}
	decide("migrated", domain.DecideDescribe, "per_ben", 2*time.Hour, domain.DecisionDetail{GoOnIfUnchanged: true})
	decide("cleanup", domain.DecideDescribe, "per_ben", 3*time.Hour, domain.DecisionDetail{})
	decide("cleanup", domain.DecideApprove, "per_ana", 2*time.Hour, domain.DecisionDetail{})
	decide("cleanup", domain.DecideCleanUp, "per_leo", time.Hour, domain.DecisionDetail{Removed: true})
	require.Contains(t, w.get("/migrations/mig_migrated").text(), "Approved 21 Jul 2026, 07:30 UTC by Ben Okafor", "who said to go on if nothing changes")
	require.Contains(t, w.get("/migrations/mig_cleanup").text(), "Approved 21 Jul 2026, 07:30 UTC by Ana Ruiz")
	require.NotContains(t, w.get("/migrations/mig_closed").text(), "Approved", "nobody is made up")
	decide("cancelled", domain.DecideCancel, "per_ben", time.Hour, domain.DecisionDetail{Reason: "The tenant is <sold>."})
	require.Contains(t, w.get("/migrations/mig_cancelled").one(t, "#ended").text(), "The reason that Ben Okafor gave: “The tenant is <sold>.”")
}
