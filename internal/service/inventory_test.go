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
		"accounts[0].integrations[1].name": func(i *service.Inventory) {
			a := &i.Accounts[0]
			second := a.Integrations[0]
			second.ID = "contoso-two"
			a.Integrations = append(a.Integrations, second)
		},
		"accounts[1].id": func(i *service.Inventory) {
			second := i.Accounts[0]
			second.Integrations = nil
			i.Accounts = append(i.Accounts, second)
		},
		"campaigns[1].id":                                func(i *service.Inventory) { i.Campaigns = append(i.Campaigns, i.Campaigns[0]) },
		"accounts[0].domains[1]":                         func(i *service.Inventory) { i.Accounts[0].Domains = []string{"contoso.example", "not a domain"} },
		"accounts[0].domains[0]":                         func(i *service.Inventory) { i.Accounts[0].Domains = []string{"x"} },
		"accounts[0].contacts[0].name":                   func(i *service.Inventory) { i.Accounts[0].Contacts[0].Name = " " },
		"accounts[0].contacts[0].email":                  func(i *service.Inventory) { i.Accounts[0].Contacts[0].Email = "nomail" },
		"accounts[0].integrations[0].tenantDomain":       func(i *service.Inventory) { i.Accounts[0].Integrations[0].TenantDomain = "contoso" },
		"accounts[0].integrations[0].legacyApp.secret":   func(i *service.Inventory) { i.Accounts[0].Integrations[0].LegacyApp.Secret = "abc" },
		"accounts[0].integrations[0].schedule.timesADay": func(i *service.Inventory) { i.Accounts[0].Integrations[0].Schedule.TimesADay = 25 },
		"accounts[0].integrations[0].schedule.every":     func(i *service.Inventory) { i.Accounts[0].Integrations[0].Schedule.Every = -1 },
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

// What makes no sense is told at once, whatever it is of; what is listed twice
// with the place of the first.
func TestEveryMistakeOfAnInventoryIsToldAtOnce(t *testing.T) {
	w := newWorld(t)
	inv := sampleInventory()
	a := &inv.Accounts[0]
	a.Domains = []string{"not a domain", "x", "", "contoso.example", "-x.example", "xn--bcher-kva.example"}
	a.Contacts = []service.InventoryContact{{Email: "ana@contoso.example"}, {Name: "Ana", Email: "nomail"}, {Name: "Ana", Email: "Ana <ana@contoso.example>"}}
	second := a.Integrations[0]
	second.ID, second.LegacyApp.Secret = "contoso-two", "  "
	a.Integrations = append(a.Integrations, second)
	inv.Accounts = append(inv.Accounts, inv.Accounts[0])
	_, err := w.ImportInventory(t.Context(), domain.System("test"), "", inv)
	var refusal *domain.Error
	require.ErrorAs(t, err, &refusal)
	told := map[string]string{}
	for _, b := range refusal.Breaches {
		require.NotContains(t, told, b.Field, "each once")
		told[b.Field] = b.Message
	}
	const at = "accounts[0]."
	for _, field := range []string{"domains[0]", "domains[1]", "domains[2]", "domains[4]", "contacts[0].name", "contacts[1].email", "contacts[2].email", "integrations[1].legacyApp.secret"} {
		require.Contains(t, told, at+field)
	}
	require.NotContains(t, told, at+"domains[3]")
	require.NotContains(t, told, at+"domains[5]")
	require.Contains(t, told[at+"integrations[1].legacyApp.secret"], "no blanks")
	require.Equal(t, `The name "Contoso HQ" is listed twice, first at accounts[0].integrations[0].name`, told[at+"integrations[1].name"])
	require.Equal(t, `The account "contoso" is listed twice, first at accounts[0].id`, told["accounts[1].id"])
	require.Equal(t, `The integration "contoso-hq" is listed twice, first at accounts[0].integrations[0].id`, told["accounts[1].integrations[0].id"])
}

// A name that another integration has is told by its path with the one that has
// it, all of them at once; an integration that keeps its own is not meant.
func TestANameThatIsTakenIsToldWithTheIntegrationThatHasIt(t *testing.T) {
	w := newWorld(t)
	_, err := w.ImportInventory(t.Context(), domain.System("test"), "", sampleInventory())
	require.NoError(t, err)
	inv := sampleInventory()
	a := &inv.Accounts[0]
	a.Integrations[0].ID = "contoso-new"
	inv.Campaigns[0].ID, inv.Campaigns[0].Terms.Deadline = "eu-past", domain.At(w.now.Add(-time.Hour))
	_, err = w.ImportInventory(t.Context(), domain.System("test"), "", inv)
	var refusal *domain.Error
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, domain.Invalid, refusal.Kind)
	require.Len(t, refusal.Breaches, 2)
	require.Equal(t, "campaigns[0].terms.deadline", refusal.Breaches[0].Field)
	require.Equal(t, "accounts[0].integrations[0].name", refusal.Breaches[1].Field)
	require.Contains(t, refusal.Breaches[1].Message, `The integration "contoso-hq" of this account has this name already`)
	require.Len(t, list(t, w, func(r service.Rows) service.Table[domain.Campaign] { return r.Campaigns() }, service.Query{}), 1, "whole or not at all")

	other := sampleInventory()
	other.Accounts[0].ID, other.Accounts[0].Integrations[0].ID = "fabrikam", "fabrikam-hq"
	_, err = w.ImportInventory(t.Context(), domain.System("test"), "", other)
	require.NoError(t, err, "a name is one of its account")
}

// What is left out stays; a list that is written and empty empties, if that is
// meant.
func TestContactsAndDomainsThatAreLeftOutStay(t *testing.T) {
	w := newWorld(t)
	inv := sampleInventory()
	inv.Accounts[0].Domains = []string{"contoso.example"}
	_, err := w.ImportInventory(t.Context(), domain.System("test"), "", inv)
	require.NoError(t, err)
	contacts := func() []domain.Contact {
		return list(t, w, func(r service.Rows) service.Table[domain.Contact] { return r.Contacts() }, service.Query{})
	}
	before := contacts()
	require.Len(t, before, 1)

	inv.Accounts[0].Contacts, inv.Accounts[0].Domains = nil, nil
	rep, err := w.ImportInventory(t.Context(), domain.System("test"), "", inv)
	require.NoError(t, err)
	at := slices.IndexFunc(rep.Rows(), func(r service.InventoryRow) bool { return r.Kind == "account" })
	require.Equal(t, service.RowSame, rep.Rows()[at].State)
	require.Equal(t, before, contacts())
	require.Equal(t, []string{"contoso.example"}, list(t, w, func(r service.Rows) service.Table[domain.Account] { return r.Accounts() }, service.Query{})[0].Domains)

	inv.Accounts[0].Contacts = []service.InventoryContact{}
	_, err = w.ImportInventory(t.Context(), domain.System("test"), "", inv)
	require.ErrorContains(t, err, "contacts of the account contoso would be emptied")
	require.Equal(t, before, contacts())
	_, err = w.ImportInventoryWith(t.Context(), domain.System("test"), "", inv, service.ImportOptions{Change: true})
	require.NoError(t, err)
	require.Empty(t, contacts())
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
