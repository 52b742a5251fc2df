package stack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAStateFolderStaysOnTheDatabaseItBeganOn(t *testing.T) {
	settle := func(dir, asked string) (string, error) {
		o := Options{Dir: dir, Database: asked}
		err := o.settleDatabase()
		return o.Database, err
	}
	dir := t.TempDir()
	got, err := settle(dir, "postgres")
	require.NoError(t, err)
	require.Equal(t, "postgres", got)
	got, err = settle(dir, "")
	require.NoError(t, err)
	require.Equal(t, "postgres", got, "what was chosen first stands")
	_, err = settle(dir, "sqlite")
	require.ErrorContains(t, err, "make dev-reset")

	old := t.TempDir() // of a release that knew only one
	require.NoError(t, os.WriteFile(filepath.Join(old, "consentry.db"), nil, 0o600))
	_, err = settle(old, "postgres")
	require.ErrorContains(t, err, "is on sqlite")

	_, err = settle(t.TempDir(), "oracle")
	require.ErrorContains(t, err, "choose sqlite or postgres")
	got, err = settle(t.TempDir(), "")
	require.NoError(t, err)
	require.Equal(t, "sqlite", got)
}
