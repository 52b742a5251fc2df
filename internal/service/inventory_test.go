package service_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
)

func sampleInventory() service.Inventory {
	day := domain.Duration(24 * time.Hour)
	return service.Inventory{
		Campaigns: []service.InventoryCampaign{{ID: "eu-2026", Name: "Europe", Region: "eu", Terms: domain.CampaignTerms{
			Deadline:      domain.At(time.Date(2026, 12, 22, 0, 0, 0, 0, time.UTC)),
			ConsentBudget: day, ProofAge: day, FirstSync: day, WayBack: day, CleanUp: day, Reminders: []domain.Duration{day},
		}}},
		Operators: []service.InventoryPerson{{Issuer: "https://idp", Subject: "t/o1", Name: "Olga"}},
		Accounts: []service.InventoryAccount{{
			ID: "contoso", Name: "Contoso Ltd", Region: "eu", TimeZone: "Europe/Berlin",
			Contacts: []service.InventoryContact{{Name: "Ana", Email: "ana@contoso.example"}},
			People:   []service.InventoryPerson{{Issuer: "https://idp", Subject: "t/o2", Name: "Ana", Role: domain.RoleApprove}},
			Integrations: []service.InventoryIntegration{{
				ID: "contoso-hq", Name: "Contoso HQ", TenantID: "5C1B0F0E-3a51-4c4e-9d0d-1d5d8a3a7f11", TenantDomain: "contoso.example",
				LegacyApp: service.InventoryLegacyApp{ClientID: "0f0e5c1b-3a51-4c4e-9d0d-1d5d8a3a7f11", Name: "Directory Sync", Secret: "s3cret~s3cret"},
			}},
		}},
	}
}

func secrets(r service.Rows) service.Table[domain.Secret] { return r.Secrets() }

func TestAnInventoryIsTakenInAndItsSecretsAreSealed(t *testing.T) {
	w := newWorld(t)
	rep, err := w.ImportInventory(t.Context(), domain.System("test"), "", sampleInventory())
	require.NoError(t, err)
	require.Equal(t, 1, rep.Integrations)
	kept := list(t, w, secrets, service.Query{})
	require.Len(t, kept, 1)
	require.Equal(t, "terc3s~terc3s", string(kept[0].Sealed))
	ints := list(t, w, func(r service.Rows) service.Table[domain.Integration] { return r.Integrations() }, service.Query{})
	require.Equal(t, "5c1b0f0e-3a51-4c4e-9d0d-1d5d8a3a7f11", ints[0].TenantID, "ids compare in lower case")
	require.Equal(t, domain.BoundLegacy, ints[0].Binding)
}

func TestImportingAgainUpdatesAndDoublesNothing(t *testing.T) {
	w := newWorld(t)
	inv := sampleInventory()
	for range 2 {
		_, err := w.ImportInventory(t.Context(), domain.System("test"), "", inv)
		require.NoError(t, err)
		inv.Accounts[0].Name = "Contoso AG"
	}
	require.Len(t, list(t, w, secrets, service.Query{}), 1)
	require.Len(t, list(t, w, func(r service.Rows) service.Table[domain.Grant] { return r.Grants() }, service.Query{}), 2)
	acc := list(t, w, func(r service.Rows) service.Table[domain.Account] { return r.Accounts() }, service.Query{})
	require.Len(t, acc, 1)
	require.Equal(t, "Contoso AG", acc[0].Name)
}

// An inventory is as old as it is: it brings no secret back that was destroyed
// with its migration, and changes nothing that an open one would have to restore.
func TestAnOldInventoryUndoesNoMigration(t *testing.T) {
	w := newWorld(t)
	inv := sampleInventory()
	_, err := w.ImportInventory(t.Context(), domain.System("test"), "", inv)
	require.NoError(t, err)
	id := inv.Accounts[0].Integrations[0].ID
	var before domain.Integration
	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) (err error) {
		if before, err = r.Integrations().Get(id); err != nil {
			return err
		}
		before.Frozen = true
		if err := r.Integrations().Update(&before); err != nil {
			return err
		}
		app, err := r.LegacyApps().Get(id)
		if err != nil {
			return err
		}
		if _, err := r.Secrets().Delete(service.By(service.Where{"id": app.SecretRef})); err != nil {
			return err
		}
		app.SecretRef, app.DestroyedAt = "", domain.At(w.now)
		return r.LegacyApps().Update(&app)
	}))
	inv.Accounts[0].Integrations[0].Schedule.TimesADay = 12
	_, err = w.ImportInventory(t.Context(), domain.System("test"), "", inv)
	require.NoError(t, err)
	require.Empty(t, list(t, w, secrets, service.Query{}))
	_, err = w.LegacySecretOf(t.Context(), id)
	require.Equal(t, domain.Gone, domain.KindOf(err))
	require.Equal(t, before, list(t, w, func(r service.Rows) service.Table[domain.Integration] { return r.Integrations() }, service.By(service.Where{"id": id}))[0])
}

func TestATenantOfTwoAccountsIsFlagged(t *testing.T) {
	w := newWorld(t)
	inv := sampleInventory()
	second := sampleInventory().Accounts[0]
	second.ID, second.Integrations[0].ID = "fabrikam", "fabrikam-hq"
	inv.Accounts = append(inv.Accounts, second)
	rep, err := w.ImportInventory(t.Context(), domain.System("test"), "", inv)
	require.NoError(t, err)
	require.Equal(t, []string{"5c1b0f0e-3a51-4c4e-9d0d-1d5d8a3a7f11"}, rep.SharedTenants)
}

func TestABrokenInventoryChangesNothingAndNamesTheField(t *testing.T) {
	for want, breakIt := range map[string]func(*service.Inventory){
		"campaigns[0].terms.deadline":                func(i *service.Inventory) { i.Campaigns[0].Terms.Deadline = domain.Instant{} },
		"campaigns[0].terms.wayBack":                 func(i *service.Inventory) { i.Campaigns[0].Terms.WayBack = 0 },
		"accounts[0].timeZone":                       func(i *service.Inventory) { i.Accounts[0].TimeZone = "Berlin" },
		"accounts[0].people[0].role":                 func(i *service.Inventory) { i.Accounts[0].People[0].Role = domain.RoleOperator },
		"accounts[0].integrations[0].tenantId":       func(i *service.Inventory) { i.Accounts[0].Integrations[0].TenantID = "contoso" },
		"accounts[0].integrations[0].legacyApp.name": func(i *service.Inventory) { i.Accounts[0].Integrations[0].LegacyApp.Name = " " },
		"accounts[0].integrations[1].id": func(i *service.Inventory) {
			a := &i.Accounts[0]
			a.Integrations = append(a.Integrations, a.Integrations[0])
		},
		"accounts[0].integrations[0].schedule.timesADay": func(i *service.Inventory) { i.Accounts[0].Integrations[0].Schedule.TimesADay = 25 },
	} {
		t.Run(want, func(t *testing.T) {
			w := newWorld(t)
			inv := sampleInventory()
			breakIt(&inv)
			_, err := w.ImportInventory(t.Context(), domain.System("test"), "", inv)
			var refusal *domain.Error
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, want, refusal.Field)
			require.Empty(t, list(t, w, secrets, service.Query{}))
			require.Empty(t, list(t, w, func(r service.Rows) service.Table[domain.Campaign] { return r.Campaigns() }, service.Query{}))
		})
	}
}

func TestOnlyOperatorsImport(t *testing.T) {
	w := newWorld(t)
	customer := domain.Caller{Kind: domain.CallerPerson, ID: "p", Grants: []domain.Grant{{AccountID: "contoso", Role: domain.RoleApprove}}}
	_, err := w.ImportInventory(t.Context(), customer, "", sampleInventory())
	require.Equal(t, domain.Forbidden, domain.KindOf(err))
	require.Equal(t, "refused", list(t, w, audit, service.Query{})[0].Outcome)
}

// TestAnImportSaysWhatIsThereAlready of a secret, a role and a shared tenant.
func TestAnImportSaysWhatIsThereAlready(t *testing.T) {
	w := newWorld(t)
	inv := sampleInventory()
	_, err := w.ImportInventory(t.Context(), domain.System("test"), "", inv)
	require.NoError(t, err)
	a := &inv.Accounts[0]
	again := func(role domain.Role) map[string]service.InventoryRow {
		a.People[0].Role = role
		rep, err := w.ImportInventory(t.Context(), domain.System("test"), "", inv)
		require.NoError(t, err)
		require.Empty(t, rep.SharedTenants)
		rows := map[string]service.InventoryRow{}
		for _, r := range rep.Rows() {
			rows[r.Kind] = r
		}
		return rows
	}
	rows := again(domain.RoleView)
	require.Equal(t, []service.InventoryChange{{Field: "legacyApp.secret", From: "the one that is held", To: "replaced by the one that came along"}}, rows["integration"].Changes)
	require.Equal(t, service.RowSame, rows["person"].State)
	require.Contains(t, rows["person"].Note, "has the role approve already")
	require.Len(t, list(t, w, func(r service.Rows) service.Table[domain.Grant] { return r.Grants() }, service.Query{}), 2, "nothing was given")

	second := sampleInventory()
	second.Accounts[0].ID, second.Accounts[0].Integrations[0].ID = "fabrikam", "fabrikam-hq"
	rep, err := w.ImportInventory(t.Context(), domain.System("test"), "", second)
	require.NoError(t, err)
	require.Len(t, rep.SharedTenants, 1)
	third := sampleInventory()
	third.Accounts[0].Integrations = nil
	rep, err = w.ImportInventory(t.Context(), domain.System("test"), "", third)
	require.NoError(t, err)
	require.Empty(t, rep.SharedTenants, "it is about this inventory")
}

// Somebody has one role in an account: of two the higher, whichever came first.
func TestAnInventoryRaisesARoleAndLowersNone(t *testing.T) {
	w := newWorld(t)
	grants := func() (of []domain.Grant) {
		return list(t, w, func(r service.Rows) service.Table[domain.Grant] { return r.Grants() }, service.By(service.Where{"account_id": "contoso"}))
	}
	invite := func(role domain.Role) service.InventoryRow {
		inv := sampleInventory()
		inv.Accounts[0].People[0].Role = role
		rep, err := w.ImportInventory(t.Context(), domain.System("test"), "", inv)
		require.NoError(t, err)
		rows := rep.Rows()
		at := slices.IndexFunc(rows, func(r service.InventoryRow) bool { return r.Kind == "person" })
		return rows[at]
	}
	require.Equal(t, service.RowNew, invite(domain.RoleView).State)
	for _, role := range []domain.Role{domain.RoleMigrate, domain.RoleApprove} {
		row := invite(role)
		require.Equal(t, service.RowChanged, row.State)
		require.Equal(t, string(role), row.Changes[0].To)
		require.Len(t, grants(), 1)
		require.Equal(t, role, grants()[0].Role)
	}
	kept := grants()
	row := invite(domain.RoleMigrate)
	require.Equal(t, service.RowSame, row.State)
	require.Contains(t, row.Note, "has the role approve already")
	require.Equal(t, kept, grants())

	// Several, as imports of before left them, become the highest.
	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		return r.Grants().Insert(&domain.Grant{ID: "grt_old", PersonID: kept[0].PersonID, AccountID: "contoso", Role: domain.RoleView})
	}))
	require.Equal(t, service.RowSame, invite(domain.RoleView).State)
	require.Len(t, grants(), 1)
	require.Equal(t, domain.RoleApprove, grants()[0].Role)
}
