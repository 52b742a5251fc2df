package entra

import (
	"context"
	"crypto"
	"crypto/x509"
)

// SigningKey is the key that signs for a cell now.
type SigningKey struct {
	CellID       string
	ClientID     string
	CredentialID string
	Certificate  *x509.Certificate
	Signer       crypto.Signer
}

// String names the key and shows nothing of it.
func (k SigningKey) String() string { return "signing key " + k.CredentialID + " of cell " + k.CellID }

// GoString is String: %#v must not walk into the signer.
func (k SigningKey) GoString() string { return k.String() }

// ClientSecret is a legacy app's secret.
type ClientSecret struct {
	ClientID string
	Secret   string
}

// String names the app and hides the secret.
func (s ClientSecret) String() string { return "client secret of application " + s.ClientID }

// GoString is String.
func (s ClientSecret) GoString() string { return s.String() }

// CredentialSource is where keys and secrets come from. It is asked each time one is needed, so it should be
// cheap and must be safe for concurrent use. Its errors are passed on unchanged.
type CredentialSource interface {
	// CellSigner is the key that signs for the cell at this moment.
	CellSigner(ctx context.Context, cellID string) (SigningKey, error)
	// LegacySecret is the secret of the integration's legacy app.
	LegacySecret(ctx context.Context, integrationID string) (ClientSecret, error)
}

// Access says whose token reads which tenant: a cell's when CellID is set, else the legacy app's of the
// integration.
type Access struct {
	TenantID      string
	CellID        string
	IntegrationID string
}
