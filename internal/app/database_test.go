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

// What is no place of a database is often one word of a URL: it must neither
// become a file's name nor be told.
func TestADatabaseThatIsNoneIsToldAndNotRepeated(t *testing.T) {
	for content, says := range map[string]string{
		"hostaddr=1 password=HUSHPW":                           "nor a path",
		"mysql://u:HUSHPW@h/n":                                 "not spoken here",
		"postgres://u:HUSHPW@h:port/n":                         "the port is no number",
		"postgres://u:HUSH PW@h/n":                             "not percent-encoded",
		"postgres://u:a@h/n\npostgres://u:HUSHPW@h/n":          "more than one line",
		"database:\n  password: HUSHPW":                        "more than one line",
		"HUSHPW":                                               "a whole path",
		"postgres://h/n?user=u&sslmode=HUSHPW&password=HUSHPW": "sslmode has to be",
	} {
		environment := goodEnvironment(t)
		file := filepath.Join(t.TempDir(), "database-url")
		require.NoError(t, os.WriteFile(file, []byte(content+"\n"), 0o600))
		environment["CONSENTRY_DATABASE"], environment["CONSENTRY_DATABASE_FILE"] = "", file
		for _, command := range []string{"check", "run"} {
			code, _, errs := mainWith(t, environment, command)
			require.Equal(t, exitMistake, code, content)
			require.Contains(t, errs, "to be mended (1)", content)
			require.Contains(t, errs, says)
			require.NotRegexp(t, "HUSH ?PW", errs)
		}
		if content == "HUSHPW" {
			continue // on the command line a word is a file here, as ever
		}
		delete(environment, "CONSENTRY_DATABASE_FILE")
		code, _, errs := mainWith(t, environment, "check", "--database="+content)
		require.Equal(t, exitMistake, code, content)
		require.Contains(t, errs, "--database (CONSENTRY_DATABASE)")
		require.NotRegexp(t, "HUSH ?PW", errs)
	}
}
