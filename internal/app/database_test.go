package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestADatabaseIsNamedOnceAndItsPasswordByFileOnly(t *testing.T) {
	for _, c := range []struct {
		config Config
		says   string // "" means that it works
	}{
		{Config{Database: "/var/lib/consentry.db"}, ""},
		{Config{Database: "postgres://consentry@db.example:5432/consentry?sslmode=verify-full"}, ""},
		{Config{DatabaseFile: "/run/secrets/database"}, ""},
		{Config{}, "--database is missing"},
		{Config{Database: "x.db", DatabaseFile: "y"}, "leave one out"},
		{Config{Database: "postgres://consentry:hunter2@db/consentry"}, "--database-file"},
		{Config{Database: "postgresql://db/consentry?user=c&password=hunter2"}, "--database-file"},
		{Config{Database: "postgres://c:hunter2%zz@db/consentry"}, "percent-encoded"},
	} {
		err := c.config.checkDatabase()
		if c.says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, c.says)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestTheDatabaseFileHoldsTheURL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "url")
	require.NoError(t, os.WriteFile(path, []byte("postgres://c:hunter2@db/consentry\n"), 0o600))
	got, err := (&Config{DatabaseFile: path}).database()
	require.NoError(t, err)
	require.Equal(t, "postgres://c:hunter2@db/consentry", got)
	require.NoError(t, os.WriteFile(path, []byte("\n"), 0o600))
	_, err = (&Config{DatabaseFile: path}).database()
	require.ErrorContains(t, err, "is empty")
}
