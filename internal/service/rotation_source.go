package service

import (
	"context"

	"consentry/internal/domain"
	"consentry/internal/rotation"
)

// SealedCredential is a credential with its cell and its private key, still
// sealed. Only the keys room opens it.
type SealedCredential struct {
	Cell       domain.Cell
	Credential domain.Credential
	Sealed     []byte
}

// ActiveCredential gives the credential that signs for a cell at this moment,
// read anew each time: a worker signs with a rotated key without a restart.
func (s *Service) ActiveCredential(ctx context.Context, cellID string) (SealedCredential, error) {
	return s.sealedCredential(ctx, cellID, func(tx *Tx, cell domain.Cell) (domain.Credential, error) {
		rows, err := tx.credentialsOf(cellID)
		if err != nil {
			return domain.Credential{}, err
		}
		signing, ok := rotation.Signing(tx.Now, ruled(rows), policyOf(cell))
		if !ok {
			return domain.Credential{}, domain.Refuse(domain.Unavailable, "no-credential", "No certificate of the cell %s can sign. The vendor's operators have to add one to its app registration.", cellID)
		}
		return tx.Rows.Credentials().Get(signing.ID)
	})
}

// CredentialKey gives one credential of a cell, whatever its state: a key has to
// be proven before it is active.
func (s *Service) CredentialKey(ctx context.Context, cellID, credentialID string) (SealedCredential, error) {
	return s.sealedCredential(ctx, cellID, func(tx *Tx, _ domain.Cell) (domain.Credential, error) {
		c, err := tx.Rows.Credentials().Get(credentialID)
		if err == nil && c.CellID != cellID {
			return domain.Credential{}, domain.Missing("credential")
		}
		return c, err
	})
}

func (s *Service) sealedCredential(ctx context.Context, cellID string, choose func(*Tx, domain.Cell) (domain.Credential, error)) (out SealedCredential, err error) {
	err = s.Read(ctx, domain.System("credential-source"), func(tx *Tx) error {
		if out.Cell, err = tx.Rows.Cells().Get(cellID); err != nil {
			return err
		}
		if out.Credential, err = choose(tx, out.Cell); err != nil {
			return err
		}
		secret, err := tx.Rows.Secrets().Get(out.Credential.SecretRef)
		if err != nil {
			return err
		}
		if !secret.DestroyedAt.IsZero() {
			return domain.Refuse(domain.Gone, "key-destroyed", "The private key of credential %s has been destroyed.", out.Credential.ID)
		}
		out.Sealed = secret.Sealed
		return nil
	})
	return out, err
}

// LegacySecret is a legacy app's secret, still sealed.
type LegacySecret struct {
	ClientID string
	Sealed   []byte
}

// LegacySecretOf gives the secret of an integration's legacy app; Gone once it
// was destroyed.
func (s *Service) LegacySecretOf(ctx context.Context, integrationID string) (out LegacySecret, err error) {
	err = s.Read(ctx, domain.System("credential-source"), func(tx *Tx) error {
		app, err := tx.Rows.LegacyApps().Get(integrationID)
		if err != nil {
			return err
		}
		if app.SecretRef == "" {
			return domain.Refuse(domain.Gone, "no-legacy-secret", "The client secret of the old app is not held any more, or never was.")
		}
		secret, err := tx.Rows.Secrets().Get(app.SecretRef)
		if err != nil {
			return err
		}
		if !secret.DestroyedAt.IsZero() {
			return domain.Refuse(domain.Gone, "no-legacy-secret", "The client secret of the old app has been destroyed.")
		}
		out = LegacySecret{ClientID: app.ClientID, Sealed: secret.Sealed}
		return nil
	})
	return out, err
}
