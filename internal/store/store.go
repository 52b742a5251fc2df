package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"consentry/internal/service"
)

// MirrorOn builds the directory tables on a transaction's handle; app supplies
// it, since store and mirror do not know each other.
type MirrorOn func(ctx context.Context, db bun.IDB) service.Mirror

// Store is the database handle of a process.
type Store struct {
	db     *bun.DB
	engine engine
	mirror MirrorOn
	writer chan struct{} // holds the one writer of this process
	turn   time.Duration // how long a writer waits for its turn

	statements *statements
}

// engine is what differs between the databases.
type engine interface {
	begin(ctx context.Context, db *bun.DB) (transaction, error) // takes the one writer's turn
	reading() *sql.TxOptions
	busy(err error) bool     // begin had no turn in time
	unique(err error) bool   // a unique index refused a row
	conflict(err error) bool // undone in favour of another; may be done again
	lost(err error) bool     // the connection ended
	fault(err error) bool    // the database's fault, not the statement's
	close() error
}

// transaction is the writer's. After a commit that fails, rollback is called.
type transaction struct {
	bun.IDB
	on       *sql.Tx // nil: statements cannot be kept for it
	commit   func() error
	rollback func()
}

// maxConnections is how many connections a process opens at most: one writes,
// the others read.
const maxConnections = 16

// turn is how long a command waits for its turn in this process, and then once
// more among the processes.
const turn = 15 * time.Second

// IsURL tells the URL of a PostgreSQL database from the path of an SQLite file.
func IsURL(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// Open opens a database, an SQLite file (created when missing) or a PostgreSQL
// database by its URL, and brings its schema up to date. A database made by a
// newer version is refused.
func Open(ctx context.Context, database string, mirror MirrorOn) (*Store, error) {
	s := &Store{mirror: mirror, writer: make(chan struct{}, 1), turn: turn}
	var err error
	if IsURL(database) {
		s.engine = postgresEngine{}
		s.db, err = openPostgres(ctx, database)
	} else {
		s.engine = &sqliteEngine{turn: turn}
		s.db, err = openSQLite(ctx, database)
	}
	if err != nil {
		return nil, err
	}
	s.statements = &statements{db: s.db.DB, numbered: s.db.Dialect().Name() == dialect.PG, kept: map[string]*sql.Stmt{}}
	return s, nil
}

// Pool tells how the connections are used.
func (s *Store) Pool() sql.DBStats { return s.db.Stats() }

// Close closes the handle.
func (s *Store) Close() error { return errors.Join(s.engine.close(), s.db.Close()) }

// Ping reports whether the database answers a query.
func (s *Store) Ping(ctx context.Context) error {
	return s.outage(ctx, s.connected(func() error {
		var one int
		return s.db.QueryRowContext(ctx, "SELECT 1 FROM goose_db_version LIMIT 1").Scan(&one)
	}))
}

// conflicts is how often a transaction is done again that the database undid in
// favour of another.
const conflicts = 5

// Write implements service.Store.
func (s *Store) Write(ctx context.Context, fn func(service.Rows) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer func() { <-s.writer }()
	for again := 0; ; again++ {
		err := s.write(ctx, fn)
		if !s.engine.conflict(err) || again == conflicts {
			return s.outage(ctx, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(10<<again) * time.Millisecond):
		}
	}
}

// enter waits for the turn of this process's writers.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.writer <- struct{}{}:
		return nil
	default:
	}
	patience := time.NewTimer(s.turn)
	defer patience.Stop()
	select {
	case s.writer <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-patience.C:
		return busy(errors.New("others of this process write"))
	}
}

func (s *Store) write(ctx context.Context, fn func(service.Rows) error) error {
	var tx transaction
	err := s.connected(func() (err error) {
		tx, err = s.engine.begin(ctx, s.db)
		return err
	})
	if s.engine.busy(err) {
		return busy(err)
	}
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done { // fn failed or panicked, or the commit did
			tx.rollback()
		}
	}()
	r := &rows{ctx: ctx, store: s, db: tx.IDB, tx: tx.on}
	if err := r.outcome(fn(r)); err != nil {
		return err
	}
	if err := tx.commit(); err != nil {
		if s.engine.lost(err) {
			return unknownOutcome(err)
		}
		return err
	}
	done = true
	if tx.on != nil {
		s.statements.keep(ctx, r.missed)
	}
	return nil
}

// Read implements service.Store.
func (s *Store) Read(ctx context.Context, fn func(service.Rows) error) error {
	var tx bun.Tx
	err := s.connected(func() (err error) {
		tx, err = s.db.BeginTx(ctx, s.engine.reading())
		return err
	})
	if err != nil {
		return s.outage(ctx, err)
	}
	r := &rows{ctx: ctx, store: s, db: tx, tx: tx.Tx}
	err = r.do(fn, tx.Rollback)
	s.statements.keep(ctx, r.missed)
	return s.outage(ctx, err)
}

// do runs fn and ends the transaction, in which nothing was written, also when fn
// panics.
func (r *rows) do(fn func(service.Rows) error, end func() error) error {
	defer func() { _ = end() }()
	return fn(r)
}

// Look implements service.Store.
func (s *Store) Look(ctx context.Context, fn func(service.Rows) error) error {
	var r *rows
	err := s.connected(func() error {
		r = &rows{ctx: ctx, store: s, db: s.db, free: true}
		return fn(r)
	})
	s.statements.keep(ctx, r.missed)
	return s.outage(ctx, err)
}

// connected does the first step on a connection of the pool, and again with the
// next one when it turns out that the server has ended it since it was used
// last: after a restart that is so for each of them.
func (s *Store) connected(first func() error) error {
	for range maxConnections {
		if err := first(); err == nil || !s.engine.lost(err) || refused(err) {
			return err
		}
	}
	return first()
}
