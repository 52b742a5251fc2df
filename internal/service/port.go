package service

import (
	"context"
	"time"

	"consentry/internal/domain"
)

// Store is the database as commands and reads need it. Write runs fn in one
// transaction that holds the write lock from its start (SQLite: BEGIN
// IMMEDIATE, PostgreSQL: an advisory lock), so that what fn reads stays true
// until it commits; fn may be run again from its beginning. Read runs fn on one
// consistent view. An error from fn rolls back and is returned as it is, and a
// breach of a unique index rolls back in any case; a database that does not
// answer gives a domain.Error of kind Unavailable, and one whose connection
// ended during the commit the code "store-outcome-unknown". Who has no turn to
// write in time is told "store-busy".
type Store interface {
	Write(ctx context.Context, fn func(Rows) error) error
	Read(ctx context.Context, fn func(Rows) error) error
	// Look runs fn without a transaction, for a read that is one statement: it is
	// consistent by itself and spares the statements around it. fn may run again.
	Look(ctx context.Context, fn func(Rows) error) error
	Ping(ctx context.Context) error
}

// Rows is every table within one transaction. It must not outlive the function
// it was handed to.
type Rows interface {
	Accounts() Table[domain.Account]
	Contacts() Table[domain.Contact]
	People() Table[domain.Person]
	Grants() Table[domain.Grant]
	Sessions() Table[domain.Session]
	SignInStates() Table[domain.SignInState]
	TemporalVisits() Table[domain.TemporalVisit]
	Tokens() Table[domain.Token]
	Invitations() Table[domain.Invitation]
	Integrations() Table[domain.Integration]
	LegacyApps() Table[domain.LegacyApp]
	Secrets() Table[domain.Secret]
	Cells() Table[domain.Cell]
	Credentials() Table[domain.Credential]
	Connectors() Table[domain.Connector]
	Campaigns() Table[domain.Campaign]
	Migrations() Table[domain.Migration]
	Snapshots() Table[domain.CutOverSnapshot]
	Decisions() Table[domain.Decision]
	ConsentSessions() Table[domain.ConsentSession]
	TenantUses() Table[domain.TenantUse]
	AccountDeletions() Table[domain.AccountDeletion]
	Proofs() Table[domain.Proof]
	SyncRuns() Table[domain.SyncRun]
	Holds() Table[domain.Hold]
	Notices() Table[domain.Notice]
	Changes() Table[domain.Change]
	Audit() Table[domain.AuditEntry]
	CommandKeys() Table[domain.CommandKey]
	EngineCalls() Table[domain.EngineCall]
	CodecKeys() Table[domain.CodecKey]
	Processes() Table[domain.Process]
	// Owner gives whose session it is, in one statement, because every request of
	// a browser asks; NotFound without the session or its person.
	Owner(sessionID string) (SessionOwner, error)
	// Mirror is the directory tables on this same transaction.
	Mirror() Mirror
}

// SessionOwner is a session with its person and that person's grants.
type SessionOwner struct {
	ExpiresAt domain.Instant
	Person    domain.Person
	Grants    []domain.Grant
}

func (o SessionOwner) caller() domain.Caller {
	return domain.Caller{Kind: domain.CallerPerson, ID: o.Person.ID, Name: o.Person.Name, Grants: o.Grants}
}

// Table is one table's rows. Rows are addressed by their id (column id, or seq
// where the table is a log).
type Table[T any] interface {
	// Get gives the row, or a domain.Error of kind NotFound.
	Get(id any) (T, error)
	// Find gives the first row that matches, or NotFound.
	Find(q Query) (T, error)
	List(q Query) ([]T, error)
	Count(q Query) (int, error)
	// Insert adds rows. A breach of a unique index is a domain.Error of kind
	// Conflict with code "exists".
	Insert(rows ...*T) error
	// Update writes every column of the row; NotFound if there is none.
	Update(row *T) error
	Delete(q Query) (int, error)
}

// Where maps "column" or "column operator" to a value; all must hold. Operators
// are = (default), <>, <, <=, >, >=. A slice value means "one of". A time is
// passed as domain.Instant.
type Where map[string]any

// Query selects rows. Order is a column, descending with a leading "-". Limit 0
// means no limit.
type Query struct {
	Where Where
	Order []string
	Limit int
}

// By is a query on columns alone.
func By(w Where) Query { return Query{Where: w} }

// Engine is the one door to the workflow engine. Every method is safe to repeat:
// a call's ids say what it is, and "already so" is success.
type Engine interface {
	// Deliver hands one call over and returns once the engine has taken it. For
	// an update it returns when the update is complete.
	Deliver(ctx context.Context, call domain.EngineCall) error
	// Running tells whether a workflow is at work under the id right now. An error
	// means that the engine did not say.
	Running(ctx context.Context, workflowID string) (bool, error)
	// RunningAmong gives those of the migrations' workflow ids under which one is
	// at work. It looks them up in a list that may lag moments behind.
	RunningAmong(ctx context.Context, workflowIDs []string) ([]string, error)
}

// Keeper seals values at rest.
type Keeper interface {
	Seal(ctx context.Context, plaintext []byte) ([]byte, error)
	Open(ctx context.Context, sealed []byte) ([]byte, error)
}

// Clock is the port of time: real in production, virtual in simulation.
type Clock func() time.Time
