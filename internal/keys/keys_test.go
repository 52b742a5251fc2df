package keys_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/keys"
)

func newKeeper(t testing.TB) *keys.Keeper {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	keeper, err := keys.Open(t.Context(), "base64key://"+base64.URLEncoding.EncodeToString(key))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, keeper.Close()) })
	return keeper
}

func TestASealedSecretComesBackAndShowsNothing(t *testing.T) {
	keeper := newKeeper(t)
	secret := []byte("Xq8~a-client-secret")

	sealed, err := keeper.Seal(t.Context(), secret)
	require.NoError(t, err)
	require.False(t, bytes.Contains(sealed, secret), "the sealed value contains the secret")
	again, err := keeper.Seal(t.Context(), secret)
	require.NoError(t, err)
	require.NotEqual(t, sealed, again, "equal secrets must not be recognisable at rest")

	opened, err := keeper.Open(t.Context(), sealed)
	require.NoError(t, err)
	require.Equal(t, secret, opened)
}

func TestAnySingleChangedByteIsNoticed(t *testing.T) {
	keeper := newKeeper(t)
	sealed, err := keeper.Seal(t.Context(), []byte("secret"))
	require.NoError(t, err)
	for i := range sealed {
		damaged := bytes.Clone(sealed)
		damaged[i] ^= 0x01
		_, err := keeper.Open(t.Context(), damaged)
		require.ErrorIs(t, err, keys.ErrSealed, "byte %d", i)
	}
	for length := range sealed {
		_, err := keeper.Open(t.Context(), sealed[:length])
		require.ErrorIs(t, err, keys.ErrSealed, "cut to %d bytes", length)
	}
}

func TestAnotherKeyDoesNotOpen(t *testing.T) {
	sealed, err := newKeeper(t).Seal(t.Context(), []byte("secret"))
	require.NoError(t, err)
	_, err = newKeeper(t).Open(t.Context(), sealed)
	require.ErrorIs(t, err, keys.ErrSealed)
}

func TestABadKeyAddressIsRefusedWithoutRepeatingIt(t *testing.T) {
	for name, address := range map[string]string{
		"an empty key, which the driver would invent": "base64key://",
		"a key that is too short":                     "base64key://c2hvcnQta2V5",
		"a key that is not base64":                    "base64key://not-base64-at-all!",
		"a control character":                         "base64key://abc\x7fdef",
		"an unknown scheme":                           "nosuchscheme://secret-part",
		"a query nobody understands":                  "base64key://c2hvcnQta2V5?x=secret-part",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := keys.Open(t.Context(), address)
			require.Error(t, err)
			_, secret, _ := strings.Cut(address, "://")
			if secret != "" {
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
}

func TestMintedCertificateMatchesItsSealedKey(t *testing.T) {
	keeper := newKeeper(t)
	from := time.Date(2026, 3, 1, 10, 0, 0, 123, time.UTC)
	minted, err := keeper.Mint(t.Context(), "cell-eu-1", from, from.Add(14*24*time.Hour))
	require.NoError(t, err)

	certificate, err := x509.ParseCertificate(minted.CertificateDER)
	require.NoError(t, err)
	require.Equal(t, "cell-eu-1", certificate.Subject.CommonName)
	require.Equal(t, minted.NotBefore, certificate.NotBefore)
	require.Equal(t, minted.NotAfter, certificate.NotAfter)
	require.Equal(t, keys.Thumbprint(minted.CertificateDER), minted.Thumbprint)
	require.Len(t, minted.Thumbprint, 64)
	require.Len(t, minted.SHA1, 40)
	require.NoError(t, certificate.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature))

	signer, err := keeper.Signer(t.Context(), minted.Sealed)
	require.NoError(t, err)
	digest := sha256.Sum256([]byte("message"))
	public := certificate.PublicKey.(*rsa.PublicKey)

	pkcs, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	require.NoError(t, err)
	require.NoError(t, rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], pkcs))
	options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	pss, err := signer.Sign(rand.Reader, digest[:], options)
	require.NoError(t, err)
	require.NoError(t, rsa.VerifyPSS(public, crypto.SHA256, digest[:], pss, options))
}

func TestASignerCannotBePrinted(t *testing.T) {
	keeper := newKeeper(t)
	from := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	minted, err := keeper.Mint(t.Context(), "cell", from, from.Add(time.Hour))
	require.NoError(t, err)
	signer, err := keeper.Signer(t.Context(), minted.Sealed)
	require.NoError(t, err)
	holder := struct{ Signer crypto.Signer }{signer}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		require.NotRegexp(t, `[0-9]{20}|0x[0-9a-f]`, fmt.Sprintf(verb, holder), verb)
	}
}

func TestMintRefusesWhatEntraWouldRefuse(t *testing.T) {
	keeper := newKeeper(t)
	from := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	_, err := keeper.Mint(t.Context(), "cell", from, from)
	require.ErrorContains(t, err, "is not after its start")
	_, err = keeper.Mint(t.Context(), "", from, from.Add(time.Hour))
	require.ErrorContains(t, err, "common name")
	sealed, err := keeper.Seal(t.Context(), []byte("a client secret"))
	require.NoError(t, err)
	_, err = keeper.Signer(t.Context(), sealed)
	require.ErrorContains(t, err, "not a private key")
}
