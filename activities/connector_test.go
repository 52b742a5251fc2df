package activities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/activities"
	"consentry/emulator"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/entra"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// realProber asks the emulator through the real adapter.
type realProber struct{ directory *entra.Directory }

func (p realProber) ProbeConsent(ctx context.Context, cellID, tenantID string) error {
	return p.directory.Probe(ctx, entra.Access{CellID: cellID, TenantID: tenantID})
}

// connected is an emulated bench whose integration reads through its connector.
func connected(t *testing.T) (*emulated, *activities.Connector) {
	t.Helper()
	e := newEmulated(t)
	require.NoError(t, e.st.Write(t.Context(), func(r service.Rows) error {
		i, err := r.Integrations().Get("i")
		if err != nil {
			return err
		}
		c, err := r.Connectors().Get("conn")
		if err != nil {
			return err
		}
		i.Binding, i.ConnectorID, c.Condition, c.Product = domain.BoundConnector, "conn", domain.ConditionOK, domain.ProductDirectorySync
		return errors.Join(r.Integrations().Update(&i), r.Connectors().Update(&c))
	}))
	a := &activities.Connector{Service: e.svc, Consents: realProber{e.reader.directory}, Now: func() time.Time { return e.now }, ProbeEvery: time.Millisecond}
	e.RegisterActivity(a)
	return e, a
}

func (e *emulated) connector() (c domain.Connector) {
	e.t.Helper()
	require.NoError(e.t, e.st.Read(e.t.Context(), func(r service.Rows) (err error) { c, err = r.Connectors().Get("conn"); return err }))
	return c
}

// consentAgain is what the verified callback leaves: a session whose consent is
// to be checked.
func (e *emulated) consentAgain(session string) contract.ConnectorSetupInput {
	e.t.Helper()
	require.NoError(e.t, e.st.Write(e.t.Context(), func(r service.Rows) error {
		c, err := r.Connectors().Get("conn")
		if err != nil {
			return err
		}
		c.ReconnectSession, c.ReconnectSince = session, domain.At(e.now)
		cs := domain.ConsentSession{ID: session, AccountID: "acc", ConnectorID: "conn", TenantID: tenant, CellID: "cell", Outcome: domain.ConsentVerified, VerifiedObject: "oid-admin", EndedAt: domain.At(e.now)}
		return errors.Join(r.Connectors().Update(&c), r.ConsentSessions().Insert(&cs))
	}))
	return contract.ConnectorSetupInput{ConnectorID: "conn", ConsentSessionID: session, AccountID: "acc", Region: "eu"}
}

// loseConsent reads until the product believes that the consent is gone, and
// closes the run as its workflow would.
func (e *emulated) loseConsent() {
	e.t.Helper()
	id := e.begin()
	_, err := e.read(id)
	require.Error(e.t, err)
	_, err = run(e.syncBench, e.sync.ServiceEndRun, contract.EndRun{RunID: id, State: string(domain.RunError), Code: contract.SyncConsentLost})
	require.NoError(e.t, err)
}

// TestARevokedConsentDeletesNothingAndIsReconnected: whatever way it was revoked,
// the mirror stands, the connector asks for an administrator, and after the
// consent the next round is one of changes, from the position that was kept.
func TestARevokedConsentDeletesNothingAndIsReconnected(t *testing.T) {
	for name, how := range map[string]struct{ revoke, restore func(*emulator.Server) error }{
		"the enterprise app deleted": {
			func(s *emulator.Server) error { return s.RevokeConsent(tenant, cellApp) },
			func(s *emulator.Server) error { return s.GrantConsent(tenant, cellApp) },
		},
		"the grants removed": {
			func(s *emulator.Server) error { return s.RevokeGrants(tenant, cellApp) },
			func(s *emulator.Server) error { return s.GrantConsent(tenant, cellApp) },
		},
		"the app disabled": {
			func(s *emulator.Server) error { return s.DisableServicePrincipal(tenant, cellApp) },
			func(s *emulator.Server) error { return s.EnableServicePrincipal(tenant, cellApp) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, a := connected(t)
			e.round()
			held := e.mirror()
			require.NotEmpty(t, held)

			require.NoError(t, how.revoke(e.Server))
			e.now = e.now.Add(2 * time.Hour) // tokens in the cache are dead
			e.loseConsent()
			require.Equal(t, held, e.mirror(), "a directory that cannot be read is not an empty one")
			c := e.connector()
			require.Equal(t, domain.ConditionError, c.Condition)
			require.Equal(t, contract.SyncConsentLost, c.ConditionCode)
			e.loseConsent()
			notices := rowsOf(t, e, func(r service.Rows) service.Table[domain.Notice] { return r.Notices() }, "kind", "reconnect-needed")
			require.Len(t, notices, 1, "said once")
			actions, err := e.svc.Actions(t.Context(), domain.System("test"), "acc")
			require.NoError(t, err)
			require.Len(t, actions.Reconnects, 1)

			user, err := e.CreateUser(tenant, emulator.User{DisplayName: "Meanwhile", UserPrincipalName: "meanwhile@contoso.example", AccountEnabled: true, UserType: "Member"})
			require.NoError(t, err)
			require.NoError(t, how.restore(e.Server))
			in := e.consentAgain("cs_new")
			out, err := run(e.syncBench, a.EntraConfirmConnector, in)
			require.NoError(t, err)
			require.Equal(t, contract.ConnectorStanding{Condition: domain.ConditionOK}, out)
			c = e.connector()
			require.Equal(t, []any{domain.ConditionOK, "", "cs_new", "oid-admin"}, []any{c.Condition, c.ReconnectSession, c.ConsentSessionID, c.ConsentedBy})
			starts := rowsOf(t, e, func(r service.Rows) service.Table[domain.EngineCall] { return r.EngineCalls() }, "target", contract.DirectorySyncID("i"))
			require.Len(t, starts, 1, "what uses it synchronizes at once")
			_, err = run(e.syncBench, a.EntraConfirmConnector, in)
			require.NoError(t, err)
			require.Len(t, rowsOf(t, e, func(r service.Rows) service.Table[domain.EngineCall] { return r.EngineCalls() }, "target", contract.DirectorySyncID("i")), 1, "a second run finds nothing to do")

			id := e.begin()
			slice := e.mustRead(id)
			require.False(t, slice.Full, "the position was kept")
			require.Less(t, slice.Read, int64(10))
			e.apply(id)
			require.Equal(t, e.truth(), e.mirror())
			require.Contains(t, e.mirror(), "users "+user)
		})
	}
}

// TestAConsentThatDoesNotHoldIsDiagnosed: the budget passes, the connector stands
// as it stood and says why, and another consent can be begun.
func TestAConsentThatDoesNotHoldIsDiagnosed(t *testing.T) {
	e, a := connected(t)
	e.round()
	require.NoError(t, e.RevokeGrants(tenant, cellApp))
	e.now = e.now.Add(2 * time.Hour)
	e.loseConsent()
	in := e.consentAgain("cs_empty")
	e.now = e.now.Add(time.Hour)
	out, err := run(e.syncBench, a.EntraConfirmConnector, in)
	require.NoError(t, err)
	require.Equal(t, contract.ConnectorStanding{Condition: domain.ConditionError, Code: migration.ConsentNoPermission}, out)
	c := e.connector()
	require.Equal(t, []string{"", migration.ConsentNoPermission, contract.SyncConsentLost}, []string{c.ReconnectSession, c.ReconnectCode, c.ConditionCode})
	require.NotEmpty(t, c.ReconnectText)
}

func rowsOf[T any](t *testing.T, e *emulated, table func(service.Rows) service.Table[T], column, value string) (found []T) {
	t.Helper()
	require.NoError(t, e.st.Read(t.Context(), func(r service.Rows) (err error) {
		found, err = table(r).List(service.By(service.Where{column: value}))
		return err
	}))
	return found
}
