package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"consentry/internal/domain"
)

// outage gives every fault of the database, and of the way to it, the one type
// that callers wait on; refusals, an asker that left and other errors pass
// through as they are.
func (s *Store) outage(ctx context.Context, err error) error {
	var known *domain.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		if ctx.Err() != nil {
			return err
		}
	} else if !handleFault(err) && !s.engine.fault(err) {
		return err
	}
	return &domain.Error{Kind: domain.Unavailable, Code: "store-unavailable", Message: "The database does not answer. Nothing was changed; try again.", Err: err}
}

// handleFault recognises what database/sql itself says of its connections. It
// keeps the error of a closed handle, while a process stops, to itself.
func handleFault(err error) bool {
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, sql.ErrTxDone) ||
		strings.HasSuffix(err.Error(), "sql: database is closed")
}

// refused says that there is no new connection to be had, so that asking for
// another is of no use.
func refused(err error) bool {
	_, ok := errors.AsType[*pgconn.ConnectError](err)
	return ok
}

// busy is the answer to who had no turn to write in time.
func busy(err error) error {
	return &domain.Error{Kind: domain.Unavailable, Code: "store-busy", Message: "Too much is being stored just now, and this had no turn. Nothing was changed; try again in a moment.", Err: err}
}

// unknownOutcome is the answer when the connection ended while the transaction
// was being committed: the server may have done it. A repeat with the same
// command key, or of a command that is idempotent by its rows, answers what is
// true.
func unknownOutcome(err error) error {
	return &domain.Error{
		Kind: domain.Unavailable, Code: "store-outcome-unknown", Err: err,
		Message: "The connection to the database ended while this was being stored. It may have been done: look again, or repeat it the same way, which does nothing twice.",
	}
}
