package service

import (
	"context"
	"strconv"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// RecordProof compares a complete shadow run with the mirror. Nothing changes
// means going on at once if that was confirmed beforehand, and only then: a
// comparison with a frozen mirror says how things were, so a person looks at it.
func (s *Service) RecordProof(ctx context.Context, caller domain.Caller, in contract.ShadowRead) (contract.Standing, error) {
	return Do(ctx, s, caller, "", "record-proof", in.AttemptID, func(tx *Tx) (contract.Standing, error) {
		m, err := tx.Rows.Migrations().Get(in.AttemptID)
		if err != nil {
			return contract.Standing{}, err
		}
		known, err := optional(tx.Rows.Proofs().Find(By(Where{"migration_id": m.ID, "shadow_run_id": in.ShadowRunID})))
		if err != nil {
			return contract.Standing{}, err
		}
		if known.ID != "" { // this shadow has had its say
			return standing(m), nil
		}
		if m, err = tx.attempt(in.AttemptID, domain.Proving); err != nil {
			return contract.Standing{}, err
		}
		proof, err := tx.CompareShadow(m, in.ShadowRunID, in.Frozen)
		if err != nil {
			return contract.Standing{}, err
		}
		if err := tx.keepProof(&proof, m, in); err != nil {
			return contract.Standing{}, err
		}
		c, err := tx.campaignOf(m)
		if err != nil {
			return contract.Standing{}, err
		}
		next := domain.AwaitingApproval
		m.ProofID, m.ApprovedProof, m.FailureCode, m.FailureText = proof.ID, "", "", ""
		switch {
		case !m.GoOnIfUnchanged || proof.Frozen:
		case !proof.Equal():
			m.FailureCode, m.FailureText = migration.ProofDiffers, migration.Text(migration.ProofDiffers)
		case c.Paused:
			m.FailureCode, m.FailureText = migration.CampaignPaused, migration.Text(migration.CampaignPaused)
		default:
			next, m.ApprovedProof = domain.CuttingOver, proof.ID
		}
		err = tx.move(&m, next, map[string]string{"proof": proof.ID, "differences": strconv.FormatInt(proof.Differences(), 10), "frozen": strconv.FormatBool(proof.Frozen)})
		return standing(m), err
	})
}

func (t *Tx) keepProof(p *domain.Proof, m domain.Migration, in contract.ShadowRead) error {
	if p.ID == "" {
		p.ID = domain.NewID("prf")
	}
	p.AccountID, p.MigrationID, p.ShadowRunID, p.Frozen = m.AccountID, m.ID, in.ShadowRunID, in.Frozen
	if p.CreatedAt.IsZero() {
		p.CreatedAt = t.At()
	}
	return t.Rows.Proofs().Insert(p)
}
