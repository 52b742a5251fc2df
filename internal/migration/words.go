package migration

import (
	"fmt"
	"strings"
	"time"

	"consentry/internal/domain"
)

// Facts is what the words are made of.
type Facts struct {
	Migration domain.Migration
	Paused    bool      // the campaign is paused
	Bound     bool      // the integration is switched to the connector
	InForce   time.Time // the date in force; zero = none
}

// Status is the console's word for where the migration stands.
func Status(f Facts) string {
	m := f.Migration
	if f.Paused && BeforeCutOver(m.Phase) {
		return "On hold"
	}
	switch m.Phase {
	case domain.AwaitingConsent:
		switch {
		case m.ConsentCode != "":
			return "Consent failed"
		case !m.ConsentBeganAt.IsZero():
			return "Waiting for another administrator"
		}
		return "Not started"
	case domain.ConfirmingConsent:
		return "Checking the consent"
	case domain.AwaitingDescription:
		return "Needs a description"
	case domain.Proving:
		return "Checking what changes"
	case domain.AwaitingApproval:
		return "Ready to migrate"
	case domain.CuttingOver:
		if f.Bound {
			return "First synchronization"
		}
		return "Rebinding"
	case domain.RolledBack:
		return "Rolled back"
	case domain.Cancelled:
		return "Cancelled"
	case domain.Migrated, domain.CleanUp, domain.Closed:
	}
	return "Migrated"
}

// Explain says in a few sentences where the migration stands, why, what happens
// next and until when.
func Explain(f Facts) string {
	m := f.Migration
	said := []string{where(f)}
	if m.WaitingCode != "" {
		on := " It goes on by itself."
		if MendedByOperators(m.WaitingCode) {
			on = " It goes on by itself then."
		}
		said = append(said, "It waits: "+or(m.WaitingText, Text(m.WaitingCode))+on)
	}
	if f.Paused && BeforeCutOver(m.Phase) {
		said = append(said, "The campaign is paused, so nothing has to be done now and no switch begins.")
	}
	if BeforeCutOver(m.Phase) {
		said = append(said, date(f))
	}
	return strings.Join(said, " ")
}

func where(f Facts) string {
	m := f.Migration
	switch m.Phase {
	case domain.AwaitingConsent:
		actor := "Waiting for " + StageOf(m.Phase).Actor + " to consent at Microsoft."
		if m.ConsentCode != "" {
			return actor + " The last consent came to nothing: " + or(m.ConsentText, Text(m.ConsentCode))
		}
		return actor
	case domain.ConfirmingConsent:
		return "The consent was given and is being checked with real calls; Microsoft may take minutes to let them through. The description comes next."
	case domain.AwaitingDescription:
		return "The consent works. Waiting for " + StageOf(m.Phase).Actor + " to enter the connector's description; then it is checked what changes."
	case domain.Proving:
		if m.FailureCode != "" {
			return "Checking again what would change, because " + lower(or(m.FailureText, Text(m.FailureCode))) + " Nothing is applied yet."
		}
		return "Reading the directory through the connector and comparing it with what is held. Nothing is applied yet."
	case domain.AwaitingApproval:
		wait := "Waiting for " + StageOf(m.Phase).Actor + " to look at what changes and approve; the switch follows at once."
		if m.FailureCode != "" {
			return or(m.FailureText, Text(m.FailureCode)) + " " + wait
		}
		return wait
	case domain.CuttingOver:
		return "The integration is being switched to the connector and synchronized for the first time. If that fails, everything goes back as it was."
	case domain.Migrated:
		return fmt.Sprintf("Migrated: the integration synchronizes through its connector. The way back is open until %s; from then on removing the old app is recommended.", day(m.WayBackUntil.Time))
	case domain.CleanUp:
		return fmt.Sprintf("Migrated, and the way back is closed. Removing the old app is recommended; this reminder ends by itself on %s.", day(m.CleanUpUntil.Time))
	case domain.Closed:
		return "The migration is complete."
	case domain.RolledBack:
		return "The integration was rolled back and synchronizes through its old app."
	case domain.Cancelled:
		return "This attempt was cancelled. The integration is as it was."
	}
	return "The phase " + string(m.Phase) + " is not known."
}

func date(f Facts) string {
	switch {
	case f.Migration.Overdue:
		return "The date has passed and synchronization is stopped; nothing is deleted, and completing the migration starts it again."
	case f.InForce.IsZero():
		return "No date is in force."
	}
	return fmt.Sprintf("Synchronization through the old app ends on %s.", day(f.InForce))
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006 15:04 UTC") }

func or(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}

func lower(s string) string {
	if s == "" || strings.HasPrefix(s, "Microsoft") {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
