package service_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"consentry/dev/postgres"
	"consentry/internal/contract"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
	"consentry/internal/health"
	"consentry/internal/service"
	"consentry/internal/store/storetest"
)

// healed bounds the time from the server's answering again to everybody's first
// success, without anybody's doing.
const healed = 10 * time.Second

// TestARestartOfTheDatabaseUnderLoadLosesNothing breaks a PostgreSQL server off as
// a power cut does, and as the system does that kills it, while two processes give
// commands, synchronize and follow the log. What was answered is there, once; what
// was not is repeated and is there once, too.
func TestARestartOfTheDatabaseUnderLoadLosesNothing(t *testing.T) {
	// The machine stays up, so nothing has to reach a disk; but what is confirmed
	// has left the server's memory.
	cluster, err := postgres.Start(t.Context(), postgres.Options{
		Unsafe: true, Settings: map[string]string{"synchronous_commit": "on", "wal_level": "replica", "max_wal_senders": "1"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Stop()) })
	require.NoError(t, cluster.Create(t.Context(), "consentry"))
	one, two := storetest.At(t, cluster.URL("consentry")), storetest.At(t, cluster.URL("consentry"))
	w := syncWorldOn(t, one)
	other := service.New(service.Deps{Store: two, Engine: w.door, Keeper: plainKeeper{}, Now: func() time.Time { return w.now }, Log: zap.NewNop()})

	l := &load{turn: map[string]int{}, failed: map[string]int{}, failures: map[string]int{}, answered: map[string]string{}, stop: make(chan struct{})}
	var all sync.WaitGroup
	people := []*service.Service{w.Service, w.Service, other, other}
	for n, s := range people {
		l.run(&all, func() error { return l.give(t.Context(), s, n) })
	}
	l.run(&all, func() error { return l.synchronize(t.Context(), w) })
	var followed []domain.Change
	var follower sync.WaitGroup
	quiet := make(chan struct{}) // nobody writes any more
	l.run(&follower, func() (err error) { followed, err = l.follow(t.Context(), two, quiet); return err })

	monitor := health.New(time.Now, 0, zap.NewNop(), health.Probe{Name: "database", Check: one.Ping})
	require.True(t, monitor.Report(t.Context()).Ready)
	workers := len(people) + 2 // and the synchronization, and the reader
	for _, end := range []func(*testing.T, *postgres.Cluster){breakOff, hangCommits, kill} {
		l.await(t, workers, 2) // under way
		end(t, cluster)
		l.await(t, workers, 0)
		require.False(t, monitor.Report(t.Context()).Ready, "the process says that its database is away")
		// Its first process killed, its others hold the memory that a new one needs.
		require.Eventually(t, func() bool { return cluster.Resume(t.Context()) == nil }, 60*time.Second, 10*time.Millisecond)
		resumed := time.Now()
		require.True(t, monitor.Report(t.Context()).Ready, "and that it is back, without a restart of its own")
		l.await(t, workers, 1)
		took := time.Since(resumed)
		t.Logf("every one of %d got through within %v of the server's answering again", workers, took.Round(time.Millisecond))
		require.Less(t, took, healed)
	}
	close(l.stop)
	all.Wait()
	close(quiet)
	follower.Wait()
	require.NoError(t, l.err)
	t.Logf("%d commands were answered, %d rounds synchronized; failures meanwhile: %v", len(l.answered), l.rounds, l.failures)
	require.Positive(t, l.failures["store-unavailable"])
	require.Positive(t, l.failures["store-outcome-unknown"], "a commit was broken off after it had been done")

	marks := map[string][]string{}
	for _, c := range list(t, w.world, func(r service.Rows) service.Table[domain.Contact] { return r.Contacts() }, service.Query{}) {
		marks[c.Name] = append(marks[c.Name], c.ID)
	}
	require.Len(t, marks, len(l.answered))
	entries, changes := map[string]int{}, map[string]int{}
	audited := list(t, w.world, audit, service.Query{Order: []string{"chain", "chain_seq"}})
	for n, e := range audited {
		require.Equal(t, "a", e.Chain)
		require.EqualValues(t, n+1, e.ChainSeq, "no entry is missing")
		if n > 0 {
			require.Equal(t, audited[n-1].Hash, e.Previous)
		}
		sum, err := service.AuditHash(e)
		require.NoError(t, err)
		require.Equal(t, sum, e.Hash)
		entries[e.Subject]++
	}
	logged := list(t, w.world, func(r service.Rows) service.Table[domain.Change] { return r.Changes() }, service.Query{Order: []string{"seq"}})
	for _, c := range logged {
		changes[c.SubjectID]++
	}
	for name, id := range l.answered {
		require.Equal(t, []string{id}, marks[name], "found once, as it was answered")
		require.Equal(t, []int{1, 1}, []int{entries[id], changes[id]})
	}
	require.Equal(t, logged, followed, "whoever follows the log by its number has seen every change once")
	require.Equal(t, w.dir.objects(), w.mirror())
	require.GreaterOrEqual(t, l.rounds, 1)
}

func breakOff(t *testing.T, cluster *postgres.Cluster) {
	t.Helper()
	require.NoError(t, cluster.Halt(t.Context(), "immediate"))
}

func kill(t *testing.T, cluster *postgres.Cluster) {
	t.Helper()
	require.NoError(t, cluster.Kill())
}

// hangCommits breaks the server off when a command is committed and its answer
// does not come: it waits for a standby that does not exist, and that its next
// start has forgotten.
func hangCommits(t *testing.T, cluster *postgres.Cluster) {
	t.Helper()
	db, err := sql.Open("pgx", cluster.URL("consentry"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()"} {
		_, err = db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		var waiting int
		err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").Scan(&waiting)
		return err == nil && waiting > 0
	}, 2*time.Minute, 2*time.Millisecond)
	breakOff(t, cluster)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(cluster.Log()), "data", "postgresql.auto.conf"), nil, 0o600))
}

// load is what is done while the server comes and goes, and what came of it.
type load struct {
	stop chan struct{}

	mu       sync.Mutex
	err      error
	turn     map[string]int    // successes of each worker since the last await
	failed   map[string]int    // its failures since then
	failures map[string]int    // all failures, by code
	answered map[string]string // a command's name to its answer
	rounds   int
}

func (l *load) run(all *sync.WaitGroup, fn func() error) {
	all.Go(func() {
		err := fn()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.err = errors.Join(l.err, err)
	})
}

// await waits until each worker has had so many successes from now on; 0 waits
// for a failure instead.
func (l *load) await(t *testing.T, workers, successes int) {
	t.Helper()
	l.mu.Lock()
	l.turn, l.failed = map[string]int{}, map[string]int{}
	l.mu.Unlock()
	require.Eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		if successes == 0 {
			return l.err != nil || len(l.failed) == workers
		}
		return l.err != nil || (len(l.turn) == workers && slices.Min(slices.Collect(maps.Values(l.turn))) >= successes)
	}, 2*time.Minute, 2*time.Millisecond)
}

// insist repeats what the database did not answer or does not know the outcome
// of, as callers are told to.
func insist[T any](ctx context.Context, l *load, who string, do func() (T, error)) (T, error) {
	for {
		out, err := do()
		l.mu.Lock()
		var unavailable *domain.Error
		if !errors.As(err, &unavailable) || unavailable.Kind != domain.Unavailable {
			l.turn[who]++
			l.mu.Unlock()
			return out, err
		}
		l.failed[who]++
		l.failures[unavailable.Code]++
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return out, err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// give gives one command after another. Each makes a row with a name that tells
// it and an id of its own: done twice, it would be there twice.
func (l *load) give(ctx context.Context, s *service.Service, person int) error {
	who := domain.Caller{Kind: domain.CallerPerson, ID: fmt.Sprint("per_", person)}
	for n := 0; !closed(l.stop); n++ {
		name := fmt.Sprintf("%d/%d", person, n)
		id, err := insist(ctx, l, who.ID, func() (string, error) {
			return service.Do(ctx, s, who, name, "mark", name, func(tx *service.Tx) (string, error) {
				c := domain.Contact{ID: domain.NewID("con"), AccountID: "a", Name: name}
				return c.ID, errors.Join(tx.Contacts().Insert(&c), tx.Done("a", "mark", "contact", c.ID, nil))
			})
		})
		if err != nil {
			return fmt.Errorf("command %s: %w", name, err)
		}
		l.mu.Lock()
		l.answered[name] = id
		l.mu.Unlock()
	}
	return nil
}

// synchronize runs round after round, each with something new at Microsoft.
func (l *load) synchronize(ctx context.Context, w *syncWorld) error {
	for !closed(l.stop) {
		w.dir.user(fmt.Sprint("new", l.rounds%20), fmt.Sprint("Name ", l.rounds))
		if err := l.round(ctx, w, fmt.Sprint("round", l.rounds)); err != nil {
			return fmt.Errorf("round %d: %w", l.rounds, err)
		}
		l.rounds++
	}
	return nil
}

func (l *load) round(ctx context.Context, w *syncWorld, key string) error {
	start, err := insist(ctx, l, "sync", func() (contract.RunStart, error) {
		return w.BeginRun(ctx, worker, contract.BeginRun{Key: key, Input: contract.DirectorySyncInput{IntegrationID: "i", AccountID: "a", Purpose: domain.RunScheduled}})
	})
	if err != nil || start.Refused {
		return errors.Join(err, errors.New(start.Code))
	}
	p, err := insist(ctx, l, "sync", func() (service.ReadPosition, error) { return w.ReadingOf(ctx, worker, start.RunID) })
	for err == nil && !p.Done && !p.Ended {
		var page dirsync.Page
		if page, err = dirsync.DecodePage(p.Stream, w.dir.page(w.t, p.Stream, p.Link)); err != nil {
			return err
		}
		p, err = insist(ctx, l, "sync", func() (service.ReadPosition, error) { return w.StagePage(ctx, worker, start.RunID, p.Link, page) })
	}
	for out := (service.Applied{More: true}); err == nil && out.More; {
		out, err = insist(ctx, l, "sync", func() (service.Applied, error) { return w.ApplySlice(ctx, worker, start.RunID) })
	}
	return err
}

// follow reads the log as the feed's readers do, by the last number they have
// seen, until it is quiet and there is no more.
func (l *load) follow(ctx context.Context, s service.Store, quiet chan struct{}) (seen []domain.Change, err error) {
	for last := int64(0); ; {
		end := closed(quiet)
		more, err := insist(ctx, l, "reader", func() (more []domain.Change, err error) {
			err = s.Read(ctx, func(r service.Rows) error {
				more, err = r.Changes().List(service.Query{Where: service.Where{"seq >": last}, Order: []string{"seq"}, Limit: 100})
				return err
			})
			return more, err
		})
		if err != nil {
			return seen, err
		}
		seen = append(seen, more...)
		if len(more) > 0 {
			last = more[len(more)-1].Seq
		} else if end {
			return seen, nil
		}
	}
}
