package console

import (
	"fmt"
	"time"

	"consentry/internal/consent"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// stepCount is how many steps the wizard's rail shows.
const stepCount = 6

// stepTitles are the steps of a migration as a person goes through them.
var stepTitles = [stepCount]struct{ title, hint string }{
	{"Sign in and consent", "At Microsoft, by an administrator"},
	{"Description", "What this connector is for"},
	{"Check what changes", "Nothing moves before this"},
	{"Rebind", "Seconds"},
	{"First synchronization", "Minutes, goes on by itself"},
	{"Clean up", "Remove the old app"},
}

// stepOf is where a migration stands on the rail, from 1.
func stepOf(v service.ViewTask) int {
	switch v.Migration.Phase {
	case domain.AwaitingConsent, domain.ConfirmingConsent:
		return 1
	case domain.AwaitingDescription:
		return 2
	case domain.Proving, domain.AwaitingApproval:
		return 3
	case domain.CuttingOver:
		if v.Integration.Binding == domain.BoundConnector {
			return 5
		}
		return 4
	case domain.RolledBack, domain.Cancelled:
		return 1
	case domain.Migrated, domain.CleanUp, domain.Closed:
	}
	return stepCount
}

// left says a length of time in its largest fitting unit, rounded down.
func left(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return count(int64(d/(24*time.Hour)), "day")
	case d >= 2*time.Hour:
		return count(int64(d/time.Hour), "hour")
	case d >= 2*time.Minute:
		return count(int64(d/time.Minute), "minute")
	}
	return count(max(0, int64(d/time.Second)), "second")
}

// count writes a number with its noun.
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(n) + " " + noun + "s"
}

// took writes how long a run lasted.
func took(d time.Duration) string {
	switch {
	case d < time.Second:
		return "under 1 s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// permissionWords says in plain words what a permission lets us do.
var permissionWords = map[string]string{
	"User.Read.All":        "Read the profiles of all users",
	"GroupMember.Read.All": "Read groups and who belongs to them",
	"openid":               "See that you signed in",
	"profile":              "See your name and your roles, once, to prove who consented",
}

// advice is the headline for a consent that came to nothing, and what the
// person at the page can do. The sentence between them is the row's own.
type advice struct {
	Headline string
	Tone     string   // bad, warn or info
	Steps    []string // in order
	Share    bool     // another administrator is the likely way on
	AppID    bool     // somebody needs our application id for it
	Fresh    bool     // a role activated a minute ago shows only after a fresh sign-in
}

var (
	roleSteps = []string{
		"Ask somebody who is Privileged Role Administrator or Global Administrator in this tenant.",
		"If you hold the role through Privileged Identity Management, activate it, wait a minute and try again.",
	}
	memberSteps = []string{"Sign in with a member account of this tenant. If the browser chooses another one by itself, pick “Use another account”."}
)

var advices = map[string]advice{
	string(consent.ReasonDeclined):          {Headline: "The permissions were not accepted", Tone: "warn", Share: true},
	string(consent.ReasonMayNotConsent):     {Headline: "This account may not grant consent", Tone: "bad", Share: true, Steps: roleSteps},
	consent.CodeRoleMissing:                 {Headline: "This account may not grant consent", Tone: "bad", Share: true, Steps: roleSteps, Fresh: true},
	consent.CodeRoleInsufficient:            {Headline: "This role cannot grant the permissions", Tone: "bad", Share: true, Steps: roleSteps, Fresh: true},
	string(consent.ReasonApprovalRequested): {Headline: "Your request is with your reviewers", Tone: "info", Share: true},
	string(consent.ReasonOtherAccount):      {Headline: "Another account is needed", Tone: "bad", Steps: memberSteps},
	consent.CodeTenantMismatch:              {Headline: "That was another tenant", Tone: "bad", Steps: memberSteps, Share: true},
	migration.ConsentWrongTenant:            {Headline: "That was another tenant", Tone: "bad", Steps: memberSteps, Share: true},
	consent.CodeGuest:                       {Headline: "A guest account cannot connect this directory", Tone: "bad", Steps: memberSteps},
	string(consent.ReasonConditionalAccess): {Headline: "A Conditional Access policy blocked the sign-in", Tone: "bad", AppID: true, Steps: []string{
		"Give your security team the application id below and the time of the attempt.",
		"They find the blocked sign-in in the Microsoft Entra admin center under Sign-in logs, with the policy that stopped it.",
		"When it lets administrators sign in to this application, try again.",
	}},
	string(consent.ReasonMultifactor): {Headline: "The second step of the sign-in is missing", Tone: "warn"},
	string(consent.ReasonNotAssigned): {Headline: "This account is not assigned to the application", Tone: "bad", AppID: true, Steps: []string{
		"In the Microsoft Entra admin center open Enterprise applications and find the application by the id below.",
		"Under Users and groups add the account, or use one that is already there.",
	}},
	string(consent.ReasonSpreading):      {Headline: "Microsoft is still spreading the consent", Tone: "info"},
	string(consent.ReasonConfiguration):  {Headline: "We have a configuration problem", Tone: "bad"},
	migration.CellMisconfigured:          {Headline: "We have a configuration problem", Tone: "bad"},
	string(consent.ReasonDisabled):       {Headline: "The application is disabled in your tenant", Tone: "bad", AppID: true, Steps: enableSteps},
	migration.ConsentAppDisabled:         {Headline: "The application is disabled in your tenant", Tone: "bad", AppID: true, Steps: enableSteps},
	string(consent.ReasonTenantNotFound): {Headline: "Microsoft does not know this tenant", Tone: "bad"},
	string(consent.ReasonUnavailable):    {Headline: "Microsoft is not available at the moment", Tone: "warn"},
	migration.MicrosoftUnavailable:       {Headline: "Microsoft is not available at the moment", Tone: "warn"},
	string(consent.ReasonTooOld):         {Headline: "This sign-in is too old", Tone: "warn"},
	consent.CodeStateExpired:             {Headline: "This sign-in is too old", Tone: "warn"},
	migration.ConsentNotVisible:          {Headline: "The consent did not become visible in time", Tone: "bad", AppID: true},
	migration.ConsentNoPrincipal:         {Headline: "The tenant does not hold our application", Tone: "bad", AppID: true},
	migration.ConsentNoPermission:        {Headline: "Permissions are missing", Tone: "bad", Share: true, Steps: roleSteps},
	migration.ConsentWithdrawn:           {Headline: "The consent no longer works", Tone: "bad", AppID: true},
}

var enableSteps = []string{
	"In the Microsoft Entra admin center open Enterprise applications and find the application by the id below.",
	"Under Properties set “Enabled for users to sign-in” to Yes and save.",
	"Try again.",
}

// adviceFor never comes back empty-handed: Microsoft invents new codes.
func adviceFor(code string) advice {
	if a, known := advices[code]; known {
		return a
	}
	if a, known := advices[string(consent.HelpFor("", code).Reason)]; known {
		return a
	}
	return advice{Headline: "The consent came to nothing", Tone: "bad", AppID: true}
}

// purposeWords names the kind of a run.
var purposeWords = map[domain.Purpose]string{
	domain.RunScheduled: "Scheduled",
	domain.RunManual:    "Requested",
	domain.RunLegacy:    "Last through the old app",
	domain.RunShadow:    "Comparison, reads only",
	domain.RunFirst:     "First through the connector",
}

// runStatus is a run's result in a word.
func runStatus(r domain.SyncRun) status {
	switch r.State {
	case domain.RunDone:
		if r.Held > 0 {
			return status{Word: "Completed, " + number(r.Held) + " held", Tone: "warn"}
		}
		return status{Word: "Completed", Tone: "ok"}
	case domain.RunReading:
		return status{Word: "Reading", Tone: "info", Moving: true}
	case domain.RunApplying:
		return status{Word: "Applying", Tone: "info", Moving: true}
	case domain.RunStopped:
		return status{Word: "Stopped", Tone: "warn"}
	case domain.RunError:
	}
	return status{Word: "Error", Tone: "bad"}
}
