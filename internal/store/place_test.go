package store_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/store"
)

func TestADatabasesPlaceIsAURLOrAPath(t *testing.T) {
	dir := t.TempDir()
	for place, says := range map[string]string{
		filepath.Join(dir, "x.db"):       "",
		filepath.Join(dir, "a = b.db"):   "nor a path",
		"consentry.db":                   "",
		"./a=b.db":                       "",
		filepath.Join(dir, "no", "x.db"): "lies in a folder that does not exist",
		dir:                              "is a folder",
		"postgres://consentry@db/consentry?sslmode=verify-full&pool_max_conns=4": "",
		"postgresql://c:hunter2@[::1]:5433/consentry":                            "",
		"":                               "is empty",
		"hostaddr=1 password=hunter2":    "host=…",
		"password=hunter2":               "host=…",
		"url: hunter2":                   "nor a path",
		" hunter2":                       "nor a path",
		"mysql://c:hunter2@db/consentry": "is not spoken here",
		"postgres://a@b/c\npostgres://d:hunter2@e":          "more than one line",
		"postgres://c:hunter2@db:port/consentry":            "the port is no number",
		"postgres://c:hunter2/x@db/consentry":               "the port is no number, or the password",
		"postgres://c:hun ter2@db/consentry":                "not percent-encoded",
		"postgres://c:hunter2%zz@db/consentry":              "not percent-encoded",
		"postgres://c:hunter2@db/n?sslmode=maybe":           "sslmode has to be",
		"postgres://c:hunter2@db/n?pool_max_conns=1":        "at least 2",
		"postgres://c:hunter2@db/n?connect_timeout=hunter2": "a parameter after the ?",
	} {
		err := store.Usable(place)
		if says == "" {
			require.NoError(t, err, place)
			continue
		}
		var wrong *store.Unusable
		require.ErrorAs(t, err, &wrong, place)
		require.ErrorContains(t, err, says, place)
		require.NotRegexp(t, "hun ?ter", err.Error())
	}
}
