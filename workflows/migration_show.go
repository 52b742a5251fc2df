package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/logkey"
	"consentry/internal/migration"
)

// showPhase puts the new phase where operators filter and read: search
// attributes in one upsert, and the details of the page. Opaque ids and status
// words only.
func (r *migrationRun) showPhase(ctx workflow.Context) {
	p := r.phase()
	updates := []temporal.SearchAttributeUpdate{
		contract.AttrMigrationPhase.ValueSet(string(p)),
		contract.AttrNeedsPerson.ValueSet(r.needsPerson()),
	}
	consent := ""
	if p == domain.AwaitingConsent {
		consent = r.standing.Code
	}
	if consent != r.shownConsent {
		updates = append(updates, contract.AttrConsentError.ValueSet(consent))
		r.shownConsent = consent
	}
	r.upsert(ctx, append(updates, r.dateAttributes()...))
	r.showDetails(ctx)
}

// needsPerson says who can act: the standing's code is that of the last consent
// while one is awaited.
func (r *migrationRun) needsPerson() string {
	return migration.NeedsPerson(r.phase(), r.standing.Code)
}

// showDates puts changed dates in the search attributes; a reading that changed
// nothing that is shown costs nothing.
func (r *migrationRun) showDates(ctx workflow.Context) {
	if updates := r.dateAttributes(); len(updates) > 0 {
		r.upsert(ctx, updates)
	}
}

func (r *migrationRun) dateAttributes() []temporal.SearchAttributeUpdate {
	var updates []temporal.SearchAttributeUpdate
	overdue := r.dates.Overdue && migration.BeforeCutOver(r.phase())
	if overdue != r.shownOverdue {
		updates = append(updates, contract.AttrOverdue.ValueSet(overdue))
		r.shownOverdue = overdue
	}
	if !r.dates.Deadline.Equal(r.shownDeadline) {
		if r.dates.Deadline.IsZero() {
			updates = append(updates, contract.AttrDeadlineArmed.ValueUnset())
		} else {
			updates = append(updates, contract.AttrDeadlineArmed.ValueSet(r.dates.Deadline))
		}
		r.shownDeadline = r.dates.Deadline
	}
	return updates
}

func (r *migrationRun) upsert(ctx workflow.Context, updates []temporal.SearchAttributeUpdate) {
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		workflow.GetLogger(ctx).Error("search attributes could not be set", logkey.Error, err)
	}
}

// showDetails writes the text of the workflow's page. It is Markdown. A date on
// it says when it was read, because the one in force is the store's to say.
func (r *migrationRun) showDetails(ctx workflow.Context) {
	workflow.SetCurrentDetails(ctx, detailsOf(r))
}

func detailsOf(r *migrationRun) string {
	p := r.phase()
	var d details
	d.say("Where", "**%s** since %s. %s", p, stamp(r.since), meanings[p])
	if migration.BeforeCutOver(p) {
		r.sayDeadline(&d)
	}
	if r.stopped {
		d.say("Stopped", "%s", stoppedText(p))
	}
	if r.standing.Code != "" {
		d.say("Why", "last time: %s", migration.Text(r.standing.Code))
	}
	if note := r.note(); note != "" {
		d.say("Why", "%s", note)
	}
	if !r.armedFor.IsZero() && !p.Ended() {
		_, why := r.alarm()
		d.say("Until", "the timer is armed for %s (%s).", stamp(r.armedFor), why)
	}
	switch actor := migration.Actor(p, r.standing.Code); {
	case migration.MendedByOperators(r.waiting) && !r.retryAt.IsZero():
		d.say("Who acts", "an operator of the vendor mends that; then it goes on by itself.")
	case actor != "":
		d.say("Who acts", "%s. While the campaign is paused no switch begins; the command below says whether it is.", actor)
	case p.Ended():
		d.say("Who acts", "nobody; this attempt is over.")
	case p.Switched():
		d.say("Who acts", "nobody has to, for the migration. Whether Microsoft still lets the connector read is said by the workflow `%s` and by the command below.", contract.DirectorySyncID(r.in.IntegrationID))
	default:
		d.say("Who acts", "nobody has to; should it wait for a fault of our own side, the command below says so.")
	}
	d.decisions(p)
	d.ids("attempt", r.in.AttemptID, "integration", r.in.IntegrationID, "account", r.in.AccountID, "campaign", r.in.CampaignID)
	return d.String()
}

// sayDeadline gives the date in force as it was last read here, and what holds
// before it and after.
func (r *migrationRun) sayDeadline(d *details) {
	read := fmt.Sprintf("campaign version %d as read at %s; the date in force is the database's to say", r.dates.CampaignVersion, stamp(r.dates.ReadAt))
	switch {
	case r.dates.Overdue && !r.dates.NextAt.IsZero(): // nothing else lies ahead after the date
		d.say("Overdue", "the date has passed. Because the consent was begun before it, the legacy app may synchronize until %s; nothing is deleted, and the same road still leads to the connector.", stamp(r.dates.NextAt))
		d.say("Deadline", "it was %s (%s).", stamp(r.dates.Deadline), read)
	case r.dates.Overdue:
		d.say("Overdue", "the date has passed: synchronization is stopped, nothing is deleted, and the same road still leads to the connector.")
		if !r.dates.Deadline.IsZero() {
			d.say("Deadline", "it was %s (%s).", stamp(r.dates.Deadline), read)
		}
	case r.dates.Deadline.IsZero():
		d.say("Deadline", "none is in force (%s).", read)
	default:
		d.say("Deadline", "not before %s (%s). An earlier date is read here at once, a later one when the timer rings. At least until then the legacy app may go on synchronizing, as long as Microsoft accepts it.", stamp(r.dates.Deadline), read)
	}
}

// stoppedText says what came of cancelling the workflow at the engine.
func stoppedText(p domain.Phase) string {
	if p.Ended() {
		return "somebody cancelled this workflow at the engine, or its account was deleted; the attempt is over."
	}
	return "somebody cancelled this workflow at the engine. After the switch that is no way out: the attempt stands as it was, and the next sweep starts its workflow anew."
}

// meanings say what is going on in a phase to somebody who sees it for the first
// time.
var meanings = map[domain.Phase]string{
	domain.AwaitingConsent:     "An administrator of the customer has to consent to the connector at Microsoft.",
	domain.ConfirmingConsent:   "Consent was given; real calls show whether Microsoft has spread it.",
	domain.AwaitingDescription: "The connector exists and needs a description before anything is read for comparison.",
	domain.Proving:             "The directory is read through the legacy app and through the connector, and compared; nothing is changed.",
	domain.AwaitingApproval:    "The comparison is ready and nothing is applied until it is approved.",
	domain.CuttingOver:         "The integration is switched to the connector and synchronizes for the first time; a failure puts everything back.",
	domain.Migrated:            "The connector synchronizes; the way back to the legacy app is open.",
	domain.CleanUp:             "The way back is closed; the customer is asked to remove the old app.",
	domain.Closed:              "The migration is complete.",
	domain.RolledBack:          "The integration is back on its legacy app.",
	domain.Cancelled:           "The attempt was given up; the integration is on its legacy app.",
}

// details is the text of a workflow's page, in Markdown: one labelled line each
// for where it stands, why, until when and who acts. Ids and our own words only.
type details struct{ lines []string }

func (d *details) say(label, format string, args ...any) {
	d.lines = append(d.lines, "**"+label+"**: "+fmt.Sprintf(format, args...))
}

// decisions lists what may be decided in a phase, and by whom. It is decided in
// the console or by the API, which check it; this page only shows.
func (d *details) decisions(p domain.Phase) {
	var may []string
	for _, kind := range migration.StageOf(p).Decisions {
		who := string(migration.RoleFor(kind, domain.DecisionDetail{}))
		if migration.OperatorMay(kind) && who != string(domain.RoleOperator) {
			who += " or operator"
		}
		may = append(may, fmt.Sprintf("%s (%s)", kind, who))
	}
	if len(may) > 0 {
		d.say("May be decided", "%s; in the console or with the command line, not here.", strings.Join(may, ", "))
	}
}

// ids ends the page with what to look for elsewhere.
func (d *details) ids(pairs ...string) {
	var ids []string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			ids = append(ids, pairs[i]+" `"+pairs[i+1]+"`")
		}
		if pairs[i] == "integration" {
			d.say("More", "`consentry explain %s`", pairs[i+1])
		}
	}
	d.say("Ids", "%s", strings.Join(ids, ", "))
}

// String is the page.
func (d *details) String() string { return strings.Join(d.lines, "\n\n") + "\n" }
