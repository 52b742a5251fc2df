package service

import (
	"context"

	"consentry/internal/campaign"
	"consentry/internal/domain"
)

// BeginConsent opens a consent session for a migration and answers an address
// that binds the first browser that opens it. An earlier session that the same
// person left open ends; those of others go on until one of them is verified.
func (s *Service) BeginConsent(ctx context.Context, caller domain.Caller, migrationID string) (ConsentStart, error) {
	return Do(ctx, s, caller, "", "begin-consent", migrationID, func(tx *Tx) (ConsentStart, error) {
		m, err := tx.migrationFor(migrationID, domain.RoleMigrate)
		if err != nil {
			return ConsentStart{}, err
		}
		if refusal := waitsForConsent(m); refusal != nil {
			return ConsentStart{}, refusal
		}
		integration, err := tx.Rows.Integrations().Get(m.IntegrationID)
		if err != nil {
			return ConsentStart{}, err
		}
		cell, err := tx.cellFor(integration, m.Region)
		if err != nil {
			return ConsentStart{}, err
		}
		if err := tx.noteConsentBegan(&m); err != nil {
			return ConsentStart{}, err
		}
		return tx.beginConsent(domain.ConsentSession{AccountID: m.AccountID, MigrationID: m.ID, TenantID: integration.TenantID, CellID: cell.ID}, "begin-consent")
	})
}

// noteConsentBegan keeps when consent was last begun. A beginning before the
// date in force is what opens the grace after it, so a later try does not
// overwrite it.
func (t *Tx) noteConsentBegan(m *domain.Migration) error {
	c, err := optional(t.Rows.Campaigns().Get(m.CampaignID))
	if err != nil {
		return err
	}
	date := campaign.DateInForce(c, m)
	passed := !date.IsZero() && !t.Now.Before(date)
	if passed && !m.ConsentBeganAt.IsZero() && m.ConsentBeganAt.Before(date) {
		return nil
	}
	m.ConsentBeganAt, m.UpdatedAt = t.At(), t.At()
	return t.Rows.Migrations().Update(m)
}

// migrationFor gives a migration that the caller may act on in the role.
func (t *Tx) migrationFor(id string, role domain.Role) (domain.Migration, error) {
	m, err := t.Rows.Migrations().Get(id)
	if err != nil || !t.Caller.Sees(m.AccountID) {
		return domain.Migration{}, notHere("migration", err)
	}
	if err := t.notDeleted(m.AccountID); err != nil {
		return domain.Migration{}, err
	}
	if !t.Caller.Has(role, m.AccountID) {
		return domain.Migration{}, domain.Refuse(domain.Forbidden, "role-needed", "This needs the role %q in the account. Ask somebody who has it.", role)
	}
	return m, nil
}

// waitsForConsent says why a migration does not take a consent now.
func waitsForConsent(m domain.Migration) *domain.Error {
	switch {
	case m.Phase.Ended():
		return domain.Refuse(domain.Gone, "migration-ended", "This migration has ended. Nothing is left to consent to.")
	case m.Phase == domain.ConfirmingConsent:
		return domain.Refuse(domain.Conflict, "consent-not-awaited", "A consent is being checked with real calls right now. If it turns out not to be there, this page asks for it again.")
	case m.Phase != domain.AwaitingConsent:
		return domain.Refuse(domain.Conflict, "consent-not-awaited", "This migration already has its consent and goes on by itself. Nothing more has to be consented.")
	}
	return nil
}

// cellFor picks the app registration that the tenant is asked to consent to: the
// one of the connector that exists already, else one of the region, else any.
func (t *Tx) cellFor(i domain.Integration, region string) (domain.Cell, error) {
	known, err := optional(t.Rows.Connectors().Find(By(Where{"account_id": i.AccountID, "tenant_id": i.TenantID, "product": i.Product, "disconnected_at": domain.Instant{}})))
	if err != nil {
		return domain.Cell{}, err
	}
	if known.CellID != "" {
		return t.Rows.Cells().Get(known.CellID)
	}
	cells, err := t.Rows.Cells().List(Query{Order: []string{"created_at", "id"}})
	if err == nil {
		cells, err = t.signing(cells)
	}
	if err != nil {
		return domain.Cell{}, err
	}
	if len(cells) == 0 {
		return domain.Cell{}, domain.Refuse(domain.Unavailable, "no-cell", "Our application is not registered yet, so there is nothing to consent to. We have to do this; synchronization goes on as before.")
	}
	for _, c := range cells {
		if c.Region == region {
			return c, nil
		}
	}
	return cells[0], nil
}

// signing keeps the cells that had a certificate in use: one that was only added
// is not to be consented to yet.
func (t *Tx) signing(cells []domain.Cell) (in []domain.Cell, err error) {
	for _, c := range cells {
		n, err := t.Rows.Credentials().Count(By(Where{"cell_id": c.ID, "activated_at >": domain.Instant{}}))
		if err != nil {
			return nil, err
		}
		if n > 0 {
			in = append(in, c)
		}
	}
	return in, nil
}

// endConsents ends open sessions that another one took the place of.
func (t *Tx) endConsents(q Query) error {
	open, err := t.ConsentSessions().List(q)
	if err != nil {
		return err
	}
	for _, cs := range open {
		if err := t.endConsent(&cs, domain.ConsentExpired, "superseded", "Another attempt took the place of this one."); err != nil {
			return err
		}
	}
	return nil
}

// endConsent ends a session: nothing that a browser still holds opens it again.
func (t *Tx) endConsent(cs *domain.ConsentSession, outcome domain.ConsentOutcome, code, text string) error {
	cs.Outcome, cs.Code, cs.Text, cs.EndedAt = outcome, code, text, t.At()
	spendLeg(cs)
	return t.ConsentSessions().Update(cs)
}

func spendLeg(cs *domain.ConsentSession) {
	cs.StateDigest, cs.StateExpiresAt, cs.Nonce, cs.SealedVerifier = "", domain.Instant{}, "", nil
}

// GrantConsent tells a migration that a verified session granted its consent:
// the fact that the verified callback tells by itself, as a command for consoles
// of others. Telling it again changes nothing; a session that is not verified
// for this very migration, or whose consent was checked and did not hold, grants
// nothing.
func (s *Service) GrantConsent(ctx context.Context, caller domain.Caller, migrationID, sessionID string) (domain.Migration, error) {
	return Do(ctx, s, caller, "", "grant-consent", migrationID, func(tx *Tx) (domain.Migration, error) {
		m, err := tx.migrationFor(migrationID, domain.RoleMigrate)
		if err != nil {
			return m, err
		}
		cs, err := tx.ConsentSessions().Get(sessionID)
		if err != nil || cs.AccountID != m.AccountID || cs.MigrationID != m.ID {
			return m, notHere("consent session", err)
		}
		switch {
		case m.Phase.Ended():
			return m, waitsForConsent(m)
		case cs.Outcome != domain.ConsentVerified:
			return m, domain.Refuse(domain.Conflict, "consent-not-verified", "That consent session is not verified: nobody with the needed role has signed in for it yet. Finish it in the browser.")
		case m.Phase == domain.AwaitingConsent || m.ConsentSession != cs.ID:
			return m, domain.Refuse(domain.Conflict, "consent-spent", "That consent was checked already and is not the one in use. Begin a new one if the migration still waits for it.")
		}
		return m, nil // told in the transaction that verified it
	})
}
