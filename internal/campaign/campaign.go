// Package campaign holds the pure rules of a campaign: which date is in force
// for an account, whether an integration may still synchronize through its
// legacy app, and which reminders are due. Rows come in, verdicts go out; the
// clock is an argument.
package campaign

import (
	"time"

	"consentry/internal/domain"
)

// DateInForce is when synchronization through the legacy app ends: the
// migration's own extension where it is later than the
// campaign's deadline, else the campaign's deadline. The zero time
// means that no date is in force: there is none, or the kill-switch is on.
// m is nil for an integration whose migration was never opened.
func DateInForce(c domain.Campaign, m *domain.Migration) time.Time {
	if c.Terms.KillSwitch {
		return time.Time{}
	}
	if m != nil && !m.Deadline.IsZero() && m.Deadline.After(c.Terms.Deadline.Time) {
		return m.Deadline.Time
	}
	return c.Terms.Deadline.Time
}
