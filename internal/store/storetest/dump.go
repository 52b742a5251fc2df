package storetest

import (
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// opened knows the database of each store that is open.
var opened sync.Map

// Dump reads every row of every table of an open store past the store itself, as
// text by table: for tests that look for what must not be there.
func Dump(t testing.TB, s any) map[string][]string {
	t.Helper()
	database, known := opened.Load(s)
	require.True(t, known, "the store was not opened by this package")
	driver, address := "sqlite", "file:"+database.(string)+"?_pragma=busy_timeout(15000)"
	tables := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	if strings.Contains(database.(string), "://") {
		driver, address = "pgx", database.(string)
		tables = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
	}
	db, err := sql.Open(driver, address)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	all := map[string][]string{}
	for _, name := range texts(t, db, tables) {
		all[name] = texts(t, db, `SELECT * FROM "`+name+`"`)
	}
	return all
}

// texts reads rows, each as one text.
func texts(t testing.TB, db *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for n := range values {
			into[n] = &values[n]
		}
		require.NoError(t, rows.Scan(into...))
		parts := make([]string, len(values))
		for n, v := range values {
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			parts[n] = fmt.Sprint(v)
		}
		out = append(out, strings.Join(parts, " | "))
	}
	require.NoError(t, rows.Err())
	return out
}
