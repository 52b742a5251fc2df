package console

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// migrationPage is the wizard: one step per phase, chosen by where the migration
// stands. Exactly one of the blocks is set (Describe may stand beside Consent,
// because the description may be given ahead).
type migrationPage struct {
	layout
	ID           string
	Heading      string
	Name         string
	TenantDomain string
	Status       status
	Steps        []step
	Due          time.Time
	DueWords     string
	DueTone      string
	StartedBy    string
	StartedAt    time.Time
	Safe         bool // nothing has changed yet
	Waiting      string
	WaitingSince time.Time
	Failure      *failure // why the last proof or cut-over came back
	Pending      string   // a decision that is recorded and not yet carried out
	Refusal      string   // the last decision, refused when it was carried out
	OnHold       bool
	Grace        bool // a consent that is begun before the date keeps synchronization going
	Overdue      bool
	GraceUntil   time.Time // … and synchronization goes on until then; zero: it is stopped
	AsOf         time.Time // of what is held
	LegacyName   string
	Unread       bool        // nothing is read through it
	Secret       *secretNote // of the old app; nil: nothing to say

	Consent  *consentStep
	Checking *checkingStep
	Describe *describeStep
	Proving  *provingStep
	Approve  *approveStep
	CutOver  *cutOverStep
	Receipt  *receipt
	Ended    *ended
	Cancel   *cancelStep // where cancelling is still possible
}

// step is one line of the rail. State: done, current, problem or later.
type step struct {
	Title, Hint, State string
}

// failure is why the migration is here again.
type failure struct {
	Heading, Words, Tone, Icon string
}

// wentBack lists the failures of a switch: everything was put back.
var wentBack = []string{
	migration.FirstSyncFailed, migration.FirstSyncLate, migration.CutOverCancelled, migration.WorkflowLost, migration.FirstSyncUnconsented,
	migration.ConsentWithdrawn, // which rows of earlier releases name
}

var failureHeadings = map[string]string{
	migration.ApprovalRefused: "These changes were refused",
	migration.ProofTooOld:     "The comparison was too old",
	migration.ProofUsed:       "The comparison is made again",
	migration.ProofOther:      "There is a newer comparison",
	migration.ProofDiffers:    "Something changes, so it waits for you",
	migration.CampaignPaused:  "The switch waits",
}

func newFailure(m domain.Migration) *failure {
	f := &failure{Heading: failureHeadings[m.FailureCode], Words: cmp.Or(m.FailureText, migration.Text(m.FailureCode)), Tone: "warn", Icon: "warn"}
	if slices.Contains(wentBack, m.FailureCode) || f.Heading == "" {
		f.Tone, f.Icon, f.Heading = "bad", "stop", cmp.Or(f.Heading, "The comparison did not succeed")
	}
	if slices.Contains(wentBack, m.FailureCode) {
		f.Heading = "We went back to the old connection"
	}
	return f
}

// form is what every form of the wizard carries. Key makes a second press of
// the same form the same command.
type form struct {
	Action string
	Key    string
}

// allowed says whether this person may do what the step asks for; if not, which
// role is needed and who has it.
type allowed struct {
	May      bool
	Role     string
	Who      []string
	Operator bool
}

func mayDo(caller domain.Caller, role domain.Role, v service.ViewMigration) allowed {
	a := allowed{May: caller.Has(role, v.Migration.AccountID), Operator: caller.Operator()}
	if !a.May {
		a.Role, a.Who = string(role), v.Deciders
		if role == domain.RoleApprove {
			a.Who = v.Approvers
		}
	}
	return a
}

func (p *Pages) migrationPage(caller domain.Caller, v service.ViewMigration) migrationPage {
	m, now := v.Migration, p.now()
	self := "/migrations/" + m.ID
	f := form{Action: self, Key: domain.NewToken()}
	page := migrationPage{
		ID: m.ID, Name: v.Integration.Name, TenantDomain: v.Integration.TenantDomain, Status: statusOfMigration(v.ViewTask),
		StartedBy: v.People[m.StartedBy], StartedAt: m.StartedAt.Time, Safe: migration.BeforeCutOver(m.Phase), Due: v.DateInForce,
		Grace: v.Campaign.Terms.ConsentGrace > 0, OnHold: v.OnHold(), Overdue: m.Overdue && migration.BeforeCutOver(m.Phase), GraceUntil: v.GraceUntil, AsOf: v.Integration.LastSyncedAt.Time,
		LegacyName: cmp.Or(v.Legacy.Name, "the legacy app"),
	}
	if page.Safe {
		page.DueWords, page.DueTone = dueWords(v.ViewTask, now)
		if m.WaitingCode != "" {
			page.Waiting, page.WaitingSince = cmp.Or(m.WaitingText, migration.Text(m.WaitingCode)), m.WaitingSince.Time
		}
		if m.FailureCode != "" && m.FailureCode != migration.CampaignPaused && (m.Phase == domain.AwaitingApproval || m.Phase == domain.Proving) {
			page.Failure = newFailure(m)
		}
	}
	p.decisionNotes(&page, v)
	p.chooseStep(&page, caller, v, f)
	if page.Safe {
		page.Cancel = newCancelStep(caller, v, f)
	}
	page.Steps = newSteps(v.ViewTask)
	page.Unread = migration.LegacyUnread(v.Integration, v.Secret.State)
	page.Secret = newSecretNote(v.Integration, v.Secret, false)
	page.layout = p.newLayout(caller, v.ViewShell, page.Heading+": "+page.Name, pageConnectors, self)
	return page
}

// decisionNotes tells how the last decision fares when the page itself does not
// show it yet.
func (p *Pages) decisionNotes(page *migrationPage, v service.ViewMigration) {
	switch d := v.Decision; {
	case d.ID == "" || d.MigrationID != v.Migration.ID:
	case d.State == domain.DecisionGiven:
		page.Pending = "Your decision is recorded and will be carried out in a moment. You need not send it again."
	case page.Failure != nil && page.Failure.Words == d.Reason: // which says it already
	case d.State == domain.DecisionRefused && !d.DecidedAt.Before(v.Migration.PhaseSince.Time):
		page.Refusal = d.Reason
	}
}

// chooseStep fills the block of the phase.
func (p *Pages) chooseStep(page *migrationPage, caller domain.Caller, v service.ViewMigration, f form) {
	m := v.Migration
	switch m.Phase {
	case domain.AwaitingConsent:
		page.Heading = "Sign in and consent at Microsoft"
		page.Consent = p.consentStep(caller, v, f)
		page.Describe = p.describeStep(caller, v, f, true)
	case domain.ConfirmingConsent:
		page.Heading = "Checking the consent"
		page.Checking = &checkingStep{Since: m.PhaseSince.Time, Budget: left(v.Campaign.Terms.ConsentBudget.Std())}
		page.Describe = p.describeStep(caller, v, f, true)
	case domain.AwaitingDescription:
		page.Heading = "Describe the connector"
		page.Describe = p.describeStep(caller, v, f, false)
	case domain.Proving:
		page.Heading = "Checking what changes"
		page.Proving = newProvingStep(v)
	case domain.AwaitingApproval:
		page.Heading = "Check what changes"
		page.Approve = p.approveStep(caller, v, f)
	case domain.CuttingOver:
		page.Heading = "Moving to the connector"
		page.CutOver = newCutOverStep(v, p.now())
	case domain.RolledBack, domain.Cancelled:
		page.Heading = "This migration has ended"
		page.Ended = newEnded(caller, v, f)
	default:
		page.Heading = "Migration complete"
		page.Receipt = p.receipt(caller, v, f)
	}
}

func newSteps(v service.ViewTask) []step {
	m := v.Migration
	at := stepOf(v)
	problem := (m.Phase == domain.AwaitingConsent && m.ConsentCode != "") || (m.Phase == domain.AwaitingApproval && slices.Contains(wentBack, m.FailureCode))
	steps := make([]step, 0, stepCount)
	for n, t := range stepTitles {
		s := step{Title: t.title, Hint: t.hint, State: "later"}
		switch {
		case m.Phase == domain.RolledBack || m.Phase == domain.Cancelled:
		case m.Phase == domain.Closed || n+1 < at:
			s.State = "done"
		case n+1 == at && problem:
			s.State = "problem"
		case n+1 == at:
			s.State = "current"
		case n == 1 && m.Description != "":
			s.Hint = "Given already"
		}
		steps = append(steps, s)
	}
	return steps
}

// suggestion proposes a description from what is known. It fills the field on
// request and is never saved by itself.
func suggestion(v service.ViewMigration) string {
	parts := []string{"Users and groups of " + cmp.Or(v.Integration.TenantDomain, v.Integration.Name)}
	if v.Integration.Users > 0 {
		parts = append(parts, count(v.Integration.Users, "user"))
	}
	parts = append(parts, "for directory synchronization")
	text := strings.Join(parts, ", ")
	if _, err := domain.CleanDescription(v.Integration.Name, text); err != nil {
		return ""
	}
	return text
}
