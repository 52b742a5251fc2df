package campaign

import (
	"slices"
	"time"

	"consentry/internal/domain"
)

// NextCleanUp is when removing the old app is recommended next, of a clean-up
// that began at since and ends by itself at until: the first rung of the ladder
// after now, else the end.
func NextCleanUp(t domain.CampaignTerms, since, until, now time.Time) time.Time {
	rungs := slices.Clone(t.CleanUpReminders)
	slices.Sort(rungs)
	for _, r := range rungs {
		if at := since.Add(r.Std()); r > 0 && at.After(now) && at.Before(until) {
			return at
		}
	}
	return until
}
