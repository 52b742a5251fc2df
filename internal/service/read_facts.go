package service

import (
	"cmp"
	"fmt"

	"consentry/internal/domain"
	"consentry/internal/migration"
)

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
	if err := t.sharedFact(i, add); err != nil {
		return err
	}
	if err := t.leavingFact(e.Deletion, add); err != nil {
		return err
	}
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
	if err := t.secretFact(e); err != nil {
		return err
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
		add("Held", "%d removals are held back; each round looks at them again", held)
	}
	add("Directory held", "%s, %s", countWords(domain.Counts{Users: i.Users, Groups: i.Groups, Memberships: i.Memberships}), asOf(i.LastSyncedAt))
	return nil
}

// decisionFacts says what people have decided about the attempt, in the order in
// which they did: who, what, when, why, and what came of it.
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
		given := fmt.Sprintf("given on %s by %s%s", at(d.GivenAt), cmp.Or(d.By, d.GivenBy), because)
		switch d.State {
		case domain.DecisionGiven:
			add("Not yet applied", "%s, %s", decisionWords(d.Decision), given)
		case domain.DecisionRefused:
			add("Decision", "%s, %s, %s; why it was refused: %s", decisionWords(d.Decision), d.State, given, cmp.Or(d.Reason, migration.Text(d.Code)))
		default:
			add("Decision", "%s, %s, %s", decisionWords(d.Decision), d.State, given)
		}
	}
	return err
}

// decisionWords names a decision with what was chosen in it.
func decisionWords(d domain.Decision) string {
	switch {
	case d.Kind == domain.DecideExtend:
		return "extend to " + at(d.Detail.Deadline)
	case d.Kind == domain.DecideDescribe && d.Detail.GoOnIfUnchanged:
		return "describe, and go on if nothing changes"
	case d.Kind == domain.DecideCleanUp && d.Detail.Removed:
		return "clean-up, the old app is removed"
	case d.Kind == domain.DecideCleanUp:
		return "clean-up, the old app is kept"
	}
	return string(d.Kind)
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
	add("Comparison", "%s, %s", what, asOf(p.AsOf))
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

// asOf says how recent what is held is.
func asOf(i domain.Instant) string {
	if i.IsZero() {
		return "nothing was read before"
	}
	return "as of " + at(i)
}

// at writes an instant for a person.
func at(i domain.Instant) string {
	if i.IsZero() {
		return "never"
	}
	return i.UTC().Format("2 January 2006 15:04 UTC")
}

// sharedFact names the decision that the account may use a tenant of several. Its
// reason is the vendor's own and may name others.
func (t *Tx) sharedFact(i domain.Integration, add func(name, format string, args ...any)) error {
	use, err := optional(t.Rows.TenantUses().Get(tenantUseID(i.TenantID, i.AccountID)))
	if err != nil || use.ID == "" {
		return err
	}
	because := ""
	if t.Caller.Operator() {
		because = ": “" + use.Reason + "”"
	}
	add("Shared tenant", "allowed by an operator on %s%s", at(use.DecidedAt), because)
	return nil
}

// leavingFact names a pending deletion of the account: who asked, when it is due
// and how it is stopped.
func (t *Tx) leavingFact(d domain.AccountDeletion, add func(name, format string, args ...any)) error {
	if d.State != domain.DeletionPending {
		return nil
	}
	names, err := t.viewPeople(d.RequestedBy)
	if err != nil {
		return err
	}
	stop := "whoever has the role approve, or an operator, withdraws it before that (consentry account undo " + d.ID + ")"
	if d.DueAt.Due(t.Now) {
		stop = "it cannot be withdrawn any more"
	}
	add("Deletion of the account", "due on %s, asked for on %s by %s; %s", at(d.DueAt), at(d.RequestedAt), cmp.Or(names[d.RequestedBy], d.RequestedBy), stop)
	return nil
}
