package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"consentry/internal/entra"
	"consentry/internal/keys"
	"consentry/internal/service"
)

func trusting(roots *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// credentials satisfies entra's credential source: the row is read through the
// service at each assertion and opened through keys, so that a rotated
// certificate or a destroyed secret counts from the next call on.
type credentials struct {
	service *service.Service
	keeper  *keys.Keeper
}

// CellSigner implements entra.CredentialSource.
func (c credentials) CellSigner(ctx context.Context, cellID string) (entra.SigningKey, error) {
	found, err := c.service.ActiveCredential(ctx, cellID)
	if err != nil {
		return entra.SigningKey{}, err
	}
	return c.open(ctx, found)
}

// signer opens one credential of a cell, whatever its state: a key has to be
// proven before it is active.
func (c credentials) signer(ctx context.Context, cellID, credentialID string) (entra.SigningKey, service.SealedCredential, error) {
	found, err := c.service.CredentialKey(ctx, cellID, credentialID)
	if err != nil {
		return entra.SigningKey{}, found, err
	}
	key, err := c.open(ctx, found)
	return key, found, err
}

func (c credentials) open(ctx context.Context, found service.SealedCredential) (entra.SigningKey, error) {
	id := found.Credential.ID
	cert, err := x509.ParseCertificate(found.Credential.CertificateDER)
	if err != nil {
		return entra.SigningKey{}, fmt.Errorf("read the certificate of credential %s: %w", id, err)
	}
	signer, err := c.keeper.Signer(ctx, found.Sealed)
	if err != nil {
		return entra.SigningKey{}, fmt.Errorf("open the key of credential %s: %w", id, err)
	}
	return entra.SigningKey{CellID: found.Cell.ID, ClientID: found.Cell.ClientID, CredentialID: id, Certificate: cert, Signer: signer}, nil
}

// LegacySecret implements entra.CredentialSource.
func (c credentials) LegacySecret(ctx context.Context, integrationID string) (entra.ClientSecret, error) {
	found, err := c.service.LegacySecretOf(ctx, integrationID)
	if err != nil {
		return entra.ClientSecret{}, err
	}
	plain, err := c.keeper.Open(ctx, found.Sealed)
	if err != nil {
		return entra.ClientSecret{}, fmt.Errorf("open the legacy secret of integration %s: %w", integrationID, err)
	}
	return entra.ClientSecret{ClientID: found.ClientID, Secret: string(plain)}, nil
}
