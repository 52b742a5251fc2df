package service

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"consentry/internal/consent"
	"consentry/internal/domain"
)

// tenantUse holds the account against the others that use its tenant: a tenant of
// several needs an operator's decision that lists this account.
func (t *Tx) tenantUse(accountID, tenantID string) (*consent.Refusal, error) {
	integrations, err := t.Rows.Integrations().List(By(Where{"tenant_id": tenantID}))
	if err != nil {
		return nil, err
	}
	connectors, err := t.Rows.Connectors().List(By(Where{"tenant_id": tenantID, "disconnected_at": domain.Instant{}}))
	if err != nil {
		return nil, err
	}
	var users, allowed []string
	for _, i := range integrations {
		users = append(users, i.AccountID)
	}
	for _, c := range connectors {
		users = append(users, c.AccountID)
	}
	decided, err := t.Rows.TenantUses().List(By(Where{"tenant_id": tenantID}))
	for _, u := range decided {
		allowed = append(allowed, u.AccountID)
	}
	return consent.CheckTenantUse(accountID, users, allowed), err
}

// AllowTenantUse is an operator's decision that these accounts share a tenant.
// It proves nothing for any of them: each still needs its own consent session.
func (s *Service) AllowTenantUse(ctx context.Context, caller domain.Caller, tenantID string, accountIDs []string, reason string) ([]domain.TenantUse, error) {
	return Do(ctx, s, caller, "", "allow-tenant-use", tenantID, func(tx *Tx) ([]domain.TenantUse, error) {
		if err := tx.operatorsOnly("tenant"); err != nil {
			return nil, err
		}
		tenantID, reason := strings.ToLower(tenantID), strings.TrimSpace(reason)
		switch {
		case !consent.IsTenantID(tenantID):
			return nil, domain.InvalidField("tenantId", "The tenant is named by its id, a GUID")
		case len(accountIDs) == 0:
			return nil, domain.InvalidField("accountIds", "List at least one account")
		case reason == "":
			return nil, domain.InvalidField("reason", "Enter a reason")
		}
		slices.Sort(accountIDs)
		var uses []domain.TenantUse
		for _, id := range slices.Compact(accountIDs) {
			if _, err := tx.Rows.Accounts().Get(id); err != nil {
				return nil, err
			}
			use := domain.TenantUse{ID: tenantID + "/" + id, TenantID: tenantID, AccountID: id, Reason: reason, DecidedBy: caller.ID, DecidedAt: tx.At()}
			known, err := tx.Rows.TenantUses().Get(use.ID)
			switch {
			case err == nil:
				uses = append(uses, known)
				continue
			case !domain.IsNotFound(err):
				return nil, err
			}
			if err := tx.Rows.TenantUses().Insert(&use); err != nil {
				return nil, err
			}
			if err := tx.Done(id, "allow-tenant-use", "account", id, map[string]string{"tenant": tenantID}); err != nil {
				return nil, err
			}
			uses = append(uses, use)
		}
		return uses, nil
	})
}

// tellTenantShared tells the vendor's operators, once an attempt, that a customer
// waits for their decision. It names ids only, and belongs to no account.
func (t *Tx) tellTenantShared(c consentSubject) error {
	var account, tenant, subject string
	if c.connector != nil {
		account, tenant, subject = c.connector.AccountID, c.connector.TenantID, c.connector.ID
	} else {
		i, err := t.Rows.Integrations().Get(c.migration.IntegrationID)
		if err != nil {
			return err
		}
		account, tenant, subject = i.AccountID, i.TenantID, c.migration.ID
	}
	return t.Notify(domain.Notice{
		Key: "tenant-shared/" + subject, Kind: "tenant-shared", Title: "Account " + account + " waits for a decision about tenant " + tenant,
		Body: fmt.Sprintf("Another account uses the tenant %s, too. If both may, decide it: consentry tenant allow %s --account %s --reason …; the administrator consents again then.", tenant, tenant, account),
	})
}
