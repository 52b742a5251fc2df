// Package keys holds what must never leave the house in the clear: the private
// keys of the vendor's own app registrations and the client secrets of the
// customers' old ones.
//
// A Keeper seals with an envelope. Each value is encrypted with a data key of
// its own (AES-256-GCM) and only that data key is handed to the key management
// service behind the Keeper's URL. A hosted service encrypts a few hundred bytes
// at most, too little for an RSA key, and never needs to see ours.
//
// Nothing here logs, and no error repeats the URL (for base64key:// it is the
// key itself) or any plaintext.
package keys

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"

	"gocloud.dev/gcerrors"
	"gocloud.dev/secrets"
	"gocloud.dev/secrets/localsecrets"
)

const (
	dataKeySize = 32
	// formatVersion leads every sealed value, so that the format can change while old rows stay readable.
	formatVersion = 1
	headerSize    = 3 // version, then the length of the wrapped data key in two bytes
)

// ErrSealed means that a sealed value could not be opened: it was sealed under another key, or was damaged.
var ErrSealed = errors.New("the sealed value cannot be opened with this key: restore the key it was sealed with, or enter the secret again")

// Keeper seals and opens. It is safe for concurrent use.
type Keeper struct {
	wrapper *secrets.Keeper
	// local means that no network stands between us and the key, so that a refusal can only mean the wrong key.
	local bool
}

// Open connects to the key management service at address, by URL: base64key://{32 bytes, base64url} keeps the
// key in the configuration itself; other schemes work once their driver is linked in by the composition root.
func Open(ctx context.Context, address string) (*Keeper, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the address of the sealing key is not a URL")
	}
	local := parsed.Scheme == localsecrets.Scheme
	if local && parsed.Host == "" {
		// The driver would invent a key, and everything sealed with it would be lost at the next start.
		return nil, errors.New("the sealing key is empty: base64key:// needs 32 random bytes in base64url behind it")
	}
	if !secrets.DefaultURLMux().ValidKeeperScheme(parsed.Scheme) {
		return nil, fmt.Errorf("the sealing key has the scheme %q, for which no driver is linked in: use %v",
			parsed.Scheme, secrets.DefaultURLMux().KeeperSchemes())
	}
	wrapper, err := secrets.DefaultURLMux().OpenKeeperURL(ctx, parsed)
	if err != nil {
		if local {
			return nil, errors.New("the sealing key cannot be used: base64key:// needs exactly 32 bytes in base64url behind it")
		}
		return nil, fmt.Errorf("open the sealing key (scheme %q): %w", parsed.Scheme, err)
	}
	return &Keeper{wrapper: wrapper, local: local}, nil
}

// Close releases the connection to the key management service.
func (k *Keeper) Close() error { return k.wrapper.Close() }

// Seal encrypts plaintext for rest. Equal plaintexts give different results.
func (k *Keeper) Seal(ctx context.Context, plaintext []byte) ([]byte, error) {
	dataKey := make([]byte, dataKeySize)
	rand.Read(dataKey)
	defer clear(dataKey)
	wrapped, err := k.wrapper.Encrypt(ctx, dataKey)
	if err != nil {
		return nil, fmt.Errorf("seal a secret: the key management service refused: %w", err)
	}
	if len(wrapped) > 1<<16-1 {
		return nil, fmt.Errorf("seal a secret: the wrapped data key has %d bytes, more than the format holds", len(wrapped))
	}
	aead, err := newAEAD(dataKey)
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, headerSize, headerSize+len(wrapped)+len(plaintext)+aead.Overhead())
	sealed[0] = formatVersion
	binary.BigEndian.PutUint16(sealed[1:], uint16(len(wrapped)))
	sealed = append(sealed, wrapped...)
	// The header and the wrapped key are authenticated with the content, so that no part can be exchanged.
	return aead.Seal(sealed, nil, plaintext, sealed), nil //nolint:gosec // no nonce is given because the cipher draws one for each message
}

// Open decrypts what Seal made. An outage of the key management service is told apart from ErrSealed.
func (k *Keeper) Open(ctx context.Context, sealed []byte) ([]byte, error) {
	if len(sealed) < headerSize || sealed[0] != formatVersion {
		return nil, ErrSealed
	}
	end := headerSize + int(binary.BigEndian.Uint16(sealed[1:]))
	if len(sealed) < end {
		return nil, ErrSealed
	}
	dataKey, err := k.wrapper.Decrypt(ctx, sealed[headerSize:end])
	if err != nil {
		if k.local || gcerrors.Code(err) == gcerrors.InvalidArgument {
			return nil, ErrSealed
		}
		return nil, fmt.Errorf("open a secret: the key management service did not answer: %w", err)
	}
	defer clear(dataKey)
	if len(dataKey) != dataKeySize {
		return nil, ErrSealed
	}
	aead, err := newAEAD(dataKey)
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, nil, sealed[end:], sealed[:end])
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

func newAEAD(dataKey []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(dataKey)
	if err != nil {
		return nil, fmt.Errorf("prepare a data key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("prepare a data key: %w", err)
	}
	return aead, nil
}
