package postgres

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// install makes a folder with PostgreSQL's programs as far as they are looked for.
func install(t *testing.T, dir string, programs ...string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for _, p := range programs {
		require.NoError(t, os.WriteFile(filepath.Join(dir, p), nil, 0o755))
	}
	return dir
}

func TestTheProgramsAreFoundOrTheirAbsenceHasARemedy(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	root := t.TempDir()
	installed := filepath.Join(root, "*", "bin")
	_, err := findPrograms(installed, "")
	require.ErrorContains(t, err, "apt-get install postgresql")
	require.ErrorContains(t, err, "leave --db out")

	install(t, filepath.Join(root, "18", "bin"), "initdb") // half of it
	nine := install(t, filepath.Join(root, "9", "bin"), programs...)
	fifteen := install(t, filepath.Join(root, "15", "bin"), programs...)
	found, err := findPrograms(installed, "")
	require.NoError(t, err)
	require.Equal(t, fifteen, found, "the newest that is whole, by number")

	// What an older version keeps is gone on with by that version.
	kept := t.TempDir()
	require.Empty(t, keptVersion(kept))
	require.NoError(t, os.Mkdir(filepath.Join(kept, "data"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(kept, "data", "PG_VERSION"), []byte("9\n"), 0o600))
	found, err = findPrograms(installed, keptVersion(kept))
	require.NoError(t, err)
	require.Equal(t, nine, found)
	_, err = findPrograms(installed, "14")
	require.ErrorContains(t, err, "apt-get install postgresql-14")

	path := install(t, t.TempDir(), programs...)
	t.Setenv("PATH", path)
	found, err = findPrograms(filepath.Join(t.TempDir(), "*"), "")
	require.NoError(t, err)
	require.Equal(t, path, found)
}

// TestAClusterIsGoneOnWith: what was kept is there again, and a database that is
// there is no mistake.
func TestAClusterIsGoneOnWith(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o711)) // the server may be another user
	for range 2 {
		c, err := Start(t.Context(), Options{Dir: filepath.Join(dir, "pg"), Unsafe: true})
		require.NoError(t, err)
		require.NoError(t, c.Create(t.Context(), "consentry"))
		require.NoError(t, c.Create(t.Context(), "consentry"))
		// As when this process is killed: the guard alone is left, at work.
		require.NoError(t, c.leash.Close())
		require.NoError(t, Vacated(t.Context(), filepath.Join(dir, "pg")))
		require.NoFileExists(t, filepath.Join(dir, "pg", "data", "postmaster.pid"))
	}
	require.NoError(t, os.Rename(filepath.Join(dir, "pg", "data", "PG_VERSION"), filepath.Join(dir, "gone")))
	_, err := Start(t.Context(), Options{Dir: filepath.Join(dir, "pg"), Unsafe: true})
	require.ErrorContains(t, err, "is damaged")
	require.FileExists(t, filepath.Join(dir, "pg", "data", "postgresql.conf"))
}
