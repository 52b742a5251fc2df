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
			Condition: domain.ConditionError, ConditionCode: contract.SyncConsentLost, ConditionText: "Microsoft no longer lets the connector read.", ConditionSince: domain.At(w.now()), CreatedAt: domain.At(w.now()),
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
	starts := w.engine.named(contract.ConnectorSetupWorkflow)
	require.Len(t, starts, 1)
	require.Equal(t, contract.ConnectorSetupID("con_hq", session), starts[0].Target)
	require.Equal(t, "consent-not-awaited", mia.beginFor("/connectors/con_hq").problem().Code)
	require.Equal(t, domain.AwaitingConsent, w.migration("contoso-two").Phase, "a connector's consent is no migration's")

	var shown ConnectorDetail
	mia.get(prefix + "/connectors/con_hq").into(&shown)
	require.True(t, shown.Reconnect.Checking)
	require.True(t, shown.Reconnect.Needed)
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
	require.Empty(t, w.engine.named(contract.ConnectorSetupWorkflow))

	w.pass(2 * time.Hour)
	require.Equal(t, http.StatusGone, admin.get("/consent/again/"+session).status)
}
