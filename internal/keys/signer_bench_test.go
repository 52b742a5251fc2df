package keys_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkSigner tells what opening a sealed key costs beside the signature it is opened for: the reason why opened
// keys are not kept.
func BenchmarkSigner(b *testing.B) {
	keeper := newKeeper(b)
	minted, err := keeper.Mint(b.Context(), "cell", time.Now(), time.Now().Add(time.Hour))
	require.NoError(b, err)
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			if _, err := keeper.Signer(b.Context(), minted.Sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("sign", func(b *testing.B) {
		signer, err := keeper.Signer(b.Context(), minted.Sealed)
		require.NoError(b, err)
		digest := sha256.Sum256([]byte("assertion"))
		for b.Loop() {
			if _, err := signer.Sign(rand.Reader, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
