package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// rows implements service.Rows on one transaction.
type rows struct {
	ctx      context.Context
	store    *Store
	db       bun.IDB
	tx       *sql.Tx  // the transaction, where statements can be kept for it
	free     bool     // there is no transaction
	missed   []string // texts that were asked and are not kept yet
	breached error    // the first breach of a unique index, which ends the transaction
}

func of[T any](r *rows) service.Table[T]  { return table[T]{rows: r, pk: "id"} }
func log[T any](r *rows) service.Table[T] { return table[T]{rows: r, pk: "seq"} }

// breach turns a broken unique index into a refusal that a command can decide
// on. PostgreSQL takes nothing more in such a transaction, so on no engine it is
// committed.
func (r *rows) breach(err error, table string) error {
	if r.store.engine.unique(err) {
		err = &domain.Error{Kind: domain.Conflict, Code: "exists", Message: "There is already such a row in " + table + ".", Err: err}
		if r.breached == nil {
			r.breached = err
		}
	}
	return err
}

// outcome is how the transaction ends whose function returned err: a refusal
// stands, and a breach that was passed over does, too.
func (r *rows) outcome(err error) error {
	if r.breached != nil && domain.KindOf(err) == "" {
		return r.breached
	}
	return err
}

func (r *rows) Accounts() service.Table[domain.Account]         { return of[domain.Account](r) }
func (r *rows) Contacts() service.Table[domain.Contact]         { return of[domain.Contact](r) }
func (r *rows) People() service.Table[domain.Person]            { return of[domain.Person](r) }
func (r *rows) Grants() service.Table[domain.Grant]             { return of[domain.Grant](r) }
func (r *rows) Sessions() service.Table[domain.Session]         { return of[domain.Session](r) }
func (r *rows) SignInStates() service.Table[domain.SignInState] { return of[domain.SignInState](r) }
func (r *rows) TemporalVisits() service.Table[domain.TemporalVisit] {
	return of[domain.TemporalVisit](r)
}
func (r *rows) Tokens() service.Table[domain.Token]             { return of[domain.Token](r) }
func (r *rows) Invitations() service.Table[domain.Invitation]   { return of[domain.Invitation](r) }
func (r *rows) Integrations() service.Table[domain.Integration] { return of[domain.Integration](r) }
func (r *rows) LegacyApps() service.Table[domain.LegacyApp]     { return of[domain.LegacyApp](r) }
func (r *rows) Secrets() service.Table[domain.Secret]           { return of[domain.Secret](r) }
func (r *rows) Cells() service.Table[domain.Cell]               { return of[domain.Cell](r) }
func (r *rows) Credentials() service.Table[domain.Credential]   { return of[domain.Credential](r) }
func (r *rows) Connectors() service.Table[domain.Connector]     { return of[domain.Connector](r) }
func (r *rows) Campaigns() service.Table[domain.Campaign]       { return of[domain.Campaign](r) }
func (r *rows) Migrations() service.Table[domain.Migration]     { return of[domain.Migration](r) }
func (r *rows) Snapshots() service.Table[domain.CutOverSnapshot] {
	return of[domain.CutOverSnapshot](r)
}
func (r *rows) Decisions() service.Table[domain.Decision] { return of[domain.Decision](r) }
func (r *rows) ConsentSessions() service.Table[domain.ConsentSession] {
	return of[domain.ConsentSession](r)
}
func (r *rows) AccountDeletions() service.Table[domain.AccountDeletion] {
	return of[domain.AccountDeletion](r)
}
func (r *rows) TenantUses() service.Table[domain.TenantUse]   { return of[domain.TenantUse](r) }
func (r *rows) Proofs() service.Table[domain.Proof]           { return of[domain.Proof](r) }
func (r *rows) SyncRuns() service.Table[domain.SyncRun]       { return of[domain.SyncRun](r) }
func (r *rows) Holds() service.Table[domain.Hold]             { return of[domain.Hold](r) }
func (r *rows) Notices() service.Table[domain.Notice]         { return of[domain.Notice](r) }
func (r *rows) Changes() service.Table[domain.Change]         { return log[domain.Change](r) }
func (r *rows) Audit() service.Table[domain.AuditEntry]       { return log[domain.AuditEntry](r) }
func (r *rows) CommandKeys() service.Table[domain.CommandKey] { return of[domain.CommandKey](r) }
func (r *rows) EngineCalls() service.Table[domain.EngineCall] { return of[domain.EngineCall](r) }
func (r *rows) CodecKeys() service.Table[domain.CodecKey]     { return of[domain.CodecKey](r) }
func (r *rows) Processes() service.Table[domain.Process]      { return of[domain.Process](r) }

func (r *rows) Mirror() service.Mirror { return r.store.mirror(r.ctx, r.db) }

// ownerText finds whose session it is.
const ownerText = `SELECT s.expires_at, p.id, p.name, p.issuer, p.subject, p.created_at, g.id, g.account_id, g.role
FROM sessions AS s JOIN people AS p ON p.id = s.person_id LEFT JOIN grants AS g ON g.person_id = p.id
WHERE s.id = ? ORDER BY g.account_id, g.id`

// Owner implements service.Rows.
func (r *rows) Owner(sessionID string) (service.SessionOwner, error) {
	o, err := r.findOwner(sessionID)
	if err != nil {
		return service.SessionOwner{}, fmt.Errorf("find whose session it is: %w", err)
	}
	if o.Person.ID == "" {
		return service.SessionOwner{}, domain.Missing("session")
	}
	return o, nil
}

func (r *rows) findOwner(sessionID string) (o service.SessionOwner, err error) {
	found, err := r.asked(ownerText, []any{sessionID})
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		p := &o.Person
		var id, account, role sql.NullString
		if err := found.Scan(&o.ExpiresAt, &p.ID, &p.Name, &p.Issuer, &p.Subject, &p.CreatedAt, &id, &account, &role); err != nil {
			return o, err
		}
		if id.Valid {
			o.Grants = append(o.Grants, domain.Grant{ID: id.String, PersonID: p.ID, AccountID: account.String, Role: domain.Role(role.String)})
		}
	}
	return o, found.Err()
}
