// Package storetest gives tests a real, migrated database of their own, on
// SQLite or PostgreSQL.
package storetest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/mirror"
	"consentry/internal/store"
)

// Engine is a database engine that a test runs on.
type Engine string

// The engines.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// chosen is what Open opens: a whole package's tests run on the other engine
// with CONSENTRY_TEST_DATABASE=postgres.
func chosen(t testing.TB) Engine {
	t.Helper()
	switch e := os.Getenv("CONSENTRY_TEST_DATABASE"); e {
	case "", string(SQLite):
		return SQLite
	case string(Postgres):
		return Postgres
	default:
		require.FailNow(t, "CONSENTRY_TEST_DATABASE is "+e+": give sqlite or postgres")
		return ""
	}
}

// Open opens a store on a database of the test's own and closes it at the end.
func Open(t testing.TB) *store.Store {
	t.Helper()
	return At(t, Database(t, chosen(t)))
}

// UseFor has Open open another engine for the rest of the test.
func UseFor(t *testing.T, e Engine) {
	t.Helper()
	t.Setenv("CONSENTRY_TEST_DATABASE", string(e))
}

// At opens a store on a database of Database. Two on one are two processes.
func At(t testing.TB, database string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), database, mirror.On)
	require.NoError(t, err)
	opened.Store(s, database)
	t.Cleanup(func() {
		opened.Delete(s)
		require.NoError(t, s.Close())
	})
	return s
}

// Database makes an empty, migrated database, which ends with the test.
func Database(t testing.TB, e Engine) string {
	t.Helper()
	if e == Postgres {
		return postgresDatabase(t)
	}
	return sqliteDatabase(t)
}

// Each runs a test once on each engine.
func Each(t *testing.T, test func(t *testing.T, e Engine)) {
	t.Helper()
	for _, e := range []Engine{SQLite, Postgres} {
		t.Run(string(e), func(t *testing.T) { test(t, e) })
	}
}

// Empty names a database that has no schema yet.
func Empty(t testing.TB, e Engine) string {
	t.Helper()
	if e == Postgres {
		return newPostgres(t, "template0")
	}
	return filepath.Join(t.TempDir(), "consentry.db")
}
