// Package storetest gives tests a real, migrated database of their own.
package storetest

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/mirror"
	"consentry/internal/store"
)

// Open makes an SQLite store in the test's own folder and closes it at the end.
func Open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "consentry.db"), mirror.On)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}
