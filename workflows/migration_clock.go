package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"consentry/internal/domain"
	"consentry/internal/migration"
)

// alarmFloor keeps a timer from firing again at once when the store's clock is a
// little behind the engine's.
const alarmFloor = time.Second

// keepTime holds the attempt's one timer. Whatever it is set to is read anew
// when it fires: a campaign date that moved later needs no message, and one that
// moved earlier comes as a nudge.
func (r *migrationRun) keepTime(ctx workflow.Context) {
	for !r.over {
		at, why := r.alarm()
		r.armedFor = at
		r.showDetails(ctx)
		fired, err := r.sleepUntil(ctx, at, why)
		if err != nil || r.over {
			return
		}
		if fired {
			r.ring(workflow.Now(ctx))
		}
		if !r.nudged {
			continue
		}
		r.nudged = false
		if err := r.readDates(ctx); err != nil {
			return
		}
	}
}

// alarm is the next instant that matters in the present phase, and what for.
func (r *migrationRun) alarm() (time.Time, string) {
	at, why := time.Time{}, ""
	switch p := r.phase(); {
	case migration.BeforeCutOver(p) && !r.dates.NextAt.IsZero():
		at, why = r.dates.NextAt, "next reminder"
		if at.Equal(r.dates.Deadline) {
			why = "deadline"
		} else if r.dates.Overdue {
			why = "end of the grace for a consent that was begun in time"
		}
	case p == domain.Migrated:
		at, why = r.standing.Until, "end of the way back"
	case p == domain.CleanUp:
		at, why = r.standing.Until, "next look for the old app"
	}
	if !r.retryAt.IsZero() && (at.IsZero() || r.retryAt.Before(at)) {
		at, why = r.retryAt, "retry after "+r.waiting
	}
	return at, why
}

// sleepUntil arms the timer and reports whether it fired; it returns early when
// the alarm moves or a nudge comes.
func (r *migrationRun) sleepUntil(ctx workflow.Context, at time.Time, why string) (fired bool, err error) {
	timerCtx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	var timer workflow.Future
	if !at.IsZero() {
		timer = workflow.NewTimerWithOptions(timerCtx, at.Sub(workflow.Now(ctx)), workflow.TimerOptions{Summary: why + " at " + stamp(at)})
	}
	err = workflow.Await(ctx, func() bool {
		next, _ := r.alarm()
		return timer != nil && timer.IsReady() || r.nudged || r.over || !next.Equal(at)
	})
	// Cancelling the workflow makes its timer ready at once, for good and without
	// having fired: so the context is asked, and not the timer.
	if err == nil {
		err = ctx.Err()
	}
	return err == nil && timer != nil && timer.IsReady(), err
}

// ring marks everything that is due by now.
func (r *migrationRun) ring(now time.Time) {
	due := func(at time.Time) bool { return !at.IsZero() && !at.After(now) }
	if due(r.retryAt) {
		r.retryAt = time.Time{}
	}
	switch p := r.phase(); {
	case migration.BeforeCutOver(p):
		r.nudged = r.nudged || due(r.dates.NextAt)
	case p == domain.Migrated, p == domain.CleanUp:
		r.ended = due(r.standing.Until)
		if r.ended {
			r.standing.Until = time.Time{}
		}
	}
}

// readDates asks what the campaign says now. The command sends what is due and
// marks the attempt overdue; a reading of an older campaign version than the one
// in force here is thrown away.
func (r *migrationRun) readDates(ctx workflow.Context) error {
	if !migration.BeforeCutOver(r.phase()) {
		return nil
	}
	d, err := serviceReadDates(ctx, r.attempt())
	if err != nil {
		return err
	}
	if d.CampaignVersion < r.dates.CampaignVersion {
		return nil
	}
	if floor := workflow.Now(ctx).Add(alarmFloor); !d.NextAt.IsZero() && d.NextAt.Before(floor) {
		d.NextAt = floor
	}
	r.dates = d
	r.showDates(ctx)
	return nil
}

// note is the sentence of a phase that cannot go on by itself right now.
func (r *migrationRun) note() string {
	if r.waiting == "" || r.retryAt.IsZero() {
		return ""
	}
	return migration.Text(r.waiting) + " Tried again at " + stamp(r.retryAt) + "."
}

// stamp writes an instant. The checker sees that Format asks for the machine's
// zone; in UTC it does not use the answer.
//
//workflowcheck:ignore
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
