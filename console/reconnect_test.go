package console_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/console/consoletest"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// lose takes the consent of the seeded connector.
func (w *world) lose(change func(*domain.Connector)) {
	w.t.Helper()
	require.NoError(w.t, w.store.Write(w.t.Context(), func(r service.Rows) error {
		c, err := r.Connectors().Get("con_int_retail")
		if err != nil {
			return err
		}
		c.Condition, c.ConditionCode, c.ConditionText, c.ConditionSince = domain.ConditionError, contract.SyncConsentLost, "Microsoft no longer lets the connector read the directory.", domain.At(now)
		change(&c)
		return r.Connectors().Update(&c)
	}))
}

func TestALostConsentIsAnActionOnEveryPage(t *testing.T) {
	w := open(t)
	require.Equal(t, "Consent again", w.get("/connectors/con_int_retail").one(t, "#reconnect-h").text(), "it works, and can be renewed before it is missed")
	w.lose(func(*domain.Connector) {})
	page := w.get("/directory-sync")
	require.Equal(t, "Actions needed 3 , 3 open", page.one(t, "#needed button").text())
	line := page.one(t, "#need-con_int_retail")
	require.Equal(t, "Contoso Retail Reads nothing since 21 Jul 2026, 09:30 UTC Needs consent again Reconnect : Contoso Retail", line.text())
	require.Equal(t, "/connectors/con_int_retail", line.one(t, "a").attr("href"))
	require.Equal(t, "Reconnect : Contoso Retail", w.get("/connectors").one(t, "#c-con_int_retail a.btn").text())

	page = w.get("/connectors/con_int_retail")
	require.Equal(t, "Needs consent again", page.one(t, "#connector-status span.badge").text())
	require.Equal(t, "/connectors/con_int_retail", page.one(t, "#reconnect form").attr("action"))
	_, h := w.post("/connectors/con_int_retail", http.StatusSeeOther, url.Values{"do": {"reconnect"}})
	require.Equal(t, "/consent/start/one-use", h.Get("Location"))
	require.Equal(t, []string{"con_int_retail"}, w.commands.begun)

	w.commands.err = domain.Refuse(domain.Conflict, "consent-not-awaited", "A consent is being checked.")
	refused, _ := w.post("/connectors/con_int_retail", http.StatusUnprocessableEntity, url.Values{"do": {"reconnect"}})
	require.Contains(t, refused.one(t, "#problem").text(), "A consent is being checked.")
	w.post("/connectors/con_int_retail", http.StatusUnprocessableEntity, url.Values{"do": {"else"}})
}

func TestAReconnectSaysHowItStands(t *testing.T) {
	w := open(t)
	w.lose(func(c *domain.Connector) { c.ReconnectSession, c.ReconnectSince = "cs_new", domain.At(now) })
	page := w.get("/connectors/con_int_retail")
	require.Equal(t, "Checking the consent", page.one(t, "#reconnect-h").text())
	require.Empty(t, page.all("#reconnect form"))
	w.lose(func(c *domain.Connector) {
		c.ReconnectSession, c.ReconnectCode, c.ReconnectText = "", "declined", "The permissions were not accepted."
	})
	require.Contains(t, w.get("/connectors/con_int_retail").one(t, "#consent-failed").text(), "The permissions were not accepted.")
	olga := w.as(consoletest.Olga).get("/connectors/con_int_retail")
	require.Empty(t, olga.all("#reconnect form"), "an operator has no button: consent is the customer's own")
}

func TestDisconnectingAsksForTheName(t *testing.T) {
	w := open(t)
	require.Contains(t, w.get("/connectors/con_int_retail").one(t, "#disconnect").text(), "Not possible while it is used by Contoso Retail")
	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		i, err := r.Integrations().Find(service.By(service.Where{"connector_id": "con_int_retail"}))
		if err != nil {
			return err
		}
		i.ConnectorID = ""
		return r.Integrations().Update(&i)
	}))
	name := w.get("/connectors/con_int_retail").one(t, "h1").text()
	refused, _ := w.post("/connectors/con_int_retail", http.StatusUnprocessableEntity, url.Values{"do": {"disconnect"}, "name": {"else"}})
	require.Contains(t, refused.one(t, "#problem").text(), "Type the connector's name")
	require.Empty(t, w.commands.begun)
	w.post("/connectors/con_int_retail", http.StatusSeeOther, url.Values{"do": {"disconnect"}, "name": {name}})
	require.Equal(t, []string{"disconnect con_int_retail"}, w.commands.begun)

	w.lose(func(c *domain.Connector) {
		c.DisconnectedAt, c.EvidenceUntil = domain.At(now), domain.At(now.AddDate(2, 0, 0))
	})
	page := w.get("/connectors/con_int_retail")
	require.Contains(t, page.one(t, "#disconnected").text(), "until you remove it")
	require.Empty(t, page.all("#reconnect, #disconnect"))
	require.NotContains(t, page.text(), "Not used yet")
	row := w.get("/connectors").one(t, "#c-con_int_retail")
	require.Contains(t, row.text(), "Disconnected 21 Jul 2026, 09:30 UTC")
	require.NotContains(t, row.text(), "Not used yet")
	require.Empty(t, row.all("a.btn"), "nobody connects it anew")
}
