package entra

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // Graph's key proof names the certificate by its SHA-1 thumbprint.
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// graphKeyAudience is the audience of a proof of possession: the directory service, not Microsoft Graph (facts
// 4.4).
const graphKeyAudience = "00000002-0000-0000-c000-000000000000"

// assertionLife follows Microsoft's advice of five to ten minutes.
const assertionLife = 10 * time.Minute

// assertion proves to the token endpoint that we are the cell. PS256 with the SHA-256 thumbprint is the
// documented form; MSAL's own writes the thumbprint in another alphabet, and cannot sign with an opaque key.
func (k SigningKey) assertion(tokenEndpoint string, now time.Time) (string, error) {
	if k.Certificate == nil || k.Signer == nil {
		return "", fmt.Errorf("%s has no certificate or no private key", k)
	}
	thumbprint := sha256.Sum256(k.Certificate.Raw)
	token := jwt.NewWithClaims(opaque{"PS256", &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}},
		jwt.MapClaims{
			"aud": tokenEndpoint,
			"iss": k.ClientID,
			"sub": k.ClientID,
			"jti": uuid.NewString(),
			"nbf": now.Unix(),
			"iat": now.Unix(),
			"exp": now.Add(assertionLife).Unix(),
		})
	token.Header["x5t#S256"] = base64.RawURLEncoding.EncodeToString(thumbprint[:])
	return sign(token, k)
}

// proofOfPossession proves to addKey and removeKey that we hold a key of the registration. Header and algorithm
// are those of Microsoft's published sample; the issuer is the object id of the application, not its app id.
func (k SigningKey) proofOfPossession(applicationObjectID string, now time.Time) (string, error) {
	if k.Certificate == nil || k.Signer == nil {
		return "", fmt.Errorf("%s has no certificate or no private key", k)
	}
	thumbprint := sha1.Sum(k.Certificate.Raw) //nolint:gosec // a name, see the import
	token := jwt.NewWithClaims(opaque{"RS256", crypto.SHA256}, jwt.MapClaims{
		"aud": graphKeyAudience,
		"iss": applicationObjectID,
		"nbf": now.Unix(),
		"exp": now.Add(assertionLife).Unix(),
	})
	token.Header["kid"] = strings.ToUpper(hex.EncodeToString(thumbprint[:]))
	token.Header["x5t"] = base64.RawURLEncoding.EncodeToString(thumbprint[:])
	return sign(token, k)
}

func sign(token *jwt.Token, key SigningKey) (string, error) {
	signed, err := token.SignedString(key.Signer)
	if err != nil {
		return "", fmt.Errorf("sign with the %s: %w", key, err)
	}
	return signed, nil
}

// opaque signs through crypto.Signer, so that a key in a vault or module can sign without leaving it.
type opaque struct {
	alg     string
	options crypto.SignerOpts
}

func (m opaque) Alg() string { return m.alg }

func (m opaque) Sign(signingString string, key any) ([]byte, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, jwt.ErrInvalidKeyType
	}
	digest := sha256.Sum256([]byte(signingString))
	return signer.Sign(rand.Reader, digest[:], m.options)
}

// Verify belongs to the interface; this package never verifies what it signed itself.
func (m opaque) Verify(string, []byte, any) error { return errors.New("not used for verification") }
