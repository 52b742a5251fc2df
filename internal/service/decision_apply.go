package service

import (
	"context"

	"consentry/internal/campaign"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// refusal is why a decision was not applied.
type refusal struct{ code, text string }

func refused(code string) *refusal { return &refusal{code, migration.Text(code)} }

// ApplyDecision applies a given decision to where the migration stands now, and
// sets it applied or refused together with the phase it leads to. A decision
// that has its answer keeps it.
func (s *Service) ApplyDecision(ctx context.Context, caller domain.Caller, in contract.ApplyDecision) (contract.DecisionResult, error) {
	return Do(ctx, s, caller, "", "apply-decision", in.DecisionID, func(tx *Tx) (contract.DecisionResult, error) {
		d, err := tx.Rows.Decisions().Get(in.DecisionID)
		if err != nil {
			return contract.DecisionResult{}, err
		}
		m, err := tx.Rows.Migrations().Get(in.AttemptID)
		if err != nil {
			return contract.DecisionResult{}, err
		}
		if d.MigrationID != m.ID {
			return contract.DecisionResult{State: domain.DecisionRefused, Code: contract.CodeOtherAttempt, Standing: standing(m)}, nil
		}
		if d.State == domain.DecisionGiven {
			no, err := tx.applyDecision(&m, d)
			if err != nil {
				return contract.DecisionResult{}, err
			}
			if err := tx.settle(m, &d, no); err != nil {
				return contract.DecisionResult{}, err
			}
		}
		return contract.DecisionResult{
			State: d.State, Code: d.Code, Standing: standing(m),
			DatesChanged: d.Kind == domain.DecideExtend && d.State == domain.DecisionApplied,
		}, nil
	})
}

// settle gives a decision its answer.
func (t *Tx) settle(m domain.Migration, d *domain.Decision, no *refusal) error {
	if no != nil {
		return t.refuseDecision(m, d, no.code, no.text)
	}
	d.State, d.DecidedAt = domain.DecisionApplied, t.At()
	if err := t.Rows.Decisions().Update(d); err != nil {
		return err
	}
	return t.Done(m.AccountID, "apply-decision", "decision", d.ID, map[string]string{"migration": m.ID, "kind": string(d.Kind)})
}

// refuseDecision is a result and not a failure: it has its own row, audit entry
// and change like every other.
func (t *Tx) refuseDecision(m domain.Migration, d *domain.Decision, code, text string) error {
	d.State, d.Code, d.Reason, d.DecidedAt = domain.DecisionRefused, code, text, t.At()
	if err := t.Rows.Decisions().Update(d); err != nil {
		return err
	}
	if err := t.Audit(m.AccountID, "apply-decision", d.ID, "refused", code, map[string]string{"migration": m.ID, "kind": string(d.Kind)}); err != nil {
		return err
	}
	return t.Changed(m.AccountID, "decision", d.ID, "refused")
}

func (t *Tx) applyDecision(m *domain.Migration, d domain.Decision) (*refusal, error) {
	if !migration.Allows(m.Phase, d.Kind) {
		code := migration.NotInPhase
		if m.Phase.Ended() {
			code = migration.MigrationEnded
		}
		return &refusal{code, migration.NotNow(m.Phase, d.Kind)}, nil
	}
	switch d.Kind {
	case domain.DecideDescribe:
		return nil, t.applyDescription(m, d)
	case domain.DecideApprove:
		return t.applyApproval(m, d)
	case domain.DecideRefuse:
		m.FailureCode, m.FailureText = migration.ApprovalRefused, migration.Text(migration.ApprovalRefused)
		if d.Detail.Reason != "" {
			m.FailureText = "The changes were refused: " + d.Detail.Reason
		}
		return nil, t.keep(m)
	case domain.DecideCancel:
		return nil, t.cancel(m, map[string]string{"decision": d.ID})
	case domain.DecideExtend:
		return t.applyExtension(m, d)
	case domain.DecideCleanUp:
		return t.applyCleanUp(m, d)
	case domain.DecideRollBack:
		return t.applyRollBack(m, d)
	}
	return refused(migration.NotInPhase), nil
}

// applyDescription keeps the description for the connector to come, or gives it
// to the one that is there and not in use; where it was waited for, the
// comparison begins.
func (t *Tx) applyDescription(m *domain.Migration, d domain.Decision) error {
	m.Description, m.GoOnIfUnchanged = d.Detail.Description, d.Detail.GoOnIfUnchanged
	if m.ConnectorID != "" {
		c, err := t.Rows.Connectors().Get(m.ConnectorID)
		if err != nil {
			return err
		}
		if err := t.describe(&c, m.Description); err != nil {
			return err
		}
		if err := t.saveConnector(&c, true); err != nil {
			return err
		}
	}
	if m.Phase == domain.AwaitingDescription {
		return t.move(m, domain.Proving, map[string]string{"decision": d.ID})
	}
	return t.keep(m)
}

// applyApproval goes on only on the comparison that the approver saw, and only
// while it is fresh; otherwise a new one is made and shown. One that a switch
// used up is made again too, and where it had said that nothing changes, its
// approval is what a confirmation beforehand is: it holds for as long as that is
// so, and nobody has to press twice, however long ago the switch was.
func (t *Tx) applyApproval(m *domain.Migration, d domain.Decision) (*refusal, error) {
	c, err := t.campaignOf(*m)
	if err != nil {
		return nil, err
	}
	if c.Paused {
		return refused(migration.CampaignPaused), nil
	}
	proof, err := optional(t.Rows.Proofs().Get(m.ProofID))
	if err != nil {
		return nil, err
	}
	held, err := t.readingHeld(proof)
	if err != nil {
		return nil, err
	}
	age := c.Terms.ProofAge.Std()
	var no *refusal
	switch {
	case proof.ID == "" || proof.ID != d.Detail.ProofID:
		no = refused(migration.ProofOther)
	case d.Detail.CompareAgain && held:
		no = refused(migration.ProofTooOld)
	case !held && proof.Unchanged() && !d.Detail.CompareAgain:
		m.GoOnIfUnchanged, m.FailureCode, m.FailureText = true, "", ""
		return nil, t.move(m, domain.Proving, map[string]string{"decision": d.ID})
	case !held:
		no = refused(migration.ProofUsed)
	case age > 0 && t.Now.Sub(proof.CreatedAt.Time) > age:
		no = refused(migration.ProofTooOld)
	}
	if no != nil {
		m.FailureCode, m.FailureText = no.code, no.text
		return no, t.move(m, domain.Proving, map[string]string{"decision": d.ID, "code": no.code})
	}
	m.ApprovedProof, m.FailureCode, m.FailureText = proof.ID, "", ""
	return nil, t.move(m, domain.CuttingOver, map[string]string{"decision": d.ID, "proof": proof.ID})
}

// readingHeld reports whether what the shadow run read is still there to be
// applied. A cut-over that was taken back has used it up.
func (t *Tx) readingHeld(p domain.Proof) (bool, error) {
	_, err := t.Mirror().Cursor(p.ShadowRunID)
	if domain.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

func (t *Tx) applyExtension(m *domain.Migration, d domain.Decision) (*refusal, error) {
	c, err := t.campaignOf(*m)
	if err != nil {
		return nil, err
	}
	if !d.Detail.Deadline.After(later(t.Now, campaign.DateInForce(c, m))) {
		return refused(migration.DeadlineNotLater), nil
	}
	m.Deadline = d.Detail.Deadline
	if _, err := t.readDates(m, c); err != nil {
		return nil, err
	}
	return nil, t.keep(m)
}
