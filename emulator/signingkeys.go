package emulator

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"os"
	"slices"
	"sync"
	"time"
)

// signingKeys are the keys that sign tokens. One signs; the one after it is published already, as Entra announces its
// next key; those before it are published until the tokens they signed have ended.
type signingKeys struct {
	mu      sync.RWMutex
	all     []signingKey // by number, from the first ever
	current int
}

type signingKey struct {
	private *rsa.PrivateKey
	der     []byte
	kid     string    // also the x5t: base64url SHA-1 of the certificate
	until   time.Time // when it is no longer published; zero for the current and the next
}

// keysRolled says that the next signing key signs from now on.
type keysRolled struct {
	Until time.Time `json:"until"` // the one before is published until then
}

func (w *world) rollKeys(_ event, r keysRolled) error {
	w.rolls = append(w.rolls, r)
	return nil
}

// prepare makes sure that there are n keys.
func (k *keyring) prepare(n int) error {
	k.signing.mu.Lock()
	defer k.signing.mu.Unlock()
	for i := len(k.signing.all); i < n; i++ {
		made, err := tokenKey(k.dir, i)
		if err != nil {
			return err
		}
		k.signing.all = append(k.signing.all, made)
	}
	return nil
}

// roll lets the next key sign; the one after it must have been prepared.
func (k *keyring) roll(r keysRolled) {
	k.signing.mu.Lock()
	defer k.signing.mu.Unlock()
	k.signing.all[k.signing.current].until = r.Until
	k.signing.current++
}

func (k *keyring) replay(rolls []keysRolled) error {
	if err := k.prepare(len(rolls) + 2); err != nil {
		return err
	}
	for _, r := range rolls {
		k.roll(r)
	}
	return nil
}

// signer is the key that signs.
func (k *keyring) signer() signingKey {
	k.signing.mu.RLock()
	defer k.signing.mu.RUnlock()
	return k.signing.all[k.signing.current]
}

// published are the keys by which tokens can be checked, the signing one first.
func (k *keyring) published(now time.Time) []signingKey {
	k.signing.mu.RLock()
	defer k.signing.mu.RUnlock()
	at := k.signing.current
	keys := slices.Clone(k.signing.all[at : at+2])
	for _, old := range k.signing.all[:at] {
		if now.Before(old.until) {
			keys = append(keys, old)
		}
	}
	return keys
}

// RollSigningKey lets the announced next key sign tokens from now on and announces another. The old one is published
// for keepOld more; with 0 it goes at once, as after a compromise, and what it signed is worth nothing.
func (s *Server) RollSigningKey(keepOld time.Duration) error {
	if keepOld < 0 {
		return fmt.Errorf("the field keepOld: is negative")
	}
	s.rolling.Lock()
	defer s.rolling.Unlock()
	s.mu.RLock()
	rolled := len(s.world.rolls)
	s.mu.RUnlock()
	if err := s.keys.prepare(rolled + 3); err != nil {
		return err
	}
	r := keysRolled{Until: s.now().Add(keepOld)}
	if err := s.commit(eventKeysRolled, r); err != nil {
		return err
	}
	s.keys.roll(r)
	return nil
}

// SigningKey is a token signing key as the page and the control API show it.
type SigningKey struct {
	KeyID string    `json:"kid"`
	Use   string    `json:"use"`            // signs, next or old
	Until time.Time `json:"until,omitzero"` // an old one is published until then
}

// SigningKeys lists the published token signing keys.
func (s *Server) SigningKeys() []SigningKey {
	keys := []SigningKey{}
	for i, k := range s.keys.published(s.now()) {
		keys = append(keys, SigningKey{KeyID: k.kid, Until: k.until, Use: []string{"signs", "next", "old"}[min(i, 2)]})
	}
	return keys
}

// tokenKey is the signing key of a number, from the state folder or made anew. Emulators of one process that keep no
// state share theirs: making an RSA key takes longer than most of what is done with such an emulator.
func tokenKey(dir *os.Root, number int) (signingKey, error) {
	if dir == nil {
		passingKeys.mu.Lock()
		defer passingKeys.mu.Unlock()
		if number < len(passingKeys.all) {
			return passingKeys.all[number], nil
		}
	}
	private, cert, err := loadOrMake(dir, fmt.Sprintf("signing-%d", number+1),
		func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) },
		&x509.Certificate{SerialNumber: big.NewInt(int64(number + 1)), Subject: pkix.Name{CommonName: "Entra emulator token signing"}})
	if err != nil {
		return signingKey{}, err
	}
	key, ok := private.(*rsa.PrivateKey)
	if !ok {
		return signingKey{}, fmt.Errorf("the token signing key %d in the state folder is not an RSA key: delete signing-%[1]d.pem to have a new one made", number+1)
	}
	made := signingKey{private: key, der: cert.Raw, kid: thumbprint(cert.Raw)}
	if dir == nil {
		passingKeys.all = append(passingKeys.all, made)
	}
	return made, nil
}

var passingKeys struct {
	mu  sync.Mutex
	all []signingKey
}

func thumbprint(der []byte) string {
	sum := sha1.Sum(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
