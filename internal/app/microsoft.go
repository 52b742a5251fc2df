package app

import (
	"context"
	"time"

	"consentry/activities"
	"consentry/internal/dirsync"
	"consentry/internal/entra"
	"consentry/internal/keys"
)

// directoryReader, prober, oldApps, keyMint, applicationKeys and keyProver are the
// activities' ports on Microsoft and on keys.
type directoryReader struct{ directory *entra.Directory }

// Page implements activities.DirectoryReader.
func (d directoryReader) Page(ctx context.Context, a activities.DirectoryAccess, stream dirsync.Stream, link string) ([]byte, error) {
	return d.directory.Page(ctx, entra.Access{TenantID: a.TenantID, CellID: a.CellID, IntegrationID: a.IntegrationID}, entra.Collection(stream), link)
}

type prober struct{ directory *entra.Directory }

// ProbeConsent implements activities.ConsentProber.
func (p prober) ProbeConsent(ctx context.Context, cellID, tenantID string) error {
	return p.directory.Probe(ctx, entra.Access{CellID: cellID, TenantID: tenantID})
}

type oldApps struct {
	directory *entra.Directory
	tokens    *entra.Tokens
}

// ProbeReading implements activities.OldAppProber.
func (o oldApps) ProbeReading(ctx context.Context, tenantID, integrationID string) error {
	return o.directory.Probe(ctx, entra.Access{TenantID: tenantID, IntegrationID: integrationID})
}

// ProbeToken implements activities.OldAppProber.
func (o oldApps) ProbeToken(ctx context.Context, tenantID, integrationID string) error {
	_, err := o.tokens.FreshToken(ctx, entra.Access{TenantID: tenantID, IntegrationID: integrationID})
	return err
}

type keyMint struct{ keeper *keys.Keeper }

// MintKey implements activities.KeyMint.
func (m keyMint) MintKey(ctx context.Context, commonName string, notBefore, notAfter time.Time) (activities.MintedKey, error) {
	k, err := m.keeper.Mint(ctx, commonName, notBefore, notAfter)
	if err != nil {
		return activities.MintedKey{}, err
	}
	return activities.MintedKey{
		Sealed: k.Sealed, CertificateDER: k.CertificateDER, Thumbprint: k.Thumbprint, SHA1: k.SHA1, NotBefore: k.NotBefore, NotAfter: k.NotAfter,
	}, nil
}

type applicationKeys struct {
	keys   *entra.ApplicationKeys
	source credentials
}

// AddKey implements activities.ApplicationKeys.
func (a applicationKeys) AddKey(ctx context.Context, cellID, signerID string, certificateDER []byte) (string, error) {
	proof, found, err := a.source.signer(ctx, cellID, signerID)
	if err != nil {
		return "", err
	}
	return a.keys.AddKey(ctx, entra.AddKeyRequest{
		CellID: cellID, HomeTenantID: found.Cell.HomeTenantID, AppID: found.Cell.ClientID, ApplicationObjectID: found.Cell.ApplicationObjectID,
		Proof: proof, CertificateDER: certificateDER,
	})
}

// RemoveKey implements activities.ApplicationKeys.
func (a applicationKeys) RemoveKey(ctx context.Context, cellID, signerID, keyID string) error {
	proof, found, err := a.source.signer(ctx, cellID, signerID)
	if err != nil {
		return err
	}
	return a.keys.RemoveKey(ctx, entra.RemoveKeyRequest{
		CellID: cellID, HomeTenantID: found.Cell.HomeTenantID, AppID: found.Cell.ClientID, ApplicationObjectID: found.Cell.ApplicationObjectID,
		Proof: proof, KeyID: keyID,
	})
}

type keyProver struct {
	tokens *entra.Tokens
	source credentials
}

// ProveKey implements activities.KeyProver.
func (p keyProver) ProveKey(ctx context.Context, cellID, credentialID string) error {
	key, found, err := p.source.signer(ctx, cellID, credentialID)
	if err != nil {
		return err
	}
	return p.tokens.ProveKey(ctx, key, found.Cell.HomeTenantID)
}

// VerifyCell obtains one token for the cell's home tenant, signed by its active
// credential: whoever added the first certificate sees that Microsoft knows it.
func (a *App) VerifyCell(ctx context.Context, cellID string) error {
	source := credentials{a.Service, a.keeper}
	found, err := a.Service.ActiveCredential(ctx, cellID)
	if err != nil {
		return err
	}
	key, err := source.open(ctx, found)
	if err != nil {
		return err
	}
	return a.tokens.ProveKey(ctx, key, found.Cell.HomeTenantID)
}
