package service

import (
	"context"

	"consentry/internal/domain"
)

// answered is what a command keeps under its key: the answer, and a digest of
// what it was the answer to.
type answered[T any] struct {
	Answer T
	Asked  string
}

// keyed is Do for a command about one subject whose repeat is noticed by the
// caller's key: the same again answers alike and changes nothing, and a key that
// was used for something else is refused instead of answering for it. Without a
// key every request is a command of its own.
func keyed[T any](ctx context.Context, s *Service, caller domain.Caller, key, action, subject string, order any, fn func(*Tx) (T, error)) (none T, err error) {
	asked, err := digestOf(action, order)
	if err != nil {
		return none, err
	}
	if key != "" {
		key = subject + "/" + key
	}
	kept, err := Do(ctx, s, caller, key, action, subject, func(tx *Tx) (answered[T], error) {
		answer, err := fn(tx)
		return answered[T]{answer, asked}, err
	})
	if err != nil {
		return none, err
	}
	if kept.Asked != asked {
		return none, errKeyReused("command")
	}
	return kept.Answer, nil
}

func errKeyReused(what string) *domain.Error {
	return domain.Refuse(domain.Conflict, "key-reused", "This Idempotency-Key was used for another %s. Nothing was changed; send this one with a key of its own.", what)
}
