package service

import (
	"context"

	"consentry/internal/campaign"
	"consentry/internal/contract"
	"consentry/internal/domain"
)

// StartMigration opens an attempt for an integration under the campaign of its
// region. One that is open already is the answer, so asking twice is harmless.
func (s *Service) StartMigration(ctx context.Context, caller domain.Caller, integrationID string) (domain.Migration, error) {
	return Do(ctx, s, caller, "", "start-migration", integrationID, func(tx *Tx) (domain.Migration, error) {
		i, err := tx.Rows.Integrations().Get(integrationID)
		if err != nil || !caller.Sees(i.AccountID) {
			return domain.Migration{}, notHere("integration", err)
		}
		if !caller.Operator() && !caller.Has(domain.RoleMigrate, i.AccountID) {
			return domain.Migration{}, domain.Refuse(domain.Forbidden, "role-needed", "This needs the role %q in the account. Ask somebody who has it.", domain.RoleMigrate)
		}
		c, err := tx.campaignFor(i)
		if err != nil {
			return domain.Migration{}, err
		}
		if c == nil {
			return domain.Migration{}, domain.Refuse(domain.Conflict, "no-campaign", "No campaign has been started for this region yet, so there is nothing to migrate to. Synchronization goes on as before.")
		}
		m, _, err := tx.openMigration(*c, i)
		return m, err
	})
}

// campaignFor gives the campaign that a migration of the integration would be
// opened in: the one whose date is in force for it now, because beginning, or
// beginning again, must not move a date that was promised. Where the account has
// gone to another region, or no date is in force, it is the one of the region
// that was started last. Nil: none was.
func (t *Tx) campaignFor(i domain.Integration) (*domain.Campaign, error) {
	account, err := t.Rows.Accounts().Get(i.AccountID)
	if err != nil {
		return nil, err
	}
	_, enforced, err := t.enforcedBy(i)
	if err != nil || enforced != nil && enforced.Region == account.Region {
		return enforced, err
	}
	c, err := optional(t.Rows.Campaigns().Find(Query{
		Where: Where{"region": account.Region, "product": i.Product, "started_at >": domain.Instant{}}, Order: []string{"-started_at", "id"}, Limit: 1,
	}))
	if err != nil || c.ID == "" {
		return nil, err
	}
	return &c, nil
}

// CampaignStart says what starting a campaign did.
type CampaignStart struct {
	Opened  int `json:"opened"`
	Already int `json:"already"` // open before
}

// StartCampaign opens an attempt for every legacy integration of the campaign's
// region and product. Starting it again opens attempts only where none is open.
// Operators only.
func (s *Service) StartCampaign(ctx context.Context, caller domain.Caller, campaignID string) (CampaignStart, error) {
	return Do(ctx, s, caller, "", "start-campaign", campaignID, func(tx *Tx) (CampaignStart, error) {
		var out CampaignStart
		if !caller.Operator() {
			return out, domain.Refuse(domain.Forbidden, "operator-needed", "Only an operator of the vendor may start a campaign.")
		}
		c, err := tx.Rows.Campaigns().Get(campaignID)
		if err != nil {
			return out, notHere("campaign", err)
		}
		if from := c.Terms.AvailableFrom; from.After(tx.Now) {
			return out, domain.Refuse(domain.Conflict, "not-available-yet", "The campaign is available from %s. Start it then.", from.UTC().Format("2 January 2006 15:04 UTC"))
		}
		if c.StartedAt.IsZero() {
			c.StartedAt, c.UpdatedAt = tx.At(), tx.At()
			if err := tx.Rows.Campaigns().Update(&c); err != nil {
				return out, err
			}
		}
		accounts, err := tx.Rows.Accounts().List(Query{Where: Where{"region": c.Region}, Order: []string{"id"}})
		if err != nil {
			return out, err
		}
		for _, a := range accounts {
			leaves, err := tx.leaves(a.ID)
			if err != nil {
				return out, err
			}
			if !leaves.IsZero() {
				continue
			}
			integrations, err := tx.Rows.Integrations().List(Query{
				Where: Where{"account_id": a.ID, "product": c.Product, "binding": domain.BoundLegacy}, Order: []string{"id"},
			})
			if err != nil {
				return out, err
			}
			for _, i := range integrations {
				_, opened, err := tx.openMigration(c, i)
				if err != nil {
					return out, err
				}
				if opened {
					out.Opened++
				} else {
					out.Already++
				}
			}
		}
		return out, tx.Done("", "start-campaign", "campaign", c.ID, nil)
	})
}

// extensionOf is the date of its own that the account was given in the latest
// attempt of the same campaign: cancelling or rolling back does not take it away.
func (t *Tx) extensionOf(c domain.Campaign, i domain.Integration) (domain.Instant, error) {
	last, err := optional(t.Rows.Migrations().Find(Query{Where: Where{"integration_id": i.ID, "campaign_id": c.ID}, Order: []string{"-started_at", "-id"}, Limit: 1}))
	return last.Deadline, err
}

// openMigration writes an attempt's rows and asks the engine to start its
// workflow, whose input carries the dates: its first task has nothing to ask.
func (t *Tx) openMigration(c domain.Campaign, i domain.Integration) (m domain.Migration, opened bool, err error) {
	m, err = t.Rows.Migrations().Find(By(Where{"integration_id": i.ID, "open": true}))
	if err == nil || !domain.IsNotFound(err) {
		return m, false, err
	}
	if i.Binding != domain.BoundLegacy {
		return m, false, domain.Refuse(domain.Conflict, "already-migrated", "The integration already synchronizes through a connector.")
	}
	leaves, err := t.leaves(i.AccountID)
	if err != nil {
		return m, false, err
	}
	if !leaves.IsZero() {
		return m, false, domain.Refuse(domain.Conflict, "account-leaves", "The account is to be deleted on %s, so no migration begins. Withdraw the deletion first.", noticeDate(leaves.Time))
	}
	m = domain.Migration{
		ID: domain.NewID("mig"), AccountID: i.AccountID, IntegrationID: i.ID, CampaignID: c.ID, Region: c.Region,
		Phase: domain.AwaitingConsent, PhaseSince: t.At(), PhaseSeq: 1, Open: true,
		StartedBy: t.Caller.ID, StartedAt: t.At(), UpdatedAt: t.At(),
	}
	if m.Deadline, err = t.extensionOf(c, i); err != nil {
		return m, false, err
	}
	// The message that opens the attempt stands for the rungs that have passed.
	m.RemindedRungs, m.RemindedFor = campaign.Reached(c, m, t.Now), domain.At(campaign.DateInForce(c, &m))
	if err := t.Rows.Migrations().Insert(&m); err != nil {
		return m, false, err
	}
	i.Frozen = true
	if err := t.Rows.Integrations().Update(&i); err != nil {
		return m, false, err
	}
	if err := t.Notify(actionsNeeded(m, i, campaign.DateInForce(c, &m))); err != nil {
		return m, false, err
	}
	dates, err := t.readDates(&m, c)
	if err != nil {
		return m, false, err
	}
	if err := t.keep(&m); err != nil {
		return m, false, err
	}
	if err := t.Done(m.AccountID, "start-migration", "migration", m.ID, map[string]string{"integration": i.ID, "campaign": c.ID}); err != nil {
		return m, false, err
	}
	return m, true, t.Call(domain.CallStart, m.AccountID, contract.MigrationID(i.ID), contract.MigrationWorkflow, m.ID, startOf(m, dates))
}

func startOf(m domain.Migration, d campaign.Dates) contract.MigrationInput {
	return contract.MigrationInput{
		AttemptID: m.ID, IntegrationID: m.IntegrationID, AccountID: m.AccountID, Region: m.Region, CampaignID: m.CampaignID, Dates: datesMessage(d),
	}
}
