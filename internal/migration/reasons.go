package migration

import "consentry/internal/domain"

// The codes with which a consent, a proof or a cut-over came back. They are
// stable: rows, notices and answers carry them.
const (
	ConsentNotVisible    = "consent-not-visible"    // granted, and still not there when the budget was over
	ConsentNoPrincipal   = "consent-no-principal"   // the tenant does not hold our app
	ConsentNoPermission  = "consent-no-permission"  // it does, without what it needs
	ConsentAppDisabled   = "consent-app-disabled"   // it does, switched off
	ConsentWrongTenant   = "consent-wrong-tenant"   // the answers come from another directory
	ConsentWithdrawn     = "consent-withdrawn"      // it worked, and no longer does
	ConsentTenantShared  = "tenant_shared"          // another account uses the tenant, too: consent.CodeTenantShared
	CellMisconfigured    = "cell-misconfigured"     // the vendor's own registration or certificate
	MicrosoftUnavailable = "microsoft-unavailable"  // no usable answer
	MicrosoftThrottled   = "microsoft-throttled"    // asked to wait
	ProofTooOld          = "proof-too-old"          // approved after its age
	ProofOther           = "proof-other"            // another proof stands than the approver saw
	ProofUsed            = "proof-used"             // the switch it was approved for was taken back
	ProofDiffers         = "proof-differs"          // going on was confirmed for "nothing changes" only
	FirstSyncFailed      = "first-sync-failed"      // a fault
	FirstSyncLate        = "first-sync-late"        // out of its time
	FirstSyncUnconsented = "first-sync-unconsented" // Microsoft did not let the connector read everything
	CutOverCancelled     = "cut-over-cancelled"     // the workflow was cancelled from outside
	ApprovalRefused      = "approval-refused"       // a person said no
	CampaignPaused       = "campaign-paused"        // no switch begins meanwhile
	NotInPhase           = "not-in-this-phase"      // a decision for another phase
	MigrationEnded       = "migration-ended"        // a decision too late
	WayBackClosed        = "way-back-closed"        // its window is over
	WayBackPastDate      = "way-back-past-date"     // legacy would not be allowed to synchronize
	LegacySecretDead     = "legacy-secret-dead"     // legacy could not synchronize
	OldAppNotTried       = "old-app-not-tried"      // Microsoft did not answer, so nothing is known
	OldAppNotAsked       = "old-app-not-asked"      // our own engine was not at work to ask
	OldAppStillThere     = "old-app-still-there"    // said to be removed, and Microsoft knows it
	WorkflowLost         = "workflow-lost"          // the engine ended or lost it in the middle
	WayBackStillOpen     = "way-back-open"          // declining closes nothing yet
	DeadlineNotLater     = "deadline-not-later"     // an extension extends
	DeadlinePassed       = "deadline-passed"        // synchronization is stopped by the date
)

var texts = map[string]string{
	ConsentNotVisible:    "Microsoft did not show the consent in time. Check in the tenant that the enterprise app is there with its permissions, then consent again.",
	ConsentNoPrincipal:   "The tenant does not hold our app. Consent again with an account of this tenant.",
	ConsentNoPermission:  "Our app is in the tenant, but without the permissions it asked for. Consent again with a Privileged Role Administrator or Global Administrator.",
	ConsentAppDisabled:   "Our app is switched off in the tenant. Enable sign-in for the enterprise app, then consent again.",
	ConsentWrongTenant:   "The answers come from another directory than the integration's. Consent with an account of the integration's tenant.",
	ConsentTenantShared:  "Another account uses the tenant, too. An operator of the vendor has to decide whether they share it.",
	ConsentWithdrawn:     "Microsoft no longer lets the connector read. Consent again.",
	CellMisconfigured:    "Our own app registration does not answer as it should. The vendor's operators have to act; you do not.",
	MicrosoftUnavailable: "Microsoft does not answer.",
	MicrosoftThrottled:   "Microsoft asked us to wait.",
	ProofTooOld:          "The comparison was too old to be approved.",
	ProofOther:           "The comparison that was approved is not the latest one.",
	ProofUsed:            "The comparison was used up by the switch that was taken back, so a new one is made.",
	ProofDiffers:         "Something changes, so the migration did not go on by itself.",
	FirstSyncFailed:      "The first synchronization failed and everything was put back as it was.",
	FirstSyncLate:        "The first synchronization did not end in time and everything was put back as it was.",
	FirstSyncUnconsented: "The first synchronization failed, because Microsoft did not let the connector read everything it needs, and everything was put back as it was. An administrator of the tenant can give our app its permissions again in the Microsoft Entra admin center. The comparison is made again before the next switch; where a permission is missing then, too, the consent is asked for once more.",
	CutOverCancelled:     "The switch was stopped by an operator and everything was put back as it was.",
	ApprovalRefused:      "The changes were refused.",
	CampaignPaused:       "The campaign is paused; no switch begins until it is resumed.",
	NotInPhase:           "This cannot be decided in the phase the migration is in.",
	MigrationEnded:       "The migration has ended.",
	WayBackClosed:        "The way back is closed, so the migration cannot be taken back any more. Synchronization goes on through the connector.",
	WayBackPastDate:      "The date for the old app has passed, so synchronization through it would be stopped. An operator of the vendor can give the account a later date; then the migration can be taken back while the way back is open.",
	LegacySecretDead:     "The old app no longer lets us in, so there is nothing to go back to. Synchronization goes on through the connector.",
	OldAppNotTried:       "Microsoft did not answer when we tried the old app, so nothing was changed. Try again in a few minutes.",
	OldAppNotAsked:       "Microsoft was not asked about the old app after this was decided, because the workflow that asks was not at work in our own engine. It is started again by itself, usually within two minutes; then decide once more. Nothing was changed.",
	OldAppStillThere:     "The old app still exists at Microsoft. Deleting takes effect within minutes; try again then, or choose to keep it.",
	WorkflowLost:         "The switch was interrupted in our own engine and everything was put back as it was.",
	WayBackStillOpen:     "The way back is still open. Removal can be declined once it is closed.",
	DeadlineNotLater:     "The new date must lie later than now and than the present date.",
	// Ends of a synchronization that a migration waits out; their codes are contract's.
	"throttled":         "Microsoft asked us to slow down.",
	"run-open":          "Another synchronization of the integration is still at work.",
	"binding-changed":   "The integration was connected anew while it was read.",
	"not-migrating":     "The synchronization found the migration at another point.",
	"delta-expired":     "Microsoft kept losing the position of the reading.",
	"page-unreadable":   "An answer of Microsoft could not be read.",
	"misconfigured":     "Our own app registration does not answer as it should. The vendor's operators have to act; you do not.",
	"store-unavailable": "Our database did not answer.",
	"lost":              "The synchronization ended without a word.",
	"cancelled":         "The synchronization was cancelled.",
	"unexpected":        "The synchronization failed for a reason we do not know.",

	DeadlinePassed: "The date for migrating has passed, so synchronization through the old app is stopped. Nothing is deleted. Complete the migration to start it again.",
}

// The codes of contract with which a synchronization ends, as far as it matters
// here whom they wait for.
const (
	syncMisconfigured  = "misconfigured"
	syncPageUnreadable = "page-unreadable"
)

// passing are the ends of a synchronization that the next one mends: nobody has
// to act, and least of all to consent again.
var passing = map[string]bool{
	MicrosoftUnavailable: true, ConsentNotVisible: true, "throttled": true, "delta-expired": true, "store-unavailable": true,
	"budget-exceeded": true, "lost": true, "cancelled": true, "unexpected": true, "run-open": true, "binding-changed": true, "not-migrating": true,
}

// MendedByOperators reports whether a code names a fault of the vendor's own
// side. What waits for it is tried again by itself, and succeeds when somebody
// there has mended it.
func MendedByOperators(code string) bool {
	return code == CellMisconfigured || code == syncMisconfigured || code == syncPageUnreadable
}

// Text is the sentence for a code; a code without one is named, so that support
// can look it up.
func Text(code string) string {
	if t, ok := texts[code]; ok {
		return t
	}
	return "The reason is " + code + "."
}

// NotNow is the sentence for a decision that the phase does not allow.
func NotNow(p domain.Phase, kind domain.DecisionKind) string {
	switch p {
	case domain.Closed:
		return "This migration is complete, so nothing more can be decided about it."
	case domain.RolledBack:
		return "This migration was rolled back, so nothing more can be decided about it. A new one can be started."
	case domain.Cancelled:
		return "This migration was cancelled, so nothing more can be decided about it. A new one can be started."
	default:
	}
	switch kind {
	case domain.DecideApprove, domain.DecideRefuse:
		return "There is nothing to approve now. The comparison has to be ready first."
	case domain.DecideCancel:
		return "The switch has begun, so the migration can no longer be cancelled."
	case domain.DecideDescribe:
		return "The description can no longer be given here. Edit it on the connector's page."
	case domain.DecideExtend:
		return "The date no longer matters to this migration."
	case domain.DecideRollBack:
		if p == domain.CleanUp {
			return Text(WayBackClosed)
		}
		return "The integration is not migrated yet, so there is nothing to take back. Cancel the migration instead."
	case domain.DecideCleanUp:
		return "The integration is not migrated yet."
	}
	return Text(NotInPhase)
}
