package service

import (
	"context"
	"strconv"
	"time"

	"consentry/internal/campaign"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// CampaignChange is a new edition of a campaign's terms. Version names the
// edition it was made from: one that somebody else changed meanwhile is refused.
type CampaignChange struct {
	Version int64
	Terms   domain.CampaignTerms
	Paused  bool
}

// ChangeCampaign changes dates, durations, kill-switch or pause. Timers that are
// set later than they should be now are nudged, and so are attempts that the old
// edition held back; all others read the new edition when their timer fires.
// Operators only.
func (s *Service) ChangeCampaign(ctx context.Context, caller domain.Caller, campaignID string, change CampaignChange) (domain.Campaign, error) {
	return Do(ctx, s, caller, "", "change-campaign", campaignID, func(tx *Tx) (domain.Campaign, error) {
		if !caller.Operator() {
			return domain.Campaign{}, domain.Refuse(domain.Forbidden, "operator-needed", "Only an operator of the vendor may change a campaign.")
		}
		c, err := tx.Rows.Campaigns().Get(campaignID)
		if err != nil {
			return c, notHere("campaign", err)
		}
		if change.Version != c.Version {
			return c, domain.Refuse(domain.Conflict, "campaign-changed", "Somebody changed this campaign at %s. Check the new values and try again.", c.UpdatedAt.UTC().Format("2 January 2006 15:04 UTC"))
		}
		err = domain.Mistakes(checkTerms("terms.", change.Terms), tx.checkDeadline("terms.deadline", c.Terms.Deadline, change.Terms.Deadline))
		if err != nil {
			return c, err
		}
		c.Version, c.Terms, c.Paused, c.UpdatedAt = c.Version+1, change.Terms, change.Paused, tx.At()
		if err := tx.Rows.Campaigns().Update(&c); err != nil {
			return c, err
		}
		nudged, err := tx.nudge(c)
		if err != nil {
			return c, err
		}
		if err := tx.markUnattended(c); err != nil {
			return c, err
		}
		return c, tx.Done("", "change-campaign", "campaign", c.ID, map[string]string{
			"version": strconv.FormatInt(c.Version, 10), "paused": strconv.FormatBool(c.Paused), "nudged": strconv.Itoa(nudged),
		})
	})
}

// checkDeadline bounds a new deadline. One in the past would stop every customer
// who has not moved in this moment, without a reminder. The present one may stay
// whatever it is, so that a campaign past its date can still be changed.
func (t *Tx) checkDeadline(field string, present, asked domain.Instant) error {
	switch {
	case asked.IsZero(), asked.Equal(present.Time): // that it is missing is said by checkTerms
		return nil
	case asked.Due(t.Now):
		return domain.InvalidField(field, "The deadline %s has passed already, and everybody who has not moved would stop at once. Choose one that lies ahead", at(asked))
	case asked.After(t.Now.Add(extensionMax)):
		return domain.InvalidField(field, "The deadline %s is too far away. Choose one by %s", at(asked), at(t.In(extensionMax)))
	}
	return nil
}

// nudge tells the attempts whose timer would ring too late, or that wait for a
// date to change.
func (t *Tx) nudge(c domain.Campaign) (int, error) {
	open, err := t.Rows.Migrations().List(Query{Where: Where{"campaign_id": c.ID, "open": true}, Order: []string{"id"}})
	if err != nil {
		return 0, err
	}
	n := 0
	for _, m := range open {
		if !nudgedBy(c, m, t.Now) {
			continue
		}
		n++
		err := t.Call(domain.CallSignal, m.AccountID, contract.MigrationID(m.IntegrationID), contract.SignalDatesChanged,
			m.ID+"/"+strconv.FormatInt(c.Version, 10), contract.DatesChanged{AttemptID: m.ID, CampaignVersion: c.Version})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// markUnattended brings the integrations up to the campaign's new edition that no
// open attempt looks after: there is no timer that would.
func (t *Tx) markUnattended(c domain.Campaign) error {
	accounts, err := t.Rows.Accounts().List(By(Where{"region": c.Region}))
	if err != nil {
		return err
	}
	ids := make([]string, 0, len(accounts))
	for _, a := range accounts {
		ids = append(ids, a.ID)
	}
	legacy, err := t.Rows.Integrations().List(Query{Where: Where{"account_id": ids, "product": c.Product, "binding": domain.BoundLegacy}, Order: []string{"id"}})
	if err != nil {
		return err
	}
	for _, i := range legacy {
		m, by, err := t.enforcedBy(i)
		if err != nil {
			return err
		}
		if by == nil || by.ID != c.ID || m != nil && m.Open {
			continue
		}
		if err := t.markStopped(&i, campaign.MaySync(i, by, m, t.Now)); err != nil {
			return err
		}
	}
	return nil
}

// nudgedBy reports whether an attempt has to hear of the campaign's new edition
// at once: its timer is set to nothing or to later than what now comes first, or
// it is overdue and may no longer be.
func nudgedBy(c domain.Campaign, m domain.Migration, now time.Time) bool {
	if !migration.BeforeCutOver(m.Phase) {
		return false
	}
	d := campaign.Read(c, m, now)
	if m.Overdue != d.Overdue {
		return true
	}
	return !d.NextAt.IsZero() && (m.ArmedFor.IsZero() || d.NextAt.Before(m.ArmedFor.Time))
}
