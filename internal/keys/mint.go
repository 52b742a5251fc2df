package keys

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // SHA-1 only names a certificate here: Graph's key proof asks for that thumbprint.
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

// keyBits suits keys that are used for two weeks at most; larger ones make each assertion and each mint several
// times slower. Entra accepts RSA only.
const keyBits = 2048

// Minted is a new certificate whose private key exists nowhere but in Sealed.
type Minted struct {
	Sealed         []byte
	CertificateDER []byte
	// Thumbprint is the SHA-256 of the certificate and names it for us; SHA1 names it where Microsoft still does
	// so. Both are lower-case hex.
	Thumbprint string
	SHA1       string
	NotBefore  time.Time
	NotAfter   time.Time
}

// Mint makes a key pair with a self-signed certificate valid from notBefore to notAfter. Trust comes from
// publishing it on the app registration, not from an issuer.
func (k *Keeper) Mint(ctx context.Context, commonName string, notBefore, notAfter time.Time) (Minted, error) {
	if commonName == "" {
		return Minted{}, errors.New("mint a certificate: it needs a common name")
	}
	// A certificate carries whole seconds; what is returned must be what Entra will read.
	notBefore, notAfter = notBefore.UTC().Truncate(time.Second), notAfter.UTC().Truncate(time.Second)
	if !notAfter.After(notBefore) {
		return Minted{}, fmt.Errorf("mint a certificate: its end %s is not after its start %s",
			notAfter.Format(time.RFC3339), notBefore.Format(time.RFC3339))
	}
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return Minted{}, fmt.Errorf("mint a certificate: %w", err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		SignatureAlgorithm:    x509.SHA256WithRSA,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return Minted{}, fmt.Errorf("mint a certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Minted{}, errors.New("mint a certificate: the new key cannot be encoded")
	}
	defer clear(private)
	sealed, err := k.Seal(ctx, private)
	if err != nil {
		return Minted{}, fmt.Errorf("mint a certificate: %w", err)
	}
	return Minted{
		Sealed:         sealed,
		CertificateDER: der,
		Thumbprint:     Thumbprint(der),
		SHA1:           thumbprintSHA1(der),
		NotBefore:      notBefore,
		NotAfter:       notAfter,
	}, nil
}

// Signer opens a sealed private key for signing. The result signs and shows its public half, and cannot be
// made to print or hand out the rest.
func (k *Keeper) Signer(ctx context.Context, sealed []byte) (crypto.Signer, error) {
	private, err := k.Open(ctx, sealed)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	parsed, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		return nil, errors.New("the sealed value is not a private key")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the sealed key is a %T; Entra takes RSA keys only", parsed)
	}
	return &signer{key: key}, nil
}

// Thumbprint names a certificate: lower-case hex of the SHA-256 of its DER.
func Thumbprint(certificateDER []byte) string {
	sum := sha256.Sum256(certificateDER)
	return hex.EncodeToString(sum[:])
}

func thumbprintSHA1(certificateDER []byte) string {
	sum := sha1.Sum(certificateDER) //nolint:gosec // a name, not a protection
	return hex.EncodeToString(sum[:])
}

type signer struct{ key *rsa.PrivateKey }

func (s *signer) Public() crypto.PublicKey { return s.key.Public() }

func (s *signer) Sign(random io.Reader, digest []byte, options crypto.SignerOpts) ([]byte, error) {
	return s.key.Sign(random, digest, options)
}

// Format answers every verb alike: %+v of a struct that holds a signer must not walk into the key.
func (s *signer) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, "private key (sealed)")
}
