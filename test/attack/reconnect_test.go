package attack

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/consent"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// disconnected is a house in which a connector of each account has lost its consent. An administrator of Contoso has
// opened the link that mia sent to connect theirs again, and stands at Microsoft.
type disconnected struct {
	*scene
	migrations map[string]string
}

const (
	conOurs   = "con_contoso"
	conTheirs = "con_fabric"
)

func newDisconnected(t *testing.T) *disconnected {
	t.Helper()
	h := newHouse(t)
	lost := func(id, account, tenant string) *domain.Connector {
		return &domain.Connector{
			ID: id, AccountID: account, TenantID: tenant, Product: domain.ProductDirectorySync, Name: "Head office", CellID: "cell-eu", PermissionSet: 1, ConsentSessionID: "cs_first",
			Condition: domain.ConditionError, ConditionCode: contract.SyncConsentLost, ConditionSince: domain.At(h.clock.Now()), CreatedAt: domain.At(h.clock.Now()),
		}
	}
	require.NoError(t, h.store.Write(t.Context(), func(r service.Rows) error {
		return r.Connectors().Insert(lost(conOurs, "acc-contoso", contoso), lost(conTheirs, "acc-fabric", fabric))
	}))
	d := &disconnected{scene: &scene{house: h}}
	d.session, d.admin, d.state = d.open("mia-migrator", conOurs)
	d.migrations = standing(h, d.rows())
	return d
}

// open begins a reconnect and opens its link in a browser of its own.
func (d *disconnected) open(who, connector string) (session string, b *browser, state string) {
	d.t.Helper()
	a := d.as(who).reconnect(connector)
	require.Equal(d.t, http.StatusCreated, a.status, a.body)
	var begun struct{ SessionID, StartURL string }
	decode(d.t, a.body, &begun)
	b = d.browser()
	away := b.get(strings.TrimPrefix(begun.StartURL, d.URL))
	require.Equal(d.t, http.StatusSeeOther, away.status, away.body)
	return begun.SessionID, b, away.query("state")
}

func (b *browser) reconnect(connector string) answer {
	return b.do(http.MethodPost, prefix+"/connectors/"+connector+"/consent-sessions", "")
}

// verified is another account's reconnect, honestly finished.
func (d *disconnected) verified() (session string) {
	d.t.Helper()
	session, b, state := d.open("fay-fabric", conTheirs)
	back := b.consented(state, fabric)
	d.microsoft.answers(microsofts().signed(d.t, "key-1", d.microsoft.administrator(fabric, back.query("nonce"))))
	require.Equal(d.t, http.StatusOK, b.come("state", back.query("state"), "code", "code").status)
	return session
}

func (d *disconnected) connector(id string) (c domain.Connector) {
	d.t.Helper()
	d.read(func(r service.Rows) (err error) { c, err = r.Connectors().Get(id); return err })
	return c
}

// checks are the consents of a connector that were handed to real calls.
func (d *disconnected) checks(id string) (sessions []string) {
	for _, c := range d.engine.Named(contract.ConnectorSetupWorkflow) {
		if strings.Contains(c.Target, id) {
			sessions = append(sessions, c.DedupeID)
		}
	}
	return sessions
}

// TestReconnectsOfOthers: a connector that is in use is worth more than a migration that begins, and its consent is
// given by the same rules: nothing but the account's own session, from its own browser, signed in for the
// connector's own tenant, has it checked.
func TestReconnectsOfOthers(t *testing.T) {
	t.Parallel()
	other := func(d *disconnected, tenant string) answer {
		d.accept()
		d.microsoft.answers(microsofts().signed(d.t, "key-1", d.microsoft.administrator(tenant, d.nonce)))
		return d.admin.come("state", d.state, "code", "code")
	}
	for _, a := range []struct {
		name    string
		strike  func(*disconnected) answer
		status  int
		code    string
		changes outcome
	}{
		{"another tenant in the first leg", func(d *disconnected) answer { return d.admin.consented(d.state, fabric) }, http.StatusForbidden, consent.CodeTenantMismatch, over},
		{"an administrator of another tenant in the second leg", func(d *disconnected) answer { return other(d, fabric) }, http.StatusForbidden, "sign_in_invalid", retry},
		{"the right state in the browser of another account", func(d *disconnected) answer {
			_, eve, _ := d.open("fay-fabric", conTheirs)
			return eve.consented(d.state, contoso)
		}, http.StatusBadRequest, "wrong_browser", nothing},
		{"another account's answer slipped into the administrator's browser", func(d *disconnected) answer {
			_, eve, hers := d.open("fay-fabric", conTheirs)
			second := eve.consented(hers, fabric).query("state")
			d.accept()
			return d.admin.come("state", second, "code", "code-of-eve")
		}, http.StatusBadRequest, "wrong_browser", nothing},
		{"the second leg from a browser without a cookie", func(d *disconnected) answer {
			d.accept()
			return d.browser().come("state", d.state, "code", "stolen-code")
		}, http.StatusBadRequest, "wrong_browser", nothing},
		{"a first leg answered twice", func(d *disconnected) answer {
			first := d.state
			d.accept()
			return d.admin.consented(first, contoso)
		}, http.StatusBadRequest, "state_unknown", nothing},
		{"a first leg that took too long", func(d *disconnected) answer {
			d.clock.Pass(11 * time.Minute)
			return d.admin.consented(d.state, contoso)
		}, http.StatusBadRequest, "state_expired", over},
		{"the connector of another account", func(d *disconnected) answer { return d.as("fay-fabric").reconnect(conOurs) }, http.StatusNotFound, "not-found", nothing},
		{"a connector that nobody knows", func(d *disconnected) answer { return d.as("mia-migrator").reconnect("con_none") }, http.StatusNotFound, "not-found", nothing},
		{"somebody who may only look", func(d *disconnected) answer { return d.as("vic-viewer").reconnect(conOurs) }, http.StatusForbidden, "role-needed", nothing},
		{"another account's verified session told to a migration", func(d *disconnected) answer {
			return d.as("fay-fabric").signal(d.migration("contoso").ID, d.verified())
		}, http.StatusNotFound, "not-found", nothing},
		{"a verified reconnect told to a migration of the same account", func(d *disconnected) answer {
			return d.as("fay-fabric").signal(d.migration("fabric").ID, d.verified())
		}, http.StatusNotFound, "not-found", nothing},
	} {
		t.Run(a.name, func(t *testing.T) {
			d := newDisconnected(t)
			before, seq := d.connector(conOurs), d.audited()
			got := a.strike(d)
			require.Equal(t, a.status, got.status, got.body)
			var codes []string
			for _, e := range d.audit(seq) {
				if e.Outcome == "refused" {
					codes = append(codes, e.Code)
				}
			}
			require.Equal(t, []string{a.code}, codes)
			after := d.connector(conOurs)
			if a.changes != nothing { // the page says why the own attempt came to nothing
				after.ReconnectCode, after.ReconnectText, after.UpdatedAt = before.ReconnectCode, before.ReconnectText, before.UpdatedAt
			}
			require.Equal(t, before, after)
			require.Empty(t, d.checks(conOurs), "nothing is checked, so nothing can be lifted")
			require.Equal(t, d.migrations, standing(d.house, d.rows()), "a connector's consent is no migration's")

			switch a.changes {
			case over:
				d.session, d.admin, d.state = d.open("mia-migrator", conOurs)
				d.nonce = ""
			case retry:
				d.again()
			case nothing, dead:
			}
			d.reconnected()
		})
	}
}

// reconnected shows that the honest administrator can still finish, that his consent is checked once, and that
// telling it again adds nothing.
func (d *disconnected) reconnected() {
	d.t.Helper()
	if d.nonce == "" {
		d.accept()
	}
	state := d.state
	done := d.verify()
	require.Equal(d.t, http.StatusOK, done.status, done.body)
	require.Equal(d.t, http.StatusBadRequest, d.admin.come("state", state, "code", "good-code").status, "a second leg answered twice")
	c := d.connector(conOurs)
	require.Equal(d.t, d.session, c.ReconnectSession)
	require.Equal(d.t, domain.ConditionError, c.Condition, "only real calls lift it")
	require.Equal(d.t, "cs_first", c.ConsentSessionID, "and only they replace the evidence")
	require.Equal(d.t, []string{d.session}, d.checks(conOurs))
}
