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

	Condition     domain.Condition // of the integration, with its words; "" is ok
	ConditionText string
	ConditionAt   time.Time
	Reconnecting  bool      // a consent that connects its connector anew is being checked
	Grace         time.Time // until when consent that was begun in time holds the date back; zero: it does not
	Undelivered   bool      // the engine has not taken a message about it
	Given         bool      // a decision is given and not applied
	Answered      bool      // and it is what the phase waits for
	NoWayBack     string    // why a migrated integration cannot go back now; "": it can
	PastDate      bool      // because the date in force has passed, which an operator can move
}

// NeedsOperator reports whether nobody of the account can go on before the
// vendor has decided.
func (s Situation) NeedsOperator() bool {
	return s.Migration.Phase == domain.AwaitingConsent && s.Migration.ConsentCode == ConsentTenantShared
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
	if s.Unread() {
		return s.reconnect()
	}
	if m.ID == "" {
		return s.withoutAttempt()
	}
	o := s.ofPhase()
	if BeforeCutOver(m.Phase) {
		o.When, o.At = s.deadline()
		if s.Condition == domain.ConditionError {
			o.Why += ", and nothing is read through its old app " + s.since() + ": " + lower(firstClause(s.ConditionText))
		}
		if s.Paused {
			o.Why += ", and its campaign is paused"
			o.Next = "no switch begins until it is resumed"
			o.Who = "an operator can resume the campaign"
		}
	}
	if s.Answered && !s.Paused {
		o.Who = "nobody has to act before the decision that is given is applied"
	}
	switch {
	case m.WaitingCode != "":
		o.Why += " (" + firstClause(or(m.WaitingText, Text(m.WaitingCode))) + ", which is tried again by itself)"
	case s.Undelivered:
		o.Why += " (the workflow engine does not answer; what was asked for is kept and delivered by itself)"
	case s.Given, s.Answered:
		o.Why += " (a decision is given and about to be applied)"
	}
	return o
}

// reconnect is the outlook of an integration whose connector lets nothing be
// read any more, however well its migration went.
func (s Situation) reconnect() Outlook {
	if s.Reconnecting {
		return Outlook{Why: "has a new consent, which is being checked with real calls", Next: "synchronization starts again where it stood", Who: nobody}
	}
	return Outlook{
		Why:  "is bound to its connector and reads nothing " + s.since() + ": " + lower(firstClause(or(s.ConditionText, Text(ConsentWithdrawn)))),
		Next: "nothing is deleted, and after the consent synchronization starts again where it stood",
		Who:  "somebody with the role migrate can reconnect it, with an administrator of the tenant",
	}
}

func (s Situation) since() string {
	if s.ConditionAt.IsZero() {
		return "at the moment"
	}
	return "since " + day(s.ConditionAt)
}

// Unread reports whether an integration on a connector cannot be read.
func (s Situation) Unread() bool {
	return s.Condition == domain.ConditionError && s.Bound && (s.Migration.ID == "" || s.Migration.Phase.Switched())
}

func (s Situation) ofPhase() Outlook {
	m := s.Migration
	who := nobody
	if actor := StageOf(m.Phase).Actor; actor != "" {
		who = actor + " can act"
	}
	switch m.Phase {
	case domain.AwaitingConsent:
		if s.NeedsOperator() {
			return Outlook{
				Why: "waits for an operator, because another account uses its tenant, too", Next: "the administrator consents again after the decision",
				Who: "an operator can decide that the accounts share the tenant (consentry tenant allow)",
			}
		}
		why := "waits for the consent of its tenant"
		switch text := firstClause(or(m.ConsentText, Text(m.ConsentCode))); {
		case m.ConsentCode == "" && !m.ConsentBeganAt.IsZero():
			why += ", which was begun on " + day(m.ConsentBeganAt.Time)
		case m.ConsentCode == "":
		case strings.HasPrefix(text, "You"): // said to whoever consented, and not to whoever reads this
			why += ", because the last one came to nothing, as the administrator was told: “" + text + "”"
		default:
			why += ", because the last one came to nothing: " + lower(text)
		}
		next := "the consent is checked then, and the description asked for"
		if m.Description != "" {
			next = "the consent is checked then, and what would change is compared"
		}
		return Outlook{Why: why, Next: next, Who: who}
	case domain.ConfirmingConsent:
		next := "the description comes next"
		if m.Description != "" {
			next = "what would change is compared next"
		}
		return Outlook{Why: "has the consent, which is being checked with real calls", Next: next, Who: who}
	case domain.AwaitingDescription:
		return Outlook{Why: "has a working consent and waits for the connector's description", Next: "it is checked then what would change", Who: who}
	case domain.Proving:
		next := "the approval comes next, and nothing is applied before it"
		if m.GoOnIfUnchanged {
			next = "the switch follows by itself if nothing changes, else the approval comes next"
		}
		return Outlook{Why: "is being read through the connector and compared with what is held" + because(m), Next: next, Who: who}
	case domain.AwaitingApproval:
		return Outlook{Why: "waits for the approval of what changes" + because(m), Next: "the switch to the connector follows at once", Who: who}
	case domain.CuttingOver:
		return Outlook{Why: "is being switched to its connector and synchronized for the first time", Next: "it is migrated then, or exactly as before if that fails", Who: who}
	case domain.Migrated:
		return s.wayBack()
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

// wayBack is the outlook of a migrated integration. The way back needs an old
// app that may synchronize, so it ends with the date in force where that comes
// before the window's end.
func (s Situation) wayBack() Outlook {
	ends := s.Migration.WayBackUntil.Time
	o := Outlook{Why: "is migrated and synchronizes through its connector", At: ends}
	switch advised := "removing the old app is recommended"; {
	case s.NoWayBack != "":
		o.Next = "there is no way back now: " + lower(firstClause(s.NoWayBack))
		o.When = "from " + day(ends) + " on " + advised
		o.Who = nobody
		if s.PastDate {
			o.Who += ", and an operator can give the account a later date, which opens the way back again"
		}
	case !s.InForce.IsZero() && s.InForce.Before(ends):
		o.At = s.InForce
		o.Next = "the way back is open until " + day(s.InForce) + ", when the date for the old app passes, and from " + day(ends) + " on " + advised
		o.Who = "an operator or somebody with the role approve can roll it back while the way back is open"
	default:
		o.Next = "the way back is open until " + day(ends) + ", and from then on " + advised
		o.Who = "an operator or somebody with the role approve can roll it back until then"
	}
	return o
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
	case s.Migration.Overdue && !s.Grace.IsZero():
		return fmt.Sprintf("the date was %s, and because the consent was begun before it, synchronization through the old app goes on until %s", day(s.InForce), day(s.Grace)), s.Grace
	case s.Migration.Overdue && !s.InForce.IsZero():
		return fmt.Sprintf("synchronization through the old app ended on %s, nothing is deleted, and migrating starts it again", day(s.InForce)), time.Time{}
	case s.InForce.IsZero():
		return "no date is in force", time.Time{}
	case s.Condition == domain.ConditionError && !s.Bound: // nothing is synchronized that could end
		return "migrating starts synchronization again (its date is " + day(s.InForce) + ")", s.InForce
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

// Answers reports whether a decision that is given and not applied is what its
// phase waits for, so that nobody need act meanwhile.
func Answers(p domain.Phase, kind domain.DecisionKind) bool {
	switch kind {
	case domain.DecideApprove, domain.DecideRefuse:
		return p == domain.AwaitingApproval
	case domain.DecideDescribe:
		return p == domain.AwaitingDescription
	case domain.DecideCancel:
		return BeforeCutOver(p)
	case domain.DecideExtend, domain.DecideRollBack, domain.DecideCleanUp:
	}
	return false
}
