package domain

// Purpose is why a synchronization run exists.
type Purpose string

// The purposes. The last three belong to a migration and run as children of its
// workflow; shadow reads only and takes no run row of the integration.
const (
	RunScheduled Purpose = "scheduled"
	RunManual    Purpose = "manual"
	RunLegacy    Purpose = "legacy"
	RunShadow    Purpose = "shadow"
	RunFirst     Purpose = "first"
)

// RunState is how a run stands.
type RunState string

// The states of a run. Stopped means that a rule ended it (deadline, cut-over);
// error that a system failed.
const (
	RunReading  RunState = "reading"
	RunApplying RunState = "applying"
	RunDone     RunState = "done"
	RunStopped  RunState = "stopped"
	RunError    RunState = "error"
)

// SyncRun is one round. While Open the unique index on (integration, open) lets
// no second one of the integration begin; shadow runs are never Open.
type SyncRun struct {
	ID            string
	AccountID     string
	IntegrationID string
	MigrationID   string
	Purpose       Purpose
	Full          bool // enumerated everything, into a new generation
	Epoch         int64
	Binding       Binding
	ClientID      string // whose delta links it reads
	State         RunState
	Open          bool
	Pages         int64
	Read          int64 // objects and memberships read
	Added         int64
	Changed       int64
	Removed       int64
	Held          int64
	Code          string
	Text          string
	StartedAt     Instant
	UpdatedAt     Instant
	FinishedAt    Instant
}

// Hold is one destructive operation that a guard stopped; it waits for a person.
type Hold struct {
	ID            string
	AccountID     string
	IntegrationID string
	RunID         string
	Kind          string // user, group, membership
	ObjectID      string
	MemberID      string
	Operation     string // remove, disable
	Reason        string
	State         string // held, removed, kept, gone
	CreatedAt     Instant
	DecidedAt     Instant
	DecidedBy     string
	GoneAt        Instant
	GoneRunID     string // the run that saw the object again, or whose hold was taken back with it
}

// Counts are numbers of directory objects.
type Counts struct {
	Users       int64 `json:"users"`
	Groups      int64 `json:"groups"`
	Memberships int64 `json:"memberships"`
}

// Total adds the three.
func (c Counts) Total() int64 { return c.Users + c.Groups + c.Memberships }

// Difference is one example of what would change.
type Difference struct {
	Kind     string   `json:"kind"`   // user, group, membership
	Change   string   `json:"change"` // added, changed, removed
	ObjectID string   `json:"objectId"`
	MemberID string   `json:"memberId,omitempty"`
	Name     string   `json:"name,omitempty"`
	Fields   []string `json:"fields,omitempty"` // of a change
}

// Proof is what comparing the connector's reading with the mirror showed.
type Proof struct {
	ID          string
	AccountID   string
	MigrationID string
	ShadowRunID string
	Frozen      bool    // compared with the mirror as it stood: legacy could not be read
	AsOf        Instant // when the mirror's side was last true
	ReadAt      Instant // when the connector's side was read
	Mirror      Counts
	Shadow      Counts
	Added       Counts
	Changed     Counts
	Removed     Counts
	Examples    []Difference // at most 20 of each change
	CreatedAt   Instant
}

// Equal reports whether nothing changes.
func (p Proof) Equal() bool { return p.Added.Total()+p.Changed.Total()+p.Removed.Total() == 0 }

// Unchanged reports whether the comparison says that nothing changes now. One
// with a frozen mirror says how things were.
func (p Proof) Unchanged() bool { return p.Equal() && !p.Frozen }

// Differences counts what would change.
func (p Proof) Differences() int64 { return p.Added.Total() + p.Changed.Total() + p.Removed.Total() }
