package service

import (
	"context"
	"time"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/rotation"
)

// BeginStep asks the plan again and records the intent of a step, so that a
// crash after it is seen. overtaken means that the step is no longer the next.
func (s *Service) BeginStep(ctx context.Context, caller domain.Caller, step contract.RotationStep) (c domain.Credential, overtaken bool, err error) {
	c, err = Do(ctx, s, caller, "", "begin-"+step.Action, step.CellID, func(tx *Tx) (domain.Credential, error) {
		rows, next, _, err := tx.sameStep(step)
		if overtaken = next == nil; overtaken || err != nil {
			return domain.Credential{}, err
		}
		begun := rotation.Begin(tx.Now, ruled(rows), *next)
		if err := tx.saveCredentials(rows, begun, step.CredentialID); err != nil {
			return domain.Credential{}, err
		}
		if err := tx.Done("", "rotation-begin-"+step.Action, "cell", step.CellID, map[string]string{"credential": step.CredentialID, "reason": step.Reason}); err != nil {
			return domain.Credential{}, err
		}
		return tx.Rows.Credentials().Get(step.CredentialID)
	})
	return c, overtaken, err
}

// sameStep gives the plan's next step if it is still the one in hand.
func (t *Tx) sameStep(step contract.RotationStep) ([]domain.Credential, *rotation.Step, rotation.Policy, error) {
	next, policy, err := t.planRotation(step.CellID)
	if err != nil {
		return nil, nil, policy, err
	}
	if string(next.Action) != step.Action || next.CredentialID != step.CredentialID || next.SignerID != step.SignerID {
		return nil, nil, policy, nil
	}
	rows, err := t.credentialsOf(step.CellID)
	return rows, &next, policy, err
}

// saveCredentials writes the rows that the rules changed. Whoever stops being
// active goes first: only one may be at a time.
func (t *Tx) saveCredentials(rows []domain.Credential, after []rotation.Credential, last string) error {
	byID := map[string]rotation.Credential{}
	for _, c := range after {
		byID[c.ID] = c
	}
	var final *domain.Credential
	for i := range rows {
		before := ruled(rows[i : i+1])[0]
		if rows[i].ID == last {
			record(&rows[i], byID[last])
			final = &rows[i]
			continue
		}
		if byID[rows[i].ID] == before {
			continue
		}
		record(&rows[i], byID[rows[i].ID])
		if err := t.Rows.Credentials().Update(&rows[i]); err != nil {
			return err
		}
	}
	if final == nil {
		return nil
	}
	return t.Rows.Credentials().Update(final)
}

// finishStep records the outcome of a step's effect. It looks at the credential
// and not at the plan, because the effect has happened whatever the plan says now.
func (s *Service) finishStep(ctx context.Context, caller domain.Caller, step contract.RotationStep, r rotation.Result, also func(*Tx, *domain.Credential) error) (contract.RotationOutcome, error) {
	return Do(ctx, s, caller, "", "record-"+step.Action, step.CellID, func(tx *Tx) (contract.RotationOutcome, error) {
		cell, err := tx.Rows.Cells().Get(step.CellID)
		if err != nil {
			return contract.RotationOutcome{}, err
		}
		rows, err := tx.credentialsOf(step.CellID)
		if err != nil {
			return contract.RotationOutcome{}, err
		}
		done := rotation.Done(tx.Now, ruled(rows), rotation.Step{Action: rotation.Action(step.Action), CredentialID: step.CredentialID, SignerID: step.SignerID}, r, policyOf(cell))
		if err := tx.saveCredentials(rows, done, step.CredentialID); err != nil {
			return contract.RotationOutcome{}, err
		}
		if also != nil {
			c, err := tx.Rows.Credentials().Get(step.CredentialID)
			if err != nil {
				return contract.RotationOutcome{}, err
			}
			if err := also(tx, &c); err != nil {
				return contract.RotationOutcome{}, err
			}
		}
		detail := map[string]string{"credential": step.CredentialID, "reason": step.Reason}
		if r.Refused {
			detail["refused"] = "true"
		}
		return contract.RotationOutcome{Refused: r.Refused}, tx.Done("", "rotation-"+step.Action, "cell", step.CellID, detail)
	})
}

// RecordPublished keeps Microsoft's id of a key, which it tells only once.
func (s *Service) RecordPublished(ctx context.Context, caller domain.Caller, step contract.RotationStep, keyID string) (contract.RotationOutcome, error) {
	return s.finishStep(ctx, caller, step, rotation.Result{KeyID: keyID}, nil)
}

// ProofRefused is why no token was given for a certificate.
type ProofRefused struct{ Code, Text string }

// RecordProofOfKey keeps that a token server gave a token for a key (the zero
// refusal), or why it did not.
func (s *Service) RecordProofOfKey(ctx context.Context, caller domain.Caller, step contract.RotationStep, refused ProofRefused) (contract.RotationOutcome, error) {
	return s.finishStep(ctx, caller, step, rotation.Result{Refused: refused.Code != ""}, func(tx *Tx, c *domain.Credential) error {
		c.ProofCode, c.ProofText = refused.Code, refused.Text
		return tx.Rows.Credentials().Update(c)
	})
}

// RecordRetired keeps that a key is gone, and destroys its private half.
func (s *Service) RecordRetired(ctx context.Context, caller domain.Caller, step contract.RotationStep) (contract.RotationOutcome, error) {
	return s.finishStep(ctx, caller, step, rotation.Result{}, func(tx *Tx, c *domain.Credential) error {
		return tx.destroyKey(*c)
	})
}

// WithdrawIntent records that a publication was clearly refused, so that nothing
// of it needs to be waited for.
func (s *Service) WithdrawIntent(ctx context.Context, caller domain.Caller, step contract.RotationStep) error {
	_, err := Do(ctx, s, caller, "", "withdraw-"+step.Action, step.CellID, func(tx *Tx) (struct{}, error) {
		c, err := tx.Rows.Credentials().Get(step.CredentialID)
		if err != nil || c.State != domain.CredentialPrepared {
			return struct{}{}, err
		}
		c.PublishBeganAt = domain.Instant{}
		if err := tx.Rows.Credentials().Update(&c); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Done("", "rotation-refused-"+step.Action, "cell", step.CellID, map[string]string{"credential": c.ID})
	})
	return err
}

// ActivateCredential lets a proven credential sign. It is one transaction and
// needs no intent: signing, and who retires, change together.
func (s *Service) ActivateCredential(ctx context.Context, caller domain.Caller, step contract.RotationStep) (contract.RotationOutcome, error) {
	return Do(ctx, s, caller, "", "activate-credential", step.CellID, func(tx *Tx) (contract.RotationOutcome, error) {
		rows, next, policy, err := tx.sameStep(step)
		if next == nil || err != nil {
			return contract.RotationOutcome{Overtaken: err == nil}, err
		}
		done := rotation.Done(tx.Now, ruled(rows), *next, rotation.Result{}, policy)
		if err := tx.saveCredentials(rows, done, step.CredentialID); err != nil {
			return contract.RotationOutcome{}, err
		}
		return contract.RotationOutcome{}, tx.Done("", "rotation-activate", "cell", step.CellID, map[string]string{"credential": step.CredentialID, "reason": step.Reason})
	})
}

// MintOrder says what certificate to make.
type MintOrder struct {
	Overtaken  bool
	CommonName string
	NotBefore  time.Time
	NotAfter   time.Time
}

// BeginMint asks the plan again and orders a certificate. No intent is recorded:
// a key that nobody recorded is known to nobody.
func (s *Service) BeginMint(ctx context.Context, caller domain.Caller, step contract.RotationStep) (order MintOrder, err error) {
	err = s.Read(ctx, caller, func(tx *Tx) error {
		_, next, policy, err := tx.sameStep(step)
		if order.Overtaken = next == nil; order.Overtaken || err != nil {
			return err
		}
		cell, err := tx.Rows.Cells().Get(step.CellID)
		if err != nil {
			return err
		}
		order.CommonName = "consentry " + cell.Name
		order.NotBefore, order.NotAfter = policy.Validity(tx.Now)
		return nil
	})
	return order, err
}

// NewCredential is a minted certificate with its sealed key.
type NewCredential struct {
	Sealed         []byte
	CertificateDER []byte
	Thumbprint     string
	SHA1           string
	NotBefore      time.Time
	NotAfter       time.Time
}

// RecordMinted makes a new credential durable, if one is still wanted: of two
// that were minted for one order, the later is dropped.
func (s *Service) RecordMinted(ctx context.Context, caller domain.Caller, step contract.RotationStep, key NewCredential) (contract.RotationOutcome, error) {
	return Do(ctx, s, caller, "", "record-mint", step.CellID, func(tx *Tx) (contract.RotationOutcome, error) {
		_, next, _, err := tx.sameStep(step)
		if next == nil || err != nil {
			return contract.RotationOutcome{Overtaken: err == nil}, err
		}
		secret := domain.Secret{ID: domain.NewID("key"), Sealed: key.Sealed, CreatedAt: tx.At()}
		if err := tx.Rows.Secrets().Insert(&secret); err != nil {
			return contract.RotationOutcome{}, err
		}
		c := domain.Credential{
			ID: domain.NewID("crd"), CellID: step.CellID, State: domain.CredentialPrepared, SecretRef: secret.ID, CertificateDER: key.CertificateDER,
			Thumbprint: key.Thumbprint, SHA1: key.SHA1, NotBefore: domain.At(key.NotBefore), NotAfter: domain.At(key.NotAfter), PreparedAt: tx.At(),
		}
		if err := tx.Rows.Credentials().Insert(&c); err != nil {
			return contract.RotationOutcome{}, err
		}
		return contract.RotationOutcome{}, tx.Done("", "rotation-mint", "cell", step.CellID, map[string]string{"credential": c.ID, "reason": step.Reason, "thumbprint": c.Thumbprint})
	})
}
