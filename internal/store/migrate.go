package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. Processes that start together take turns
// by the lock. A database made by a newer version is refused untouched.
func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, turns lock.SessionLocker) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if dialect == goose.DialectPostgres {
		files = portableFiles{files}
	}
	p, err := goose.NewProvider(dialect, db, files, goose.WithSessionLocker(turns), goose.WithAllowOutofOrder(true))
	if err != nil {
		return fmt.Errorf("read schema migrations: %w", err)
	}
	want := p.ListSources()[len(p.ListSources())-1].Version
	// A new database has no version table yet; GetDBVersion makes it.
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

// SchemaVersion is the version that the database has now: another program may
// have upgraded it since this one opened it.
func (s *Store) SchemaVersion(ctx context.Context) (version int64, err error) {
	return version, s.outage(ctx, s.connected(func() error {
		return s.db.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied").Scan(&version)
	}))
}

// KnownSchemaVersion is the newest version that this program knows.
func KnownSchemaVersion() (int64, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil || len(names) == 0 {
		return 0, fmt.Errorf("read schema migrations: %w", err)
	}
	return goose.NumericComponent(slices.Max(names))
}

// fileTurns lets one process at a time migrate an SQLite database. It locks a
// file beside the database: closing any handle of the database's own file would
// drop the locks that SQLite holds there. The lock ends with the process.
type fileTurns struct {
	path string
	held *os.File
}

// SessionLock implements lock.SessionLocker.
func (t *fileTurns) SessionLock(context.Context, *sql.Conn) error {
	f, err := os.OpenFile(t.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock the database for its migration: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return errors.Join(fmt.Errorf("lock the database for its migration: %w", err), f.Close())
	}
	t.held = f
	return nil
}

// SessionUnlock implements lock.SessionLocker.
func (t *fileTurns) SessionUnlock(context.Context, *sql.Conn) error { return t.held.Close() }
