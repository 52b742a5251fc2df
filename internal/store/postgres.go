package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// postgresEngine is one database of a PostgreSQL server.
type postgresEngine struct{}

// Advisory locks are named by number within a database. Anything that writes to
// our tables beside this package has to hold the writer's.
const (
	writerLock    int64 = 0x636f6e73_00000001
	migrationLock int64 = 0x636f6e73_00000002
)

// How long this process waits, unless the database's URL says otherwise. A
// command waits for its turn as long as on SQLite. A process that stops answering
// inside a transaction (a suspended machine, a cut cable) holds everybody's turn:
// the server ends it.
var waits = map[string]string{
	"lock_timeout":                        "15s",
	"statement_timeout":                   "60s",
	"idle_in_transaction_session_timeout": "30s",
	"application_name":                    "consentry",
}

// oldest is the oldest server that is tested for.
const oldest = 13

func openPostgres(ctx context.Context, address string) (*bun.DB, error) {
	config, connections, err := postgresConfig(address)
	if err != nil {
		return nil, err
	}
	if err := migratePostgres(ctx, config.Copy()); err != nil {
		return nil, fmt.Errorf("the database %s at %s: %w", config.Database, net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))), err)
	}
	raw := stdlib.OpenDB(*config)
	raw.SetMaxOpenConns(connections)
	raw.SetMaxIdleConns(connections) // a new connection costs the server a process
	raw.SetConnMaxIdleTime(5 * time.Minute)
	raw.SetConnMaxLifetime(time.Hour) // so that a changed address is followed
	return bun.NewDB(raw, writable{pgdialect.New()}), nil
}

// postgresConfig reads the URL; what cannot be read is an *Unusable.
func postgresConfig(address string) (*pgx.ConnConfig, int, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, 0, &Unusable{Wrong: "is no URL of PostgreSQL that can be read (" + misread(withoutURL(err)) + ")", Remedy: eitherPlace}
	}
	connections := maxConnections
	if given, ok := config.RuntimeParams["pool_max_conns"]; ok {
		delete(config.RuntimeParams, "pool_max_conns")
		if connections, err = strconv.Atoi(given); err != nil || connections < 2 {
			return nil, 0, &Unusable{Wrong: "has a pool_max_conns that cannot be used", Remedy: "give a number of at least 2"}
		}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	// A server that has left the network says nothing: nobody waits for it for long.
	config.DialFunc = (&net.Dialer{Timeout: config.ConnectTimeout, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}).DialContext
	for name, value := range waits {
		if _, given := config.RuntimeParams[name]; !given {
			config.RuntimeParams[name] = value
		}
	}
	config.RuntimeParams["timezone"] = "UTC"
	// bun writes values into the text of statements, quoted by the standard's rules.
	config.RuntimeParams["standard_conforming_strings"] = "on"
	config.RuntimeParams["client_encoding"] = "UTF8"
	// So no two texts are alike, and preparing them would only cost a round trip.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	return config, connections, nil
}

// withoutURL drops the part of the error that repeats the URL.
func withoutURL(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return withoutURL(inner)
	}
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	return errors.New(text)
}

// migratePostgres checks the server and brings the schema up to date, on
// connections of its own whose statements may take their time.
func migratePostgres(ctx context.Context, config *pgx.ConnConfig) error {
	config.RuntimeParams["statement_timeout"] = "0"
	raw := stdlib.OpenDB(*config)
	err := checkServer(ctx, raw)
	if err == nil {
		var turns lock.SessionLocker
		turns, err = lock.NewPostgresSessionLocker(lock.WithLockID(migrationLock), lock.WithLockTimeout(1, 600))
		if err == nil {
			err = migrate(ctx, raw, goose.DialectPostgres, turns)
		}
	}
	return errors.Join(err, raw.Close())
}

func checkServer(ctx context.Context, db *sql.DB) error {
	var version int
	var encoding string
	err := db.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')").Scan(&version, &encoding)
	if err != nil {
		return err
	}
	if version < oldest*10000 {
		return fmt.Errorf("the server is PostgreSQL %d: version %d or newer is needed", version/10000, oldest)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the database has the encoding %s, which cannot hold every name: create it with ENCODING 'UTF8' TEMPLATE template0", encoding)
	}
	return nil
}

// begin takes the one writer's turn. Read committed is enough behind it: nobody
// else commits until this transaction ends, so each of its statements sees the
// same state, and a state that nothing older than it can still change.
func (e postgresEngine) begin(ctx context.Context, db *bun.DB) (transaction, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return transaction{}, err
	}
	// A transaction that cannot be rolled back has lost its connection, which the
	// server rolls back by itself.
	rollback := func() { _ = tx.Rollback() }
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(?)", writerLock); err != nil {
		rollback()
		return transaction{}, err
	}
	return transaction{IDB: tx, on: tx.Tx, commit: tx.Commit, rollback: rollback}, nil
}

// reading is one snapshot for all statements of a read.
func (postgresEngine) reading() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

func state(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func (postgresEngine) close() error { return nil }

func (postgresEngine) busy(err error) bool   { return state(err) == "55P03" } // lock not available
func (postgresEngine) unique(err error) bool { return state(err) == "23505" }

// conflict says that the server ended this transaction in favour of another:
// the same work done again finds its place.
func (postgresEngine) conflict(err error) bool {
	code := state(err)
	return code == "40001" || code == "40P01" // serialization failure, deadlock
}

// lost says that the connection ended, so that its last answer may be missing.
func (postgresEngine) lost(err error) bool {
	switch code := state(err); code {
	case "57P01", "57P02", "57P03", "57P05", "25P03": // the server stops, or ended the session
		return true
	case "":
	default:
		return strings.HasPrefix(code, "08")
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err)
}

// fault leaves out what only a mistake in our own statements can bring about:
// trying again would not help.
func (e postgresEngine) fault(err error) bool {
	if code := state(err); code != "" {
		switch code[:2] {
		case "0A", "21", "22", "23", "26", "34", "42", "54":
			return false
		}
		return true
	}
	_, unreachable := errors.AsType[*pgconn.ConnectError](err)
	return unreachable || e.lost(err)
}
