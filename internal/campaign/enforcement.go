package campaign

import (
	"fmt"
	"time"

	"consentry/internal/domain"
)

// The codes of a refusal, which runs and conditions carry.
const (
	CodeDeadlinePassed = "deadline-passed"
	CodeDisabled       = "disabled"
)

// Verdict answers "may this integration synchronize now?". A refusal deletes
// nothing: the mirror stays as it was at its last round.
type Verdict struct {
	Allowed bool
	Code    string    // of a refusal
	Text    string    // of a refusal: a sentence for the customer
	Until   time.Time // of a permission: the date, or the end of the grace after it; zero = no end
}

// MaySync is the one predicate of enforcement, asked when a run starts and again
// in every transaction that applies. It looks at rows alone, so that it also
// holds for an integration whose migration was never opened, was cancelled or
// rolled back, and whatever the engine's timers say. m is the open migration or
// else the latest one, nil if there was none; c is its campaign, or the one that
// the integration falls under, nil if there is none.
//
// Only the legacy binding ends with the date. A campaign that was not started
// has told nobody its date, so it stops nobody.
func MaySync(i domain.Integration, c *domain.Campaign, m *domain.Migration, now time.Time) Verdict {
	if i.Condition == domain.ConditionDisabled {
		return Verdict{Code: CodeDisabled, Text: "Synchronization is switched off for this integration. Nothing is deleted. Switch it on to go on."}
	}
	if i.Binding != domain.BoundLegacy || c == nil || (m == nil && c.StartedAt.IsZero()) {
		return Verdict{Allowed: true}
	}
	date := DateInForce(*c, m)
	if date.IsZero() || now.Before(date) {
		return Verdict{Allowed: true, Until: date}
	}
	if m != nil && m.Open {
		if end := GraceEnd(*c, *m); now.Before(end) {
			return Verdict{Allowed: true, Until: end}
		}
	}
	return Verdict{Code: CodeDeadlinePassed, Text: fmt.Sprintf(
		"Synchronization through the old app registration ended on %s. Nothing is deleted; the directory is as of the last synchronization. Migrate to a connector to start it again.",
		date.UTC().Format("2 January 2006, 15:04 UTC"))}
}
