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
	Name     string    // the integration's
	Campaign bool      // one has been started that it falls under
	Now      time.Time // what is not later lies behind and is not announced; zero: everything lies ahead

	Condition     domain.Condition // of the integration, with its words; "" is ok
	ConditionCode string
	ConditionText string
	ConditionAt   time.Time
	NextRun       time.Time // when the sweep starts the next synchronization; zero: never

	ConnectorLost bool   // its connector itself lets nothing be read
	Reconnecting  bool   // a consent that connects its connector anew is being checked
	Reconnected   bool   // one works, and nothing was read through it yet
	ReconnectCode string // why the last consent for the connector came to nothing
	ReconnectText string

	TenantAllowed bool // other accounts use the tenant, and an operator has decided that this one may
	ConsentKept   bool // a consent waited for that decision and is looked at again by itself

	Grace       time.Time           // until when consent that was begun in time holds the date back; zero: it does not
	Undelivered bool                // the engine has not taken a message about it
	Given       bool                // a decision is given and not applied
	Answer      domain.DecisionKind // the given one that the phase waits for; "" = none
	NoWayBack   string              // why a migrated integration cannot go back now; "": it can
	PastDate    bool                // because the date in force has passed, which an operator can move

	OldAppGone bool      // its tenant does not know the old app any more
	NewSecret  bool      // the old app's client secret opens nothing, and another one would
	SecretOver time.Time // since when its client secret has ended, as we were told, and nobody found out yet; zero: it has not
	SecretEnds time.Time // of the old app that is in use or could be again, as we were told; zero: not known, or of no use to it any more

	Leaves time.Time // when the account is to be deleted; zero: it stays
	Left   time.Time // since when it is being deleted; zero: it is not
}

// Outlook says why an integration is where it is, what happens next and when,
// and who can act. At is zero when nothing happens by itself at a known time.
type Outlook struct {
	Why  string
	Next string
	When string
	At   time.Time
	Who  string

	// Waits: nothing goes on before somebody acts.
	Waits bool
	// Role is what somebody of the account needs who acts; "": nobody of the
	// account has to or can.
	Role domain.Role
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
	o := s.outlook()
	if s.Left.IsZero() && !s.Leaves.IsZero() {
		o = s.leaving(o)
	}
	if !s.ahead(o.At) {
		o.At = time.Time{}
	}
	return o
}

// ahead reports whether an instant lies ahead.
func (s Situation) ahead(at time.Time) bool {
	return !at.IsZero() && (s.Now.IsZero() || at.After(s.Now))
}

func (s Situation) outlook() Outlook {
	switch {
	case !s.Left.IsZero():
		return Outlook{Why: "belongs to an account that is being deleted since " + day(s.Left), Next: "everything that is held of it goes with it", Who: nobody}
	case s.Unread():
		return s.onItsWay(s.unread())
	case s.Migration.ID == "":
		return s.unreadLegacy(s.withoutAttempt())
	}
	o := s.unreadLegacy(s.ofPhase())
	if s.Paused && BeforeCutOver(s.Migration.Phase) {
		o = s.paused(o)
	}
	return s.onItsWay(o)
}

// unreadLegacy adds that nothing is read through the old app, wherever that is
// what the integration stands on.
func (s Situation) unreadLegacy(o Outlook) Outlook {
	if s.Condition == domain.ConditionError && !s.Bound && s.Migration.Phase != domain.CuttingOver {
		o.Why += ", and nothing is read through its old app " + s.since() + ": " + lower(firstClause(or(s.ConditionText, Text(s.ConditionCode))))
	}
	return o
}

// paused: everything up to the approval goes on in a paused campaign, and no
// switch begins.
func (s Situation) paused(o Outlook) Outlook {
	o.Why += ", and its campaign is paused"
	o.Next = "no switch begins until it is resumed"
	o.Role = ""
	if s.needsOperator() {
		o.Who += ", and resume the campaign"
		return o
	}
	o.Who = "an operator can resume the campaign"
	return o
}

// onItsWay adds what is under way by itself: a fault that is waited out, a
// message to the engine, a decision that is given.
func (s Situation) onItsWay(o Outlook) Outlook {
	m := s.Migration
	if s.Answer != "" {
		o.Who, o.Waits, o.Role = "nobody has to act before the decision that is given is applied", false, ""
		if next := afterDecision[s.Answer]; next != "" {
			o.Next = next
		}
	}
	switch {
	case m.WaitingCode != "" && !m.Phase.Ended():
		o.Why += " (" + lower(firstClause(or(m.WaitingText, Text(m.WaitingCode)))) + ", which is tried again by itself)"
		if MendedByOperators(m.WaitingCode) {
			o.Who, o.Waits, o.Role = "an operator has to mend that, and then it goes on by itself", true, ""
		}
	case s.Undelivered:
		o.Why += " (the workflow engine does not answer; what was asked for is kept and delivered by itself)"
	case s.Given, s.Answer != "":
		o.Why += " (a decision is given and about to be applied)"
	}
	return o
}

// afterDecision says what follows a decision that is given, where that is not
// what follows its phase.
var afterDecision = map[domain.DecisionKind]string{
	domain.DecideRefuse:   "it waits for another approval after that",
	domain.DecideCancel:   "the migration is over then, and the integration as it was",
	domain.DecideRollBack: "the old app is tried, and the integration goes back to it if it still lets us in",
	domain.DecideCleanUp:  "the answer about the old app is taken then",
}

// Answers reports whether a decision that is given and not applied is what its
// phase waits for or ends it, so that nobody need act meanwhile.
func Answers(p domain.Phase, kind domain.DecisionKind) bool {
	switch kind {
	case domain.DecideApprove, domain.DecideRefuse:
		return p == domain.AwaitingApproval
	case domain.DecideDescribe:
		return p == domain.AwaitingDescription
	case domain.DecideCancel:
		return BeforeCutOver(p)
	case domain.DecideRollBack:
		return p == domain.Migrated
	case domain.DecideCleanUp:
		return p == domain.Migrated || p == domain.CleanUp
	case domain.DecideExtend:
	}
	return false
}

const keepers = "an operator or somebody with the role approve"

// leaving adds that the account is to be deleted. Nothing is migrated on the way
// out, so what could begin waits for the request to be withdrawn.
func (s Situation) leaving(o Outlook) Outlook {
	due := !s.ahead(s.Leaves)
	if due {
		o.Why += ", and its account was to be deleted on " + day(s.Leaves)
		o.Next, o.When, o.At, o.Who, o.Waits, o.Role = "the next sweep begins with that", "", time.Time{}, nobody, false, ""
		return o
	}
	o.Why += ", and its account is to be deleted on " + day(s.Leaves)
	if o.At.IsZero() || !s.ahead(o.At) || s.Leaves.Before(o.At) {
		o.At = s.Leaves
	}
	if s.mayBegin() {
		o.Next, o.When = "no migration begins until that is withdrawn", s.endOfLegacy()
		o.Who, o.Role = keepers+" can withdraw the deletion before its date", domain.RoleApprove
		return o
	}
	o.Who += ", and " + keepers + " can withdraw the deletion before its date"
	if o.Role == "" {
		o.Role = domain.RoleApprove
	}
	return o
}

// mayBegin reports whether a migration could be started.
func (s Situation) mayBegin() bool {
	return !s.Bound && (s.Migration.ID == "" || s.Migration.Phase == domain.Cancelled || s.Migration.Phase == domain.RolledBack)
}

// endOfLegacy says until when synchronization through the old app goes on, and
// nothing of how to start it again.
func (s Situation) endOfLegacy() string {
	switch {
	case s.Migration.Overdue && !s.InForce.IsZero():
		return "synchronization through the old app ended on " + day(s.InForce)
	case s.secretOver():
		return s.sinceSecret()
	case s.secretEndsFirst(s.InForce):
		return s.endOfSecret()
	case s.InForce.IsZero():
		return ""
	}
	return "synchronization through the old app ends on " + day(s.InForce)
}

// secretEndsFirst reports whether the old app's client secret ends ahead and
// before an instant, or, where that is none, soon enough to be spoken of.
func (s Situation) secretEndsFirst(than time.Time) bool {
	if than.IsZero() {
		than = s.Now.Add(SecretWarning)
	}
	return s.ahead(s.SecretEnds) && s.SecretEnds.Before(than)
}

// secretOver reports whether the old app's client secret has ended, and no
// synchronization has said so itself.
func (s Situation) secretOver() bool { return !s.SecretOver.IsZero() && !s.Bound && !s.deadLegacy() }

func (s Situation) sinceSecret() string {
	return "the client secret of the old app ended on " + day(s.SecretOver) + ", and without another nothing is read through it (" + s.dateWords() + ")"
}

// endOfSecret says that synchronization through the old app ends before its date.
func (s Situation) endOfSecret() string {
	return "synchronization through the old app ends on " + day(s.SecretEnds) + ", when its client secret does, unless another is entered before (" + s.dateWords() + ")"
}

func (s Situation) dateWords() string {
	if s.InForce.IsZero() {
		return "no date is in force"
	}
	return "its date is " + day(s.InForce)
}

func (s Situation) since() string {
	if s.ConditionAt.IsZero() {
		return "at the moment"
	}
	return "since " + day(s.ConditionAt)
}

func (s Situation) withoutAttempt() Outlook {
	switch {
	case s.Bound:
		return Outlook{Why: "synchronizes through its connector and was never on another app", Who: nobody}
	case !s.Campaign:
		return Outlook{Why: "is on its old app, and no campaign has been started for it", When: "no date is in force", Who: "an operator can start a campaign"}
	}
	o := Outlook{Why: "is on its old app, and no migration of it was opened", Who: "an operator or somebody with the role migrate can start it", Role: domain.RoleMigrate}
	o.When, o.At = s.deadline()
	return o
}

func (s Situation) deadline() (string, time.Time) {
	switch {
	case s.Migration.Overdue && s.ahead(s.Grace):
		return fmt.Sprintf("the date was %s, and because the consent was begun before it, synchronization through the old app goes on until %s", day(s.InForce), day(s.Grace)), s.Grace
	case s.Migration.Overdue && !s.InForce.IsZero():
		return fmt.Sprintf("synchronization through the old app ended on %s, nothing is deleted, and migrating starts it again", day(s.InForce)), time.Time{}
	case s.secretOver():
		return s.sinceSecret(), s.InForce
	case s.secretEndsFirst(s.InForce) && !s.deadLegacy():
		return s.endOfSecret(), s.SecretEnds
	case s.InForce.IsZero():
		return "no date is in force", time.Time{}
	case s.deadLegacy(): // nothing is synchronized that could end
		return "migrating starts synchronization again (its date is " + day(s.InForce) + ")", s.InForce
	}
	return "synchronization through the old app ends on " + day(s.InForce), s.InForce
}

// deadLegacy reports whether nothing is read through the old app before a person
// acts.
func (s Situation) deadLegacy() bool {
	return s.Condition == domain.ConditionError && !s.Bound && !s.passes() && !MendedByOperators(s.ConditionCode)
}

// firstClause is the first sentence of a text without its full stop, to stand
// inside another sentence.
func firstClause(text string) string {
	first, _, _ := strings.Cut(text, ". ")
	return strings.TrimSuffix(first, ".")
}
