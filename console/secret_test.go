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

const newSecret = "Xq8~aNewSecretOfTheOldAppThatNobodySees0"

// legacy changes an integration's old app.
func (w *world) legacy(id string, change func(*domain.LegacyApp)) {
	w.t.Helper()
	require.NoError(w.t, w.store.Write(w.t.Context(), func(r service.Rows) error {
		app, err := r.LegacyApps().Get(id)
		if err != nil {
			return err
		}
		change(&app)
		return r.LegacyApps().Update(&app)
	}))
}

func in(d time.Duration) domain.Instant { return domain.At(now.Add(d)) }

func TestTheEndOfASecretIsSaidWhereItMatters(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		id     string
		change func(*domain.LegacyApp)
		says   string // "": nothing
	}{
		"far away":           {"new", func(*domain.LegacyApp) {}, ""},
		"thirty days before": {"new", func(a *domain.LegacyApp) { a.SecretEndsAt = in(30 * day) }, "The old app's client secret ends on 20 August 2026 09:30 UTC. Synchronization through the old app stops then"},
		"at its end":         {"new", func(a *domain.LegacyApp) { a.SecretEndsAt = in(0) }, "ended on 21 July 2026 09:30 UTC. Without another one nothing is read"},
		"refused": {"new", func(a *domain.LegacyApp) {
			a.ProbedAt, a.ProbeVerdict, a.ProbeCode = in(-day), "lives", "AADSTS7000215"
		}, "is refused by Microsoft"},
		"entered and not tried": {"new", func(a *domain.LegacyApp) { a.SecretEnteredAt = in(-day) }, "has not been tried at Microsoft yet"},
		"on the way back":       {"migrated", func(a *domain.LegacyApp) { a.SecretEndsAt = in(-day) }, "Without another one there is no way back"},
		"after the way back":    {"cleanup", func(a *domain.LegacyApp) { a.SecretEndsAt = in(-day) }, ""},
		"after the date":        {"overdue", func(a *domain.LegacyApp) { a.SecretEndsAt = in(-day) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			w.legacy("int_"+c.id, c.change)
			for _, page := range []node{w.get("/migrations/mig_" + c.id), w.get("/directory-sync?account=acc_northwind").one(t, "#i-int_"+c.id)} {
				if c.says == "" {
					require.NotContains(t, page.text(), "The old app's client secret")
					continue
				}
				require.Contains(t, page.text(), c.says)
				require.Contains(t, page.text(), "Enter another secret")
			}
		})
	}
}

func TestAnotherSecretIsEnteredOnTheIntegrationsPage(t *testing.T) {
	w := open(t)
	card := w.get("/directory-sync/int_hq").one(t, "#legacy-secret")
	require.Contains(t, card.text(), "Its client secret ends on 18 November 2026 09:30 UTC.")
	require.Contains(t, card.text(), "Contoso HQ Directory Sync")
	form := card.one(t, "form")
	require.Equal(t, "/directory-sync/int_hq", form.attr("action"))
	require.Equal(t, "off", form.attr("autocomplete"))
	field := form.one(t, "#secret")
	require.Equal(t, []string{"password", "off", ""}, []string{field.attr("type"), field.attr("autocomplete"), field.attr("value")})

	sent := url.Values{"do": {"replace-secret"}, "key": {"k1"}, "secret": {newSecret}, "ends": {"2027-06-30"}}
	_, h := w.post("/directory-sync/int_hq", http.StatusSeeOther, sent)
	require.Equal(t, "/directory-sync/int_hq", h.Get("Location"))
	require.Equal(t, []service.LegacySecretOrder{{Secret: newSecret, EndsAt: domain.At(time.Date(2027, 6, 30, 23, 59, 59, 0, time.UTC))}}, w.commands.secrets, "a day is meant to its end")
	require.Equal(t, []string{"k1 int_hq"}, w.commands.keys)
	require.Empty(t, w.commands.synced, "this form starts nothing by itself")

	w.commands.err = domain.InvalidField("secret", "This is an id and not the secret")
	page, _ := w.post("/directory-sync/int_hq", http.StatusUnprocessableEntity, sent)
	require.Equal(t, "#secret", page.one(t, "#problem a").attr("href"))
	require.Contains(t, page.one(t, "#secret-err").text(), "This is an id and not the secret")
	require.Empty(t, page.one(t, "#secret").attr("value"))
	require.Equal(t, "2027-06-30", page.one(t, "#ends").attr("value"))
	require.NotContains(t, page.text(), newSecret)
	require.NotContains(t, w.do(http.MethodPost, "/directory-sync/int_hq", sent).Body.String(), newSecret[:12], "not even in a field")

	w.commands.err = nil
	sent["ends"], sent["secret"] = []string{newSecret}, []string{"2027-06-30"} // each in the other's field
	page, _ = w.post("/directory-sync/int_hq", http.StatusUnprocessableEntity, sent)
	require.Equal(t, "#ends", page.one(t, "#problem a").attr("href"))
	require.NotContains(t, w.do(http.MethodPost, "/directory-sync/int_hq", sent).Body.String(), newSecret[:12])
	require.Len(t, w.commands.secrets, 3)

	w.commands.err = domain.Refuse(domain.Conflict, "deadline-passed", "The date for the old app has passed.")
	sent["ends"] = []string{"2027-06-30"}
	page, _ = w.post("/directory-sync/int_hq", http.StatusUnprocessableEntity, sent)
	require.Contains(t, page.one(t, "#problem").text(), "The date for the old app has passed.")
	w.commands.err = domain.Missing("integration")
	w.post("/directory-sync/int_hq", http.StatusNotFound, sent)
}

func TestWhoMayNotEnterASecretIsToldWhoCan(t *testing.T) {
	w := open(t)
	for _, who := range []domain.Caller{consoletest.Leo, consoletest.Olga} {
		card := w.as(who).get("/directory-sync/int_hq").one(t, "#legacy-secret")
		card.none(t, "form")
		require.Contains(t, card.text(), "Ben Okafor")
	}
	w.as(consoletest.Ana)
	card := w.get("/directory-sync/int_cleanup").one(t, "#legacy-secret")
	card.none(t, "form")
	require.Contains(t, card.text(), "The way back is closed, so nothing would use a new secret")
	w.get("/directory-sync/int_closed").none(t, "#legacy-secret")
}
