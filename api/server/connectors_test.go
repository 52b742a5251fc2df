package server

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// lost furnishes a connector of contoso's that lost its consent while an
// integration reads through it.
func (w *world) lost() {
	w.t.Helper()
	require.NoError(w.t, w.store.Write(w.t.Context(), func(r service.Rows) error {
		if err := r.Connectors().Insert(&domain.Connector{
			ID: "con_hq", AccountID: "acc-contoso", TenantID: contoso, Product: domain.ProductDirectorySync, Name: "HQ", Description: "Head office people", CellID: "cell-eu", PermissionSet: 1,
			Condition: domain.ConditionError, ConditionCode: contract.SyncConsentLost, ConditionText: "Microsoft no longer lets the connector read.", ConditionSince: domain.At(w.clock.Now()), CreatedAt: domain.At(w.clock.Now()),
		}); err != nil {
			return err
		}
		i, err := r.Integrations().Get("contoso")
		i.Binding, i.ConnectorID = domain.BoundConnector, "con_hq"
		if err != nil {
			return err
		}
		return r.Integrations().Update(&i)
	}))
}

func (w *world) connector(id string) (c domain.Connector) {
	w.t.Helper()
	require.NoError(w.t, w.store.Read(w.t.Context(), func(r service.Rows) (err error) { c, err = r.Connectors().Get(id); return err }))
	return c
}

// beginFor begins a consent for the thing at the path under the API.
func (b *browser) beginFor(path string) answer {
	b.w.t.Helper()
	return b.do(http.MethodPost, prefix+path+"/consent-sessions", "", nil)
}

func (a answer) start(w *world) (sessionID, path string) {
	a.t.Helper()
	require.Equal(a.t, http.StatusCreated, a.status, a.body)
	var begun ConsentBegun
	a.into(&begun)
	return begun.SessionID, begun.StartURL[len(w.URL):]
}

func TestReconnectingTakesBothLegsAndKeepsTheConnector(t *testing.T) {
	w := newWorld(t)
	w.lost()
	mia := w.as("mia-migrator")
	actions := mia.get(prefix + "/accounts/acc-contoso/actions")
	require.Equal(t, http.StatusOK, actions.status, actions.body)
	var needed ActionsNeeded
	actions.into(&needed)
	require.Equal(t, Action{Kind: "reconnect", Title: "Reconnect HQ", Why: "Microsoft no longer lets the connector read.", ConnectorID: "con_hq"}, needed.Actions[0])

	session, path := mia.beginFor("/connectors/con_hq").start(w)
	admin := w.browser()
	state := admin.accept(path, contoso)
	require.Empty(t, w.connector("con_hq").ReconnectSession, "the first leg proves nothing")
	refused := admin.get(signedIn(state, "cloud-app-admin"))
	require.Equal(t, http.StatusForbidden, refused.status)
	require.Equal(t, "role_insufficient", w.connector("con_hq").ReconnectCode)
	again := admin.get("/consent/again/" + session)
	done := admin.get(signedIn(again.query("state"), "global-admin"))
	require.Equal(t, http.StatusOK, done.status, done.body)

	c := w.connector("con_hq")
	require.Equal(t, []string{session, "", "Head office people"}, []string{c.ReconnectSession, c.ReconnectCode, c.Description})
	require.Equal(t, domain.ConditionError, c.Condition, "only real calls lift it")
	starts := w.engine.Named(contract.ConnectorSetupWorkflow)
	require.Len(t, starts, 1)
	require.Equal(t, contract.ConnectorSetupID("con_hq", session), starts[0].Target)
	require.Equal(t, "consent-not-awaited", mia.beginFor("/connectors/con_hq").problem().Code)
	require.Equal(t, domain.AwaitingConsent, w.migration("contoso-two").Phase, "a connector's consent is no migration's")

	var shown ConnectorDetail
	mia.get(prefix + "/connectors/con_hq").into(&shown)
	require.True(t, shown.Reconnect.Checking)
	require.True(t, shown.Reconnect.Needed)
}

// TestWhatIsOnHoldIsNoActionNeeded, and what is allowed all the same stays so.
func TestWhatIsOnHoldIsNoActionNeeded(t *testing.T) {
	w := newWorld(t)
	w.lost()
	mia := w.as("mia-migrator")
	kinds := func() (kinds []string) {
		var needed ActionsNeeded
		mia.get(prefix + "/accounts/acc-contoso/actions").into(&needed)
		for _, a := range needed.Actions {
			kinds = append(kinds, a.Kind)
		}
		return kinds
	}
	require.Contains(t, kinds(), "migrate")
	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		c, err := r.Campaigns().Get("campaign-eu")
		if err != nil {
			return err
		}
		c.Paused = true
		return r.Campaigns().Update(&c)
	}))
	require.Equal(t, []string{"reconnect"}, kinds())
	require.Equal(t, http.StatusCreated, mia.beginFor("/migrations/"+w.migration("contoso-two").ID).status)
}

func TestReconnectingIsTheAccountsOwn(t *testing.T) {
	w := newWorld(t)
	w.lost()
	for subject, status := range map[string]int{"vic-viewer": http.StatusForbidden, "olga-operator": http.StatusForbidden, "fay-fabric": http.StatusNotFound} {
		b := w.as(subject)
		before := w.rows()
		a := b.beginFor("/connectors/con_hq")
		require.Equal(t, status, a.status, subject)
		a.problem()
		require.Equal(t, before, w.rows())
	}
	require.Equal(t, http.StatusUnauthorized, w.browser().beginFor("/connectors/con_hq").status)
	require.Equal(t, http.StatusNotFound, w.as("fay-fabric").get(prefix+"/accounts/acc-contoso/actions").status)
}

// TestAReconnectOfAnotherTenantIsRefused: the parameter of the first leg and the
// token of the second are both held against the connector's tenant.
func TestAReconnectOfAnotherTenantIsRefused(t *testing.T) {
	w := newWorld(t)
	w.lost()
	mia, admin := w.as("mia-migrator"), w.browser()
	session, path := mia.beginFor("/connectors/con_hq").start(w)
	away := admin.get(path)
	a := admin.get("/consent/callback?" + accepted(away.query("state"), fabric))
	require.Equal(t, http.StatusForbidden, a.status)
	require.Contains(t, a.body, fabric)
	require.Equal(t, domain.ConsentRefused, w.session(session).Outcome)
	require.Equal(t, "tenant_mismatch", w.connector("con_hq").ReconnectCode)

	session, path = mia.beginFor("/connectors/con_hq").start(w)
	state := admin.accept(path, contoso)
	require.Equal(t, http.StatusForbidden, admin.get(signedIn(state, "other-tenant")).status)
	require.Equal(t, http.StatusBadRequest, admin.get(signedIn(state, "global-admin")).status, "the state is spent")
	require.Equal(t, domain.ConsentOpen, w.session(session).Outcome)
	require.Empty(t, w.connector("con_hq").ReconnectSession)
	require.Empty(t, w.engine.Named(contract.ConnectorSetupWorkflow))

	w.clock.Pass(2 * time.Hour)
	require.Equal(t, http.StatusGone, admin.get("/consent/again/"+session).status)
}

// TestDisconnecting is refused while something reads through the connector, and
// names it; afterwards it answers a receipt, again and again the same, and a new
// migration of the tenant may have a connector of its own.
func TestDisconnecting(t *testing.T) {
	w := newWorld(t)
	w.lost()
	ana := w.as("ana-approver")
	remove := func(b *browser) answer { return b.do(http.MethodDelete, prefix+"/connectors/con_hq", "", nil) }
	a := remove(ana)
	require.Equal(t, "connector-in-use", a.problem().Code)
	require.Contains(t, a.problem().Detail, "the integration Directory of contoso")
	require.Equal(t, http.StatusForbidden, remove(w.as("mia-migrator")).status)
	require.Equal(t, http.StatusNotFound, remove(w.as("fay-fabric")).status)

	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		i, err := r.Integrations().Get("contoso")
		i.Binding, i.ConnectorID = domain.BoundLegacy, ""
		if err != nil {
			return err
		}
		return r.Integrations().Update(&i)
	}))
	session, path := w.as("mia-migrator").beginFor("/connectors/con_hq").start(w)
	a = remove(ana)
	require.Equal(t, http.StatusOK, a.status, a.body)
	var receipt, again Disconnected
	a.into(&receipt)
	require.Equal(t, []any{contoso, cellApp, 1}, []any{receipt.TenantID, receipt.ApplicationID, receipt.SessionsEnded})
	require.True(t, receipt.EvidenceUntil.After(w.clock.Now().AddDate(1, 0, 0)))
	w.clock.Pass(time.Hour)
	remove(ana).into(&again)
	require.Equal(t, receipt.DisconnectedAt, again.DisconnectedAt)
	var gone ConnectorDetail
	ana.get(prefix + "/connectors/con_hq").into(&gone)
	require.Equal(t, receipt.DisconnectedAt, gone.DisconnectedAt, "whoever reads it is told")
	require.Equal(t, http.StatusGone, w.browser().get(path).status)
	require.Equal(t, domain.ConsentExpired, w.session(session).Outcome)
	require.Equal(t, http.StatusGone, w.as("mia-migrator").beginFor("/connectors/con_hq").status)

	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		return r.Connectors().Insert(&domain.Connector{ID: "con_next", AccountID: "acc-contoso", TenantID: contoso, Product: domain.ProductDirectorySync, CellID: "cell-eu", CreatedAt: domain.At(w.clock.Now())})
	}), "the place of account, tenant and product is free")
}

func TestOnlyOperatorsDecideThatATenantIsShared(t *testing.T) {
	w := newWorld(t)
	w.shared()
	body := map[string]any{"tenantId": contoso, "accountIds": []string{"acc-contoso", "acc-fabric"}, "reason": "one group"}
	require.Equal(t, http.StatusNotFound, w.as("ana-approver").post(prefix+"/tenant-uses", body).status)
	a := w.as("olga-operator").post(prefix+"/tenant-uses", body)
	require.Equal(t, http.StatusOK, a.status, a.body)
	var uses TenantUses
	a.into(&uses)
	require.Len(t, uses.Uses, 2)
	body["reason"] = "one group since the merger"
	w.as("olga-operator").post(prefix+"/tenant-uses", body).into(&uses)
	require.Equal(t, "one group since the merger", uses.Uses[0].Reason, "the newer decision counts")
	body["accountIds"] = []string{"acc-unknown"}
	require.Equal(t, http.StatusNotFound, w.as("olga-operator").post(prefix+"/tenant-uses", body).status)
}

// TestACellSaysItsRedirectURI by the public address, however it is asked for.
func TestACellSaysItsRedirectURI(t *testing.T) {
	w := newWorld(t)
	var c Cell
	w.as("olga-operator").get(prefix + "/cells/cell-eu").into(&c)
	require.Equal(t, []string{w.URL + "/consent/callback"}, c.RedirectURIs)
}
