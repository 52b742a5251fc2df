package service_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/internal/store/storetest"
)

// auditRound has the check walk over everything, an hour later.
func (w *migrationWorld) auditRound(c *service.AuditCheck) (breaks int) {
	w.t.Helper()
	w.now = w.now.Add(time.Hour)
	for last := int64(-1); ; {
		breaks, seq, err := c.Next(w.t.Context())
		require.NoError(w.t, err)
		if seq == last {
			return breaks
		}
		last = seq
	}
}

// What retention purges is no break, also to whoever has seen the chain before;
// what somebody alters, cuts off or takes out is, even when it had been checked.
func TestTheAuditIsCheckedAgainAndRetentionIsNoBreak(t *testing.T) {
	w := leavingWorld(t, storetest.SQLite, domain.Migrated)
	check := service.NewAuditCheck(w.Service)
	require.Zero(t, w.auditRound(check))
	d, err := w.RequestDeletion(t.Context(), ana, "a", "Contoso")
	require.NoError(t, err)
	w.now = d.DueAt.Time
	w.erase()
	require.Zero(t, w.auditRound(check))
	d, err = w.Deletion(t.Context(), olga, "a")
	require.NoError(t, err)
	w.now = d.EvidenceUntil.Time
	w.erase()
	require.Empty(t, list(t, w.world, audit, service.By(service.Where{"chain": "a"})), "the chain was purged")
	require.Zero(t, w.auditRound(check), "the checkpoint says so")

	write := func(chain string, n int) {
		w.write(func(r service.Rows) error {
			for range n {
				tx := &service.Tx{Rows: r, Caller: domain.System("test"), Now: w.now}
				if err := tx.Audit(chain, "test", "x", "done", "", nil); err != nil {
					return err
				}
			}
			return nil
		})
	}
	change := func(where service.Where, fn func(*domain.AuditEntry)) {
		w.write(func(r service.Rows) error {
			e, err := r.Audit().Find(service.Query{Where: where, Order: []string{"-chain_seq"}})
			if err != nil {
				return err
			}
			if fn == nil {
				_, err = r.Audit().Delete(service.By(service.Where{"seq": e.Seq}))
				return err
			}
			fn(&e)
			return r.Audit().Update(&e)
		})
	}
	write("b", 3)
	write("c", 2)
	require.Zero(t, w.auditRound(check))

	change(service.Where{"chain": "b", "chain_seq": 2}, func(e *domain.AuditEntry) { e.ActorID = "somebody else" })
	require.Equal(t, 1, w.auditRound(check), "an entry that had been checked was altered")
	require.Equal(t, 1, w.auditRound(check), "and is counted once")
	change(service.Where{"chain": "b"}, nil)
	require.Equal(t, 2, w.auditRound(check), "the end of a chain was cut off")
	w.write(func(r service.Rows) error {
		_, err := r.Audit().Delete(service.By(service.Where{"chain": "c"}))
		return err
	})
	require.Equal(t, 3, w.auditRound(check), "a chain was taken out without a checkpoint")

	// A checkpoint of another length or entry does not excuse it.
	for _, detail := range []map[string]string{{"entries": "1", "last": "x"}, {"entries": "2", "last": strings.Repeat("0", 64)}} {
		other := service.NewAuditCheck(w.Service)
		write("d", 2)
		before := w.auditRound(other)
		w.write(func(r service.Rows) error {
			if _, err := r.Audit().Delete(service.By(service.Where{"chain": "d"})); err != nil {
				return err
			}
			return (&service.Tx{Rows: r, Caller: domain.System("test"), Now: w.now}).Audit("", "purge-audit", "d", "done", "", detail)
		})
		require.Equal(t, before+1, w.auditRound(other), "%v", detail)
	}
}
