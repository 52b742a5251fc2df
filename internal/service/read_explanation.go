package service

import (
	"context"
	"time"

	"consentry/internal/campaign"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// Explanation answers why an integration is where it is: one sentence, and the
// facts it stands on. It is made of rows alone, so it names the date that is in
// force, whatever a timer of the engine is still set to.
type Explanation struct {
	Integration domain.Integration
	Migration   domain.Migration // the open attempt, else the latest; zero: there never was one
	Campaign    domain.Campaign  // zero: none
	Status      string           // the console's word
	Sentence    string
	Why         string
	Next        string
	NextAt      time.Time // zero: nothing happens by itself at a known time
	Who         string
	CanAct      []string               // names of the people who may, where they are ours to know
	DateInForce time.Time              // zero: none
	DateFrom    string                 // campaign, extension or none
	NeedsPerson bool                   // nothing goes on before somebody acts
	Deletion    domain.AccountDeletion // of the account, pending or begun; zero: it stays
	Facts       []Fact
	AsOf        time.Time
}

// Fact is one thing that is so, in words.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Explain reads why an integration is where it is.
func (s *Service) Explain(ctx context.Context, caller domain.Caller, integrationID string) (e Explanation, err error) {
	err = s.Read(ctx, caller, func(t *Tx) error {
		e.AsOf, e.DateFrom = t.Now.UTC(), "none"
		if e.Integration, err = t.Integrations().Get(integrationID); err != nil || !caller.Sees(e.Integration.AccountID) {
			return notHere("integration", err)
		}
		d, err := optional(t.Rows.AccountDeletions().Get(e.Integration.AccountID))
		if err != nil {
			return err
		}
		if d.State != domain.DeletionWithdrawn {
			e.Deletion = d
		}
		if d.Closed() { // its rows go one after the other
			e.outlook(migration.Situation{Now: t.Now, Left: d.BeganAt.Time})
			return nil
		}
		return t.explain(&e)
	})
	if err != nil {
		return Explanation{}, err
	}
	return e, nil
}

func (t *Tx) explain(e *Explanation) error {
	situation, err := t.situationOf(e)
	if err != nil {
		return err
	}
	role := e.outlook(situation)
	if role != "" {
		if e.CanAct, err = t.viewHolders(e.Integration.AccountID, role); err != nil {
			return err
		}
	}
	return t.facts(e)
}

// situationOf reads what the outlook is made of, and keeps of it in the
// explanation what is shown by itself.
func (t *Tx) situationOf(e *Explanation) (s migration.Situation, err error) {
	m, c, err := t.enforcedBy(e.Integration)
	if err == nil {
		_, err = t.integrationAsOfNow(&e.Integration)
	}
	if err == nil && m == nil && c == nil { // one whose date is not enforced is a campaign all the same
		c, err = t.campaignFor(e.Integration)
	}
	if err != nil {
		return s, err
	}
	if m != nil {
		e.Migration = *m
	}
	s.Name, s.Campaign, s.Now, s.Leaves = e.Integration.Name, c != nil, t.Now, e.Deletion.DueAt.Time
	if c != nil {
		e.Campaign, e.DateInForce, s.Paused = *c, campaign.DateInForce(*c, m), c.Paused
		s.InForce = e.DateInForce
		e.Migration.Overdue, s.Grace = t.overdue(e.Integration, c, m)
		switch {
		case e.DateInForce.IsZero():
		case m != nil && e.DateInForce.Equal(m.Deadline.Time):
			e.DateFrom = "extension"
		default:
			e.DateFrom = "campaign"
		}
	}
	s.Migration, s.Bound = e.Migration, e.Integration.Binding == domain.BoundConnector
	return s, t.present(&s, e.Integration, e.Migration)
}

// overdue reports whether the date in force has passed for the old app, and until
// when a consent that was begun in time holds that back. A timer that never rang
// has marked nothing, so it is read from the date itself.
func (t *Tx) overdue(i domain.Integration, c *domain.Campaign, m *domain.Migration) (bool, time.Time) {
	date := campaign.DateInForce(*c, m)
	if i.Binding != domain.BoundLegacy || date.IsZero() || t.Now.Before(date) {
		return false, time.Time{}
	}
	return true, campaign.MaySync(i, c, m, t.Now).Until
}

// statusReconnect is the console's word for a connector that lost its consent.
const statusReconnect = "Needs consent again"

// outlook puts what lies ahead in words, and gives the role that somebody of the
// account needs who acts; "" = nobody of it can.
func (e *Explanation) outlook(s migration.Situation) domain.Role {
	o := migration.OutlookOf(s)
	e.Sentence, e.Why, e.Next, e.NextAt, e.Who, e.NeedsPerson = o.Sentence(e.Integration.Name), o.Why, o.Next, o.At, o.Who, o.Waits
	switch {
	case !s.Left.IsZero():
		e.Status = "Being deleted"
	case s.NeedsConsentAgain(), s.Reconnecting && s.Unread():
		e.Status = statusReconnect
	case e.Migration.ID != "":
		e.Status = migration.Status(s.Facts)
	case s.Bound:
		e.Status = "Synchronizing"
	default:
		e.Status = "No migration"
	}
	return o.Role
}
