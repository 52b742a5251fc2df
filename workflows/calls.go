package workflows

import "consentry/activities"

// The activities as workflow code names them. The pointers are nil: only their
// method names matter, which are the activity types. This is the one file of
// the room that knows the activities' types; everything else calls the typed
// functions below.
var (
	syncs      *activities.Sync
	migrations *activities.Migration
	rotations  *activities.Rotation
)
