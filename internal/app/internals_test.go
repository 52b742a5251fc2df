package app

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"consentry/internal/keys"
	"consentry/internal/mirror"
	"consentry/internal/service"
	"consentry/internal/store"
)

// A key that seals and opens what it sealed itself is not well: what was sealed
// before must open.
func TestAnotherSealingKeyIsNotWell(t *testing.T) {
	rows, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"), mirror.On)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, rows.Close()) })
	opened := func(key string) *App {
		keeper, err := keys.Open(t.Context(), "base64key://"+key)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, keeper.Close()) })
		return &App{keeper: keeper, Service: service.New(service.Deps{Store: rows, Keeper: keeper, Now: time.Now, Log: zap.NewNop()})}
	}
	first := opened("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	require.NoError(t, first.sealingWorks(t.Context()), "the first key of a new database")
	require.ErrorIs(t, opened("HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").sealingWorks(t.Context()), keys.ErrSealed)
	require.NoError(t, first.sealingWorks(t.Context()))
}

func TestTheHelpOfTheAPINamesBootstrap(t *testing.T) {
	var out bytes.Buffer
	require.Zero(t, Main(t.Context(), APIProgram(), []string{"--help"}, &out, &out))
	require.Contains(t, out.String(), "consentry-api bootstrap")
}
