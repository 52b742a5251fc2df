package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// showPhase puts the new phase where operators filter and read: search
// attributes in one upsert, and the details of the page. Opaque ids and status
// words only.
func (r *migrationRun) showPhase(ctx workflow.Context) {
	p := r.phase()
	updates := []temporal.SearchAttributeUpdate{
		contract.AttrMigrationPhase.ValueSet(string(p)),
		contract.AttrNeedsPerson.ValueSet(p.NeedsPerson()),
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
		workflow.GetLogger(ctx).Error("search attributes could not be set", "error", err)
	}
}

// showDetails writes the text of the workflow's page. It is Markdown, and it
// says what the timer is armed for rather than what date is in force: that is
// the store's to say.
func (r *migrationRun) showDetails(ctx workflow.Context) {
	workflow.SetCurrentDetails(ctx, detailsOf(r))
}

func detailsOf(r *migrationRun) string {
	parts := []string{fmt.Sprintf("**%s** since %s", r.phase(), stamp(r.since))}
	if actor := migration.StageOf(r.phase()).Actor; actor != "" {
		parts = append(parts, "Waits for "+actor+".")
	}
	if r.standing.Code != "" {
		parts = append(parts, "Last time: "+migration.Text(r.standing.Code))
	}
	if note := r.note(); note != "" {
		parts = append(parts, note)
	}
	if r.dates.Overdue && migration.BeforeCutOver(r.phase()) {
		parts = append(parts, "**Overdue**: synchronization is stopped, nothing is deleted, the same road leads on.")
	}
	if !r.armedFor.IsZero() {
		_, why := r.alarm()
		parts = append(parts, fmt.Sprintf("Timer armed for %s (%s), campaign version %d, read at %s.", stamp(r.armedFor), why, r.dates.CampaignVersion, stamp(r.dates.ReadAt)))
	}
	parts = append(parts, fmt.Sprintf("Attempt `%s`, integration `%s`, account `%s`, campaign `%s`.", r.in.AttemptID, r.in.IntegrationID, r.in.AccountID, r.in.CampaignID))
	return strings.Join(parts, "\n\n") + "\n"
}
