package service

import (
	"consentry/internal/domain"
)

// CompareShadow sets what a shadow run read through the connector beside the
// mirror. The proof is complete and not yet stored. frozen says that the legacy
// side could not be read before, so that the mirror is only as of its last round.
func (t *Tx) CompareShadow(m domain.Migration, shadowRunID string, frozen bool) (domain.Proof, error) {
	run, err := t.Rows.SyncRuns().Get(shadowRunID)
	if err != nil {
		return domain.Proof{}, err
	}
	if run.Purpose != domain.RunShadow || run.State != domain.RunDone || run.MigrationID != m.ID {
		return domain.Proof{}, domain.Refuse(domain.Conflict, "not-read", "Run %s is no completed reading of this migration.", shadowRunID)
	}
	c, err := t.Mirror().Cursor(shadowRunID)
	if err != nil {
		return domain.Proof{}, err
	}
	i, err := t.Rows.Integrations().Get(m.IntegrationID)
	if err != nil {
		return domain.Proof{}, err
	}
	p, err := t.Mirror().Compare(c.StageID, i.ID)
	if err != nil {
		return domain.Proof{}, err
	}
	return domain.Proof{
		ID: domain.NewID("prf"), AccountID: m.AccountID, MigrationID: m.ID, ShadowRunID: shadowRunID, Frozen: frozen,
		AsOf: i.LastSyncedAt, ReadAt: run.FinishedAt, Mirror: p.Mirror, Shadow: p.Reading,
		Added: p.Added, Changed: p.Changed, Removed: p.Removed, Examples: p.Examples, CreatedAt: t.At(),
	}, nil
}

// RestoreMirror puts back exactly how the mirror was before a migration's first
// synchronization touched it, and takes back what else that run left: its holds,
// its staging and the connector's links. The integration's counts are written
// anew, so a caller that goes on with its row reads it afterwards.
func (t *Tx) RestoreMirror(migrationID string) error {
	m, err := t.Rows.Migrations().Get(migrationID)
	if err != nil {
		return err
	}
	if err := t.Mirror().RestoreBefore(migrationID); err != nil {
		return err
	}
	runs, err := t.Rows.SyncRuns().List(By(Where{"integration_id": m.IntegrationID, "migration_id": migrationID, "purpose": domain.RunFirst}))
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := t.Mirror().DropStage(run.ID); err != nil {
			return err
		}
		if err := t.Mirror().DropLinks(run.IntegrationID, run.ClientID); err != nil {
			return err
		}
		if err := t.restoreHolds(run); err != nil {
			return err
		}
	}
	if err := t.dropShadows(m.IntegrationID); err != nil {
		return err
	}
	counts, err := t.Mirror().Counts(m.IntegrationID)
	if err != nil {
		return err
	}
	i, err := t.Rows.Integrations().Get(m.IntegrationID)
	if err != nil {
		return err
	}
	i.Users, i.Groups, i.Memberships = counts.Users, counts.Groups, counts.Memberships
	return t.Rows.Integrations().Update(&i)
}

// restoreHolds ends the holds that a run made and brings back those that it
// ended: as a person had decided them, or still held.
func (t *Tx) restoreHolds(run domain.SyncRun) error {
	ended, err := t.Rows.Holds().List(By(Where{"integration_id": run.IntegrationID, "state": holdGone, "gone_run_id": run.ID}))
	if err != nil {
		return err
	}
	for _, h := range ended {
		if h.RunID == run.ID { // taken back before
			continue
		}
		h.State, h.GoneAt, h.GoneRunID = holdHeld, domain.Instant{}, ""
		if !h.DecidedAt.IsZero() {
			h.State = holdKept
		}
		if err := t.Rows.Holds().Update(&h); err != nil {
			return err
		}
	}
	made, err := t.Rows.Holds().List(By(Where{"integration_id": run.IntegrationID, "run_id": run.ID, "state": holdHeld}))
	if err != nil {
		return err
	}
	for _, h := range made {
		h.State, h.GoneAt, h.GoneRunID = holdGone, t.At(), run.ID
		if err := t.Rows.Holds().Update(&h); err != nil {
			return err
		}
	}
	return nil
}
