package store_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/internal/store/storetest"
)

// aQuestionAskedAgain: the second time a statement may be kept, whose values
// travel apart from its text.
func aQuestionAskedAgain(t *testing.T, database string) {
	t.Helper()
	s := storetest.At(t, database)
	const awkward = "o'\\ ? $1 \"q\" äé漢😀\x00\xff\xfe;--"
	require.NoError(t, s.Write(t.Context(), func(r service.Rows) error {
		return r.Migrations().Insert(
			&domain.Migration{ID: "m1", IntegrationID: "i"},
			&domain.Migration{ID: "m2", IntegrationID: "i", Open: true, Overdue: true},
			&domain.Migration{ID: "m3", IntegrationID: awkward, Open: true})
	}))
	for _, c := range []struct {
		query service.Query
		want  []string
	}{
		{service.Query{Where: service.Where{"integration_id": "i"}, Order: []string{"-id"}}, []string{"m2", "m1"}},
		{service.Query{Where: service.Where{"integration_id": "i", "open": true}}, []string{"m2"}},
		{service.Query{Where: service.Where{"integration_id": "i", "open": false}}, []string{"m1"}},
		{service.Query{Where: service.Where{"integration_id": "i", "open <>": false, "overdue <>": true}}, nil},
		{service.Query{Where: service.Where{"integration_id": awkward}}, []string{"m3"}},
		{service.Query{Where: service.Where{"integration_id <>": awkward, "id >": "m1"}, Limit: 1}, []string{"m2"}},
		{service.Query{Where: service.Where{"integration_id": domain.Phase("i")}, Order: []string{"id"}}, []string{"m1", "m2"}},
		{service.Query{Where: service.Where{"integration_id": "nobody' OR '1'='1"}}, nil},
		{service.Query{Order: []string{"id"}, Limit: 2}, []string{"m1", "m2"}},
	} {
		for _, ask := range []func(func(service.Rows) error) error{
			func(fn func(service.Rows) error) error { return s.Read(t.Context(), fn) },
			func(fn func(service.Rows) error) error { return s.Look(t.Context(), fn) },
			func(fn func(service.Rows) error) error { return s.Write(t.Context(), fn) },
		} {
			for range 3 {
				require.NoError(t, ask(func(r service.Rows) error {
					found, err := r.Migrations().List(c.query)
					var got []string
					for _, m := range found {
						got = append(got, m.ID)
					}
					require.Equal(t, c.want, got, "%v", c.query)
					return err
				}))
			}
		}
	}
	require.NoError(t, s.Write(t.Context(), func(r service.Rows) error {
		_, err := r.Migrations().Delete(service.By(service.Where{"integration_id": awkward}))
		return err
	}))
	require.NoError(t, s.Read(t.Context(), func(r service.Rows) error {
		_, err := r.Migrations().Find(service.By(service.Where{"integration_id": awkward}))
		require.True(t, domain.IsNotFound(err), "a kept statement sees what was written since")
		return nil
	}))
}

// askersThatAllAskSomethingNew: each of them holds a connection of the pool, and
// keeping a statement needs another.
func askersThatAllAskSomethingNew(t *testing.T, database string) {
	t.Helper()
	s := storetest.At(t, database)
	const connections = 16
	var inside, ended sync.WaitGroup
	inside.Add(connections)
	errs := make([]error, connections)
	for n := range connections {
		ended.Go(func() {
			errs[n] = s.Read(t.Context(), func(r service.Rows) error {
				_, err := r.Accounts().Count(service.Query{}) // the transaction is under way
				inside.Done()
				inside.Wait()
				if err == nil {
					_, err = r.Migrations().List(service.By(service.Where{"id": "x", fmt.Sprint("id ", []string{"<", ">", "<=", ">="}[n%4]): "x", "open": n/4 == 0}))
				}
				return err
			})
		})
	}
	ended.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}
