package service

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"consentry/internal/domain"
)

// codecKeySize is AES-256's.
const codecKeySize = 32

// NewestCodecKey gives the id of the key for new payloads. The first process
// that asks makes the first key; when two ask at once, one of them wins and both
// use its key.
func (s *Service) NewestCodecKey(ctx context.Context) (string, error) {
	k, err := s.activeCodecKey(ctx)
	if !domain.IsNotFound(err) {
		return k.ID, err
	}
	if _, err := s.replaceCodecKey(ctx, domain.System("payload-keys"), ""); err != nil && domain.KindOf(err) != domain.Conflict {
		return "", err
	}
	k, err = s.activeCodecKey(ctx)
	return k.ID, err
}

// OpenCodecKey gives a key itself, whether it is active or retired.
func (s *Service) OpenCodecKey(ctx context.Context, id string) ([]byte, error) {
	var k domain.CodecKey
	err := s.store.Read(ctx, func(rows Rows) (err error) {
		k, err = rows.CodecKeys().Get(id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.keeper.Open(ctx, k.Sealed)
}

// RotateCodecKey makes a new key for new payloads and retires the one before,
// which goes on opening what it encrypted. Processes notice within a minute;
// until then either key is good. Operators only.
func (s *Service) RotateCodecKey(ctx context.Context, caller domain.Caller) (domain.CodecKey, error) {
	if !caller.Operator() {
		err := domain.Refuse(domain.Forbidden, "operator-needed", "Only an operator of the vendor may change the payload keys.")
		s.auditRefusal(ctx, caller, "rotate-codec-key", "codec-keys", err)
		return domain.CodecKey{}, err
	}
	active, err := s.activeCodecKey(ctx)
	if err != nil && !domain.IsNotFound(err) {
		return domain.CodecKey{}, err
	}
	return s.replaceCodecKey(ctx, caller, active.ID)
}

// RotateCodecKeyAfter rotates when the active key is older than period. Nonces
// are random, so one key must not encrypt more than some billions of payloads.
func (s *Service) RotateCodecKeyAfter(ctx context.Context, period time.Duration) (rotated bool, err error) {
	active, err := s.activeCodecKey(ctx)
	if err != nil || s.now().Sub(active.CreatedAt.Time) < period {
		return false, err
	}
	_, err = s.replaceCodecKey(ctx, domain.System("payload-keys"), active.ID)
	if domain.KindOf(err) == domain.Conflict { // another process was faster
		return false, nil
	}
	return err == nil, err
}

// CodecKeys lists the keys, the latest first, without what they seal. Operators
// only.
func (s *Service) CodecKeys(ctx context.Context, caller domain.Caller) (keys []domain.CodecKey, err error) {
	if err := operatorsList(caller, "the keys of payloads"); err != nil {
		return nil, err
	}
	err = s.store.Read(ctx, func(rows Rows) error {
		keys, err = rows.CodecKeys().List(Query{Order: []string{"-created_at", "id"}})
		return err
	})
	for i := range keys {
		keys[i].Sealed = nil
	}
	return keys, err
}

// NotePayloadReading lets an operator read what the workflow engine holds, and
// writes down that he does.
func (s *Service) NotePayloadReading(ctx context.Context, caller domain.Caller) error {
	_, err := Do(ctx, s, caller, "", "read-payloads", "payloads", func(tx *Tx) (bool, error) {
		if !caller.Operator() {
			return false, domain.Refuse(domain.Forbidden, "operator-needed", "Only an operator of the vendor may read what workflows hold.")
		}
		return true, tx.Audit("", "read-payloads", "payloads", "done", "", nil)
	})
	return err
}

func (s *Service) activeCodecKey(ctx context.Context) (k domain.CodecKey, err error) {
	err = s.store.Read(ctx, func(rows Rows) error {
		k, err = rows.CodecKeys().Find(By(Where{"state": domain.CodecKeyActive}))
		return err
	})
	return k, err
}

// replaceCodecKey seals a new key, outside the transaction because the key
// service may be far, and puts it in the place of the one that was seen.
func (s *Service) replaceCodecKey(ctx context.Context, caller domain.Caller, seen string) (domain.CodecKey, error) {
	raw := make([]byte, codecKeySize)
	rand.Read(raw)
	defer clear(raw)
	sealed, err := s.keeper.Seal(ctx, raw)
	if err != nil {
		return domain.CodecKey{}, fmt.Errorf("make a payload key: %w", err)
	}
	k := domain.CodecKey{ID: domain.NewID("pk"), State: domain.CodecKeyActive, Sealed: sealed}
	return Do(ctx, s, caller, "", "rotate-codec-key", k.ID, func(tx *Tx) (domain.CodecKey, error) {
		k.CreatedAt = tx.At()
		before, err := tx.CodecKeys().Find(By(Where{"state": domain.CodecKeyActive}))
		switch {
		case err == nil && before.ID != seen:
			return k, domain.Refuse(domain.Conflict, "key-replaced", "The payload key was replaced by somebody else a moment ago: key %s is in use.", before.ID)
		case err == nil:
			before.State, before.RetiredAt = domain.CodecKeyRetired, tx.At()
			if err := tx.CodecKeys().Update(&before); err != nil {
				return k, err
			}
		case !domain.IsNotFound(err):
			return k, err
		}
		if err := tx.CodecKeys().Insert(&k); err != nil {
			return k, err
		}
		return domain.CodecKey{ID: k.ID, State: k.State, CreatedAt: k.CreatedAt}, tx.Done("", "rotate-codec-key", "codec-key", k.ID, nil)
	})
}
