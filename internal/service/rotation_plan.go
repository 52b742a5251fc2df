package service

import (
	"cmp"
	"context"
	"slices"
	"time"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/rotation"
)

// PlanRotation says what should happen to a cell's certificates now. It changes
// nothing: each step asks again before it acts.
func (s *Service) PlanRotation(ctx context.Context, caller domain.Caller, cellID string) (step contract.RotationStep, err error) {
	err = s.Read(ctx, caller, func(tx *Tx) error {
		if !caller.Operator() {
			return domain.Missing("cell")
		}
		next, _, err := tx.planRotation(cellID)
		if domain.IsNotFound(err) { // it was removed, and this run began before
			step = contract.RotationStep{CellID: cellID, Action: string(rotation.Nothing), Reason: "cell_removed", Message: "The cell was removed; there is nothing to rotate."}
			return nil
		}
		if err == nil && next.Reason == rotation.WaitingForPerson {
			c, err := tx.Rows.Credentials().Get(next.CredentialID)
			if err != nil {
				return err
			}
			if c.ProofCode != "" { // whoever looks at the run reads what stands in the way
				next.Message += " Microsoft's last answer, " + at(c.LastProofAt) + ": " + c.ProofText + "."
			}
		}
		step = contract.RotationStep{
			CellID: cellID, Action: string(next.Action), CredentialID: next.CredentialID, SignerID: next.SignerID,
			Reason: string(next.Reason), Message: next.Message, Until: utc(next.Until),
		}
		return err
	})
	return step, err
}

// RotateNow asks for a rotation before its time. Operators only.
func (s *Service) RotateNow(ctx context.Context, caller domain.Caller, cellID string) (domain.Cell, error) {
	return Do(ctx, s, caller, "", "rotate-now", cellID, func(tx *Tx) (domain.Cell, error) {
		if !caller.Operator() {
			return domain.Cell{}, domain.Refuse(domain.Forbidden, "operator-needed", "Only an operator of the vendor may ask for a rotation.")
		}
		cell, err := tx.Rows.Cells().Get(cellID)
		if err != nil {
			return cell, notHere("cell", err)
		}
		if err := tx.provenOnce(cell); err != nil {
			return cell, err
		}
		cell.RotationRequestedAt = tx.At()
		if err := tx.Rows.Cells().Update(&cell); err != nil {
			return cell, err
		}
		schedule := contract.RotationScheduleID(cellID)
		if err := tx.Call(domain.CallSchedule, "", schedule, contract.CertificateRotationWorkflow, cellID, contract.RotationInput{CellID: cellID}); err != nil {
			return cell, err
		}
		if err := tx.Call(domain.CallTrigger, "", schedule, contract.CertificateRotationWorkflow, domain.NewID("rot"), contract.RotationInput{CellID: cellID}); err != nil {
			return cell, err
		}
		return cell, tx.Done("", "rotate-now", "cell", cellID, nil)
	})
}

// provenOnce refuses to replace what nobody has added yet: the first certificate
// is added by a person, and no other comes before it.
func (t *Tx) provenOnce(cell domain.Cell) error {
	rows, err := t.credentialsOf(cell.ID)
	if err != nil || slices.ContainsFunc(rows, proven) {
		return err
	}
	return domain.Refuse(domain.Conflict, "cell-unproven", "No certificate of the cell %s is proven yet, so there is none to replace. Nothing was changed. Add its first certificate to the app registration, then have it proven: `consentry cell verify %[1]s --wait`.", cell.ID)
}

// proven reports a certificate that Microsoft has accepted.
func proven(c domain.Credential) bool { return !c.VerifiedAt.IsZero() || !c.ActivatedAt.IsZero() }

func (t *Tx) planRotation(cellID string) (rotation.Step, rotation.Policy, error) {
	cell, err := t.Rows.Cells().Get(cellID)
	if err != nil {
		return rotation.Step{}, rotation.Policy{}, err
	}
	policy := policyOf(cell)
	rows, err := t.credentialsOf(cellID)
	if err != nil {
		return rotation.Step{}, policy, err
	}
	return rotation.Next(t.Now, ruled(rows), policy), policy, nil
}

func (t *Tx) credentialsOf(cellID string) ([]domain.Credential, error) {
	return t.Rows.Credentials().List(Query{Where: Where{"cell_id": cellID}, Order: []string{"prepared_at", "id"}})
}

// policyOf is the cell's own policy on top of the product's.
func policyOf(cell domain.Cell) rotation.Policy {
	p, own := rotation.DefaultPolicy(), cell.Rotation
	for _, d := range []struct {
		to   *time.Duration
		from domain.Duration
	}{
		{&p.Period, own.Period}, {&p.Lifetime, own.Lifetime}, {&p.OldKeyGrace, own.OldKeyGrace}, {&p.ProofInterval, own.ProofInterval},
		{&p.PublishSettle, own.PublishSettle}, {&p.ProofPatience, own.ProofPatience},
	} {
		if d.from > 0 {
			*d.to = d.from.Std()
		}
	}
	p.Proofs = cmp.Or(own.Proofs, p.Proofs)
	p.RequestedAt = cell.RotationRequestedAt.Time
	return p
}

// ruled gives rows as the rules look at them.
func ruled(rows []domain.Credential) []rotation.Credential {
	out := make([]rotation.Credential, 0, len(rows))
	for _, c := range rows {
		out = append(out, rotation.Credential{
			ID: c.ID, State: rotation.State(c.State), KeyID: c.KeyID, NotBefore: c.NotBefore.Time, NotAfter: c.NotAfter.Time,
			PublishingAt: c.PublishBeganAt.Time, PublishedAt: c.PublishedAt.Time, VerifiedAt: c.VerifiedAt.Time, ActivatedAt: c.ActivatedAt.Time,
			RetiringAt: c.RetiringAt.Time, RemovingAt: c.RetireBeganAt.Time, RetiredAt: c.RetiredAt.Time, Proofs: c.Proofs, TriedAt: c.LastProofAt.Time,
		})
	}
	return out
}

// record takes over onto a row what the rules recorded.
func record(row *domain.Credential, c rotation.Credential) {
	row.State, row.KeyID = domain.CredentialState(c.State), c.KeyID
	row.PublishBeganAt, row.PublishedAt = domain.At(c.PublishingAt), domain.At(c.PublishedAt)
	row.VerifiedAt, row.ActivatedAt = domain.At(c.VerifiedAt), domain.At(c.ActivatedAt)
	row.RetiringAt, row.RetireBeganAt, row.RetiredAt = domain.At(c.RetiringAt), domain.At(c.RemovingAt), domain.At(c.RetiredAt)
	row.Proofs, row.LastProofAt = c.Proofs, domain.At(c.TriedAt)
}
