package store

import (
	"strings"

	"github.com/uptrace/bun/schema"
)

// writable is a dialect that leaves NUL characters out of texts. No text of
// PostgreSQL can hold one, and a single name in a customer's directory must not
// stop its synchronization; JSON texts keep theirs escaped.
type writable struct{ schema.Dialect }

// AppendString implements schema.Dialect.
func (d writable) AppendString(b []byte, s string) []byte {
	return d.Dialect.AppendString(b, strings.ReplaceAll(s, "\x00", ""))
}
