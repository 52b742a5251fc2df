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
	users, err := t.usersOf(tenantID)
	if err != nil {
		return nil, err
	}
	var allowed []string
	decided, err := t.Rows.TenantUses().List(By(Where{"tenant_id": tenantID}))
	for _, u := range decided {
		allowed = append(allowed, u.AccountID)
	}
	return consent.CheckTenantUse(accountID, users, allowed), err
}

// usersOf lists whose integrations or connectors are in a tenant, each as often as
// it has some.
func (t *Tx) usersOf(tenantID string) (accounts []string, err error) {
	integrations, err := t.Rows.Integrations().List(By(Where{"tenant_id": tenantID}))
	if err != nil {
		return nil, err
	}
	connectors, err := t.Rows.Connectors().List(By(Where{"tenant_id": tenantID, "disconnected_at": domain.Instant{}}))
	for _, i := range integrations {
		accounts = append(accounts, i.AccountID)
	}
	for _, c := range connectors {
		accounts = append(accounts, c.AccountID)
	}
	return accounts, err
}

func tenantUseID(tenantID, accountID string) string { return tenantID + "/" + accountID }

// AllowTenantUse is an operator's decision that these accounts share a tenant.
// It proves nothing for any of them: each still needs its own consent session. A
// session that waits for nothing but this decision, because an administrator has
// signed in for it, is looked at by the next sweep.
func (s *Service) AllowTenantUse(ctx context.Context, caller domain.Caller, tenantID string, accountIDs []string, reason string) ([]domain.TenantUse, error) {
	return Do(ctx, s, caller, "", "allow-tenant-use", tenantID, func(tx *Tx) ([]domain.TenantUse, error) {
		if err := tx.operatorsOnly("tenant"); err != nil {
			return nil, err
		}
		tenantID := strings.ToLower(tenantID)
		reason, senseless := cleanReason(reason)
		if reason == "" && senseless == nil {
			senseless = domain.InvalidField("reason", "Enter a reason")
		}
		var nobody error
		if len(accountIDs) == 0 {
			nobody = domain.InvalidField("accountIds", "List at least one account")
		}
		if err := domain.Mistakes(guid("tenantId", tenantID), nobody, senseless); err != nil {
			return nil, err
		}
		slices.Sort(accountIDs)
		accountIDs = slices.Compact(accountIDs)
		if err := tx.allUse(tenantID, accountIDs); err != nil {
			return nil, err
		}
		var uses []domain.TenantUse
		for _, id := range accountIDs {
			use, err := tx.allowUse(tenantID, id, reason)
			if err != nil {
				return nil, err
			}
			uses = append(uses, use)
		}
		return uses, nil
	})
}

// allUse refuses accounts that have nothing in the tenant: a slip in an id would
// otherwise pass for a decision, and the customer would wait on.
func (t *Tx) allUse(tenantID string, accountIDs []string) error {
	for _, id := range accountIDs {
		if _, err := t.Rows.Accounts().Get(id); err != nil {
			return notHere("account", err)
		}
	}
	users, err := t.usersOf(tenantID)
	if err != nil {
		return err
	}
	slices.Sort(users)
	users = slices.Compact(users)
	if len(users) == 0 {
		return domain.InvalidField("tenantId", "No account has an integration or a connector in the tenant %s. Nothing was decided", tenantID)
	}
	for _, id := range accountIDs {
		if !slices.Contains(users, id) {
			return domain.InvalidField("accountIds", "The account %s has no integration and no connector in the tenant %s; these have: %s. Nothing was decided", id, tenantID, strings.Join(users, ", "))
		}
	}
	return nil
}

// allowUse writes the decision for one account. Decided again for another reason,
// the newer one counts; for the same, it is what it was.
func (t *Tx) allowUse(tenantID, accountID, reason string) (domain.TenantUse, error) {
	use := domain.TenantUse{ID: tenantUseID(tenantID, accountID), TenantID: tenantID, AccountID: accountID, Reason: reason, DecidedBy: t.Caller.ID, DecidedAt: t.At()}
	if err := t.goOnSharing(tenantID, accountID); err != nil {
		return use, err
	}
	known, err := t.Rows.TenantUses().Get(use.ID)
	switch {
	case err == nil && known.Reason == reason:
		return known, nil
	case err == nil:
		err = t.Rows.TenantUses().Update(&use)
	case domain.IsNotFound(err):
		err = t.Rows.TenantUses().Insert(&use)
	}
	if err != nil {
		return use, err
	}
	// The words may name people, so they stand in the row; that they were these
	// shows in the chain, also when a later decision has other ones.
	return use, t.Done(accountID, "allow-tenant-use", "account", accountID, map[string]string{"tenant": tenantID, "reasonDigest": consent.Hash(reason)})
}

// goOnSharing takes back from what waited for the decision that it waits, and
// asks for a consent again where none is kept.
func (t *Tx) goOnSharing(tenantID, accountID string) error {
	waiting, err := t.Rows.Migrations().List(Query{
		Where: Where{"account_id": accountID, "open": true, "phase": domain.AwaitingConsent, "consent_code": consent.CodeTenantShared}, Order: []string{"started_at", "id"},
	})
	if err != nil {
		return err
	}
	for _, m := range waiting {
		i, err := t.Rows.Integrations().Get(m.IntegrationID)
		if err != nil {
			return err
		}
		if i.TenantID != tenantID {
			continue
		}
		if err := t.goOnWithConsent(m, i); err != nil {
			return err
		}
	}
	lost, err := t.Rows.Connectors().List(By(Where{"account_id": accountID, "tenant_id": tenantID, "reconnect_code": consent.CodeTenantShared}))
	if err != nil {
		return err
	}
	for _, c := range lost {
		c.ReconnectCode, c.ReconnectText, c.UpdatedAt = "", "", t.At()
		if err := t.Rows.Connectors().Update(&c); err != nil {
			return err
		}
		if err := t.Notify(allowedAgain(c.AccountID, "", c.ID, c.Name)); err != nil {
			return err
		}
		if err := t.Changed(c.AccountID, "connector", c.ID, "tenant-allowed"); err != nil {
			return err
		}
	}
	return nil
}

// goOnWithConsent lets a migration go on that waited for the decision: by the
// consent that is kept for it, at the next sweep, or by another one.
func (t *Tx) goOnWithConsent(m domain.Migration, i domain.Integration) error {
	kept, err := t.keptConsents(m.ID)
	if err != nil {
		return err
	}
	for _, cs := range kept {
		cs.NextCheckAt = t.At()
		if err := t.ConsentSessions().Update(&cs); err != nil {
			return err
		}
	}
	if len(kept) == 0 {
		if err := t.Notify(allowedAgain(m.AccountID, m.ID, m.ID, i.Name)); err != nil {
			return err
		}
	}
	if err := t.consentAnswered(&m, "", ""); err != nil {
		return err
	}
	return t.Changed(m.AccountID, "migration", m.ID, "tenant-allowed")
}

// keptConsents lists the sessions of a migration that lack nothing but an
// operator's decision about the tenant and are looked at again by themselves.
func (t *Tx) keptConsents(migrationID string) ([]domain.ConsentSession, error) {
	return t.ConsentSessions().List(By(Where{"migration_id": migrationID, "code": consent.CodeTenantShared, "next_check_at >": domain.Instant{}}))
}

// keepForDecision keeps what an administrator has proven by signing in, where
// only the decision about the tenant is missing: nobody has to come back for it.
// A connector keeps nothing; it is reconnected again. The caller writes the row.
func (t *Tx) keepForDecision(cs *domain.ConsentSession, id consent.Identity, refusal *consent.Refusal) {
	if cs.MigrationID == "" {
		return
	}
	refusal.Sentence += " You need not come back: once it is confirmed, your consent counts and we go on by ourselves."
	cs.VerifiedTenant, cs.VerifiedObject, cs.VerifiedRoles = id.TenantID, id.ObjectID, id.Roles
	t.waitForApproval(cs)
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
		Body: fmt.Sprintf("Another account uses the tenant %s, too. If both may, decide it: consentry tenant allow %s --account %s --reason …; what happens then, consentry explain says.", tenant, tenant, account),
	})
}

// allowedAgain tells an account that its administrator can consent now.
func allowedAgain(accountID, migrationID, subject, name string) domain.Notice {
	return domain.Notice{
		AccountID: accountID, MigrationID: migrationID, Key: "tenant-allowed/" + subject, Kind: "tenant-allowed", Title: name + " can be connected now",
		Body: "We have confirmed that you share the tenant with another account. An administrator of the tenant consents once more, and it goes on.",
	}
}
