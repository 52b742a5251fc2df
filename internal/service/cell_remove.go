package service

import (
	"context"

	"consentry/internal/contract"
	"consentry/internal/domain"
)

// CellRemoved is the receipt of a cell that is gone.
type CellRemoved struct {
	CellID       string         `json:"cellId"`
	ClientID     string         `json:"clientId"`
	HomeTenantID string         `json:"homeTenantId"`
	RemovedAt    domain.Instant `json:"removedAt"`
	Certificates []DestroyedKey `json:"certificates" nullable:"false" doc:"Those that were made for it; the private key of each is destroyed."`
	NextStep     string         `json:"nextStep"`
}

// DestroyedKey is a certificate whose private key is no more.
type DestroyedKey struct {
	SHA1           string         `json:"sha1" doc:"What Microsoft's portal shows."`
	Thumbprint     string         `json:"thumbprint" doc:"SHA-256, hex."`
	KeyDestroyedAt domain.Instant `json:"keyDestroyedAt"`
}

// RemoveCell forgets a cell that was never used: no certificate of it was
// verified and nobody was asked to consent to it. Its private keys are destroyed
// and its schedule ends; the audit keeps that it was there, and the receipt names
// the certificates, for one that somebody uploaded stays on the registration
// until a person removes it. Operators only.
func (s *Service) RemoveCell(ctx context.Context, caller domain.Caller, key, cellID string) (CellRemoved, error) {
	return keyed(ctx, s, caller, key, "remove-cell", cellID, struct{}{}, func(tx *Tx) (CellRemoved, error) {
		cell, err := tx.ownCell(cellID, "remove")
		if err != nil {
			return CellRemoved{}, err
		}
		if err := tx.unproven(cell, "A cell that was used stays, with what it did; `consentry cell change` corrects its name."); err != nil {
			return CellRemoved{}, err
		}
		r := CellRemoved{
			CellID: cell.ID, ClientID: cell.ClientID, HomeTenantID: cell.HomeTenantID, RemovedAt: tx.At(), Certificates: []DestroyedKey{},
			NextStep: "If one of the certificates was uploaded to a registration, remove it there under Certificates & secrets. Nobody can sign with it any more.",
		}
		if r.Certificates, err = tx.destroyKeys(cell.ID, r.Certificates); err != nil {
			return r, err
		}
		if _, err := tx.Rows.Credentials().Delete(By(Where{"cell_id": cell.ID})); err != nil {
			return r, err
		}
		if _, err := tx.Rows.Cells().Delete(By(Where{"id": cell.ID})); err != nil {
			return r, err
		}
		if err := tx.endRotation(cell.ID); err != nil {
			return r, err
		}
		detail := map[string]string{"clientId": cell.ClientID}
		for _, c := range r.Certificates {
			detail["destroyed/"+c.Thumbprint] = c.SHA1
		}
		return r, tx.Done("", "remove-cell", "cell", cell.ID, detail)
	})
}

// destroyKeys destroys the private keys of a cell.
func (t *Tx) destroyKeys(cellID string, into []DestroyedKey) ([]DestroyedKey, error) {
	rows, err := t.credentialsOf(cellID)
	if err != nil {
		return into, err
	}
	for _, c := range rows {
		if err := t.destroyKey(c); err != nil {
			return into, err
		}
		into = append(into, DestroyedKey{SHA1: c.SHA1, Thumbprint: c.Thumbprint, KeyDestroyedAt: t.At()})
	}
	return into, nil
}

// destroyKey destroys the private half of a certificate.
func (t *Tx) destroyKey(c domain.Credential) error {
	secret, err := optional(t.Rows.Secrets().Get(c.SecretRef))
	if err != nil || secret.ID == "" {
		return err
	}
	secret.Sealed, secret.DestroyedAt = []byte{}, t.At()
	return t.Rows.Secrets().Update(&secret)
}

// endRotation has the schedule of a cell that is gone removed. What waits to be
// said to it would make it again, or ask for what is not there for ever.
func (t *Tx) endRotation(cellID string) error {
	schedule := contract.RotationScheduleID(cellID)
	if _, err := t.EngineCalls().Delete(By(Where{"target": schedule, "state": "waiting"})); err != nil {
		return err
	}
	return t.Call(domain.CallUnschedule, "", schedule, contract.CertificateRotationWorkflow, cellID, contract.RotationInput{CellID: cellID})
}
