package campaign

import (
	"slices"
	"time"

	"consentry/internal/domain"
)

// Dates is one reading of what a campaign says to one migration. NextAt is the
// earliest instant ahead at which something changes: the next reminder, the date
// in force, or the end of the grace after it; zero when nothing lies ahead.
type Dates struct {
	NextAt   time.Time
	Deadline time.Time // in force; zero: none
	Version  int64
	ReadAt   time.Time
	Overdue  bool
}

// Read gives the dates of a migration as they are at now.
func Read(c domain.Campaign, m domain.Migration, now time.Time) Dates {
	d := Dates{Deadline: DateInForce(c, &m), Version: c.Version, ReadAt: now}
	if d.Deadline.IsZero() {
		return d
	}
	d.Overdue = !now.Before(d.Deadline)
	ahead := func(at time.Time) {
		if at.After(now) && (d.NextAt.IsZero() || at.Before(d.NextAt)) {
			d.NextAt = at
		}
	}
	ahead(d.Deadline)
	ahead(GraceEnd(c, m))
	if !c.Paused { // reminders wait while nobody can act on them
		for _, before := range ladder(c.Terms) {
			ahead(d.Deadline.Add(-before))
		}
	}
	return d
}

// Reminder says which rung of the ladder is due: the latest that now has
// reached, if none that late was sent for this date before. Rungs that passed
// unsent are skipped with it, because one message about the same date is enough.
func Reminder(c domain.Campaign, m domain.Migration, now time.Time) (rung int, due bool) {
	date := DateInForce(c, &m)
	if c.Paused || date.IsZero() || !now.Before(date) {
		return 0, false
	}
	rung = Reached(c, m, now)
	sent := m.RemindedRungs
	if !m.RemindedFor.Equal(date) {
		sent = 0
	}
	return rung, rung > sent
}

// Reached counts the rungs of the ladder that lie behind now.
func Reached(c domain.Campaign, m domain.Migration, now time.Time) int {
	date := DateInForce(c, &m)
	if date.IsZero() {
		return 0
	}
	n := 0
	for _, before := range ladder(c.Terms) {
		if !date.Add(-before).After(now) {
			n++
		}
	}
	return n
}

// GraceEnd is until when synchronization goes on although the date has passed:
// consent was begun in time and may still be on its way through the customer's
// house. Zero when there is no grace.
func GraceEnd(c domain.Campaign, m domain.Migration) time.Time {
	date := DateInForce(c, &m)
	if date.IsZero() || c.Terms.ConsentGrace <= 0 || m.ConsentBeganAt.IsZero() || !m.ConsentBeganAt.Before(date) {
		return time.Time{}
	}
	return date.Add(c.Terms.ConsentGrace.Std())
}

// ladder gives the rungs from the earliest reminder to the last, each once.
func ladder(t domain.CampaignTerms) []time.Duration {
	rungs := make([]time.Duration, 0, len(t.Reminders))
	for _, r := range t.Reminders {
		if r > 0 {
			rungs = append(rungs, r.Std())
		}
	}
	slices.Sort(rungs)
	slices.Reverse(rungs)
	return slices.Compact(rungs)
}
