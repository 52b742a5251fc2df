package service

import (
	"cmp"
	"context"
	"slices"
	"time"

	"consentry/internal/campaign"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// WaitingMigration is a migration that goes on only when a person acts, or one
// that went over and whose connector has lost its consent since.
type WaitingMigration struct {
	Migration   domain.Migration
	Integration domain.Integration
	Account     domain.Account
	Status      string
	Who         string
	Since       time.Time // since when it waits
	DateInForce time.Time // zero: none, or it no longer matters

	still bool      // nothing is synchronized meanwhile, or soon will not be
	due   time.Time // by which it is put in its place
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
// passed and those whose connector lost its consent, then the others by their
// dates in force, and of one date who has waited longest; at most limit of Total.
//
// The rows are asked for in that order, too, because a campaign may have more than
// are read: all but those with a later date of their own have the campaign's.
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
		rows, err := t.Rows.Migrations().List(Query{Where: where, Order: []string{"-overdue", "deadline", "phase_since", "id"}, Limit: limit})
		if err != nil {
			return err
		}
		for _, m := range rows {
			w.Items = append(w.Items, WaitingMigration{Migration: m, Since: m.PhaseSince.Time, still: m.Overdue, due: campaign.DateInForce(c, &m)})
		}
		lost, err := t.lostIn(campaignID)
		if err != nil {
			return err
		}
		w.Total, w.Items = w.Total+len(lost), append(w.Items, lost...)
		slices.SortFunc(w.Items, mostUrgentFirst)
		w.Items = w.Items[:min(len(w.Items), limit)]
		for n := range w.Items {
			if err := t.waitingWords(c, &w.Items[n]); err != nil {
				return err
			}
		}
		return nil
	})
	return w, err
}

func mostUrgentFirst(a, b WaitingMigration) int {
	switch {
	case a.still && !b.still:
		return -1
	case b.still && !a.still:
		return 1
	}
	var byDate int
	if !a.still {
		byDate = compareDates(a.due, b.due)
	}
	return cmp.Or(byDate, a.Since.Compare(b.Since), cmp.Compare(a.Migration.ID, b.Migration.ID))
}

// waitingWords adds what is shown of one.
func (t *Tx) waitingWords(c domain.Campaign, one *WaitingMigration) (err error) {
	m := one.Migration
	if one.Integration, err = t.Integrations().Get(m.IntegrationID); err != nil {
		return err
	}
	if one.Account, err = optional(t.Accounts().Get(m.AccountID)); err != nil { // one that is being deleted loses its rows one after the other
		return err
	}
	s := migration.Situation{Campaign: true, Now: t.Now}
	s.Migration, s.Paused, s.InForce, s.Bound = m, c.Paused, campaign.DateInForce(c, &m), one.Integration.Binding == domain.BoundConnector
	if err := t.present(&s, one.Integration, m); err != nil {
		return err
	}
	one.Who = migration.OutlookOf(s).Who
	if s.NeedsConsentAgain() {
		one.Status = statusReconnect
		return nil
	}
	one.Status, one.DateInForce = migration.Status(s.Facts), s.InForce
	return nil
}

// lostIn lists the migrations of a campaign that went over and whose connector
// has lost its consent since, whether the attempt is over or not: somebody has to
// reconnect them, as the account's actions say, too.
func (t *Tx) lostIn(campaignID string) (lost []WaitingMigration, err error) {
	connectors, err := t.Connectors().List(By(Where{"condition": string(domain.ConditionError), "disconnected_at": domain.Instant{}, "reconnect_session": ""}))
	if err != nil {
		return nil, err
	}
	for _, c := range connectors {
		bound, err := t.boundTo(c)
		if err != nil {
			return nil, err
		}
		for _, i := range bound {
			m, err := optional(t.Rows.Migrations().Find(Query{Where: Where{"integration_id": i.ID}, Order: []string{"-open", "-started_at"}}))
			if err != nil {
				return nil, err
			}
			if m.CampaignID == campaignID && m.Phase.Switched() {
				lost = append(lost, WaitingMigration{Migration: m, Since: c.ConditionSince.Time, still: true})
			}
		}
	}
	return lost, nil
}
