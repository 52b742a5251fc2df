package engine

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"sync"
	"time"
)

// KeySource is where payload keys are kept and by whom they are opened. Both
// methods may need the database and the key service.
type KeySource interface {
	// NewestCodecKey is the id of the key for new payloads; one is made when there is none.
	NewestCodecKey(ctx context.Context) (id string, err error)
	// OpenCodecKey gives the 32 bytes of a key, whether it is the newest or retired.
	OpenCodecKey(ctx context.Context, id string) ([]byte, error)
}

// The bounds of a Keyring.
const (
	// maxOpened keys are held in memory. One is drawn every few weeks, so the histories of years fit.
	maxOpened = 32
	// newestFor is how long the newest key is used before the store is asked whether it still is.
	newestFor = time.Minute
	// openFor bounds one asking, and failedFor spares a source that has just failed: many tasks ask at once.
	openFor   = 5 * time.Second
	failedFor = time.Second
)

// Keyring holds opened payload keys in memory, so that an outage of the key
// service or the database delays only what needs a key that this process has
// not used yet. An id it does not know is looked for in the store, so a key that
// another process made needs no restart.
type Keyring struct {
	source KeySource
	now    func() time.Time

	asking sync.Mutex // one question to the source at a time

	mu     sync.Mutex
	latest string
	readAt time.Time
	opened map[string]*openedKey
	failed map[string]failure
}

type openedKey struct {
	aead   cipher.AEAD
	usedAt time.Time
}

type failure struct {
	err error
	at  time.Time
}

// NewKeyring builds an empty ring.
func NewKeyring(source KeySource, now func() time.Time) *Keyring {
	return &Keyring{source: source, now: now, opened: map[string]*openedKey{}, failed: map[string]failure{}}
}

// Ready opens the key for new payloads, unless it is open. A process that has
// succeeded once can encrypt for as long as it lives.
func (k *Keyring) Ready(ctx context.Context) error {
	_, _, err := k.newest(ctx)
	return err
}

// newest is the key for new payloads. While the source does not answer, or
// cannot open a newer one, the one that is open stays in use.
func (k *Keyring) newest(ctx context.Context) (string, cipher.AEAD, error) {
	k.mu.Lock()
	id, fresh := k.latest, k.now().Sub(k.readAt) < newestFor
	k.mu.Unlock()
	if id == "" {
		k.asking.Lock()
		defer k.asking.Unlock()
	} else if fresh || !k.asking.TryLock() {
		aead, err := k.key(ctx, id)
		return id, aead, err
	} else {
		defer k.asking.Unlock()
	}
	aead, err := k.refresh(ctx)
	k.mu.Lock()
	id = k.latest
	k.mu.Unlock()
	if err != nil && id != "" {
		aead, err = k.opening(ctx, id)
	}
	return id, aead, err
}

// refresh asks which key is the newest and opens it.
func (k *Keyring) refresh(ctx context.Context) (cipher.AEAD, error) {
	ctx, cancel := context.WithTimeout(ctx, openFor)
	defer cancel()
	if err := k.failedLately(""); err != nil {
		return nil, err
	}
	id, err := k.source.NewestCodecKey(ctx)
	var aead cipher.AEAD
	if err == nil {
		aead, err = k.opening(ctx, id)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.readAt = k.now()
	if err != nil {
		if _, told := errors.AsType[*KeyError](err); !told {
			err = &KeyError{Err: err}
		}
		k.fail("", err)
		return nil, err
	}
	k.latest = id
	return aead, nil
}

// key gives an opened key.
func (k *Keyring) key(ctx context.Context, id string) (cipher.AEAD, error) {
	if aead := k.held(id); aead != nil {
		return aead, nil
	}
	k.asking.Lock()
	defer k.asking.Unlock()
	return k.opening(ctx, id)
}

// opening opens a key unless another has just done so. The caller holds asking.
func (k *Keyring) opening(ctx context.Context, id string) (cipher.AEAD, error) {
	if aead := k.held(id); aead != nil {
		return aead, nil
	}
	if err := k.failedLately(id); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, openFor)
	defer cancel()
	raw, err := k.source.OpenCodecKey(ctx, id)
	var aead cipher.AEAD
	if err == nil {
		aead, err = newAEAD(raw)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		err = &KeyError{KeyID: id, Err: err}
		k.fail(id, err)
		return nil, err
	}
	delete(k.failed, id)
	k.opened[id] = &openedKey{aead: aead, usedAt: k.now()}
	k.forget(id)
	return aead, nil
}

func (k *Keyring) held(id string) cipher.AEAD {
	k.mu.Lock()
	defer k.mu.Unlock()
	if o, ok := k.opened[id]; ok {
		o.usedAt = k.now()
		return o.aead
	}
	return nil
}

// forget drops what was not used for longest, but neither the newest key nor the
// one just opened.
func (k *Keyring) forget(just string) {
	for len(k.opened) > maxOpened {
		oldest := ""
		for id, o := range k.opened {
			if id != just && id != k.latest && (oldest == "" || o.usedAt.Before(k.opened[oldest].usedAt)) {
				oldest = id
			}
		}
		delete(k.opened, oldest)
	}
}

func (k *Keyring) failedLately(id string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if f, ok := k.failed[id]; ok && k.now().Sub(f.at) < failedFor {
		return f.err
	}
	return nil
}

// fail remembers a failure for a moment. Ids come from payloads, so what is
// remembered is bounded.
func (k *Keyring) fail(id string, err error) {
	if len(k.failed) > maxOpened {
		clear(k.failed)
	}
	k.failed[id] = failure{err: err, at: k.now()}
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("a payload key has 32 bytes, this one %d", len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("prepare a payload key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("prepare a payload key: %w", err)
	}
	return aead, nil
}
