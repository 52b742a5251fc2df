package service_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// A connector that others read through is described anew by a switch that is
// done. An attempt that is given up, or a switch that is taken back, leaves what
// it said of itself.
func TestADescriptionReachesAConnectorInUseWithTheSwitch(t *testing.T) {
	const before = "The directories of the whole group"
	inUse := func() *migrationWorld {
		w := newMigrationWorld(t)
		w.write(func(r service.Rows) error {
			if err := r.Connectors().Insert(&domain.Connector{ID: "cnr_used", AccountID: "a", TenantID: "tenant", Product: domain.ProductDirectorySync, Name: "Group", Description: before, CellID: "cell", Condition: domain.ConditionOK, EnrolledAt: domain.At(w.now), ReconnectCode: "declined"}); err != nil {
				return err
			}
			return r.Integrations().Insert(&domain.Integration{ID: "j", AccountID: "a", TenantID: "tenant", Product: domain.ProductDirectorySync, Name: "Second", Binding: domain.BoundConnector, ConnectorID: "cnr_used"})
		})
		return w
	}
	w := inUse()
	w.reach(domain.AwaitingApproval)
	require.Equal(t, "cnr_used", w.row().ConnectorID, "the tenant's one connector is used again")
	require.Equal(t, before, w.connector().Description)
	require.Empty(t, w.connector().ReconnectCode, "it is consented again")
	w.decide(mika, domain.DecideCancel, domain.DecisionDetail{})
	require.Equal(t, before, w.connector().Description)

	w = inUse()
	w.open()
	w.decide(mika, domain.DecideDescribe, domain.DecisionDetail{Description: words})
	w.consent("cs_ahead")
	_, err := w.ConsentConfirmed(t.Context(), worker, w.m.ID)
	require.NoError(t, err)
	require.Equal(t, domain.Proving, w.row().Phase)
	require.Equal(t, before, w.connector().Description, "given ahead or not")

	w = inUse()
	w.reach(domain.Migrated)
	require.Equal(t, words, w.connector().Description)
}
