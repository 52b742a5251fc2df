package domain

import "time"

// Binding says which authentication an integration uses.
type Binding string

// The bindings.
const (
	BoundLegacy    Binding = "legacy"
	BoundConnector Binding = "connector"
)

// Product is what a connector is for; today there is one.
const ProductDirectorySync = "directory-sync"

// Condition is how an integration or connector fares beside its phase: an error
// is a system's fault, stopped is a rule's, ok is neither.
type Condition string

// The conditions.
const (
	ConditionOK       Condition = "ok"
	ConditionError    Condition = "error"
	ConditionStopped  Condition = "stopped"
	ConditionDisabled Condition = "disabled"
)

// Integration is one directory synchronization of an account. Epoch grows with
// every switch of its binding and is checked by whoever writes under it, so
// that a run begun before the switch can apply nothing after it.
type Integration struct {
	ID             string
	AccountID      string
	Name           string
	TenantID       string
	TenantDomain   string
	Product        string
	Binding        Binding
	ConnectorID    string // set while bound to a connector
	Epoch          int64
	Settings       SyncSettings
	Schedule       SyncSchedule
	Frozen         bool // settings may not be edited: its migration is open
	SharedTenant   bool // another account reads the same tenant; flagged at import
	Condition      Condition
	ConditionCode  string
	ConditionText  string // sentence for a person: what happened, what to do
	ConditionSince Instant
	NextDueAt      Instant // when the sweep starts the next run
	LastSyncedAt   Instant // when the last round was applied completely
	LastRunID      string
	Users          int64 // of the mirror, as of LastSyncedAt
	Groups         int64
	Memberships    int64
	CreatedAt      Instant
}

// SyncSettings are the customer's choices of what is read.
type SyncSettings struct {
	IncludeGuests   bool `json:"includeGuests"`
	IncludeDisabled bool `json:"includeDisabled"`
}

// SyncSchedule is when the sweep starts rounds. Every wins over TimesADay.
type SyncSchedule struct {
	TimesADay int      `json:"timesADay"`
	Every     Duration `json:"every,omitempty"`
}

// Interval is the time between two scheduled rounds.
func (s SyncSchedule) Interval() time.Duration {
	if s.Every > 0 {
		return s.Every.Std()
	}
	if s.TimesADay > 0 {
		return 24 * time.Hour / time.Duration(s.TimesADay)
	}
	return 8 * time.Hour
}

// LegacyApp is the customer's hand-made app registration of an integration.
type LegacyApp struct {
	ID           string // the integration's id: exactly one each
	ClientID     string
	Name         string
	SecretRef    string  // a Secret's id; "" once destroyed
	SecretEndsAt Instant // as we were told
	// SecretEnteredAt is when a person replaced the secret here; zero: it came
	// with the inventory. No earlier one of an inventory takes its place.
	SecretEnteredAt Instant
	DestroyedAt     Instant
	ProbedAt        Instant // when Microsoft last said something about it: to a way back, a removal, or a run it refused
	ProbeVerdict    string  // works, lives, gone or unknown
	ProbeCode       string  // Microsoft's, or ours where nothing was asked
}

// Secret is a sealed value. Rows elsewhere carry only its id; the value leaves
// the keys room only into the call that needs it.
type Secret struct {
	ID          string
	Sealed      []byte
	CreatedAt   Instant
	DestroyedAt Instant
}
