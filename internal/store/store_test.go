package store_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/internal/store"
)

func noMirror(context.Context, bun.IDB) service.Mirror { return nil }

func open(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"), noMirror)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestWhatIsInsertedComesBackWhole(t *testing.T) {
	s := open(t)
	now := domain.At(time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.UTC))
	in := domain.Campaign{ID: "cmp_1", Name: "Äpfel", Region: "eu", Version: 3, Paused: true, CreatedAt: now, Terms: domain.CampaignTerms{
		Deadline: now, Reminders: []domain.Duration{domain.Duration(time.Hour)}, WayBack: domain.Duration(72 * time.Hour),
	}}
	require.NoError(t, s.Write(t.Context(), func(r service.Rows) error { return r.Campaigns().Insert(&in) }))
	require.NoError(t, s.Read(t.Context(), func(r service.Rows) error {
		out, err := r.Campaigns().Get("cmp_1")
		require.Equal(t, in, out)
		return err
	}))
}

func TestWhereSelectsByEveryOperatorAndByLists(t *testing.T) {
	s := open(t)
	at := func(sec int64) domain.Instant { return domain.At(time.Unix(sec, 0)) }
	require.NoError(t, s.Write(t.Context(), func(r service.Rows) error {
		return r.EngineCalls().Insert(
			&domain.EngineCall{ID: "a", State: "waiting", NextAt: at(1)},
			&domain.EngineCall{ID: "b", State: "waiting", NextAt: at(2)},
			&domain.EngineCall{ID: "c", State: "taken", NextAt: at(3)})
	}))
	ids := func(q service.Query) (out []string) {
		require.NoError(t, s.Read(t.Context(), func(r service.Rows) error {
			found, err := r.EngineCalls().List(q)
			for _, c := range found {
				out = append(out, c.ID)
			}
			return err
		}))
		return out
	}
	require.Equal(t, []string{"b", "a"}, ids(service.Query{Where: service.Where{"state": "waiting"}, Order: []string{"-next_at"}}))
	require.Equal(t, []string{"a", "b"}, ids(service.Query{Where: service.Where{"next_at <=": at(2)}, Order: []string{"id"}}))
	require.Equal(t, []string{"a", "c"}, ids(service.Query{Where: service.Where{"id": []string{"a", "c"}}, Order: []string{"id"}}))
	require.Equal(t, []string{"b"}, ids(service.Query{Where: service.Where{"id <>": []string{"a", "c"}}}))
	require.Empty(t, ids(service.Query{Where: service.Where{"id": []string{}}}))
	require.Equal(t, []string{"a"}, ids(service.Query{Order: []string{"id"}, Limit: 1}))
}

func TestAFailedWriteLeavesNothing(t *testing.T) {
	s := open(t)
	boom := errors.New("boom")
	err := s.Write(t.Context(), func(r service.Rows) error {
		require.NoError(t, r.Accounts().Insert(&domain.Account{ID: "acc_1"}))
		return boom
	})
	require.ErrorIs(t, err, boom)
	require.NoError(t, s.Read(t.Context(), func(r service.Rows) error {
		n, err := r.Accounts().Count(service.Query{})
		require.Zero(t, n)
		return err
	}))
}

func TestOneOpenMigrationAnIntegration(t *testing.T) {
	s := open(t)
	err := s.Write(t.Context(), func(r service.Rows) error {
		return r.Migrations().Insert(
			&domain.Migration{ID: "m1", IntegrationID: "i", Open: false},
			&domain.Migration{ID: "m2", IntegrationID: "i", Open: true},
			&domain.Migration{ID: "m3", IntegrationID: "i", Open: true})
	})
	require.Equal(t, domain.Conflict, domain.KindOf(err))
}

func TestUpdateOfAMissingRowIsNotFound(t *testing.T) {
	s := open(t)
	err := s.Write(t.Context(), func(r service.Rows) error { return r.Accounts().Update(&domain.Account{ID: "nobody"}) })
	require.True(t, domain.IsNotFound(err))
}

func TestWritersWaitForEachOtherAcrossHandles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	a, err := store.Open(t.Context(), path, noMirror)
	require.NoError(t, err)
	b, err := store.Open(t.Context(), path, noMirror)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, errors.Join(a.Close(), b.Close())) })
	require.NoError(t, a.Write(t.Context(), func(r service.Rows) error { return r.Accounts().Insert(&domain.Account{ID: "acc"}) }))

	const each = 50
	add := func(s *store.Store) error {
		for range each {
			err := s.Write(t.Context(), func(r service.Rows) error {
				acc, err := r.Accounts().Get("acc")
				if err != nil {
					return err
				}
				acc.Name += "x"
				return r.Accounts().Update(&acc)
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	errs := make(chan error, 2)
	go func() { errs <- add(a) }()
	go func() { errs <- add(b) }()
	require.NoError(t, <-errs)
	require.NoError(t, <-errs)
	require.NoError(t, a.Read(t.Context(), func(r service.Rows) error {
		acc, err := r.Accounts().Get("acc")
		require.Len(t, acc.Name, 2*each, "no update was lost")
		return err
	}))
}

func TestADatabaseOfANewerVersionIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	s, err := store.Open(t.Context(), path, noMirror)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	raw, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = raw.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
	require.NoError(t, err)
	require.NoError(t, raw.Close())
	_, err = store.Open(t.Context(), path, noMirror)
	require.ErrorContains(t, err, "run the newer program")
}

func TestAClosedDatabaseIsUnavailable(t *testing.T) {
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"), noMirror)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.Equal(t, domain.Unavailable, domain.KindOf(s.Ping(t.Context())))
}

func TestTheSchemaVersionIsTheOneThisProgramKnows(t *testing.T) {
	s := open(t)
	known, err := store.KnownSchemaVersion()
	require.NoError(t, err)
	have, err := s.SchemaVersion(t.Context())
	require.NoError(t, err)
	require.Equal(t, known, have)
}
