package storetest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/mirror"
	"consentry/internal/store"
)

func sqliteDatabase(t testing.TB) string {
	t.Helper()
	empty, err := template(t.Context())
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "consentry.db")
	require.NoError(t, os.WriteFile(path, empty, 0o600))
	return path
}

var (
	making   sync.Mutex
	migrated []byte
)

// template is an empty migrated database, made once a process: migrating anew
// for every test is most of what a small test costs.
func template(ctx context.Context) ([]byte, error) {
	making.Lock()
	defer making.Unlock()
	if migrated != nil {
		return migrated, nil
	}
	dir, err := os.MkdirTemp("", "consentry-storetest-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary folder left behind harms nothing
	path := filepath.Join(dir, "template.db")
	s, err := store.Open(ctx, path, mirror.On)
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil { // the last connection folds the write-ahead log into the file
		return nil, err
	}
	migrated, err = os.ReadFile(path)
	return migrated, err
}
