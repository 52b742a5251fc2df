package service

import (
	"strconv"

	"consentry/internal/domain"
)

// evidenceDue lists connectors whose evidence has been kept long enough.
func (t *Tx) evidenceDue() ([]domain.Connector, error) {
	return t.Rows.Connectors().List(Query{
		Where: Where{"disconnected_at >": domain.Instant{}, "evidence_until >": domain.Instant{}, "evidence_until <=": t.At()}, Order: []string{"evidence_until", "id"}, Limit: t.leaving.Batch,
	})
}

// purgeEvidence forgets disconnected connectors whose date has come, with the
// consent sessions that were for them. That it happened stays in the audit.
func (t *Tx) purgeEvidence() (purged int, more bool, err error) {
	due, err := t.evidenceDue()
	if err != nil {
		return purged, false, err
	}
	for _, c := range due {
		n, err := some(t, t.ConsentSessions(), Where{"connector_id": c.ID}, func(r domain.ConsentSession) string { return r.ID })
		if err != nil || n > 0 {
			return purged, true, err // the connector goes when none is left
		}
		if _, err := t.ConsentSessions().Delete(By(Where{"id": c.ConsentSessionID})); err != nil {
			return purged, false, err
		}
		if _, err := t.Rows.Connectors().Delete(By(Where{"id": c.ID})); err != nil {
			return purged, false, err
		}
		deletion, err := optional(t.Rows.AccountDeletions().Get(c.AccountID))
		if err != nil {
			return purged, false, err
		}
		chain := c.AccountID
		if deletion.Closed() {
			chain = "" // nothing is added to an account that is gone
		}
		if err := t.Done(chain, "purge-evidence", "connector", c.ID, map[string]string{"account": c.AccountID, "session": c.ConsentSessionID}); err != nil {
			return purged, false, err
		}
		purged++
	}
	return purged, len(due) > 0, nil
}

// evidenceSessions are the consent sessions that prove the consents of an
// account's connectors.
func (t *Tx) evidenceSessions(accountID string) ([]string, error) {
	connectors, err := t.Rows.Connectors().List(By(Where{"account_id": accountID}))
	ids := []string{}
	for _, c := range connectors {
		ids = append(ids, c.ConsentSessionID)
	}
	return ids, err
}

// chainsDue lists deleted accounts whose audit has been kept long enough.
func (t *Tx) chainsDue(region string) ([]domain.AccountDeletion, error) {
	return t.Rows.AccountDeletions().List(Query{
		Where: Where{"region": region, "state": string(domain.DeletionDone), "audit_purged_at": domain.Instant{}, "evidence_until <=": t.At()}, Order: []string{"evidence_until", "id"}, Limit: 10,
	})
}

// auditPurge is the action of a checkpoint.
const auditPurge = "purge-audit"

// purgeChain forgets the last entries of a deleted account's audit. It goes from
// its end, so that what is left is whole from the first entry and can be verified
// at any time; a checkpoint in the vendor's chain says, before the first of them
// goes, how long it was and what its last hash was, so that a copy kept elsewhere
// can still be held against it.
func (t *Tx) purgeChain(d *domain.AccountDeletion) error {
	last, err := optional(t.Rows.Audit().Find(Query{Where: Where{"chain": d.ID}, Order: []string{"-chain_seq"}}))
	if err != nil {
		return err
	}
	if d.AuditPurgeBeganAt.IsZero() {
		d.AuditPurgeBeganAt = t.At()
		if err := t.Done("", auditPurge, "account", d.ID, map[string]string{"entries": strconv.FormatInt(last.ChainSeq, 10), "last": last.Hash}); err != nil {
			return err
		}
	}
	if _, err := t.Rows.Audit().Delete(By(Where{"chain": d.ID, "chain_seq >": last.ChainSeq - int64(t.leaving.Batch)})); err != nil {
		return err
	}
	if last.ChainSeq <= int64(t.leaving.Batch) {
		d.AuditPurgedAt = t.At()
	}
	return t.Rows.AccountDeletions().Update(d)
}
