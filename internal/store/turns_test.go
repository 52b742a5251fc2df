package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/internal/store"
	"consentry/internal/store/storetest"
)

// whoeverHasNoTurnIsToldSo: in the process of the writer, and in another.
func whoeverHasNoTurnIsToldSo(t *testing.T, database string) {
	t.Helper()
	if strings.Contains(database, "://") {
		database += "&lock_timeout=20ms"
	}
	s, other := storetest.At(t, database), storetest.At(t, database)
	s.Hurry(20 * time.Millisecond)
	other.Hurry(20 * time.Millisecond)
	nothing := func(service.Rows) error { return nil }
	require.NoError(t, s.Write(t.Context(), func(service.Rows) error {
		require.Equal(t, "store-busy", codeOf(t, s.Write(t.Context(), nothing)))
		require.Equal(t, "store-busy", codeOf(t, other.Write(t.Context(), nothing)))
		return nil
	}))
	s.Hurry(time.Minute)
	require.NoError(t, s.Write(t.Context(), nothing))
	require.NoError(t, other.Write(t.Context(), nothing), "the turn was given back")
}

// aBusyProcessLeavesOthersTheirTurn: one whose commands follow each other without
// a gap keeps nobody out. Its turns while the other waits are counted, which says
// little of speed: a handful, where SQLite left to itself gives it thousands. The
// median, because a moment in which the machine forgets the other proves nothing.
func aBusyProcessLeavesOthersTheirTurn(t *testing.T, database string) {
	t.Helper()
	busy, other := storetest.At(t, database), storetest.At(t, database)
	stop := make(chan struct{})
	var turns [4]int
	var each [5]int
	var all sync.WaitGroup
	var mu sync.Mutex
	for n := range turns {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				_ = busy.Write(t.Context(), func(r service.Rows) error {
					<-time.After(5 * time.Millisecond) // the work of a turn, beside which the gap between two is nothing
					mu.Lock()
					defer mu.Unlock()
					turns[n]++
					return r.EngineCalls().Insert(&domain.EngineCall{ID: fmt.Sprint(n, "-", turns[n])})
				})
			}
		})
	}
	defer all.Wait()
	defer close(stop)
	taken := func() (sum int) {
		mu.Lock()
		defer mu.Unlock()
		for _, n := range turns {
			sum += n
		}
		return sum
	}
	for n := range each {
		under := taken() + 20 // the busy one is at it again
		require.Eventually(t, func() bool { return taken() >= under }, 30*time.Second, time.Millisecond)
		before := taken()
		insert(t, other, &domain.EngineCall{ID: fmt.Sprint("other-", n)})
		each[n] = taken() - before
	}
	t.Logf("turns of the busy one while the other waited: %v", each)
	slices.Sort(each[:])
	require.Less(t, each[len(each)/2], 60)
}

// processes are several handles on one database.
func processes(t *testing.T, database string) (out []*store.Store) {
	t.Helper()
	for range 3 {
		out = append(out, storetest.At(t, database))
	}
	return out
}

// writers runs fn at once from every process, for two askers each.
func writers(ctx context.Context, processes []*store.Store, each int, fn func(r service.Rows) error) error {
	var g sync.WaitGroup
	errs := make(chan error, 2*len(processes))
	for _, s := range processes {
		for range 2 {
			g.Go(func() {
				var err error
				for i := 0; i < each && err == nil; i++ {
					err = s.Write(ctx, fn)
				}
				errs <- err
			})
		}
	}
	g.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

func writersWaitForEachOther(t *testing.T, database string) {
	t.Helper()
	s := storetest.At(t, database)
	require.NoError(t, s.Write(t.Context(), func(r service.Rows) error { return r.Accounts().Insert(&domain.Account{ID: "acc"}) }))
	require.NoError(t, writers(t.Context(), processes(t, database), 10, func(r service.Rows) error {
		acc, err := r.Accounts().Get("acc")
		if err != nil {
			return err
		}
		acc.Name += "x"
		return r.Accounts().Update(&acc)
	}))
	require.NoError(t, s.Read(t.Context(), func(r service.Rows) error {
		acc, err := r.Accounts().Get("acc")
		require.Len(t, acc.Name, 60, "no update was lost")
		return err
	}))
}

func anAskerThatLeft(t *testing.T, database string) {
	t.Helper()
	s, other := storetest.At(t, database), storetest.At(t, database)
	ctx, leave := context.WithCancel(t.Context())
	err := s.Write(t.Context(), func(r service.Rows) error {
		waiting := make(chan error)
		for _, process := range []*store.Store{s, other} {
			go func() { waiting <- process.Write(ctx, func(service.Rows) error { return nil }) }()
		}
		leave()
		require.ErrorIs(t, <-waiting, context.Canceled, "waiting for its turn")
		require.ErrorIs(t, <-waiting, context.Canceled)
		return r.EngineCalls().Insert(&domain.EngineCall{ID: "x"})
	})
	require.NoError(t, err)
	insert(t, other, &domain.EngineCall{ID: "y"})
	require.ErrorIs(t, s.Write(ctx, func(service.Rows) error { return nil }), context.Canceled)
	require.ErrorIs(t, s.Read(ctx, func(service.Rows) error { return nil }), context.Canceled)
}
