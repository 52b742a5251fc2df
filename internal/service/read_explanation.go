package service

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"consentry/internal/campaign"
	"consentry/internal/contract"
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
	NeedsPerson bool      // nothing goes on before somebody acts
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
		if err == nil {
			_, err = t.integrationAsOfNow(&e.Integration)
		}
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
			situation.Migration.Overdue, situation.Grace = t.overdue(e.Integration, c, m)
			e.Migration.Overdue = situation.Migration.Overdue
			switch {
			case e.DateInForce.IsZero():
			case m != nil && e.DateInForce.Equal(m.Deadline.Time):
				e.DateFrom = "extension"
			default:
				e.DateFrom = "campaign"
			}
		}
		if err := t.present(&situation, e.Integration, e.Migration); err != nil {
			return err
		}
		e.outlook(situation)
		if situation.NeedsOperator() || situation.Answered { // nobody of the account can do anything about it now
			return t.facts(&e)
		}
		if e.CanAct, err = t.canAct(e, situation.Paused); err != nil {
			return err
		}
		return t.facts(&e)
	})
	if err != nil {
		return Explanation{}, err
	}
	return e, nil
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

// present adds how things are at the moment beside the phase.
func (t *Tx) present(s *migration.Situation, i domain.Integration, m domain.Migration) error {
	s.Condition, s.ConditionText, s.ConditionAt = i.Condition, i.ConditionText, i.ConditionSince.Time
	c, err := named(t.Rows.Connectors(), i.ConnectorID)
	if err != nil {
		return err
	}
	s.Reconnecting = c.ReconnectSession != ""
	if m.Phase == domain.Migrated {
		no, err := t.noWayBack(m)
		if err != nil {
			return err
		}
		if no != nil {
			s.NoWayBack, s.PastDate = no.text, no.code == migration.WayBackPastDate
		}
	}
	calls, err := t.undelivered(i)
	if err != nil || m.ID == "" {
		return err
	}
	given, err := t.Rows.Decisions().List(By(Where{"migration_id": m.ID, "state": string(domain.DecisionGiven)}))
	s.Undelivered, s.Given = len(calls) > 0, len(given) > 0
	s.Answered = slices.ContainsFunc(given, func(d domain.Decision) bool { return migration.Answers(m.Phase, d.Kind) })
	return err
}

// undelivered gives the messages about an integration that the engine did not
// take at the first try, the oldest first.
func (t *Tx) undelivered(i domain.Integration) ([]domain.EngineCall, error) {
	return t.Rows.EngineCalls().List(Query{
		Where: Where{"target": contract.MigrationID(i.ID), "state": "waiting", "attempts >": 0}, Order: []string{"created_at", "id"},
	})
}

func (e *Explanation) outlook(s migration.Situation) {
	o := migration.OutlookOf(s)
	e.Sentence, e.Why, e.Next, e.NextAt, e.Who = o.Sentence(s.Name), o.Why, o.Next, o.At, o.Who
	e.NeedsPerson = e.Migration.Phase.NeedsPerson() != "" && !s.Answered
	switch {
	case s.Unread():
		e.Status, e.NeedsPerson = "Needs consent again", !s.Reconnecting
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
func (t *Tx) canAct(e Explanation, paused bool) ([]string, error) {
	role := domain.RoleMigrate
	switch {
	case e.NeedsPerson && e.Integration.Binding == domain.BoundConnector: // to reconnect
	case e.Migration.ID == "" && e.Integration.Binding == domain.BoundConnector, e.Migration.Phase == domain.Closed:
		return nil, nil
	case e.Migration.Phase == domain.AwaitingApproval, e.Migration.Phase == domain.Migrated:
		role = domain.RoleApprove
	case paused && migration.BeforeCutOver(e.Migration.Phase): // that is an operator's
		return nil, nil
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
	if err := t.compared(m, add); err != nil {
		return err
	}
	if err := t.decisionFacts(m, add); err != nil {
		return err
	}
	calls, err := t.undelivered(i)
	if err != nil {
		return err
	}
	if len(calls) > 0 {
		add("Workflow engine", "does not answer; messages that wait: %d, the oldest since %s, tried %d times", len(calls), at(calls[0].CreatedAt), calls[0].Attempts)
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
	add("Directory held", "%s, as of %s", countWords(domain.Counts{Users: i.Users, Groups: i.Groups, Memberships: i.Memberships}), at(i.LastSyncedAt))
	return nil
}

// decisionFacts says what is given and not applied yet, and what people gave as
// their reason.
func (t *Tx) decisionFacts(m domain.Migration, add func(name, format string, args ...any)) error {
	list, err := t.Rows.Decisions().List(Query{Where: Where{"migration_id": m.ID}, Order: []string{"given_at", "id"}})
	if err != nil {
		return err
	}
	decided, err := t.decided(list)
	for _, d := range decided {
		because := ""
		if d.Detail.Reason != "" {
			because = ": “" + d.Detail.Reason + "”"
		}
		switch {
		case d.State == domain.DecisionGiven:
			add("Not yet applied", "%s, given on %s by %s%s", d.Kind, at(d.GivenAt), cmp.Or(d.By, d.GivenBy), because)
		case because != "":
			add("Decision", "%s, %s, given on %s by %s%s", d.Kind, d.State, at(d.GivenAt), cmp.Or(d.By, d.GivenBy), because)
		}
	}
	return err
}

// compared says how the last comparison came out, while a decision about it is
// ahead.
func (t *Tx) compared(m domain.Migration, add func(name, format string, args ...any)) error {
	if m.Phase != domain.AwaitingApproval {
		return nil
	}
	p, err := named(t.Rows.Proofs(), m.ProofID)
	if err != nil || p.ID == "" {
		return err
	}
	what := "no difference"
	if !p.Equal() {
		what = fmt.Sprintf("%d differences: %s added, %s changed, %s removed", p.Differences(), countWords(p.Added), countWords(p.Changed), countWords(p.Removed))
	}
	if p.Frozen {
		what += "; compared with what was held before, because the old app could not be read"
	}
	add("Comparison", "%s, as of %s", what, at(p.AsOf))
	return nil
}

func countWords(c domain.Counts) string {
	return fmt.Sprintf("%d users, %d groups, %d memberships", c.Users, c.Groups, c.Memberships)
}

func conditionWords(i domain.Integration) string {
	if i.Condition == domain.ConditionOK {
		return "ok"
	}
	since := ""
	if !i.ConditionSince.IsZero() {
		since = " since " + at(i.ConditionSince)
	}
	return fmt.Sprintf("%s%s: %s", i.Condition, since, i.ConditionText)
}

// at writes an instant for a person.
func at(i domain.Instant) string {
	if i.IsZero() {
		return "never"
	}
	return i.UTC().Format("2 January 2006 15:04 UTC")
}
