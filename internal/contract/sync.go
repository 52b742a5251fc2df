package contract

// Codes of a synchronization that a rule ended (state stopped) or that a fault
// ended (state error). They are what DirectorySyncResult.Code, the run row and
// the integration's condition carry.
const (
	// Stopped.
	SyncDeadlinePassed = "deadline-passed" // legacy ended at its date; nothing is deleted
	SyncRunOpen        = "run-open"        // another run of the integration is at work
	SyncCuttingOver    = "cutting-over"    // the integration is being rebound
	SyncBindingChanged = "binding-changed" // rebound while the run was at work
	SyncNotMigrating   = "not-migrating"   // the migration it belongs to is elsewhere or over
	SyncDisabled       = "disabled"        // a person switched the integration off
	SyncCancelled      = "cancelled"       // its workflow was cancelled

	// Error.
	SyncUnavailable     = "microsoft-unavailable"
	SyncThrottled       = "throttled"
	SyncConsentLost     = "consent-lost"
	SyncConsentPending  = "consent-not-visible"
	SyncLegacyDead      = "legacy-credential-dead"
	SyncTenantMismatch  = "tenant-mismatch"
	SyncDeltaExpired    = "delta-expired" // again and again, full rounds included
	SyncStoreDown       = "store-unavailable"
	SyncMisconfigured   = "misconfigured"
	SyncBudgetExceeded  = "budget-exceeded" // a first sync took longer than allowed
	SyncPageUnreadable  = "page-unreadable" // an answer that is no delta page
	SyncLost            = "lost"            // its workflow ended without a word
	SyncUnexpectedFault = "unexpected"
)

// BeginRun asks for a run row. Key makes asking twice harmless: it is the
// workflow's own run.
type BeginRun struct {
	Key   string             `json:"key"`
	Input DirectorySyncInput `json:"input"`
}

// RunStart is how a run begins: refused by a rule, or with the row it writes to.
type RunStart struct {
	Refused bool   `json:"refused"`
	Code    string `json:"code,omitempty"`
	RunID   string `json:"runId,omitempty"`
	Full    bool   `json:"full"`
}

// ReadRound asks for the next slice of a round's reading.
type ReadRound struct {
	RunID string `json:"runId"`
}

// ReadSlice is how far the reading got. Stopped means that the run was closed
// meanwhile.
type ReadSlice struct {
	More    bool   `json:"more"`
	Stopped bool   `json:"stopped"`
	Code    string `json:"code,omitempty"`
	Full    bool   `json:"full"`
	Pages   int64  `json:"pages"`
	Read    int64  `json:"read"`
}

// ApplyRun asks to bring what was read into the mirror.
type ApplyRun struct {
	RunID string `json:"runId"`
}

// EndRun closes a run that did not finish.
type EndRun struct {
	RunID string `json:"runId"`
	State string `json:"state"`
	Code  string `json:"code"`
}

// SweepResult says what a sweep did.
type SweepResult struct {
	Started int `json:"started"`
	Waiting int `json:"waiting,omitempty"` // consents to look for
	Lost    int `json:"lost,omitempty"`    // migrations whose workflow may be gone
	Erasing int `json:"erasing,omitempty"` // accounts and evidence whose date has come
}

// LostHealed counts the migrations whose lost workflow was started again.
type LostHealed struct {
	Healed int `json:"healed"`
}

// Erased counts what a sweep brought to its end.
type Erased struct {
	Accounts int  `json:"accounts,omitempty"`
	Evidence int  `json:"evidence,omitempty"`
	More     bool `json:"more,omitempty"` // the next sweep goes on
}

// ApprovalsFound counts the consents that were looked for and those that count.
type ApprovalsFound struct {
	Looked int `json:"looked"`
	Taken  int `json:"taken"`
}

// syncCodes are the codes of the errors that end a run or keep it waiting.
var syncCodes = map[string]string{
	ErrThrottled:            SyncThrottled,
	ErrUnavailable:          SyncUnavailable,
	ErrKeyRejected:          SyncMisconfigured,
	ErrConsentNotVisibleYet: SyncConsentPending,
	ErrConsentLost:          SyncConsentLost,
	ErrLegacyCredentialDead: SyncLegacyDead,
	ErrTenantMismatch:       SyncTenantMismatch,
	ErrDeltaExpired:         SyncDeltaExpired,
	ErrStoreUnavailable:     SyncStoreDown,
	ErrMisconfigured:        SyncMisconfigured,
	ErrRunOpen:              SyncRunOpen,
	ErrPageUnreadable:       SyncPageUnreadable,
}

// SyncCodeOf gives the code that a run carries for an error type.
func SyncCodeOf(errorType string) string {
	if code, ok := syncCodes[errorType]; ok {
		return code
	}
	return SyncUnexpectedFault
}
