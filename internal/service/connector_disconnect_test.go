package service_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/service"
)

func TestAnOpenMigrationKeepsItsConnector(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.AwaitingDescription)
	before := w.connector()
	_, err := w.Disconnect(t.Context(), ana, before.ID)
	require.Equal(t, "connector-in-use", codeOf(t, err))
	require.ErrorContains(t, err, "the migration of Contoso")
	require.Equal(t, before, w.connector())
	w.decide(mika, domain.DecideCancel, domain.DecisionDetail{})
	_, err = w.Disconnect(t.Context(), ana, before.ID)
	require.NoError(t, err)
	require.Contains(t, w.said("disconnected"), "still consented there")
	require.Equal(t, 1, w.audited("disconnect"))
}

// A consent was being checked when the connector was let go: its outcome, either
// way, brings nothing back.
func TestACheckThatEndsAfterTheDisconnectChangesNothing(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.AwaitingDescription)
	w.decide(mika, domain.DecideCancel, domain.DecisionDetail{})
	c := w.connector()
	c.ReconnectSession = "cs_checked"
	w.write(func(r service.Rows) error {
		if err := r.Connectors().Update(&c); err != nil {
			return err
		}
		return r.ConsentSessions().Insert(&domain.ConsentSession{ID: "cs_checked", AccountID: "a", ConnectorID: c.ID, TenantID: "tenant", CellID: "cell", Outcome: domain.ConsentVerified})
	})
	_, err := w.Disconnect(t.Context(), ana, c.ID)
	require.NoError(t, err)
	before, sent := w.connector(), len(w.door.taken)
	in := contract.ConnectorSetupInput{ConnectorID: c.ID, ConsentSessionID: "cs_checked", AccountID: "a", Region: "eu"}
	check, err := w.ReconnectCheck(t.Context(), worker, in)
	require.NoError(t, err)
	require.True(t, check.Over)
	for range 2 {
		_, err = w.ReconnectConfirmed(t.Context(), worker, in)
		require.NoError(t, err)
		_, err = w.ReconnectNotConfirmed(t.Context(), worker, in, "x")
		require.NoError(t, err)
	}
	require.Equal(t, before, w.connector())
	require.Len(t, w.door.taken, sent)
}
