package contract

import "go.temporal.io/sdk/temporal"

// Search attributes: what an operator filters by. Their values are stored in
// clear by the engine, so they are opaque ids and status words only.
var (
	AttrAccountID      = temporal.NewSearchAttributeKeyKeyword("AccountId")
	AttrRegion         = temporal.NewSearchAttributeKeyKeyword("Region")
	AttrCampaignID     = temporal.NewSearchAttributeKeyKeyword("CampaignId")
	AttrMigrationPhase = temporal.NewSearchAttributeKeyKeyword("MigrationPhase")
	AttrDeadlineArmed  = temporal.NewSearchAttributeKeyTime("DeadlineArmed")
	AttrOverdue        = temporal.NewSearchAttributeKeyBool("Overdue")
	AttrConsentError   = temporal.NewSearchAttributeKeyKeyword("ConsentError")
	AttrNeedsPerson    = temporal.NewSearchAttributeKeyKeyword("NeedsPerson")
)

// MemoAttemptID is the memo key that tells which attempt a running migration is.
const MemoAttemptID = "attemptId"
