package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/dev/postgres"
	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/internal/store"
	"consentry/internal/store/storetest"
)

// TestNobodyMeetsAConnectionThatDied: when the server answers again, everybody's
// first question and first command succeed, though every connection of the pool
// has ended, with the statements that were kept for it.
func TestNobodyMeetsAConnectionThatDied(t *testing.T) {
	cluster, err := postgres.Start(t.Context(), postgres.Options{Unsafe: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Stop()) })
	require.NoError(t, cluster.Create(t.Context(), "consentry"))
	s := storetest.At(t, cluster.URL("consentry"))
	insert(t, s, &domain.EngineCall{ID: "x"})
	for _, end := range []struct {
		name string
		how  func() error
		away bool // until it is started again
	}{
		{"sessions", func() error { return endSessions(t, cluster.URL("consentry")) }, false},
		{"fast", func() error { return cluster.Halt(t.Context(), "fast") }, true},
		{"immediate", func() error { return cluster.Halt(t.Context(), "immediate") }, true},
		{"killed", cluster.Kill, true},
	} {
		require.NoError(t, everybody(t.Context(), s))
		require.NoError(t, everybody(t.Context(), s)) // with kept statements
		require.Equal(t, askers, s.Pool().Idle, "each of them has its connection")
		require.NoError(t, end.how())
		if end.away {
			// Sessions of a server that was killed notice that by themselves.
			require.Eventually(t, func() bool { return s.Ping(t.Context()) != nil }, 30*time.Second, 10*time.Millisecond)
			require.Equal(t, domain.Unavailable, domain.KindOf(everybody(t.Context(), s)), "which a caller may wait for")
			// Its first process gone, its others hold the memory that a new one needs.
			require.Eventually(t, func() bool { return cluster.Resume(t.Context()) == nil }, 60*time.Second, 10*time.Millisecond)
		}
		require.NoError(t, everybody(t.Context(), s), end.name)
	}
}

// endSessions has the server end every session of the store, and returns as soon
// as they have ended: the driver looks at a connection that lay for a second, and
// these are to be met sooner.
func endSessions(t *testing.T, database string) error {
	t.Helper()
	const ours = " FROM pg_stat_activity WHERE application_name = 'consentry' AND datname = current_database()"
	db := rawly(t, database)
	_, err := db.ExecContext(t.Context(), "SELECT pg_terminate_backend(pid)"+ours)
	for left := 1; err == nil && left > 0; {
		err = db.QueryRowContext(t.Context(), "SELECT count(*)"+ours).Scan(&left)
	}
	return err
}

// askers are as many as a pool has connections for.
const askers = 16

// everybody asks at once: in a view, without one, and by a command. Those that ask
// in a view wait for each other inside, so that every connection is used.
func everybody(ctx context.Context, s *store.Store) error {
	var inside, all sync.WaitGroup
	inside.Add(askers)
	errs := make([]error, askers)
	for n := range askers {
		all.Go(func() {
			entered := sync.OnceFunc(inside.Done)
			defer entered()
			look := s.Look(ctx, func(r service.Rows) error {
				_, err := r.Owner("nobody")
				return found(err)
			})
			read := s.Read(ctx, func(r service.Rows) error {
				_, err := r.EngineCalls().Get("x")
				entered()
				inside.Wait()
				return err
			})
			errs[n] = errors.Join(look, read, s.Write(ctx, func(r service.Rows) error {
				c, err := r.EngineCalls().Get("x")
				if err != nil {
					return err
				}
				c.Attempts++
				return r.EngineCalls().Update(&c)
			}))
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func found(err error) error {
	if domain.IsNotFound(err) {
		return nil
	}
	return err
}
