package service_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// regionWorld is an account in the region eu with a started campaign, and an
// inventory that moves it to us.
func regionWorld(t *testing.T) (w *world, moved service.Inventory) {
	t.Helper()
	w = newWorld(t)
	_, err := w.ImportInventory(t.Context(), olga, "", sampleInventory())
	require.NoError(t, err)
	_, err = w.StartCampaign(t.Context(), olga, "eu-2026")
	require.NoError(t, err)
	moved = sampleInventory()
	moved.Accounts[0].Region = "us"
	return w, moved
}

func accounts(r service.Rows) service.Table[domain.Account] { return r.Accounts() }

// migrationIs puts the one migration where a test wants it.
func (w *world) migrationIs(t *testing.T, p domain.Phase) {
	t.Helper()
	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		m, err := r.Migrations().Find(service.Query{})
		if err != nil {
			return err
		}
		m.Phase, m.Open = p, !p.Ended()
		return r.Migrations().Update(&m)
	}))
}

func TestAnAccountDoesNotMoveToAnotherRegionWhileAMigrationIsOpen(t *testing.T) {
	w, moved := regionWorld(t)
	for _, p := range []domain.Phase{domain.AwaitingConsent, domain.CuttingOver, domain.Migrated, domain.CleanUp} {
		w.migrationIs(t, p)
		for _, how := range []service.ImportOptions{{}, {Change: true}, {Change: true, DryRun: true}} {
			_, err := w.ImportInventoryWith(t.Context(), olga, "", moved, how)
			require.Equal(t, "region-migrations-open", codeOf(t, err))
			require.Contains(t, err.Error(), "contoso-hq ("+string(p)+")")
			require.Contains(t, err.Error(), "consentry cancel")
			require.Equal(t, "eu", list(t, w, accounts, service.Query{})[0].Region)
		}
	}
	same := sampleInventory()
	same.Accounts[0].Name = "Contoso AG"
	_, err := w.ImportInventory(t.Context(), olga, "", same)
	require.NoError(t, err, "everything else of it may change")
}

func TestAnAccountWithoutAnOpenMigrationMovesIfThatIsMeant(t *testing.T) {
	w, moved := regionWorld(t)
	w.migrationIs(t, domain.Cancelled)
	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		return r.Connectors().Insert(&domain.Connector{ID: "con_1", AccountID: "contoso", TenantID: "t", Product: domain.ProductDirectorySync, CellID: "cell-eu-1"})
	}))
	d, err := w.RequestDeletion(t.Context(), olga, "contoso", "Contoso Ltd")
	require.NoError(t, err)
	require.Equal(t, "eu", d.Region)

	_, err = w.ImportInventory(t.Context(), olga, "", moved)
	require.Equal(t, "import-takes-away", codeOf(t, err))
	report, err := w.ImportInventoryWith(t.Context(), olga, "", moved, service.ImportOptions{Change: true})
	require.NoError(t, err)
	for _, row := range report.Rows() {
		if row.Kind == "account" {
			require.Contains(t, row.Note, "its deletion on 22 December 2026 10:00 UTC is carried out by the region us")
			require.Contains(t, row.Note, "cell-eu-1")
			require.Contains(t, row.Note, "gets the date of a campaign of the region us with its next one")
		}
	}
	require.Equal(t, "us", list(t, w, accounts, service.Query{})[0].Region)
	require.Equal(t, "cell-eu-1", list(t, w, func(r service.Rows) service.Table[domain.Connector] { return r.Connectors() }, service.Query{})[0].CellID)

	w.now = w.now.Add(31 * 24 * time.Hour)
	due, err := w.ErasuresDue(t.Context(), domain.System("test"), "eu")
	require.NoError(t, err)
	require.Zero(t, due)
	due, err = w.ErasuresDue(t.Context(), domain.System("test"), "us")
	require.NoError(t, err)
	require.Equal(t, 1, due, "the sweep of the region that the account is in")
}
