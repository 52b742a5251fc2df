package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver "sqlite", without cgo

	"consentry/internal/domain"
	"consentry/internal/service"
)

//go:embed migrations/*.sql
var migrations embed.FS

// MirrorOn builds the directory tables on a transaction's handle; app supplies
// it, since store and mirror do not know each other.
type MirrorOn func(ctx context.Context, db bun.IDB) service.Mirror

// Store is the database handle of a process.
type Store struct {
	db     *bun.DB
	mirror MirrorOn
	writer sync.Mutex // one write transaction at a time in this process
}

// Open opens the SQLite database at path, creating it and bringing its schema
// up to date. A database made by a newer version is refused.
func Open(ctx context.Context, path string, mirror MirrorOn) (*Store, error) {
	q := url.Values{}
	for _, pragma := range []string{"journal_mode(WAL)", "synchronous(NORMAL)", "busy_timeout(15000)", "foreign_keys(ON)"} {
		q.Add("_pragma", pragma)
	}
	raw, err := sql.Open("sqlite", "file:"+path+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	raw.SetMaxOpenConns(16)
	raw.SetConnMaxIdleTime(5 * time.Minute)
	if err := migrate(ctx, raw); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return &Store{db: bun.NewDB(raw, sqlitedialect.New()), mirror: mirror}, nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return fmt.Errorf("read schema migrations: %w", err)
	}
	want := p.ListSources()[len(p.ListSources())-1].Version
	// A new file has no version table yet; GetDBVersion makes it.
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the database's schema version: %w", err)
	}
	if have > want {
		return fmt.Errorf("the database has schema version %d but this program knows only %d: run the newer program, or restore a backup made before the upgrade; nothing was changed", have, want)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the database's schema to version %d: %w", want, err)
	}
	return nil
}

// Close closes the handle.
func (s *Store) Close() error { return s.db.Close() }

// Ping reports whether the database answers a query.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return outage(s.db.QueryRowContext(ctx, "SELECT 1 FROM goose_db_version LIMIT 1").Scan(&one))
}

// Write implements service.Store.
func (s *Store) Write(ctx context.Context, fn func(service.Rows) error) error {
	s.writer.Lock()
	defer s.writer.Unlock()
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return outage(err)
	}
	defer func() { _ = conn.Close() }() // returns it to the pool; nothing to report
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return outage(err)
	}
	// The end of a transaction must not be skipped because its asker left.
	end := context.WithoutCancel(ctx)
	done := false
	defer func() {
		if !done { // fn failed or panicked
			_, _ = conn.ExecContext(end, "ROLLBACK")
		}
	}()
	if err := fn(&rows{ctx: ctx, db: conn, mirror: s.mirror}); err != nil {
		return outage(err)
	}
	if _, err := conn.ExecContext(end, "COMMIT"); err != nil {
		return outage(err)
	}
	done = true
	return nil
}

// Read implements service.Store.
func (s *Store) Read(ctx context.Context, fn func(service.Rows) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return outage(err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	return outage(fn(&rows{ctx: ctx, db: tx, mirror: s.mirror}))
}

// outage gives every fault of the database the one type that callers wait on;
// refusals and other errors pass through as they are.
func outage(err error) error {
	var known *domain.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if !databaseFault(err) {
		return err
	}
	return &domain.Error{Kind: domain.Unavailable, Code: "store-unavailable", Message: "The database does not answer. Nothing was changed; try again.", Err: err}
}
