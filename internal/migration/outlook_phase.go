package migration

import (
	"time"

	"consentry/internal/domain"
)

// ofPhase is the outlook of an attempt, open or ended, by its phase alone.
func (s Situation) ofPhase() Outlook {
	m := s.Migration
	o := Outlook{Who: nobody}
	switch m.Phase {
	case domain.AwaitingConsent:
		o = s.awaitingConsent()
	case domain.ConfirmingConsent:
		o.Why, o.Next = "has the consent, which is being checked with real calls", "the description comes next"
		if m.Description != "" {
			o.Next = "what would change is compared next"
		}
	case domain.AwaitingDescription:
		o = s.acts("has a working consent and waits for the connector's description", "it is checked then what would change", domain.RoleMigrate)
	case domain.Proving:
		o.Why, o.Next = "is being read through the connector and compared with what is held"+s.because(), "the approval comes next, and nothing is applied before it"
		if m.GoOnIfUnchanged {
			o.Next = "the switch follows by itself if nothing changes, else the approval comes next"
		}
	case domain.AwaitingApproval:
		o = s.acts("waits for the approval of what changes"+s.because(), "the switch to the connector follows at once", domain.RoleApprove)
	case domain.CuttingOver:
		o.Why, o.Next = "is being switched to its connector and synchronized for the first time", "it is migrated then, or exactly as before if that fails"
	case domain.Migrated:
		return s.wayBack()
	case domain.CleanUp:
		return s.cleanUp()
	case domain.Closed:
		o.Why = "is migrated and everything about it is done"
		return o
	case domain.RolledBack, domain.Cancelled:
		return s.overAgain()
	default:
		return Outlook{Why: "is in a phase that is not known here: " + string(m.Phase), Who: "an operator can act", Waits: true}
	}
	if BeforeCutOver(m.Phase) {
		o.When, o.At = s.deadline()
	}
	return o
}

// acts is the outlook of a phase that the customer's people end.
func (s Situation) acts(why, next string, role domain.Role) Outlook {
	return Outlook{Why: why, Next: next, Who: StageOf(s.Migration.Phase).Actor + " can act", Waits: true, Role: role}
}

// needsOperator reports whether nobody of the account can go on before the
// vendor has decided.
func (s Situation) needsOperator() bool {
	return NeedsPerson(s.Migration.Phase, s.Migration.ConsentCode) == Operator && !s.TenantAllowed
}

func (s Situation) awaitingConsent() Outlook {
	m := s.Migration
	switch {
	case s.needsOperator():
		next := "the administrator consents again after the decision"
		if s.ConsentKept {
			next = "the consent that was given counts by itself after the decision"
		}
		return Outlook{
			Why: "waits for an operator, because another account uses its tenant, too", Next: next,
			Who: "an operator can decide that the accounts share the tenant (consentry tenant allow)", Waits: true,
		}
	case s.ConsentKept && s.TenantAllowed:
		return Outlook{
			Why:  "has a consent that waited for the decision about its shared tenant, and the tenant is allowed now",
			Next: "the consent is looked for by itself, usually within two minutes, and then checked with real calls", Who: nobody,
		}
	}
	next := "the consent is checked then, and the description asked for"
	if m.Description != "" {
		next = "the consent is checked then, and what would change is compared"
	}
	o := s.acts("waits for the consent of its tenant"+s.consentSoFar(), next, domain.RoleMigrate)
	if oursToMend[m.ConsentCode] {
		o.Who = "an operator can mend that, and then " + StageOf(m.Phase).Actor + " can consent again"
	}
	return o
}

// oursToMend are the refusals of a consent, in the words of the consent rules,
// that no administrator of the customer can do anything about.
var oursToMend = map[string]bool{"our_configuration": true, "membership_unknown": true}

// consentSoFar says what became of the last consent. What was said to whoever
// consented is quoted: it speaks to them and not to whoever reads this.
func (s Situation) consentSoFar() string {
	m := s.Migration
	_, ours := texts[m.ConsentCode]
	switch text := firstClause(or(m.ConsentText, Text(m.ConsentCode))); {
	case m.ConsentCode == "" || m.ConsentCode == ConsentTenantShared:
		return s.consentBegun()
	case ours:
		return ", because the last one came to nothing: " + lower(text)
	default:
		return ", because the last one came to nothing, as the administrator was told: “" + text + "”"
	}
}

func (s Situation) consentBegun() (words string) {
	began := s.Migration.ConsentBeganAt
	if !began.IsZero() {
		words = ", which was begun on " + day(began.Time)
	}
	if s.TenantAllowed {
		words += ", and an operator has allowed that another account uses the tenant, too"
		if !began.IsZero() {
			words += ", so that the administrator can consent again"
		}
	}
	return words
}

// wayBack is the outlook of a migrated integration. The way back needs an old
// app that may synchronize and lets us in, so it ends with the date in force, or
// with the app's client secret, where that comes before the window's end.
func (s Situation) wayBack() Outlook {
	const advised = "removing the old app is recommended"
	ends := s.Migration.WayBackUntil.Time
	o := Outlook{Why: "is migrated and synchronizes through its connector", At: ends}
	if s.NoWayBack == "" && !s.InForce.IsZero() && !s.ahead(s.InForce) {
		s.NoWayBack, s.PastDate = Text(WayBackPastDate), true
	}
	switch {
	case !s.ahead(ends): // the clean-up begins when the workflow is at work
		o.Next, o.At, o.Who = "the way back closed on "+day(ends)+", and "+advised, time.Time{}, nobody
	case s.NoWayBack != "":
		o.Next = "there is no way back now: " + lower(firstClause(s.NoWayBack))
		o.When = "from " + day(ends) + " on " + advised
		o.Who = nobody
		if s.OldAppGone {
			o.Who, o.Role = "somebody with the role migrate can say that the old app is removed", domain.RoleMigrate
		}
		if s.NewSecret && !s.PastDate {
			o.Who, o.Role = "nobody has to act, and somebody with the role migrate can enter another client secret of the old app, which opens the way back again", domain.RoleMigrate
		}
		if s.PastDate {
			o.Who += ", and an operator can give the account a later date, which opens the way back again"
		}
	case s.secretEndsFirst(ends) && (s.InForce.IsZero() || s.secretEndsFirst(s.InForce)):
		o.At, o.Role = s.SecretEnds, domain.RoleApprove
		o.Next = "the way back is open until " + day(s.SecretEnds) + ", when the client secret of the old app ends, unless another is entered before, and from " + day(ends) + " on " + advised
		o.Who = keepers + " can roll it back while the way back is open"
	case !s.InForce.IsZero() && s.InForce.Before(ends):
		o.At, o.Role = s.InForce, domain.RoleApprove
		o.Next = "the way back is open until " + day(s.InForce) + ", when the date for the old app passes, and from " + day(ends) + " on " + advised
		o.Who = keepers + " can roll it back while the way back is open"
	default:
		o.Role = domain.RoleApprove
		o.Next = "the way back is open until " + day(ends) + ", and from then on " + advised
		o.Who = keepers + " can roll it back until then"
	}
	return o
}

func (s Situation) cleanUp() Outlook {
	until := s.Migration.CleanUpUntil.Time
	o := Outlook{
		Why: "is migrated and its way back is closed", Next: "removing the old app is recommended",
		When: "this reminder ends by itself on " + day(until), At: until, Who: "somebody with the role migrate can say that it is removed", Role: domain.RoleMigrate,
	}
	if !s.ahead(until) {
		o.When = "this reminder was to end on " + day(until) + ", and ends when its workflow is at work"
	}
	return o
}

// overAgain is the outlook of an attempt that left the integration on its old
// app.
func (s Situation) overAgain() Outlook {
	why := "is on its old app, because the migration was cancelled"
	if s.Migration.Phase == domain.RolledBack {
		why = "is on its old app, because the migration was rolled back"
	}
	o := Outlook{Why: why, Next: "it can be started again", Who: "an operator or somebody with the role migrate can start it", Role: domain.RoleMigrate}
	o.When, o.At = s.deadline()
	return o
}

// because says why a phase is gone through once more. A pause may be over since.
func (s Situation) because() string {
	m := s.Migration
	switch {
	case m.FailureCode == "", m.FailureCode == CampaignPaused && s.Paused:
		return ""
	case m.FailureCode == CampaignPaused:
		return " again, because the campaign was paused when it would have gone on"
	}
	return " again, because " + lower(firstClause(or(m.FailureText, Text(m.FailureCode))))
}
