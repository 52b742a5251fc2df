package service_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"consentry/internal/domain"
	"consentry/internal/service"
)

func codecKeys(r service.Rows) service.Table[domain.CodecKey] { return r.CodecKeys() }

func TestTheFirstPayloadKeyMakesItselfOnce(t *testing.T) {
	w := newWorld(t)
	ids := make([]string, 8)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			id, err := w.NewestCodecKey(t.Context())
			if err != nil {
				t.Error(err)
			}
			ids[i] = id
		})
	}
	all.Wait()
	rows := list(t, w, codecKeys, service.Query{})
	require.Len(t, rows, 1)
	for _, id := range ids {
		require.Equal(t, rows[0].ID, id)
	}
	key, err := w.OpenCodecKey(t.Context(), ids[0])
	require.NoError(t, err)
	require.Len(t, key, 32)
	require.NotEqual(t, key, rows[0].Sealed, "the row holds the sealed key only")
}

func TestAReplacedPayloadKeyStaysReadable(t *testing.T) {
	w := newWorld(t)
	first, err := w.NewestCodecKey(t.Context())
	require.NoError(t, err)
	before, err := w.OpenCodecKey(t.Context(), first)
	require.NoError(t, err)

	second, err := w.RotateCodecKey(t.Context(), domain.System("test"))
	require.NoError(t, err)
	require.Empty(t, second.Sealed, "an answer carries no key, not even sealed")
	newest, err := w.NewestCodecKey(t.Context())
	require.NoError(t, err)
	require.Equal(t, second.ID, newest)
	again, err := w.OpenCodecKey(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, before, again)

	keys, err := w.CodecKeys(t.Context(), domain.System("test"))
	require.NoError(t, err)
	require.Len(t, keys, 2)
	for _, k := range keys {
		require.Empty(t, k.Sealed)
		require.Equal(t, k.ID != second.ID, k.State == domain.CodecKeyRetired && !k.RetiredAt.IsZero())
	}
}

func TestAPayloadKeyIsReplacedAfterItsPeriod(t *testing.T) {
	w := newWorld(t)
	_, err := w.NewestCodecKey(t.Context())
	require.NoError(t, err)
	w.now = w.now.Add(time.Hour - time.Second)
	rotated, err := w.RotateCodecKeyAfter(t.Context(), time.Hour)
	require.NoError(t, err)
	require.False(t, rotated)
	w.now = w.now.Add(time.Second)
	rotated, err = w.RotateCodecKeyAfter(t.Context(), time.Hour)
	require.NoError(t, err)
	require.True(t, rotated)
	rotated, err = w.RotateCodecKeyAfter(t.Context(), time.Hour)
	require.NoError(t, err)
	require.False(t, rotated, "the new key begins its own period")
}

func TestOnlyOperatorsHandlePayloadKeys(t *testing.T) {
	w := newWorld(t)
	_, err := w.NewestCodecKey(t.Context())
	require.NoError(t, err)
	customer := domain.Caller{Kind: domain.CallerPerson, ID: "per_1", Grants: []domain.Grant{{AccountID: "acc_1", Role: domain.RoleApprove}}}
	for _, caller := range []domain.Caller{domain.Anonymous(), customer} {
		_, err := w.RotateCodecKey(t.Context(), caller)
		require.Equal(t, domain.Forbidden, domain.KindOf(err))
		keys, err := w.CodecKeys(t.Context(), caller)
		require.Equal(t, domain.Forbidden, domain.KindOf(err), "an empty list would say that there are none")
		require.Empty(t, keys)
	}
	require.Len(t, list(t, w, codecKeys, service.Query{}), 1, "nobody else has changed anything")
}

// awayKeeper is a key service that does not answer.
type awayKeeper struct{}

func (awayKeeper) Seal(context.Context, []byte) ([]byte, error) {
	return nil, errors.New("no answer")
}
func (awayKeeper) Open(context.Context, []byte) ([]byte, error) { return nil, errors.New("no answer") }

func TestWithoutTheKeyServiceNoKeyIsMadeAndNoneIsLost(t *testing.T) {
	w := newWorld(t)
	away := service.New(service.Deps{Store: w.store, Engine: w.door, Keeper: awayKeeper{}, Now: func() time.Time { return w.now }, Log: zap.NewNop()})
	_, err := away.NewestCodecKey(t.Context())
	require.ErrorContains(t, err, "no answer")
	require.Empty(t, list(t, w, codecKeys, service.Query{}))

	first, err := w.NewestCodecKey(t.Context())
	require.NoError(t, err)
	_, err = away.RotateCodecKey(t.Context(), domain.System("test"))
	require.ErrorContains(t, err, "no answer")
	still, err := away.NewestCodecKey(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, still, "the present key stays active")
}
