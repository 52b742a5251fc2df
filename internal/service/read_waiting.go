package service

import (
	"context"
	"time"

	"consentry/internal/campaign"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// WaitingMigration is a migration that goes on only when a person acts.
type WaitingMigration struct {
	Migration   domain.Migration
	Integration domain.Integration
	Account     domain.Account
	Status      string
	Who         string
	DateInForce time.Time // zero: none
}

// Waiting is a campaign's migrations that wait for a person.
type Waiting struct {
	Items []WaitingMigration
	Total int
	AsOf  time.Time
}

// personPhases are those that somebody has to end.
func personPhases() (names []string) {
	for _, p := range allPhases {
		if p.NeedsPerson() != "" {
			names = append(names, string(p))
		}
	}
	return names
}

// CampaignWaiting lists who is stuck in a campaign: first those whose date has
// passed, then those that have waited longest, at most limit of Total.
func (s *Service) CampaignWaiting(ctx context.Context, caller domain.Caller, campaignID string, limit int) (w Waiting, err error) {
	err = s.Read(ctx, caller, func(t *Tx) error {
		if err := t.operatorsOnly("campaign"); err != nil {
			return err
		}
		c, err := t.Rows.Campaigns().Get(campaignID)
		if err != nil {
			return notHere("campaign", err)
		}
		w = Waiting{Items: []WaitingMigration{}, AsOf: t.Now}
		where := Where{"campaign_id": campaignID, "open": true, "phase": personPhases()}
		if w.Total, err = t.Rows.Migrations().Count(By(where)); err != nil {
			return err
		}
		rows, err := t.Rows.Migrations().List(Query{Where: where, Order: []string{"-overdue", "phase_since", "id"}, Limit: limit})
		for _, m := range rows {
			one := WaitingMigration{Migration: m, DateInForce: campaign.DateInForce(c, &m)}
			if one.Integration, err = t.Integrations().Get(m.IntegrationID); err != nil {
				return err
			}
			if one.Account, err = t.Accounts().Get(m.AccountID); err != nil {
				return err
			}
			facts := migration.Facts{Migration: m, Paused: c.Paused, InForce: one.DateInForce}
			one.Status = migration.Status(facts)
			facts.Bound = one.Integration.Binding == domain.BoundConnector
			situation := migration.Situation{Facts: facts, Campaign: true}
			if err := t.present(&situation, one.Integration, m); err != nil {
				return err
			}
			one.Who = migration.OutlookOf(situation).Who
			w.Items = append(w.Items, one)
		}
		return err
	})
	return w, err
}
