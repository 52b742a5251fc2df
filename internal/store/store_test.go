package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/internal/store"
	"consentry/internal/store/storetest"
)

// suite is what service.Store promises. Each test gets an empty, migrated
// database; handles on it stand for processes.
var suite = []struct {
	name string
	test func(t *testing.T, database string)
}{
	{"every table gives back what it was given", everyTableGivesBackWhatItWasGiven},
	{"awkward values come back whole", awkwardValuesComeBackWhole},
	{"where selects by every operator and by lists", whereSelectsByEveryOperatorAndByLists},
	{"a question that is asked again is answered alike", aQuestionAskedAgain},
	{"askers that all ask something new do not wait for each other", askersThatAllAskSomethingNew},
	{"texts are ordered by their bytes", textsAreOrderedByTheirBytes},
	{"a failed write leaves nothing", aFailedWriteLeavesNothing},
	{"a panic leaves nothing and gives the turn back", aPanicLeavesNothing},
	{"one open migration an integration", oneOpenMigrationAnIntegration},
	{"a breach that is passed over commits nothing", aBreachPassedOverCommitsNothing},
	{"an update of a missing row is not found", anUpdateOfAMissingRowIsNotFound},
	{"writers wait for each other across processes", writersWaitForEachOther},
	{"whoever has no turn in time is told so", whoeverHasNoTurnIsToldSo},
	{"a busy process leaves others their turn", aBusyProcessLeavesOthersTheirTurn},
	{"readers of the log pass nothing that still comes", readersOfTheLogPassNothing},
	{"a read is one view", aReadIsOneView},
	{"an asker that left is told so", anAskerThatLeft},
	{"a closed database is unavailable", aClosedDatabaseIsUnavailable},
	{"a database of a newer version is refused", aNewerVersionIsRefused},
}

func TestConformance(t *testing.T) {
	storetest.Each(t, func(t *testing.T, e storetest.Engine) {
		t.Helper()
		for _, c := range suite {
			t.Run(c.name, func(t *testing.T) { c.test(t, storetest.Database(t, e)) })
		}
	})
}

// ids lists the ids of engine calls.
func ids(t *testing.T, s *store.Store, q service.Query) (out []string) {
	t.Helper()
	require.NoError(t, s.Read(t.Context(), func(r service.Rows) error {
		found, err := r.EngineCalls().List(q)
		for _, c := range found {
			out = append(out, c.ID)
		}
		return err
	}))
	return out
}

func insert(t *testing.T, s *store.Store, calls ...*domain.EngineCall) {
	t.Helper()
	require.NoError(t, s.Write(t.Context(), func(r service.Rows) error { return r.EngineCalls().Insert(calls...) }))
}

func whereSelectsByEveryOperatorAndByLists(t *testing.T, database string) {
	t.Helper()
	s := storetest.At(t, database)
	at := func(sec int64) domain.Instant { return domain.At(time.Unix(sec, 0)) }
	insert(t, s,
		&domain.EngineCall{ID: "a", State: "waiting", NextAt: at(1)},
		&domain.EngineCall{ID: "b", State: "waiting", NextAt: at(2)},
		&domain.EngineCall{ID: "c", State: "taken", NextAt: at(3)})
	require.Equal(t, []string{"b", "a"}, ids(t, s, service.Query{Where: service.Where{"state": "waiting"}, Order: []string{"-next_at"}}))
	require.Equal(t, []string{"a", "b"}, ids(t, s, service.Query{Where: service.Where{"next_at <=": at(2)}, Order: []string{"id"}}))
	require.Equal(t, []string{"a", "c"}, ids(t, s, service.Query{Where: service.Where{"id": []string{"a", "c"}}, Order: []string{"id"}}))
	require.Equal(t, []string{"b"}, ids(t, s, service.Query{Where: service.Where{"id <>": []string{"a", "c"}}}))
	require.Empty(t, ids(t, s, service.Query{Where: service.Where{"id": []string{}}}))
	require.Len(t, ids(t, s, service.Query{Where: service.Where{"id <>": []string{}}}), 3)
	require.Equal(t, []string{"a"}, ids(t, s, service.Query{Order: []string{"id"}, Limit: 1}))
	require.NoError(t, s.Write(t.Context(), func(r service.Rows) error {
		n, err := r.EngineCalls().Delete(service.By(service.Where{"state": "waiting"}))
		require.Equal(t, 2, n)
		require.NoError(t, err)
		_, err = r.EngineCalls().Delete(service.Query{})
		require.ErrorContains(t, err, "a condition is needed")
		n, err = r.EngineCalls().Count(service.Query{})
		require.Equal(t, 1, n)
		return err
	}))
}

func textsAreOrderedByTheirBytes(t *testing.T, database string) {
	t.Helper()
	s := storetest.At(t, database)
	for _, id := range []string{"a", "ä", "B", "b", "A", "a-1", "a1", "_"} {
		insert(t, s, &domain.EngineCall{ID: id})
	}
	require.Equal(t, []string{"A", "B", "_", "a", "a-1", "a1", "b", "ä"}, ids(t, s, service.Query{Order: []string{"id"}}))
	require.Equal(t, []string{"a1", "b", "ä"}, ids(t, s, service.Query{Where: service.Where{"id >": "a-1"}, Order: []string{"id"}}))
}

func aFailedWriteLeavesNothing(t *testing.T, database string) {
	t.Helper()
	s := storetest.At(t, database)
	boom := errors.New("boom")
	err := s.Write(t.Context(), func(r service.Rows) error {
		require.NoError(t, r.EngineCalls().Insert(&domain.EngineCall{ID: "x"}))
		return boom
	})
	require.ErrorIs(t, err, boom)
	require.Empty(t, ids(t, s, service.Query{}))
}

func aPanicLeavesNothing(t *testing.T, database string) {
	t.Helper()
	s := storetest.At(t, database)
	require.Panics(t, func() {
		_ = s.Write(t.Context(), func(r service.Rows) error {
			require.NoError(t, r.EngineCalls().Insert(&domain.EngineCall{ID: "x"}))
			panic("a mistake of ours")
		})
	})
	require.Empty(t, ids(t, s, service.Query{}))
	insert(t, s, &domain.EngineCall{ID: "y"})
	insert(t, storetest.At(t, database), &domain.EngineCall{ID: "z"})
}

func oneOpenMigrationAnIntegration(t *testing.T, database string) {
	t.Helper()
	err := storetest.At(t, database).Write(t.Context(), func(r service.Rows) error {
		return r.Migrations().Insert(
			&domain.Migration{ID: "m1", IntegrationID: "i", Open: false},
			&domain.Migration{ID: "m2", IntegrationID: "i", Open: true},
			&domain.Migration{ID: "m3", IntegrationID: "i", Open: true})
	})
	require.Equal(t, domain.Conflict, domain.KindOf(err))
	var refusal *domain.Error
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, "exists", refusal.Code)
}

func aBreachPassedOverCommitsNothing(t *testing.T, database string) {
	t.Helper()
	s := storetest.At(t, database)
	insert(t, s, &domain.EngineCall{ID: "x"})
	err := s.Write(t.Context(), func(r service.Rows) error {
		require.NoError(t, r.EngineCalls().Insert(&domain.EngineCall{ID: "y"}))
		require.Error(t, r.EngineCalls().Insert(&domain.EngineCall{ID: "x"}))
		return nil
	})
	require.Equal(t, domain.Conflict, domain.KindOf(err))
	require.Equal(t, []string{"x"}, ids(t, s, service.Query{}))
}

func anUpdateOfAMissingRowIsNotFound(t *testing.T, database string) {
	t.Helper()
	err := storetest.At(t, database).Write(t.Context(), func(r service.Rows) error {
		_, err := r.Accounts().Get("nobody")
		require.True(t, domain.IsNotFound(err))
		return r.Accounts().Update(&domain.Account{ID: "nobody"})
	})
	require.True(t, domain.IsNotFound(err))
}

func readersOfTheLogPassNothing(t *testing.T, database string) {
	t.Helper()
	s := storetest.At(t, database)
	all, done := processes(t, database), make(chan error, 1)
	var seen []int64
	follow := func() {
		err := s.Read(t.Context(), func(r service.Rows) error {
			last := int64(0)
			if len(seen) > 0 {
				last = seen[len(seen)-1]
			}
			next, err := r.Changes().List(service.Query{Where: service.Where{"seq >": last}, Order: []string{"seq"}})
			for _, c := range next {
				seen = append(seen, c.Seq)
			}
			return err
		})
		require.NoError(t, err)
	}
	go func() {
		done <- writers(t.Context(), all, 10, func(r service.Rows) error {
			for range 3 { // numbers of a transaction must not mix with those of another
				if err := r.Changes().Insert(&domain.Change{What: "x"}); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	for running := true; running; {
		select {
		case err := <-done:
			require.NoError(t, err)
			running = false
		default:
		}
		follow()
	}
	require.Len(t, seen, 6*10*3, "every change was seen by who only goes forward")
}

func aReadIsOneView(t *testing.T, database string) {
	t.Helper()
	s, other := storetest.At(t, database), storetest.At(t, database)
	count := func(r service.Rows) int {
		n, err := r.EngineCalls().Count(service.Query{})
		require.NoError(t, err)
		return n
	}
	require.NoError(t, s.Read(t.Context(), func(r service.Rows) error {
		require.Zero(t, count(r))
		insert(t, other, &domain.EngineCall{ID: "x"})
		require.Zero(t, count(r), "what is committed meanwhile is not seen, and nobody waited")
		return nil
	}))
	require.Len(t, ids(t, s, service.Query{}), 1)
}

func aClosedDatabaseIsUnavailable(t *testing.T, database string) {
	t.Helper()
	s := storetest.At(t, database)
	require.NoError(t, s.Close())
	require.Equal(t, domain.Unavailable, domain.KindOf(s.Ping(t.Context())))
	require.Equal(t, domain.Unavailable, domain.KindOf(s.Write(t.Context(), func(service.Rows) error { return nil })))
	require.Equal(t, domain.Unavailable, domain.KindOf(s.Read(t.Context(), func(service.Rows) error { return nil })))
}

// A path is a path, whatever its signs mean in a URI.
func TestAnSQLiteFileHasTheNameThatWasGiven(t *testing.T) {
	for _, name := range []string{"plain.db", "what?.db", "no#1.db", "100%.db", "%41.db", "a b&c=d;e.db", "ä+.db"} {
		folder := t.TempDir()
		s, err := store.Open(t.Context(), filepath.Join(folder, name), nil)
		require.NoError(t, err, name)
		require.NoError(t, s.Ping(t.Context()))
		require.NoError(t, s.Close())
		found, err := os.ReadDir(folder)
		require.NoError(t, err)
		names := make([]string, 0, len(found))
		for _, f := range found {
			names = append(names, f.Name())
		}
		require.Equal(t, []string{name, name + ".lock"}, names)
	}
	folder := t.TempDir()
	s, err := store.Open(t.Context(), "/"+filepath.Join(folder, "two.db"), nil)
	require.NoError(t, err, "two slashes name no host")
	require.NoError(t, s.Close())
	require.FileExists(t, filepath.Join(folder, "two.db"))
}

// rawly opens the database beside the store.
func rawly(t *testing.T, database string) *sql.DB {
	t.Helper()
	driver := "sqlite"
	if store.IsURL(database) {
		driver = "pgx"
	}
	raw, err := sql.Open(driver, database)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, raw.Close()) })
	return raw
}

func aNewerVersionIsRefused(t *testing.T, database string) {
	t.Helper()
	_, err := rawly(t, database).ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)")
	require.NoError(t, err)
	_, err = store.Open(t.Context(), database, nil)
	require.ErrorContains(t, err, "run the newer program")
}

func TestProcessesThatStartTogetherMigrateOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, e storetest.Engine) {
		t.Helper()
		database := storetest.Empty(t, e)
		var g sync.WaitGroup
		errs := make([]error, 3)
		for i := range errs {
			g.Go(func() {
				s, err := store.Open(t.Context(), database, nil)
				if err == nil {
					err = s.Close()
				}
				errs[i] = err
			})
		}
		g.Wait()
		require.NoError(t, errors.Join(errs...))
		var twice int
		require.NoError(t, rawly(t, database).QueryRowContext(t.Context(),
			"SELECT count(*) FROM (SELECT version_id FROM goose_db_version GROUP BY version_id HAVING count(*) > 1) AS t").Scan(&twice))
		require.Zero(t, twice)
	})
}

func TestBothEnginesHaveTheSameTables(t *testing.T) {
	columns := func(database, query string) map[string]string {
		out := map[string]string{}
		found, err := rawly(t, database).QueryContext(t.Context(), query)
		require.NoError(t, err)
		defer func() { require.NoError(t, found.Close()) }()
		for found.Next() {
			var table, column, kind string
			var required bool
			require.NoError(t, found.Scan(&table, &column, &kind, &required))
			out[table+"."+column] = fmt.Sprint(kind, " ", required)
		}
		require.NoError(t, found.Err())
		return out
	}
	onSQLite := columns(storetest.Database(t, storetest.SQLite), `SELECT m.name, c.name, lower(c.type), c."notnull" OR c.pk > 0
		FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'goose_%'`)
	onPostgres := columns(storetest.Database(t, storetest.Postgres), `SELECT table_name, column_name, CASE
		WHEN data_type = 'bytea' THEN 'blob' WHEN is_identity = 'YES' AND data_type = 'bigint' THEN 'integer'
		WHEN data_type = 'text' AND collation_name IS DISTINCT FROM 'C' THEN 'text that is not compared by bytes' ELSE data_type END, is_nullable = 'NO'
		FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'goose_%'`)
	require.Equal(t, onSQLite, onPostgres)

	indexes := func(database, query string) (out []string) {
		found, err := rawly(t, database).QueryContext(t.Context(), query)
		require.NoError(t, err)
		defer func() { require.NoError(t, found.Close()) }()
		for found.Next() {
			var name string
			require.NoError(t, found.Scan(&name))
			out = append(out, name)
		}
		require.NoError(t, found.Err())
		return out
	}
	require.ElementsMatch(t,
		indexes(storetest.Database(t, storetest.SQLite), "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"),
		indexes(storetest.Database(t, storetest.Postgres), "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey'"))
}
