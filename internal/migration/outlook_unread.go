package migration

import (
	"consentry/internal/domain"
)

// Unread reports whether an integration on a connector cannot be read.
func (s Situation) Unread() bool {
	return s.Condition == domain.ConditionError && s.Bound && (s.Migration.ID == "" || s.Migration.Phase.Switched())
}

// NeedsConsentAgain reports whether only a new consent brings synchronization
// through the connector back, and none is being checked.
func (s Situation) NeedsConsentAgain() bool {
	return s.Unread() && !s.Reconnecting && !s.Reconnected && (s.ConnectorLost || !s.passes() && !MendedByOperators(s.ConditionCode))
}

// passes reports whether the next synchronization mends what is wrong.
func (s Situation) passes() bool { return passing[s.ConditionCode] }

// unread is the outlook of an integration whose connector lets nothing be read,
// however well its migration went. What the next synchronization mends, and what
// the vendor has to mend, is nothing to consent again for.
func (s Situation) unread() Outlook {
	why := "is bound to its connector and reads nothing " + s.since() + ": " + lower(firstClause(or(s.ConditionText, Text(ConsentWithdrawn))))
	kept := "nothing is deleted"
	if !s.Leaves.IsZero() {
		kept += " because of that"
	}
	switch {
	case s.Reconnecting:
		return Outlook{Why: "has a new consent, which is being checked with real calls", Next: "synchronization starts again where it stood", Who: nobody}
	case s.Reconnected:
		return Outlook{Why: "is connected again", Next: "its next synchronization goes on where it stood", At: s.NextRun, Who: nobody}
	case s.NeedsConsentAgain():
		return s.reconnect(Outlook{Why: why, Next: kept + ", and after the consent synchronization starts again where it stood", Waits: true})
	case MendedByOperators(s.ConditionCode):
		return Outlook{Why: why, Next: kept + ", and the next synchronization tries again", At: s.NextRun, Who: "an operator has to mend that, and then it goes on by itself", Waits: true}
	}
	return Outlook{Why: why, Next: kept + ", and the next synchronization tries again", At: s.NextRun, Who: nobody}
}

// reconnect adds who can bring a new consent about.
func (s Situation) reconnect(o Outlook) Outlook {
	_, ours := texts[s.ReconnectCode]
	switch {
	case s.ReconnectCode == ConsentTenantShared && !s.TenantAllowed:
		o.Why += ", and the last consent for it waits for a decision, because another account uses the tenant, too"
		o.Who = "an operator can decide that the accounts share the tenant (consentry tenant allow), and it is reconnected after that"
		return o
	case s.ReconnectCode == "", s.ReconnectCode == ConsentTenantShared:
	case ours:
		o.Why += ", and the last consent for it came to nothing: " + lower(firstClause(or(s.ReconnectText, Text(s.ReconnectCode))))
	default:
		o.Why += ", and the last consent for it came to nothing, as the administrator was told: “" + firstClause(or(s.ReconnectText, Text(s.ReconnectCode))) + "”"
	}
	o.Who, o.Role = "somebody with the role migrate can reconnect it, with an administrator of the tenant", domain.RoleMigrate
	return o
}
