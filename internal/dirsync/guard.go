package dirsync

import "fmt"

// Limit says how many removals of one kind a round may apply by itself. Percent
// counts only from Floor removals on, so that a small directory may lose a few.
type Limit struct {
	Absolute int64
	Percent  int64
	Floor    int64
}

// Limits are the guard's limits per kind.
type Limits struct {
	Users       Limit
	Groups      Limit
	Memberships Limit
}

// DefaultLimits let an ordinary day pass and stop an emptied directory, a
// filter that slipped, or a reading that saw only a part.
var DefaultLimits = Limits{
	Users:       Limit{Absolute: 500, Percent: 20, Floor: 5},
	Groups:      Limit{Absolute: 200, Percent: 20, Floor: 5},
	Memberships: Limit{Absolute: 5000, Percent: 30, Floor: 25},
}

// Hold gives the reason why so many removals out of so many wait for a person,
// "" if they may be applied.
func (l Limit) Hold(plural string, removals, of int64) string {
	switch {
	case removals == 0:
		return ""
	case removals > l.Absolute:
		return fmt.Sprintf("More than %d %s would be removed at once.", l.Absolute, plural)
	case removals >= l.Floor && removals*100 > l.Percent*of:
		return fmt.Sprintf("More than %d %% of the %s would be removed at once.", l.Percent, plural)
	}
	return ""
}

// HoldRebound is why the first round after a change of connection removes
// nothing by itself: what another app cannot see is not thereby gone.
const HoldRebound = "The first synchronization after a change of the connection removes nothing by itself."

// HoldFollows is why a membership stays: it goes or stays with its ends.
const HoldFollows = "It belongs to a user or group whose own removal is held."
