package service

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"consentry/internal/domain"
)

// Inventory is what the vendor knows before a campaign: its accounts with their
// people and legacy integrations, the campaigns, and its operators. Importing it
// again updates names, contacts and schedules and never touches what has
// happened since: bindings, connectors, migrations.
type Inventory struct {
	Accounts  []InventoryAccount  `json:"accounts,omitempty"`
	Campaigns []InventoryCampaign `json:"campaigns,omitempty"`
	Operators []InventoryPerson   `json:"operators,omitempty"`
}

// InventoryAccount is one customer. ID is the vendor's own stable key.
type InventoryAccount struct {
	ID           string                 `json:"id"`
	Name         string                 `json:"name"`
	Region       string                 `json:"region"`
	TimeZone     string                 `json:"timeZone"`
	Domains      []string               `json:"domains,omitempty"`
	Contacts     []InventoryContact     `json:"contacts,omitempty"`
	People       []InventoryPerson      `json:"people,omitempty"`
	Integrations []InventoryIntegration `json:"integrations,omitempty"`
}

// InventoryContact is somebody who is written to.
type InventoryContact struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// InventoryPerson invites an identity of the console's identity provider. For
// Entra issuers Subject is tenant id + "/" + object id.
type InventoryPerson struct {
	Issuer  string      `json:"issuer"`
	Subject string      `json:"subject"`
	Name    string      `json:"name"`
	Role    domain.Role `json:"role,omitempty"` // of an account; operators need none
}

// InventoryIntegration is one legacy directory synchronization. Secret is sealed
// on arrival and given back by nobody.
type InventoryIntegration struct {
	ID           string              `json:"id"`
	Name         string              `json:"name"`
	TenantID     string              `json:"tenantId"`
	TenantDomain string              `json:"tenantDomain"`
	Schedule     domain.SyncSchedule `json:"schedule"`
	Settings     domain.SyncSettings `json:"settings"`
	LegacyApp    InventoryLegacyApp  `json:"legacyApp"`
}

// InventoryLegacyApp is the customer's hand-made registration.
type InventoryLegacyApp struct {
	ClientID     string         `json:"clientId"`
	Name         string         `json:"name"`
	Secret       string         `json:"secret,omitempty"`
	SecretEndsAt domain.Instant `json:"secretEndsAt"`
}

// InventoryCampaign is one campaign before it starts.
type InventoryCampaign struct {
	ID     string               `json:"id"`
	Name   string               `json:"name"`
	Region string               `json:"region"`
	Terms  domain.CampaignTerms `json:"terms"`
}

// InventoryReport says what an import did.
type InventoryReport struct {
	Accounts      int            `json:"accounts"`
	Integrations  int            `json:"integrations"`
	People        int            `json:"people"`
	Campaigns     int            `json:"campaigns"`
	SharedTenants []string       `json:"sharedTenants"` // tenants read by several accounts: each must prove itself
	Repeated      bool           `json:"repeated"`      // of an import of before with the same key; nothing was changed now
	AsOf          domain.Instant `json:"asOf"`

	now bool // not kept with the answer, so a repeat lacks it
}

// ImportInventory takes an inventory in, whole or not at all. Operators only. A
// refusal names the first field that breaks a rule by its path.
func (s *Service) ImportInventory(ctx context.Context, caller domain.Caller, key string, inv Inventory) (InventoryReport, error) {
	sealed, err := s.sealSecrets(ctx, caller, inv)
	if err != nil {
		s.auditRefusal(ctx, caller, "import-inventory", "inventory", err)
		return InventoryReport{}, err
	}
	report, err := Do(ctx, s, caller, key, "import-inventory", "inventory", func(tx *Tx) (InventoryReport, error) {
		rep, err := tx.importInventory(inv, sealed)
		rep.now = true
		return rep, err
	})
	report.Repeated = err == nil && !report.now
	return report, err
}

// sealSecrets checks the inventory and seals its secrets before any transaction
// begins, because sealing may ask a key service over the network.
func (s *Service) sealSecrets(ctx context.Context, caller domain.Caller, inv Inventory) (map[string][]byte, error) {
	if !caller.Operator() {
		return nil, domain.Refuse(domain.Forbidden, "operator-needed", "Only an operator of the vendor may import an inventory.")
	}
	if err := firstOf(inv.check(), s.served.inventory(inv)); err != nil {
		return nil, err
	}
	sealed := map[string][]byte{}
	for _, a := range inv.Accounts {
		for _, i := range a.Integrations {
			if i.LegacyApp.Secret == "" {
				continue
			}
			b, err := s.keeper.Seal(ctx, []byte(i.LegacyApp.Secret))
			if err != nil {
				return nil, fmt.Errorf("seal the legacy secret of integration %s: %w", i.ID, err)
			}
			sealed[i.ID] = b
		}
	}
	return sealed, nil
}

func (tx *Tx) importInventory(inv Inventory, sealed map[string][]byte) (InventoryReport, error) {
	rep := InventoryReport{AsOf: tx.At(), SharedTenants: []string{}}
	for _, c := range inv.Campaigns {
		if err := tx.importCampaign(c); err != nil {
			return rep, err
		}
		rep.Campaigns++
	}
	for _, p := range inv.Operators {
		if err := tx.invite(p, "", domain.RoleOperator); err != nil {
			return rep, err
		}
		rep.People++
	}
	for _, a := range inv.Accounts {
		if err := tx.importAccount(a); err != nil {
			return rep, err
		}
		rep.Accounts++
		for _, p := range a.People {
			if err := tx.invite(p, a.ID, p.Role); err != nil {
				return rep, err
			}
			rep.People++
		}
		for _, i := range a.Integrations {
			if err := tx.importIntegration(a, i, sealed[i.ID]); err != nil {
				return rep, err
			}
			rep.Integrations++
		}
	}
	shared, err := tx.flagSharedTenants()
	if err != nil {
		return rep, err
	}
	rep.SharedTenants = shared
	return rep, tx.Done("", "import-inventory", "inventory", "inventory", map[string]string{
		"accounts": strconv.Itoa(rep.Accounts), "integrations": strconv.Itoa(rep.Integrations), "people": strconv.Itoa(rep.People),
	})
}

// importCampaign adds a campaign. One that exists keeps its terms: they change
// only by the command that also nudges whom the new dates touch.
func (tx *Tx) importCampaign(c InventoryCampaign) error {
	_, err := tx.Campaigns().Get(c.ID)
	if err == nil || !domain.IsNotFound(err) {
		return err
	}
	return tx.Campaigns().Insert(&domain.Campaign{
		ID: c.ID, Name: c.Name, Region: c.Region, Product: domain.ProductDirectorySync, Version: 1,
		Terms: c.Terms, CreatedAt: tx.At(), UpdatedAt: tx.At(),
	})
}

func (tx *Tx) importAccount(a InventoryAccount) error {
	if err := tx.notDeleted(a.ID); err != nil {
		return err
	}
	row := domain.Account{ID: a.ID, Name: a.Name, Region: a.Region, TimeZone: a.TimeZone, Domains: a.Domains, CreatedAt: tx.At()}
	old, err := tx.Accounts().Get(a.ID)
	switch {
	case err == nil:
		row.CreatedAt = old.CreatedAt
		err = tx.Accounts().Update(&row)
	case domain.IsNotFound(err):
		err = tx.Accounts().Insert(&row)
	}
	if err != nil {
		return err
	}
	if _, err := tx.Contacts().Delete(By(Where{"account_id": a.ID})); err != nil {
		return err
	}
	for _, c := range a.Contacts {
		if err := tx.Contacts().Insert(&domain.Contact{ID: domain.NewID("con"), AccountID: a.ID, Name: c.Name, Email: c.Email}); err != nil {
			return err
		}
	}
	return tx.Done(a.ID, "import-account", "account", a.ID, nil)
}

// invite gives an identity a role; one that is there already keeps its id.
func (tx *Tx) invite(p InventoryPerson, accountID string, role domain.Role) error {
	person, err := tx.personOf(p.Issuer, p.Subject, p.Name)
	if err != nil {
		return err
	}
	n, err := tx.Grants().Count(By(Where{"person_id": person.ID, "account_id": accountID, "role": role}))
	if err != nil || n > 0 {
		return err
	}
	grant := domain.Grant{ID: domain.NewID("grt"), PersonID: person.ID, AccountID: accountID, Role: role, GrantedAt: tx.At(), GrantedBy: tx.Caller.ID}
	if err := tx.Grants().Insert(&grant); err != nil {
		return err
	}
	return tx.Done(accountID, "invite-person", "person", person.ID, map[string]string{"role": string(role)})
}

func (tx *Tx) importIntegration(a InventoryAccount, in InventoryIntegration, sealed []byte) error {
	row, err := tx.Integrations().Get(in.ID)
	switch {
	case err == nil && row.AccountID != a.ID:
		return domain.Refuse(domain.Conflict, "integration-elsewhere", "Integration %s belongs to another account.", in.ID)
	case err == nil && row.Frozen:
		// Its migration is open: settings stay as they are until it ends.
	case err == nil:
		row.Name, row.Schedule, row.Settings = in.Name, in.Schedule, in.Settings
		err = tx.Integrations().Update(&row)
	case domain.IsNotFound(err):
		row = domain.Integration{
			ID: in.ID, AccountID: a.ID, Name: in.Name, TenantID: strings.ToLower(in.TenantID), TenantDomain: in.TenantDomain,
			Product: domain.ProductDirectorySync, Binding: domain.BoundLegacy, Epoch: 1, Settings: in.Settings, Schedule: in.Schedule,
			Condition: domain.ConditionOK, NextDueAt: tx.At(), CreatedAt: tx.At(),
		}
		err = tx.Integrations().Insert(&row)
	}
	if err != nil {
		return err
	}
	if err := tx.importLegacyApp(in, sealed); err != nil {
		return err
	}
	return tx.Done(a.ID, "import-integration", "integration", in.ID, nil)
}

// importLegacyApp stores the registration and, when a value came along, a new
// sealed secret under a new id. The old sealed value is dropped at once.
func (tx *Tx) importLegacyApp(in InventoryIntegration, sealed []byte) error {
	app := domain.LegacyApp{ID: in.ID, ClientID: strings.ToLower(in.LegacyApp.ClientID), Name: in.LegacyApp.Name, SecretEndsAt: in.LegacyApp.SecretEndsAt}
	old, err := tx.LegacyApps().Get(in.ID)
	if err != nil && !domain.IsNotFound(err) {
		return err
	}
	known := err == nil
	if known && !old.DestroyedAt.IsZero() {
		return nil // migrated and its secret destroyed: an old inventory brings it back no more
	}
	app.SecretRef = old.SecretRef
	if sealed != nil {
		secret := domain.Secret{ID: domain.NewID("sec"), Sealed: sealed, CreatedAt: tx.At()}
		if err := tx.Secrets().Insert(&secret); err != nil {
			return err
		}
		if old.SecretRef != "" {
			if _, err := tx.Secrets().Delete(By(Where{"id": old.SecretRef})); err != nil {
				return err
			}
		}
		app.SecretRef = secret.ID
	}
	if known {
		return tx.LegacyApps().Update(&app)
	}
	return tx.LegacyApps().Insert(&app)
}

// flagSharedTenants marks every integration whose tenant another account reads
// too: each of those accounts must prove the tenant its own.
func (tx *Tx) flagSharedTenants() ([]string, error) {
	all, err := tx.Integrations().List(Query{Order: []string{"tenant_id", "id"}})
	if err != nil {
		return nil, err
	}
	owner, shared := map[string]string{}, map[string]bool{}
	for _, i := range all {
		if first, ok := owner[i.TenantID]; ok && first != i.AccountID {
			shared[i.TenantID] = true
		} else if !ok {
			owner[i.TenantID] = i.AccountID
		}
	}
	tenants := []string{}
	for _, i := range all {
		if shared[i.TenantID] && !slices.Contains(tenants, i.TenantID) {
			tenants = append(tenants, i.TenantID)
		}
		if i.SharedTenant != shared[i.TenantID] {
			i.SharedTenant = shared[i.TenantID]
			if err := tx.Integrations().Update(&i); err != nil {
				return nil, err
			}
		}
	}
	return tenants, nil
}
