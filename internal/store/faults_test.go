package store_test

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/internal/store"
	"consentry/internal/store/storetest"
)

// raw is a door to the transaction for tests that raise the server's errors.
type raw struct {
	service.Mirror
	db bun.IDB
}

func openRaw(t *testing.T) (*store.Store, string) {
	t.Helper()
	database := storetest.Database(t, storetest.Postgres)
	s, err := store.Open(t.Context(), database, func(_ context.Context, db bun.IDB) service.Mirror { return raw{db: db} })
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, database
}

func raise(t *testing.T, r service.Rows, code string) error {
	t.Helper()
	_, err := r.Mirror().(raw).db.ExecContext(t.Context(), "DO $$ BEGIN RAISE EXCEPTION 'as asked' USING ERRCODE = '"+code+"'; END $$")
	require.Error(t, err)
	return err
}

func TestWhatTheServerUndoesForAnotherIsDoneAgain(t *testing.T) {
	for _, code := range []string{"40001", "40P01"} {
		s, _ := openRaw(t)
		runs := 0
		require.NoError(t, s.Write(t.Context(), func(r service.Rows) error {
			runs++
			require.NoError(t, r.EngineCalls().Insert(&domain.EngineCall{ID: "x"}))
			if runs < 3 {
				return raise(t, r, code)
			}
			return nil
		}))
		require.Equal(t, 3, runs)
		require.Equal(t, []string{"x"}, ids(t, s, service.Query{}))

		runs = 0
		err := s.Write(t.Context(), func(r service.Rows) error { runs++; return raise(t, r, code) })
		require.Equal(t, domain.Unavailable, domain.KindOf(err), "it does not go on for ever")
		require.Equal(t, 6, runs)
	}
}

func TestFaultsOfTheServerAreUnavailableAndMistakesAreNot(t *testing.T) {
	s, _ := openRaw(t)
	for code, kind := range map[string]domain.Kind{
		"53100": domain.Unavailable, // disk full
		"55P03": domain.Unavailable, // another held its turn too long
		"57014": domain.Unavailable, // a statement took too long
		"25006": domain.Unavailable, // the server has become a standby
		"42601": "",                 // our SQL is wrong
		"22001": "",
		"54000": "", // longer than an index takes
	} {
		err := s.Write(t.Context(), func(r service.Rows) error { return raise(t, r, code) })
		require.Error(t, err)
		require.Equal(t, kind, domain.KindOf(err), code)
	}
}

// A list is longer than the 65,535 parameters that a statement takes.
func TestALongListIsTaken(t *testing.T) {
	s := storetest.At(t, storetest.Database(t, storetest.Postgres))
	wanted := make([]string, 66_000)
	for n := range wanted {
		wanted[n] = "x" + strconv.Itoa(n)
	}
	insert(t, s, &domain.EngineCall{ID: "x0"}, &domain.EngineCall{ID: "x65999"}, &domain.EngineCall{ID: "y"})
	require.Equal(t, []string{"x0", "x65999"}, ids(t, s, service.Query{Where: service.Where{"id": wanted}, Order: []string{"id"}}))
}

func codeOf(t *testing.T, err error) string {
	t.Helper()
	var e *domain.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, domain.Unavailable, e.Kind)
	return e.Code
}

func TestALostConnectionSaysWhatIsKnown(t *testing.T) {
	s, database := openRaw(t)
	end := func(r service.Rows) {
		var pid int
		require.NoError(t, r.Mirror().(raw).db.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&pid))
		// The second waits up to a minute for the session's end.
		_, err := rawly(t, database).ExecContext(t.Context(), "SELECT pg_terminate_backend($1, 60000)", pid)
		require.NoError(t, err)
	}
	err := s.Write(t.Context(), func(r service.Rows) error {
		end(r)
		return r.EngineCalls().Insert(&domain.EngineCall{ID: "x"})
	})
	require.Equal(t, "store-unavailable", codeOf(t, err))
	err = s.Write(t.Context(), func(r service.Rows) error {
		defer end(r)
		return r.EngineCalls().Insert(&domain.EngineCall{ID: "x"})
	})
	require.Equal(t, "store-outcome-unknown", codeOf(t, err), "nobody knows how far the commit came")
	require.Empty(t, ids(t, s, service.Query{}), "the next connection is a new one")
}

func TestAnUnreachableServerIsToldWithoutThePassword(t *testing.T) {
	for _, address := range []string{
		"postgres://consentry:hunter2@127.0.0.1:1/consentry?connect_timeout=2",
		"postgres://consentry:hunter2@127.0.0.1:port/consentry",
		"postgres://consentry:hunter2%zz@127.0.0.1/consentry",
		"postgres://consentry:hunter2@127.0.0.1/consentry?sslmode=hunter",
		"postgres://consentry:hunter2@127.0.0.1/consentry?pool_max_conns=none",
	} {
		_, err := store.Open(t.Context(), address, nil)
		require.Error(t, err)
		for e := err; e != nil; e = errors.Unwrap(e) {
			require.NotContains(t, e.Error(), "hunter2")
		}
		t.Log(err)
	}
}
