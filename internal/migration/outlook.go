package migration

import (
	"fmt"
	"strings"
	"time"

	"consentry/internal/domain"
)

// Situation is what an integration's outlook is made of. Facts.Migration is the
// open attempt or else the latest; the zero one if there never was any.
type Situation struct {
	Facts
	Name     string // the integration's
	Campaign bool   // one has been started that it falls under
}

// Outlook says why an integration is where it is, what happens next and when,
// and who can act. At is zero when nothing happens by itself at a known time.
type Outlook struct {
	Why  string
	Next string
	When string
	At   time.Time
	Who  string
}

// Sentence is the outlook as one sentence.
func (o Outlook) Sentence(name string) string {
	parts := []string{name + " " + o.Why}
	for _, part := range []string{o.Next, o.When, o.Who} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "; ") + "."
}

const nobody = "nobody has to act"

// OutlookOf looks ahead from where an integration stands.
func OutlookOf(s Situation) Outlook {
	m := s.Migration
	if m.ID == "" {
		return s.withoutAttempt()
	}
	o := s.ofPhase()
	if BeforeCutOver(m.Phase) {
		o.When, o.At = s.deadline()
		if s.Paused {
			o.Why += " and its campaign is paused"
			o.Who = "an operator can resume the campaign"
		}
	}
	if m.WaitingCode != "" {
		o.Why += " (" + firstClause(or(m.WaitingText, Text(m.WaitingCode))) + ", which is tried again by itself)"
	}
	return o
}

func (s Situation) ofPhase() Outlook {
	m := s.Migration
	who := nobody
	if actor := StageOf(m.Phase).Actor; actor != "" {
		who = actor + " can act"
	}
	switch m.Phase {
	case domain.AwaitingConsent:
		why := "waits for the consent of its tenant"
		if m.ConsentCode != "" {
			why += ", because the last one came to nothing: " + lower(firstClause(or(m.ConsentText, Text(m.ConsentCode))))
		}
		return Outlook{Why: why, Next: "the consent is checked then, and the description asked for", Who: who}
	case domain.ConfirmingConsent:
		return Outlook{Why: "has the consent, which is being checked with real calls", Next: "the description comes next", Who: who}
	case domain.AwaitingDescription:
		return Outlook{Why: "has a working consent and waits for the connector's description", Next: "it is checked then what would change", Who: who}
	case domain.Proving:
		return Outlook{Why: "is being read through the connector and compared with what is held" + because(m), Next: "the approval comes next, and nothing is applied before it", Who: who}
	case domain.AwaitingApproval:
		return Outlook{Why: "waits for the approval of what changes" + because(m), Next: "the switch to the connector follows at once", Who: who}
	case domain.CuttingOver:
		return Outlook{Why: "is being switched to its connector and synchronized for the first time", Next: "it is migrated then, or exactly as before if that fails", Who: who}
	case domain.Migrated:
		return Outlook{
			Why: "is migrated and synchronizes through its connector", Next: "removing the old app is recommended from then on",
			When: "the way back is open until " + day(m.WayBackUntil.Time), At: m.WayBackUntil.Time, Who: "somebody with the role approve can roll it back until then",
		}
	case domain.CleanUp:
		return Outlook{
			Why: "is migrated and its way back is closed", Next: "removing the old app is recommended",
			When: "this reminder ends by itself on " + day(m.CleanUpUntil.Time), At: m.CleanUpUntil.Time, Who: "somebody with the role migrate can say that it is removed",
		}
	case domain.Closed:
		return Outlook{Why: "is migrated and everything about it is done", Who: nobody}
	case domain.RolledBack, domain.Cancelled:
		why := "is on its old app, because the migration was cancelled"
		if m.Phase == domain.RolledBack {
			why = "is on its old app, because the migration was rolled back"
		}
		o := Outlook{Why: why, Next: "it can be started again", Who: "an operator or somebody with the role migrate can start it"}
		o.When, o.At = s.deadline()
		return o
	}
	return Outlook{Why: "is in a phase that is not known here: " + string(m.Phase), Who: "an operator can act"}
}

func (s Situation) withoutAttempt() Outlook {
	switch {
	case s.Bound:
		return Outlook{Why: "synchronizes through its connector and was never on another app", Who: nobody}
	case !s.Campaign:
		return Outlook{Why: "is on its old app, and no campaign has been started for it", When: "no date is in force", Who: "an operator can start a campaign"}
	}
	o := Outlook{Why: "is on its old app, and no migration of it was opened", Who: "an operator or somebody with the role migrate can start it"}
	o.When, o.At = s.deadline()
	return o
}

func (s Situation) deadline() (string, time.Time) {
	switch {
	case s.Migration.Overdue && !s.InForce.IsZero():
		return fmt.Sprintf("synchronization through the old app ended on %s, nothing is deleted, and migrating starts it again", day(s.InForce)), time.Time{}
	case s.InForce.IsZero():
		return "no date is in force", time.Time{}
	}
	return "synchronization through the old app ends on " + day(s.InForce), s.InForce
}

func because(m domain.Migration) string {
	if m.FailureCode == "" {
		return ""
	}
	return " again, because " + lower(firstClause(or(m.FailureText, Text(m.FailureCode))))
}

// firstClause is the first sentence of a text without its full stop, to stand
// inside another sentence.
func firstClause(text string) string {
	first, _, _ := strings.Cut(text, ". ")
	return strings.TrimSuffix(first, ".")
}
