package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite" // also the driver "sqlite", without cgo
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteEngine is one database file.
type sqliteEngine struct{}

func openSQLite(ctx context.Context, path string) (*bun.DB, error) {
	q := url.Values{}
	for _, pragma := range []string{"journal_mode(WAL)", "synchronous(NORMAL)", "busy_timeout(15000)", "foreign_keys(ON)"} {
		q.Add("_pragma", pragma)
	}
	raw, err := sql.Open("sqlite", "file:"+path+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	raw.SetMaxOpenConns(maxConnections)
	raw.SetMaxIdleConns(maxConnections) // or all but two are opened anew for each request
	raw.SetConnMaxIdleTime(5 * time.Minute)
	if err := migrate(ctx, raw, goose.DialectSQLite3, &fileTurns{path: path + ".lock"}); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return bun.NewDB(raw, writable{sqlitedialect.New()}), nil
}

// begin takes the database's write lock, for which it waits as long as
// busy_timeout says.
func (sqliteEngine) begin(ctx context.Context, db *bun.DB) (transaction, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return transaction{}, err
	}
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return transaction{}, errors.Join(err, conn.Close())
	}
	// The end of a transaction must not be skipped because its asker left.
	end := context.WithoutCancel(ctx)
	return transaction{
		IDB: conn,
		commit: func() error {
			if _, err := conn.ExecContext(end, "COMMIT"); err != nil {
				return err // rollback follows
			}
			return conn.Close() // gives it back to the pool
		},
		rollback: func() {
			_, _ = conn.ExecContext(end, "ROLLBACK") // or it is rolled back already
			_ = conn.Close()                         // gives it back to the pool
		},
	}, nil
}

func (sqliteEngine) reading() *sql.TxOptions { return nil }

func (sqliteEngine) unique(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// fault leaves out what only a mistake in our own statements can bring about:
// trying again would not help.
func (sqliteEngine) fault(err error) bool {
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

func (sqliteEngine) conflict(error) bool { return false } // its writers wait
func (sqliteEngine) lost(error) bool     { return false } // it has no way to be lost
