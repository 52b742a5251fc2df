package domain

// DeletionState is how the deletion of an account stands.
type DeletionState string

// The states. A pending deletion can be withdrawn until its date, and a withdrawn
// one can be requested again; what began goes on to its end.
const (
	DeletionNone      DeletionState = "none" // nobody asked
	DeletionPending   DeletionState = "pending"
	DeletionWithdrawn DeletionState = "withdrawn"
	DeletionBegun     DeletionState = "deleting"
	DeletionDone      DeletionState = "deleted"
)

// AccountDeletion is the request to delete an account and, once it is done, the
// receipt. It holds ids and numbers only and outlives the account.
type AccountDeletion struct {
	ID            string // the account's id: at most one each
	Region        string // whose sweep carries it out
	State         DeletionState
	RequestedBy   string
	RequestedAt   Instant
	DueAt         Instant
	WithdrawnBy   string
	WithdrawnAt   Instant
	BeganAt       Instant
	FinishedAt    Instant
	Deleted       map[string]int64 // rows by kind
	Kept          []KeptEvidence
	EvidenceUntil Instant // when evidence and audit chain of the account go, too
	AuditPurgedAt Instant

	AuditPurgeBeganAt Instant // the checkpoint of the audit is written
}

// Closed reports whether nothing of the account exists any more for anybody.
func (d AccountDeletion) Closed() bool { return d.State == DeletionBegun || d.State == DeletionDone }

// KeptEvidence is a connector whose consent stays on record for a time, and our
// application that only an administrator of the tenant can remove from it.
type KeptEvidence struct {
	ConnectorID   string  `json:"connectorId"`
	TenantID      string  `json:"tenantId"`
	ApplicationID string  `json:"applicationId"`
	Until         Instant `json:"until"`
}
