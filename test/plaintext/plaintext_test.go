package plaintext

import (
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A search that finds nothing means something only if it would have found it.
func TestEveryFormIsFound(t *testing.T) {
	const secret = `Xq8~a "secret" of Müller & Co`
	file := filepath.Join(t.TempDir(), "some.db")
	db, err := sql.Open("sqlite", "file:"+file)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.ExecContext(t.Context(), `CREATE TABLE "odd ""name" (id integer, "value" blob)`)
	require.NoError(t, err)

	search := func(value any) []string {
		_, err := db.ExecContext(t.Context(), `DELETE FROM "odd ""name"`)
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), `INSERT INTO "odd ""name" VALUES (1, ?)`, value)
		require.NoError(t, err)
		found, read, err := Search(t.Context(), file, []string{secret, "somebody else"})
		require.NoError(t, err)
		require.Equal(t, 2, read)
		return found
	}
	require.Empty(t, search("nothing of it"))
	for lead := range 4 {
		around := strings.Repeat("x", lead) + secret + strings.Repeat("y", lead)
		for name, value := range map[string]any{
			"text": around, "bytes": []byte(around), "in a long blob": []byte(strings.Repeat("z", 100_000) + around), "upper case": strings.ToUpper(around[:lead]) + around[lead:],
			"base64": base64.StdEncoding.EncodeToString([]byte(around)), "base64url": []byte(base64.URLEncoding.EncodeToString([]byte(around))), "hex": strings.ToUpper(hex.EncodeToString([]byte(around))),
		} {
			require.NotEmpty(t, search(value), "%s, %d before it", name, lead)
		}
	}
}
