package demo

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/dev/visitor"
	"consentry/dev/world"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// secondIntegration gives an account another integration of the same tenant, with
// an old app of its own, and opens its migration.
func (s *show) secondIntegration(ctx context.Context, t *testing.T, of *customer) *customer {
	t.Helper()
	c := &customer{Customer: of.Customer, show: s, browser: of.browser}
	c.Integration, c.Customer.Name = of.Integration+"-2", of.Customer.Name+" Archive"
	c.LegacyApp = world.LegacyApp{ClientID: "5ec0d000-0000-4000-8000-000000000002", Name: c.Customer.Name + " Directory Sync", Secret: "second~secret", EndsAt: of.LegacyApp.EndsAt}
	require.NoError(t, s.world.ExpireSecret(s.Emulator, c.Customer, c.LegacyApp.EndsAt), "registers it as well")
	inventory := s.world.Inventory(s.Issuer, s.terms)
	for n := range inventory.Accounts {
		if a := &inventory.Accounts[n]; a.ID == c.Account {
			i := a.Integrations[0]
			i.ID, i.Name = c.Integration, c.Customer.Name
			i.LegacyApp = service.InventoryLegacyApp{ClientID: c.LegacyApp.ClientID, Name: c.LegacyApp.Name, Secret: c.LegacyApp.Secret, SecretEndsAt: domain.At(c.LegacyApp.EndsAt)}
			a.Integrations = append(a.Integrations, i)
		}
	}
	_, err := s.operator.API(ctx, "POST", "/inventory", inventory, nil, "Idempotency-Key", "second")
	require.NoError(t, err)
	require.NoError(t, s.WaitSynchronized(ctx))
	var m migration
	_, err = c.browser.API(ctx, "POST", "/integrations/"+c.Integration+"/migrations", nil, &m)
	require.NoError(t, err)
	c.attempt = m.ID
	return c
}

// One account reads the same tenant twice. The second migration finds the first
// one's connector, shows its name and description for confirmation and makes no
// other; going back with it leaves the first as it is.
func TestTwoIntegrationsOfATenantShareAConnector(t *testing.T) {
	x := newTerminator(t, open(t))
	ctx := bounded(t)
	one, err := x.at(ctx, "contoso")
	require.NoError(t, err)
	two := x.secondIntegration(ctx, t, one)
	require.NotEqual(t, one.attempt, two.attempt)

	one.ready(t)
	require.NoError(t, one.approve(ctx))
	require.NoError(t, one.done(ctx))
	connector := func() domain.Connector {
		t.Helper()
		var found []domain.Connector
		require.NoError(t, x.App.Service.Read(ctx, domain.System("test"), func(tx *service.Tx) (err error) {
			found, err = tx.Rows.Connectors().List(service.By(service.Where{"account_id": one.Account}))
			return err
		}))
		require.Len(t, found, 1)
		return found[0]
	}
	first := connector()
	require.False(t, first.EnrolledAt.IsZero())

	require.NoError(t, two.consent(ctx), "the tenant is consented; this migration still needs its own session")
	require.NoError(t, two.until(ctx, domain.AwaitingDescription))
	page, err := two.browser.Open(ctx, "/migrations/"+two.attempt)
	require.NoError(t, err)
	for _, shown := range []string{first.Name, first.Description, "Of the connector that your account already has for this tenant", "Check that it still fits."} {
		require.Contains(t, string(page.Body), shown)
	}
	require.NoError(t, two.decide(ctx, "confirm", map[string]any{"kind": domain.DecideDescribe, "description": first.Description}))
	require.NoError(t, two.until(ctx, domain.AwaitingApproval))
	require.NoError(t, two.approve(ctx))
	require.NoError(t, two.done(ctx))
	both := connector()
	require.Equal(t, []any{first.ID, first.Name, first.Description, first.CellID, first.EnrolledAt}, []any{both.ID, both.Name, both.Description, both.CellID, both.EnrolledAt})
	require.Equal(t, 1, x.done("create-connector", first.ID))
	require.Equal(t, 1, x.switched(one))
	require.Equal(t, 1, x.switched(two))
	for _, c := range []*customer{one, two} {
		_, differences, err := x.compare(ctx, c.Customer)
		require.NoError(t, err)
		require.Empty(t, differences)
	}

	back, err := x.integration(ctx, two.Customer)
	require.NoError(t, err)
	require.NoError(t, two.decide(ctx, "back", map[string]any{"kind": domain.DecideRollBack, "reason": "One of two is enough"}))
	require.NoError(t, two.until(ctx, domain.RolledBack))
	require.Eventually(t, func() bool {
		i, err := x.integration(ctx, two.Customer)
		return err == nil && i.Binding == domain.BoundLegacy && i.LastRunID != back.LastRunID && i.LastSyncedAt.After(back.LastSyncedAt) && i.Mirror == back.Mirror
	}, 60*time.Second, 50*time.Millisecond, "a complete round through its old app")
	i, err := x.integration(ctx, one.Customer)
	require.NoError(t, err)
	require.Equal(t, domain.BoundConnector, i.Binding)
	require.Equal(t, first.ID, i.ConnectorID)
	require.NoError(t, one.synchronize(ctx), "the other goes on through the connector")
	var refused *visitor.APIError
	_, err = one.browser.API(ctx, "DELETE", "/connectors/"+first.ID, nil, nil)
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusConflict, refused.Status)
	require.Contains(t, refused.Detail, "the integration "+one.Name)
	require.NotContains(t, refused.Detail, two.Customer.Name)
}
