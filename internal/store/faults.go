package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"consentry/internal/domain"
)

// databaseFault reports whether err came from the database or the way to it.
func databaseFault(err error) bool {
	var engine *sqlite.Error
	var network net.Error
	return errors.As(err, &engine) || errors.As(err, &network) || closed(err) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, sql.ErrTxDone)
}

// closed recognises the handle's end, while a process stops: database/sql keeps
// that error to itself.
func closed(err error) bool {
	return err != nil && strings.HasSuffix(err.Error(), "sql: database is closed")
}

// breach turns a broken unique index into a refusal that a command can decide
// on.
func breach(err error, table string) error {
	var e *sqlite.Error
	if errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY) {
		return &domain.Error{Kind: domain.Conflict, Code: "exists", Message: "There is already such a row in " + table + ".", Err: err}
	}
	return err
}
