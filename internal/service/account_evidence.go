package service

import (
	"strconv"

	"consentry/internal/domain"
)

// evidenceDue lists connectors whose evidence has been kept long enough.
func (t *Tx) evidenceDue() ([]domain.Connector, error) {
	return t.Rows.Connectors().List(Query{
		Where: Where{"disconnected_at >": domain.Instant{}, "evidence_until >": domain.Instant{}, "evidence_until <=": t.At()}, Order: []string{"evidence_until", "id"}, Limit: 100,
	})
}

// purgeEvidence forgets disconnected connectors whose date has come, with the
// consent sessions that were for them. That it happened stays in the audit.
func (t *Tx) purgeEvidence() (int, error) {
	due, err := t.evidenceDue()
	if err != nil {
		return 0, err
	}
	for _, c := range due {
		sessions := By(Where{"connector_id": c.ID})
		if _, err := t.ConsentSessions().Delete(sessions); err != nil {
			return 0, err
		}
		if _, err := t.ConsentSessions().Delete(By(Where{"id": c.ConsentSessionID})); err != nil {
			return 0, err
		}
		if _, err := t.Rows.Connectors().Delete(By(Where{"id": c.ID})); err != nil {
			return 0, err
		}
		deletion, err := optional(t.Rows.AccountDeletions().Get(c.AccountID))
		if err != nil {
			return 0, err
		}
		chain := c.AccountID
		if deletion.Closed() {
			chain = "" // nothing is added to an account that is gone
		}
		if err := t.Done(chain, "purge-evidence", "connector", c.ID, map[string]string{"account": c.AccountID, "session": c.ConsentSessionID}); err != nil {
			return 0, err
		}
	}
	return len(due), nil
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

// purgeChain forgets the audit of a deleted account. A chain goes whole or not at
// all, so that what is left of the audit can be verified; a checkpoint in the
// vendor's chain says how long it was and what its last hash was, so that a copy
// kept elsewhere can still be held against it.
func (t *Tx) purgeChain(d *domain.AccountDeletion) error {
	last, err := optional(t.Rows.Audit().Find(Query{Where: Where{"chain": d.ID}, Order: []string{"-chain_seq"}}))
	if err != nil {
		return err
	}
	if _, err := t.Rows.Audit().Delete(By(Where{"chain": d.ID})); err != nil {
		return err
	}
	d.AuditPurgedAt = t.At()
	if err := t.Rows.AccountDeletions().Update(d); err != nil {
		return err
	}
	return t.Done("", auditPurge, "account", d.ID, map[string]string{"entries": strconv.FormatInt(last.ChainSeq, 10), "last": last.Hash})
}
