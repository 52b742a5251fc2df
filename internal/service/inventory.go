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

// InventoryAccount is one customer. ID is the vendor's own stable key. Domains and
// Contacts that are left out, nil, stay as they are; an empty list empties them.
type InventoryAccount struct {
	ID           string                 `json:"id"`
	Name         string                 `json:"name"`
	Region       string                 `json:"region"`
	TimeZone     string                 `json:"timeZone"`
	Domains      []string               `json:"domains,omitzero"`
	Contacts     []InventoryContact     `json:"contacts,omitzero"`
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
	SharedTenants []string       `json:"sharedTenants"` // of the inventory, read by several accounts: each must prove itself
	Repeated      bool           `json:"repeated"`      // of an import of before with the same key; nothing was changed now
	DryRun        bool           `json:"dryRun,omitempty"`
	AsOf          domain.Instant `json:"asOf"`

	rows []InventoryRow
	now  bool // not kept with the answer, so a repeat lacks it
}

// ImportInventory takes an inventory in, whole or not at all. Operators only. A
// refusal names the fields that make no sense by their paths.
func (s *Service) ImportInventory(ctx context.Context, caller domain.Caller, key string, inv Inventory) (InventoryReport, error) {
	return s.ImportInventoryWith(ctx, caller, key, inv, ImportOptions{})
}

// ImportInventoryWith is ImportInventory with a say in what may be taken away.
func (s *Service) ImportInventoryWith(ctx context.Context, caller domain.Caller, key string, inv Inventory, how ImportOptions) (InventoryReport, error) {
	sealed, err := s.sealSecrets(ctx, caller, inv)
	if err != nil {
		s.auditRefusal(ctx, caller, "import-inventory", "inventory", err)
		return InventoryReport{}, err
	}
	if how.DryRun {
		return s.dryRun(ctx, caller, inv)
	}
	report, err := Do(ctx, s, caller, key, "import-inventory", "inventory", func(tx *Tx) (InventoryReport, error) {
		rep, err := tx.importInventory(inv, sealed)
		if err == nil && !how.Change {
			err = rep.mayTakeAway()
		}
		rep.now = true
		return rep, err
	})
	report.Repeated = err == nil && !report.now
	return report, err
}

// CheckInventory holds an inventory against the rules that need no look at what is
// there; the refusal has every breach with its path.
func (s *Service) CheckInventory(inv Inventory) error {
	return domain.Mistakes(inv.check(), s.served.inventory(inv))
}

// sealSecrets checks the inventory and seals its secrets before any transaction
// begins, because sealing may ask a key service over the network.
func (s *Service) sealSecrets(ctx context.Context, caller domain.Caller, inv Inventory) (map[string][]byte, error) {
	if !caller.Operator() {
		return nil, domain.Refuse(domain.Forbidden, "operator-needed", "Only an operator of the vendor may import an inventory.")
	}
	if err := s.CheckInventory(inv); err != nil {
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
	var wrong mistakes
	for n, c := range inv.Campaigns {
		if err := wrong.note(tx.importCampaign(&rep, indexed("campaigns", n), c)); err != nil {
			return rep, err
		}
		rep.Campaigns++
	}
	for _, p := range inv.Operators {
		if err := tx.invite(&rep, p, "", domain.RoleOperator); err != nil {
			return rep, err
		}
		rep.People++
	}
	for n, a := range inv.Accounts {
		if err := wrong.note(tx.importCustomer(&rep, indexed("accounts", n)+".", a, sealed)); err != nil {
			return rep, err
		}
	}
	if err := domain.Mistakes(wrong...); err != nil {
		return rep, err
	}
	shared, err := tx.flagSharedTenants()
	if err != nil {
		return rep, err
	}
	for _, tenant := range shared {
		if inv.reads(tenant) {
			rep.SharedTenants = append(rep.SharedTenants, tenant)
		}
	}
	return rep, tx.Done("", "import-inventory", "inventory", "inventory", map[string]string{
		"accounts": strconv.Itoa(rep.Accounts), "integrations": strconv.Itoa(rep.Integrations), "people": strconv.Itoa(rep.People),
	})
}

// importCustomer takes an account in with all that belongs to it.
func (tx *Tx) importCustomer(rep *InventoryReport, at string, a InventoryAccount, sealed map[string][]byte) error {
	if err := tx.importAccount(rep, a); err != nil {
		return err
	}
	rep.Accounts++
	for _, p := range a.People {
		if err := tx.invite(rep, p, a.ID, p.Role); err != nil {
			return err
		}
		rep.People++
	}
	var wrong mistakes
	for n, i := range a.Integrations {
		if err := wrong.note(tx.importIntegration(rep, indexed(at+"integrations", n)+".", a, i, sealed[i.ID])); err != nil {
			return err
		}
		rep.Integrations++
	}
	return domain.Mistakes(wrong...)
}

// mistakes are the fields that make no sense beside what is there; the import goes
// on to find them all, and keeps nothing then.
type mistakes []error

// note gives back what ends the import at once.
func (m *mistakes) note(err error) error {
	if domain.KindOf(err) != domain.Invalid {
		return err
	}
	*m = append(*m, err)
	return nil
}

// reads reports whether an integration of the inventory is in the tenant.
func (inv Inventory) reads(tenantID string) bool {
	return slices.ContainsFunc(inv.Accounts, func(a InventoryAccount) bool {
		return slices.ContainsFunc(a.Integrations, func(i InventoryIntegration) bool { return strings.EqualFold(i.TenantID, tenantID) })
	})
}

// importCampaign adds a campaign. One that exists keeps its terms: they change
// only by the command that also nudges whom the new dates touch.
func (tx *Tx) importCampaign(rep *InventoryReport, at string, c InventoryCampaign) error {
	old, err := tx.Campaigns().Get(c.ID)
	if err != nil && !domain.IsNotFound(err) {
		return err
	}
	if err == nil {
		note := ""
		if old.Name != c.Name || old.Region != c.Region || !old.Terms.Deadline.Equal(c.Terms.Deadline.Time) {
			note = "it is there already and stays as it is; its dates change with `consentry campaign`"
		}
		rep.known("campaign", c.ID, "", nil, note)
		return nil
	}
	if err := tx.checkDeadline(at+".terms.deadline", domain.Instant{}, c.Terms.Deadline); err != nil {
		return err
	}
	rep.added("campaign", c.ID, "")
	return tx.Campaigns().Insert(&domain.Campaign{
		ID: c.ID, Name: c.Name, Region: c.Region, Product: domain.ProductDirectorySync, Version: 1,
		Terms: c.Terms, CreatedAt: tx.At(), UpdatedAt: tx.At(),
	})
}

func (tx *Tx) importAccount(rep *InventoryReport, a InventoryAccount) error {
	if err := tx.notDeleted(a.ID); err != nil {
		return err
	}
	row := domain.Account{ID: a.ID, Name: a.Name, Region: a.Region, TimeZone: a.TimeZone, Domains: a.Domains, CreatedAt: tx.At()}
	had, err := tx.Contacts().List(By(Where{"account_id": a.ID}))
	if err != nil {
		return err
	}
	old, err := tx.Accounts().Get(a.ID)
	switch {
	case err == nil:
		note := ""
		if old.Region != a.Region {
			if note, err = tx.changeRegion(old, a.Region); err != nil {
				return err
			}
		}
		if row.Domains == nil {
			row.Domains = old.Domains
		}
		rep.known("account", a.ID, "", accountDifferences(old, row, had, a.Contacts), note)
		row.CreatedAt = old.CreatedAt
		err = tx.Accounts().Update(&row)
	case domain.IsNotFound(err):
		rep.added("account", a.ID, "")
		err = tx.Accounts().Insert(&row)
	}
	if err != nil {
		return err
	}
	if err := tx.replaceContacts(a); err != nil {
		return err
	}
	return tx.Done(a.ID, "import-account", "account", a.ID, nil)
}

// replaceContacts leaves those that are there if the inventory leaves them out; an
// empty list is one.
func (tx *Tx) replaceContacts(a InventoryAccount) error {
	if a.Contacts == nil {
		return nil
	}
	if _, err := tx.Contacts().Delete(By(Where{"account_id": a.ID})); err != nil {
		return err
	}
	for _, c := range a.Contacts {
		if err := tx.Contacts().Insert(&domain.Contact{ID: domain.NewID("con"), AccountID: a.ID, Name: c.Name, Email: c.Email}); err != nil {
			return err
		}
	}
	return nil
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
