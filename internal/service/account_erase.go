package service

import (
	"context"

	"consentry/internal/domain"
)

// EraseStep is what one batch did.
type EraseStep struct {
	Accounts int // brought to the end
	Evidence int // connectors whose evidence was purged
	More     bool
}

// eraseRuns is how many runs are looked through for stagings at a time.
const eraseRuns = 200

// ErasuresDue counts what EraseNext has to do in a region.
func (s *Service) ErasuresDue(ctx context.Context, caller domain.Caller, region string) (due int, err error) {
	err = s.Read(ctx, caller, func(tx *Tx) error {
		accounts, err := tx.deletionsDue(region)
		if err != nil {
			return err
		}
		evidence, err := tx.evidenceDue()
		if err != nil {
			return err
		}
		chains, err := tx.chainsDue(region)
		due = len(accounts) + len(evidence) + len(chains)
		return err
	})
	return due, err
}

// EraseNext does the next batch of what is due to be deleted in a region. Each
// is one transaction that finds its own place by what is left, so that it may be
// killed anywhere and run by anybody.
func (s *Service) EraseNext(ctx context.Context, caller domain.Caller, region string) (EraseStep, error) {
	return Do(ctx, s, caller, "", "erase", region, func(tx *Tx) (EraseStep, error) {
		due, err := tx.deletionsDue(region)
		if err != nil {
			return EraseStep{}, err
		}
		if len(due) > 0 {
			done, err := tx.eraseAccount(&due[0])
			return EraseStep{Accounts: done, More: true}, err
		}
		purged, more, err := tx.purgeEvidence()
		if err != nil || more {
			return EraseStep{Evidence: purged, More: more}, err
		}
		chains, err := tx.chainsDue(region)
		if err != nil || len(chains) == 0 {
			return EraseStep{}, err
		}
		return EraseStep{More: true}, tx.purgeChain(&chains[0])
	})
}

func (t *Tx) deletionsDue(region string) ([]domain.AccountDeletion, error) {
	return t.Rows.AccountDeletions().List(Query{
		Where: Where{"region": region, "state": []string{string(domain.DeletionPending), string(domain.DeletionBegun)}, "due_at <=": t.At()}, Order: []string{"due_at", "id"}, Limit: 10,
	})
}

// eraseAccount does one batch of one account and reports whether it was the last.
func (t *Tx) eraseAccount(d *domain.AccountDeletion) (done int, err error) {
	if d.State == domain.DeletionPending {
		if err := t.beginDeletion(d); err != nil {
			return 0, err
		}
		return 0, t.Rows.AccountDeletions().Update(d)
	}
	if n, err := t.closeBatch(d); err != nil {
		return 0, err
	} else if n > 0 {
		return 0, t.Rows.AccountDeletions().Update(d)
	}
	taken, err := t.eraseBatch(*d)
	if err != nil {
		return 0, err
	}
	for kind, n := range taken {
		d.Deleted[kind] += n
	}
	if len(taken) > 0 {
		return 0, t.Rows.AccountDeletions().Update(d)
	}
	d.State, d.FinishedAt = domain.DeletionDone, t.At()
	if err := t.Rows.AccountDeletions().Update(d); err != nil {
		return 0, err
	}
	if err := t.Audit(d.ID, "delete-account", d.ID, "done", "", numbers(d.Deleted)); err != nil {
		return 0, err
	}
	return 1, t.Done("", "delete-account", "account", d.ID, numbers(d.Deleted))
}

// eraseBatch takes the first kind of rows of which something is left. An
// integration goes after its mirror, which is found through it.
func (t *Tx) eraseBatch(d domain.AccountDeletion) (map[string]int64, error) {
	i, err := optional(t.Rows.Integrations().Find(Query{Where: Where{"account_id": d.ID}, Order: []string{"id"}}))
	if err != nil {
		return nil, err
	}
	if i.ID != "" {
		if taken, err := t.Mirror().Erase(i.ID, t.leaving.Batch); err != nil || len(taken) > 0 {
			return taken, err
		}
		n, err := t.Rows.Integrations().Delete(By(Where{"id": i.ID}))
		return map[string]int64{"integrations": int64(n)}, err
	}
	if taken, err := t.eraseRuns(d.ID); err != nil || len(taken) > 0 {
		return taken, err
	}
	evidence, err := t.evidenceSessions(d.ID)
	if err != nil {
		return nil, err
	}
	of := Where{"account_id": d.ID}
	for _, kind := range []struct {
		name string
		take func() (int, error)
	}{
		{"proofs", func() (int, error) { return some(t, t.Rows.Proofs(), of, func(r domain.Proof) string { return r.ID }) }},
		{"holds", func() (int, error) { return some(t, t.Rows.Holds(), of, func(r domain.Hold) string { return r.ID }) }},
		{"decisions", func() (int, error) {
			return some(t, t.Rows.Decisions(), of, func(r domain.Decision) string { return r.ID })
		}},
		{"notices", func() (int, error) {
			return some(t, t.Rows.Notices(), of, func(r domain.Notice) string { return r.ID })
		}},
		{"changes", func() (int, error) { return t.eraseChanges(d.ID) }},
		{"consent-sessions", func() (int, error) {
			return some(t, t.Rows.ConsentSessions(), Where{"account_id": d.ID, "id <>": evidence}, func(r domain.ConsentSession) string { return r.ID })
		}},
		{"engine-calls", func() (int, error) {
			return some(t, t.Rows.EngineCalls(), Where{"account_id": d.ID, "state <>": "waiting"}, func(r domain.EngineCall) string { return r.ID })
		}},
	} {
		if n, err := kind.take(); err != nil || n > 0 {
			return map[string]int64{kind.name: int64(n)}, err
		}
	}
	return nil, nil
}

// eraseRuns forgets what runs have staged and, when nothing is left of that, the
// runs.
func (t *Tx) eraseRuns(accountID string) (map[string]int64, error) {
	runs, err := t.Rows.SyncRuns().List(Query{Where: Where{"account_id": accountID}, Order: []string{"id"}, Limit: min(eraseRuns, t.leaving.Batch)})
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	ids := make([]string, 0, len(runs))
	for _, r := range runs {
		ids = append(ids, r.ID)
	}
	if n, err := t.Mirror().EraseStages(ids, t.leaving.Batch); err != nil || n > 0 {
		return map[string]int64{"staged-rows": n}, err
	}
	n, err := t.Rows.SyncRuns().Delete(By(Where{"id": ids}))
	return map[string]int64{"runs": int64(n)}, err
}

// some deletes the first batch of what matches.
func some[T any](t *Tx, table Table[T], of Where, id func(T) string) (int, error) {
	found, err := table.List(Query{Where: of, Order: []string{"id"}, Limit: t.leaving.Batch})
	if err != nil || len(found) == 0 {
		return 0, err
	}
	ids := make([]string, 0, len(found))
	for _, row := range found {
		ids = append(ids, id(row))
	}
	return table.Delete(By(Where{"id": ids}))
}

func (t *Tx) eraseChanges(accountID string) (int, error) {
	first, err := t.Changes().List(Query{Where: Where{"account_id": accountID}, Order: []string{"seq"}, Limit: t.leaving.Batch})
	if err != nil || len(first) == 0 {
		return 0, err
	}
	return t.Changes().Delete(By(Where{"account_id": accountID, "seq <=": first[len(first)-1].Seq}))
}
