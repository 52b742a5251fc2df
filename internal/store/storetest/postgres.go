package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/dev/postgres"
	"consentry/internal/mirror"
	"consentry/internal/store"
)

var (
	starting sync.Mutex
	running  *postgres.Cluster
	copies   bool // the server knows strategies of copying: since version 15
)

// cluster is one a process of tests, begun by the first test that asks. It ends
// and is removed with the process, however that ends.
func cluster(ctx context.Context) (*postgres.Cluster, error) {
	starting.Lock()
	defer starting.Unlock()
	if running != nil {
		return running, nil
	}
	c, err := postgres.Start(ctx, postgres.Options{Unsafe: true})
	if err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, c.URL("template1"), mirror.On) // every new database is a copy of it
	if err == nil {
		err = s.Close()
	}
	if err == nil {
		copies, err = knowsStrategies(ctx, c)
	}
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	running = c
	return c, nil
}

func knowsStrategies(ctx context.Context, c *postgres.Cluster) (knows bool, err error) {
	db, err := sql.Open("pgx", c.URL("postgres"))
	if err != nil {
		return false, err
	}
	err = db.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::int >= 150000").Scan(&knows)
	return knows, errors.Join(err, db.Close())
}

var databases atomic.Int64

func postgresDatabase(t testing.TB) string {
	t.Helper()
	return newPostgres(t, "template1")
}

// newPostgres makes a database from a template.
func newPostgres(t testing.TB, template string) string {
	t.Helper()
	c, err := cluster(t.Context())
	require.NoError(t, err)
	name := fmt.Sprintf("test_%d", databases.Add(1))
	create := "CREATE DATABASE " + name + " TEMPLATE " + template
	if copies { // the faster way for an empty database
		create += " STRATEGY file_copy"
	}
	require.NoError(t, administer(t.Context(), c, create))
	t.Cleanup(func() {
		require.NoError(t, administer(context.WithoutCancel(t.Context()), c, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"))
	})
	return c.URL(name)
}

// administering lets one test at a time make or drop a database: a template may
// not be in use.
var administering sync.Mutex

func administer(ctx context.Context, c *postgres.Cluster, statement string) error {
	administering.Lock()
	defer administering.Unlock()
	db, err := sql.Open("pgx", c.URL("postgres"))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}
