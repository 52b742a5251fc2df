package service

import (
	"cmp"
	"context"
	"fmt"
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
	CanAct      []string  // names of the people who may, where they are ours to know
	DateInForce time.Time // zero: none
	DateFrom    string    // campaign, extension or none
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
		e.AsOf = t.Now.UTC()
		if e.Integration, err = t.Integrations().Get(integrationID); err != nil || !caller.Sees(e.Integration.AccountID) {
			return notHere("integration", err)
		}
		m, c, err := t.enforcedBy(e.Integration)
		if err != nil {
			return err
		}
		if m != nil {
			e.Migration = *m
		}
		situation := migration.Situation{Name: e.Integration.Name, Campaign: c != nil}
		situation.Migration, situation.Bound = e.Migration, e.Integration.Binding == domain.BoundConnector
		e.DateFrom = "none"
		if c != nil {
			e.Campaign, e.DateInForce, situation.Paused = *c, campaign.DateInForce(*c, m), c.Paused
			situation.InForce = e.DateInForce
			// A timer that never rang has marked nothing.
			if m != nil && migration.BeforeCutOver(m.Phase) {
				situation.Migration.Overdue = campaign.Read(*c, *m, t.Now).Overdue
			}
			switch {
			case e.DateInForce.IsZero():
			case m != nil && e.DateInForce.Equal(m.Deadline.Time):
				e.DateFrom = "extension"
			default:
				e.DateFrom = "campaign"
			}
		}
		e.outlook(situation)
		if e.CanAct, err = t.canAct(e); err != nil {
			return err
		}
		return t.facts(&e)
	})
	if err != nil {
		return Explanation{}, err
	}
	return e, nil
}

func (e *Explanation) outlook(s migration.Situation) {
	o := migration.OutlookOf(s)
	e.Sentence, e.Why, e.Next, e.NextAt, e.Who = o.Sentence(s.Name), o.Why, o.Next, o.At, o.Who
	switch {
	case e.Migration.ID != "":
		e.Status = migration.Status(s.Facts)
	case s.Bound:
		e.Status = "Synchronizing"
	default:
		e.Status = "No migration"
	}
}

// canAct names the account's people who may do what comes next. A tenant's
// administrator need not be one of them: whoever may migrate can send him the
// link.
func (t *Tx) canAct(e Explanation) ([]string, error) {
	role := domain.RoleMigrate
	switch {
	case e.Migration.ID == "" && e.Integration.Binding == domain.BoundConnector, e.Migration.Phase == domain.Closed:
		return nil, nil
	case e.Migration.Phase == domain.AwaitingApproval, e.Migration.Phase == domain.Migrated:
		role = domain.RoleApprove
	case e.Migration.Phase == domain.ConfirmingConsent, e.Migration.Phase == domain.Proving, e.Migration.Phase == domain.CuttingOver:
		return nil, nil
	}
	return t.viewHolders(e.Integration.AccountID, role)
}

func (t *Tx) facts(e *Explanation) error {
	i, m := e.Integration, e.Migration
	add := func(name, format string, args ...any) {
		e.Facts = append(e.Facts, Fact{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	account, err := t.Accounts().Get(i.AccountID)
	if err != nil {
		return err
	}
	add("Account", "%s (%s), region %s", account.Name, account.ID, account.Region)
	add("Tenant", "%s (%s)", i.TenantDomain, i.TenantID)
	add("Binding", "%s", i.Binding)
	if m.ID != "" {
		add("Migration", "%s: %s since %s", m.ID, m.Phase, at(m.PhaseSince))
	}
	if e.Campaign.ID != "" {
		add("Campaign", "%s, version %d", e.Campaign.ID, e.Campaign.Version)
	}
	if e.DateInForce.IsZero() {
		add("Date in force", "none")
	} else {
		add("Date in force", "%s (%s)", at(domain.At(e.DateInForce)), e.DateFrom)
	}
	for _, f := range []struct{ name, code, text string }{
		{"Last consent", m.ConsentCode, m.ConsentText}, {"Last failure", m.FailureCode, m.FailureText}, {"Waiting", m.WaitingCode, m.WaitingText},
	} {
		if f.code != "" && !m.Phase.Ended() {
			add(f.name, "%s [%s]", cmp.Or(f.text, migration.Text(f.code)), f.code)
		}
	}
	if !m.ArmedFor.IsZero() && migration.BeforeCutOver(m.Phase) {
		add("Timer", "set to %s, campaign version %d, read at %s", at(m.ArmedFor), m.ArmedVersion, at(m.ArmedReadAt))
	}
	add("Condition", "%s", conditionWords(i))
	held, err := t.Holds().Count(By(Where{"integration_id": i.ID, "state": "held"}))
	if err != nil {
		return err
	}
	if held > 0 {
		add("Held", "%d removals wait for a decision", held)
	}
	add("Directory held", "%d users, %d groups, %d memberships, as of %s", i.Users, i.Groups, i.Memberships, at(i.LastSyncedAt))
	return nil
}

func conditionWords(i domain.Integration) string {
	if i.Condition == domain.ConditionOK {
		return "ok"
	}
	return fmt.Sprintf("%s since %s: %s", i.Condition, at(i.ConditionSince), i.ConditionText)
}

// at writes an instant for a person.
func at(i domain.Instant) string {
	if i.IsZero() {
		return "never"
	}
	return i.UTC().Format("2 January 2006 15:04 UTC")
}
