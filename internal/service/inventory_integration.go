package service

import (
	"strings"

	"consentry/internal/domain"
)

// importIntegration adds an integration, or brings the settings of one up to
// date. Its tenant, and what has happened since, stay.
func (tx *Tx) importIntegration(rep *InventoryReport, at string, a InventoryAccount, in InventoryIntegration, sealed []byte) error {
	row, err := tx.Integrations().Get(in.ID)
	known := err == nil
	var d differences
	var notes []string
	if known {
		d = integrationDifferences(row, in)
		if row.TenantID != strings.ToLower(in.TenantID) || row.TenantDomain != in.TenantDomain {
			notes = append(notes, "its tenant stays "+row.TenantID+" ("+row.TenantDomain+"): another tenant is another integration")
		}
	}
	switch {
	case err == nil && row.AccountID != a.ID:
		return domain.Refuse(domain.Conflict, "integration-elsewhere", "Integration %s belongs to another account.", in.ID)
	case err == nil && row.Frozen:
		if len(d) > 0 {
			d, notes = nil, append(notes, "its migration is open: name, schedule and settings stay as they are until it ends")
		}
	case err == nil:
		row.Name, row.Schedule, row.Settings = in.Name, in.Schedule, in.Settings
		if err = tx.nameIsFree(at+"name", row); err == nil {
			err = tx.Integrations().Update(&row)
		}
	case domain.IsNotFound(err):
		row = domain.Integration{
			ID: in.ID, AccountID: a.ID, Name: in.Name, TenantID: strings.ToLower(in.TenantID), TenantDomain: in.TenantDomain,
			Product: domain.ProductDirectorySync, Binding: domain.BoundLegacy, Epoch: 1, Settings: in.Settings, Schedule: in.Schedule,
			Condition: domain.ConditionOK, NextDueAt: tx.At(), CreatedAt: tx.At(),
		}
		if err = tx.nameIsFree(at+"name", row); err == nil {
			err = tx.Integrations().Insert(&row)
		}
	}
	if err != nil {
		return err
	}
	old, err := optional(tx.LegacyApps().Get(in.ID))
	if err != nil {
		return err
	}
	if known && old.DestroyedAt.IsZero() && enteredLater(old, in.LegacyApp) {
		notes = append(notes, "a person entered a secret of its old app that ends later, and that one stays")
		in.LegacyApp.Secret, in.LegacyApp.SecretEndsAt, sealed = "", old.SecretEndsAt, nil
	}
	switch app := legacyDifferences(old, in.LegacyApp); {
	case !known:
		rep.added("integration", in.ID, a.ID)
	case !old.DestroyedAt.IsZero():
		notes = append(notes, "its old app is gone, and what is said of it does not count")
	default:
		d = append(d, app...)
	}
	if known {
		rep.known("integration", in.ID, a.ID, d, strings.Join(notes, "; "))
	}
	if err := tx.importLegacyApp(in, sealed); err != nil {
		return err
	}
	return tx.Done(a.ID, "import-integration", "integration", in.ID, nil)
}

// nameIsFree refuses a name that another integration of the account has.
func (tx *Tx) nameIsFree(field string, row domain.Integration) error {
	named, err := tx.Integrations().List(By(Where{"account_id": row.AccountID, "name": row.Name}))
	if err != nil {
		return err
	}
	for _, other := range named {
		if other.ID != row.ID {
			return domain.InvalidField(field, "The integration %q of this account has this name already. Choose another name, or rename that one first", other.ID)
		}
	}
	return nil
}

// enteredLater reports whether a person has replaced the secret since, so that an
// inventory of before must not bring the old one back.
func enteredLater(old domain.LegacyApp, in InventoryLegacyApp) bool {
	return !old.SecretEnteredAt.IsZero() && !in.SecretEndsAt.After(old.SecretEndsAt.Time)
}

// importLegacyApp stores the registration and, when a value came along, a new
// sealed secret under a new id. The old sealed value is dropped at once.
func (tx *Tx) importLegacyApp(in InventoryIntegration, sealed []byte) error {
	old, err := tx.LegacyApps().Get(in.ID)
	if err != nil && !domain.IsNotFound(err) {
		return err
	}
	known := err == nil
	if known && !old.DestroyedAt.IsZero() {
		return nil // migrated and its secret destroyed: an old inventory brings it back no more
	}
	app := old
	app.ID, app.ClientID, app.Name, app.SecretEndsAt = in.ID, strings.ToLower(in.LegacyApp.ClientID), in.LegacyApp.Name, in.LegacyApp.SecretEndsAt
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
		app.SecretRef, app.SecretEnteredAt = secret.ID, domain.Instant{}
		app.ProbedAt, app.ProbeVerdict, app.ProbeCode = domain.Instant{}, "", ""
	}
	if known {
		return tx.LegacyApps().Update(&app)
	}
	return tx.LegacyApps().Insert(&app)
}
