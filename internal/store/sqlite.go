package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite" // also the driver "sqlite", without cgo
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteEngine is one database file.
type sqliteEngine struct {
	turn   time.Duration
	writer *bun.Conn // opened by the first who writes
	turns  int       // that this process had; one at a time begins
}

// inURI writes a path as part of SQLite's URI, where these begin something else.
var inURI = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23")

func openSQLite(ctx context.Context, path string) (*bun.DB, error) {
	q := url.Values{}
	for _, pragma := range []string{"journal_mode(WAL)", "synchronous(NORMAL)", "busy_timeout(15000)", "foreign_keys(ON)"} {
		q.Add("_pragma", pragma)
	}
	raw, err := sql.Open("sqlite", "file:"+inURI.Replace(filepath.Clean(path))+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	raw.SetMaxOpenConns(maxConnections + 1) // and the writer's
	raw.SetMaxIdleConns(maxConnections)     // or all but two are opened anew for each request
	raw.SetConnMaxIdleTime(5 * time.Minute)
	if err := migrate(ctx, raw, goose.DialectSQLite3, &fileTurns{path: path + ".lock"}); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return bun.NewDB(raw, writable{sqlitedialect.New()}), nil
}

// SQLite's lock knows no order, and its own patience soon looks again only ten
// times a second: a process whose commands follow each other without a gap would
// keep all others out. So a waiting writer asks every few milliseconds, and each
// leaves the lock alone for as long after every few turns.
const (
	asksAgain  = "PRAGMA busy_timeout = 3"
	fewTurns   = 8
	leaveAlone = 4 * time.Millisecond
)

// begin takes the database's write lock, on a connection that does nothing else.
func (e *sqliteEngine) begin(ctx context.Context, db *bun.DB) (transaction, error) {
	if e.writer == nil {
		conn, err := db.Conn(ctx)
		if err != nil {
			return transaction{}, err
		}
		if _, err := conn.ExecContext(context.WithoutCancel(ctx), asksAgain); err != nil {
			return transaction{}, errors.Join(err, conn.Close())
		}
		e.writer = &conn
	}
	if err := e.lock(ctx); err != nil {
		return transaction{}, err
	}
	// The end of a transaction must not be skipped because its asker left.
	end := context.WithoutCancel(ctx)
	return transaction{
		IDB: e.writer,
		commit: func() error {
			_, err := e.writer.ExecContext(end, "COMMIT")
			return err // rollback follows
		},
		rollback: func() {
			_, _ = e.writer.ExecContext(end, "ROLLBACK") // or it is rolled back already
		},
	}, nil
}

func (e *sqliteEngine) lock(ctx context.Context) error {
	patience := time.NewTimer(e.turn)
	defer patience.Stop()
	if e.turns++; e.turns%fewTurns == 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(leaveAlone):
		}
	}
	for {
		// An asker that leaves while the lock is being taken would leave it taken.
		_, err := e.writer.ExecContext(context.WithoutCancel(ctx), "BEGIN IMMEDIATE")
		if !e.busy(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-patience.C:
			return err
		default:
		}
	}
}

func (e *sqliteEngine) close() error {
	if e.writer == nil {
		return nil
	}
	return e.writer.Close()
}

func (*sqliteEngine) busy(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_BUSY // the rest of the code is detail
}

func (*sqliteEngine) reading() *sql.TxOptions { return nil }

func (*sqliteEngine) unique(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// fault leaves out what only a mistake in our own statements can bring about:
// trying again would not help.
func (*sqliteEngine) fault(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch e.Code() & 0xff { // the rest of the code is detail
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_MISUSE:
		return false
	}
	return true
}

func (*sqliteEngine) conflict(error) bool { return false } // its writers wait
func (*sqliteEngine) lost(error) bool     { return false } // it has no way to be lost
