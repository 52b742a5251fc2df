package service

import (
	"context"
	"time"

	"consentry/internal/campaign"
	"consentry/internal/domain"
)

// MigrationRead is one migration with what was shown, asked and granted.
type MigrationRead struct {
	Migration   domain.Migration
	Integration domain.Integration
	Campaign    domain.Campaign
	DateInForce time.Time             // zero: no date is enforced
	Session     domain.ConsentSession // the latest; zero: nobody tried yet
	Connector   domain.Connector      // zero until it exists
	Proof       domain.Proof          // the one on the table; zero: none
	Legacy      domain.LegacyApp
	Secret      ViewSecret      // of the old app
	NoWayBack   string          // while migrated: why it cannot be rolled back now; "" = it can
	Decisions   []NamedDecision // the latest first
	Approval    NamedDecision   // once it has switched: whose word that was
}

// MigrationFilter narrows the list of migrations; empty fields do not.
type MigrationFilter struct {
	AccountID, IntegrationID, CampaignID string
	Phase                                domain.Phase
}

// Migrations lists migrations, the latest first.
func (s *Service) Migrations(ctx context.Context, caller domain.Caller, f MigrationFilter, p Page) (list List[domain.Migration], err error) {
	err = s.paged(ctx, caller, p, func(t *Tx) error {
		where, err := t.scope(f.AccountID)
		if err != nil {
			return err
		}
		narrow(where, map[string]string{"integration_id": f.IntegrationID, "campaign_id": f.CampaignID, "phase": string(f.Phase)})
		list, err = page(t, t.Rows.Migrations(), where, "started_at", p, func(m domain.Migration) place { return place{m.StartedAt, m.ID} })
		return err
	})
	return list, err
}

// named gives the row of an id, or none: most migrations have no connector and
// no proof yet, and then nothing is asked.
func named[T any](table Table[T], id string) (T, error) {
	if id == "" {
		var none T
		return none, nil
	}
	return optional(table.Get(id))
}

// decisionsOfRead is how many decisions a migration's answer carries.
const decisionsOfRead = 50

// Migration reads one, open or ended.
func (s *Service) Migration(ctx context.Context, caller domain.Caller, id string) (r MigrationRead, err error) {
	err = s.Read(ctx, caller, func(t *Tx) error {
		m, err := t.Rows.Migrations().Get(id)
		if err != nil || !caller.Sees(m.AccountID) {
			return notHere("migration", err)
		}
		r.Migration = m
		if r.Integration, err = t.Rows.Integrations().Get(m.IntegrationID); err != nil {
			return err
		}
		if r.Campaign, err = optional(t.Rows.Campaigns().Get(m.CampaignID)); err != nil {
			return err
		}
		r.DateInForce = campaign.DateInForce(r.Campaign, &m)
		t.asOfNow(&r.Migration, &r.Integration, r.Campaign)
		if r.Session, err = t.viewSession(Where{"migration_id": m.ID}); err != nil {
			return err
		}
		if r.Connector, err = named(t.Rows.Connectors(), m.ConnectorID); err != nil {
			return err
		}
		if r.Proof, err = named(t.Proofs(), m.ProofID); err != nil {
			return err
		}
		if r.Legacy, err = optional(t.LegacyApps().Get(m.IntegrationID)); err != nil {
			return err
		}
		if r.Secret, err = t.viewSecretOf(m, &r.Integration, r.Legacy); err != nil {
			return err
		}
		r.Legacy.SecretRef = ""
		if m.Phase == domain.Migrated {
			no, err := t.noWayBack(m)
			if err != nil {
				return err
			}
			if no != nil {
				r.NoWayBack = no.text
			}
		}
		decisions, err := t.Rows.Decisions().List(Query{Where: Where{"migration_id": m.ID}, Order: []string{"-given_at", "-id"}, Limit: decisionsOfRead})
		if err != nil {
			return err
		}
		if r.Decisions, err = t.decided(decisions); err != nil {
			return err
		}
		r.Approval, err = t.approvalOf(m)
		return err
	})
	if err != nil {
		return MigrationRead{}, err
	}
	return r, nil
}

// Notices lists what accounts were told, the latest first.
func (s *Service) Notices(ctx context.Context, caller domain.Caller, accountID, migrationID string, p Page) (list List[domain.Notice], err error) {
	err = s.paged(ctx, caller, p, func(t *Tx) error {
		where, err := t.scope(accountID)
		if err != nil {
			return err
		}
		narrow(where, map[string]string{"migration_id": migrationID})
		list, err = page(t, t.Rows.Notices(), where, "created_at", p, func(n domain.Notice) place { return place{n.CreatedAt, n.ID} })
		return err
	})
	return list, err
}
