package service

import (
	"context"
	"maps"

	"consentry/internal/domain"
)

// ViewMigration is the wizard's page: everything about one attempt.
type ViewMigration struct {
	ViewShell
	ViewTask
	Legacy    domain.LegacyApp
	Secret    ViewSecret       // of the old app
	Connector domain.Connector // the one it leads to; zero until it exists
	Cell      domain.Cell
	Session   domain.ConsentSession // the latest; zero: nobody tried yet
	Decision  domain.Decision       // the latest
	Proof     domain.Proof          // the one on the table; zero: none
	ProofUsed bool                  // a switch that was taken back used its reading up, so it is made again before the next
	Run       domain.SyncRun        // of this migration: the first sync while cutting over, else the shadow run
	People    map[string]string     // person id → name
	Deciders  []string              // who of the account may migrate
	Approvers []string              // who may approve as well
	Approval  NamedDecision         // once it has switched: whose word that was
	NoWayBack string                // while migrated: why it cannot be rolled back now; "" = it can
	// OldAppRefused is that Microsoft let the old app in no longer when it was asked
	// last; a roll-back asks anew.
	OldAppRefused string
	OpenID        string // the integration's open attempt, which need not be this one
}

// ViewMigration reads one migration, open or ended.
func (s *Service) ViewMigration(ctx context.Context, caller domain.Caller, id string) (ViewMigration, error) {
	var v ViewMigration
	err := s.Read(ctx, caller, func(tx *Tx) error {
		m, err := tx.Migrations().Get(id)
		if err != nil || !caller.Sees(m.AccountID) {
			return notHere("migration", err)
		}
		if v.ViewShell, err = tx.viewShell(m.AccountID); err != nil {
			return err
		}
		if v.ViewTask, err = tx.viewTask(m, map[string]domain.Campaign{}); err != nil {
			return err
		}
		return tx.viewMigrationRows(&v)
	})
	return v, err
}

func (t *Tx) viewMigrationRows(v *ViewMigration) (err error) {
	m := v.Migration
	if v.Legacy, err = optional(t.LegacyApps().Get(m.IntegrationID)); err != nil {
		return err
	}
	if v.Secret, err = t.viewSecretOf(m, &v.Integration, v.Legacy); err != nil {
		return err
	}
	v.Legacy.SecretRef = ""
	if m.Phase == domain.Migrated {
		no, err := t.noWayBack(m)
		if err != nil {
			return err
		}
		refused, err := t.oldAppRefused(m)
		if err != nil {
			return err
		}
		switch {
		case no != nil:
			v.NoWayBack = no.text
		case refused != nil:
			v.OldAppRefused = refused.text
		}
	}
	open, err := optional(t.Rows.Migrations().Find(By(Where{"integration_id": m.IntegrationID, "open": true})))
	if err != nil {
		return err
	}
	v.OpenID = open.ID
	if v.Session, err = t.viewSession(Where{"migration_id": m.ID}); err != nil {
		return err
	}
	if v.Connector, err = t.viewConnectorOf(m, v.Integration); err != nil {
		return err
	}
	cell := v.Connector.CellID
	if cell == "" {
		cell = v.Session.CellID
	}
	if v.Cell, err = optional(t.Cells().Get(cell)); err != nil {
		return err
	}
	latest := Query{Where: Where{"migration_id": m.ID}, Order: []string{"-given_at", "-id"}, Limit: 1}
	if v.Decision, err = optional(t.Decisions().Find(latest)); err != nil {
		return err
	}
	if v.Proof, err = optional(t.Proofs().Get(m.ProofID)); err != nil {
		return err
	}
	if m.Phase == domain.AwaitingApproval && v.Proof.ID != "" {
		held, err := t.readingHeld(v.Proof)
		if err != nil {
			return err
		}
		v.ProofUsed = !held
	}
	if v.Run, err = t.viewMigrationRun(m); err != nil {
		return err
	}
	if v.People, err = t.viewPeople(m.StartedBy, v.Session.PersonID, v.Decision.GivenBy); err != nil {
		return err
	}
	if v.Approval, err = t.approvalOf(m); err != nil {
		return err
	}
	if v.Deciders, err = t.viewHolders(m.AccountID, domain.RoleMigrate); err != nil {
		return err
	}
	v.Approvers, err = t.viewHolders(m.AccountID, domain.RoleApprove)
	return err
}

// viewSession gives a subject's latest consent session, the caller's own open
// one before others', without anything that a browser or the sign-in holds.
func (t *Tx) viewSession(of Where) (domain.ConsentSession, error) {
	latest := []string{"-created_at", "-id"}
	c, err := optional(t.ConsentSessions().Find(Query{Where: of, Order: latest}))
	if err == nil && c.ID != "" && (c.PersonID != t.Caller.ID || c.Outcome != domain.ConsentOpen) {
		own := maps.Clone(of)
		own["person_id"], own["outcome"] = t.Caller.ID, string(domain.ConsentOpen)
		var mine domain.ConsentSession
		if mine, err = optional(t.ConsentSessions().Find(Query{Where: own, Order: latest})); mine.ID != "" {
			c = mine
		}
	}
	c.StartDigest, c.CookieDigest, c.StateDigest, c.Nonce, c.SealedVerifier = "", "", "", "", nil
	return c, err
}

// viewConnectorOf gives the connector of the migration, or the one the account
// already has for the tenant and product, which a later migration reuses.
func (t *Tx) viewConnectorOf(m domain.Migration, i domain.Integration) (domain.Connector, error) {
	if m.ConnectorID != "" {
		return optional(t.Connectors().Get(m.ConnectorID))
	}
	return optional(t.Connectors().Find(By(Where{"account_id": m.AccountID, "tenant_id": i.TenantID, "product": i.Product, "disconnected_at": domain.Instant{}})))
}

func (t *Tx) viewMigrationRun(m domain.Migration) (domain.SyncRun, error) {
	purpose := domain.RunShadow
	if m.Phase == domain.CuttingOver || m.Phase.Switched() {
		purpose = domain.RunFirst
	}
	return optional(t.SyncRuns().Find(Query{
		Where: Where{"migration_id": m.ID, "purpose": string(purpose)}, Order: []string{"-started_at", "-id"}, Limit: 1,
	}))
}
