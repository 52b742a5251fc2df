package domain

// Phase is where a migration stands. The store's phase is the truth; the engine
// mirrors it.
type Phase string

// The phases of design section 4.
const (
	AwaitingConsent     Phase = "AwaitingConsent"
	ConfirmingConsent   Phase = "ConfirmingConsent"
	AwaitingDescription Phase = "AwaitingDescription"
	Proving             Phase = "Proving"
	AwaitingApproval    Phase = "AwaitingApproval"
	CuttingOver         Phase = "CuttingOver"
	Migrated            Phase = "Migrated"
	CleanUp             Phase = "CleanUp"
	Closed              Phase = "Closed"
	RolledBack          Phase = "RolledBack"
	Cancelled           Phase = "Cancelled"
)

// Ended reports whether nothing can follow the phase.
func (p Phase) Ended() bool { return p == Closed || p == RolledBack || p == Cancelled }

// Switched reports whether the integration is on its connector for good, as far
// as the customer's list of tasks is concerned.
func (p Phase) Switched() bool { return p == Migrated || p == CleanUp || p == Closed }

// NeedsPerson says who can act in the phase: "" when nobody has to.
func (p Phase) NeedsPerson() string {
	switch p {
	case AwaitingConsent:
		return "tenant-administrator"
	case AwaitingDescription, AwaitingApproval:
		return "account-administrator"
	default:
		return ""
	}
}

// Migration is one attempt to move one integration from its legacy app to a
// connector. ID is the attempt id that every message of its workflow carries.
type Migration struct {
	ID              string
	AccountID       string
	IntegrationID   string
	CampaignID      string
	Region          string
	Phase           Phase
	PhaseSince      Instant
	PhaseSeq        int64 // grows with every change of Phase: an answer that was overtaken is known by it
	Open            bool  // at most one per integration (unique index)
	Overdue         bool
	OverdueSince    Instant
	Deadline        Instant // an extension of this account's own; zero = the campaign's
	ConsentBeganAt  Instant // when a consent session of it was last begun
	ConsentSession  string  // the verified session that granted consent
	ConsentCode     string  // why the last consent failed; "" = it did not
	ConsentText     string
	ConnectorID     string
	Description     string // given ahead of the connector's creation
	GoOnIfUnchanged bool   // confirmed beforehand: cut over when nothing changes
	ProofID         string
	ApprovedProof   string
	FailureCode     string // why the last cut-over or proof came back
	FailureText     string
	WaitingCode     string // an outside part does not answer; retried by itself
	WaitingText     string
	WaitingSince    Instant
	ArmedFor        Instant // what the workflow's one timer is set to
	ArmedVersion    int64   // the campaign version it was read from
	ArmedReadAt     Instant
	RemindedRungs   int     // rungs of the reminder ladder that are done with …
	RemindedFor     Instant // … for this date; another date begins the ladder anew
	MigratedAt      Instant
	WayBackUntil    Instant
	CleanUpUntil    Instant
	CleanUpNextAt   Instant // the next rung of the clean-up ladder, at last CleanUpUntil
	RemovalAdvised  Instant // from which date removing the old app is recommended
	OldAppRemoved   string  // "", confirmed (a person said so), proven (Microsoft did first) or declined
	Restarts        int     // how often its workflow was lost and started again
	RestartedAt     Instant
	StartedBy       string
	StartedAt       Instant
	EndedAt         Instant
	UpdatedAt       Instant
}

// CutOverSnapshot is what the way back restores: exactly how the integration was
// bound, set and scheduled before the switch.
type CutOverSnapshot struct {
	ID            string // the migration's id: the latest cut-over of the attempt
	IntegrationID string
	Binding       Binding
	ConnectorID   string
	Settings      SyncSettings
	Schedule      SyncSchedule
	Epoch         int64 // before the switch
	NextDueAt     Instant
	LastSyncedAt  Instant
	LastRunID     string

	Condition      Condition
	ConditionCode  string
	ConditionText  string
	ConditionSince Instant

	CreatedAt Instant
}

// DecisionKind is what a person may ask of a migration.
type DecisionKind string

// The kinds of decision.
const (
	DecideDescribe DecisionKind = "describe"
	DecideApprove  DecisionKind = "approve"
	DecideRefuse   DecisionKind = "refuse"
	DecideCancel   DecisionKind = "cancel"
	DecideRollBack DecisionKind = "roll-back"
	DecideExtend   DecisionKind = "extend"
	DecideCleanUp  DecisionKind = "clean-up" // "I have removed it", or declined
)

// DecisionState: given → applied or refused.
type DecisionState string

// The states of a decision.
const (
	DecisionGiven   DecisionState = "given"
	DecisionApplied DecisionState = "applied"
	DecisionRefused DecisionState = "refused"
)

// Decision is what a person asked for.
type Decision struct {
	ID          string
	AccountID   string
	MigrationID string
	Kind        DecisionKind
	Detail      DecisionDetail
	State       DecisionState
	Code        string // of a refusal
	Reason      string // of a refusal, a sentence
	GivenBy     string // person id
	GivenAt     Instant
	DecidedAt   Instant
}

// DecisionDetail carries what each kind needs; the rest is empty.
type DecisionDetail struct {
	Description     string  `json:"description,omitempty"`
	GoOnIfUnchanged bool    `json:"goOnIfUnchanged,omitempty"`
	ProofID         string  `json:"proofId,omitempty"`      // the proof the approver saw
	CompareAgain    bool    `json:"compareAgain,omitempty"` // in place of an approval: only another proof is asked for, whatever has become of this one
	Reason          string  `json:"reason,omitempty"`
	Deadline        Instant `json:"deadline,omitzero"`
	Removed         bool    `json:"removed,omitempty"` // clean-up: true = removed, false = declined
}
