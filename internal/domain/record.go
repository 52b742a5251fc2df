package domain

// Notice is a message to people of an account, with evidence of what was said
// when. Key makes it once-only: its scope is in the text that builds it.
type Notice struct {
	ID          string
	AccountID   string
	MigrationID string
	Key         string // unique
	Kind        string // actions-needed, reminder, overdue, migrated, receipt, consent-failed, …
	Title       string
	Body        string
	CreatedAt   Instant
	ReadAt      Instant
}

// Change is one entry of the ordered log that every write appends.
type Change struct {
	Seq       int64 `bun:",pk,autoincrement"`
	AccountID string
	Kind      string // migration, integration, connector, run, notice, campaign, cell, decision
	SubjectID string
	What      string
	At        Instant
}

// AuditEntry is one link of a hash chain: one chain per account and one for the
// vendor (""). Detail holds ids and digests, never names or secrets.
type AuditEntry struct {
	Seq       int64 `bun:",pk,autoincrement"`
	Chain     string
	ChainSeq  int64
	At        Instant
	ActorKind string
	ActorID   string
	Action    string
	Subject   string
	Outcome   string // done, refused
	Code      string
	Detail    map[string]string
	Previous  string
	Hash      string
}

// CommandKey remembers what a command answered, so that a repeat answers alike.
type CommandKey struct {
	ID        string
	Answer    []byte
	CreatedAt Instant
}

// EngineCallKind is what the engine is asked to do.
type EngineCallKind string

// The kinds of engine call.
const (
	CallStart    EngineCallKind = "start"
	CallSignal   EngineCallKind = "signal"
	CallUpdate   EngineCallKind = "update"
	CallTrigger  EngineCallKind = "trigger"
	CallSchedule EngineCallKind = "schedule"
	CallCancel   EngineCallKind = "cancel"
	// CallUnschedule ends a schedule for good.
	CallUnschedule EngineCallKind = "unschedule"
)

// EngineCall is one request to the workflow engine, written in the transaction
// of the command that needs it and delivered after the commit, again and again
// until the engine has taken it.
type EngineCall struct {
	ID        string
	Kind      EngineCallKind
	AccountID string
	Target    string // workflow id or schedule id
	Name      string // workflow type, signal or update name
	DedupeID  string // attempt id, decision id …: what makes a repeat harmless
	Payload   []byte // JSON of the contract's message
	State     string // waiting, taken, dropped
	Attempts  int
	LastError string
	NextAt    Instant
	CreatedAt Instant
	TakenAt   Instant
	// Traceparent is the trace of the command that wrote the call; "" without.
	Traceparent string
}
