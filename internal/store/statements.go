package store

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// statements are the questions of reads that are asked again and again, prepared
// once a connection: reading such a short text is most of what its answer costs.
type statements struct {
	db       *sql.DB
	numbered bool // parameters are $1, $2 and not ?

	mu   sync.RWMutex
	kept map[string]*sql.Stmt
}

// mostStatements bounds what is kept, in each connection. The texts come from
// this program, which has far fewer.
const mostStatements = 500

func (s *statements) find(text string) *sql.Stmt {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.kept[text]
}

// keep prepares a text that was asked without. It needs a connection, and so the
// asker must have given back its own: with all of them waiting for one more, none
// would come. What cannot be prepared now is asked as it is and kept another time.
func (s *statements) keep(ctx context.Context, texts []string) {
	for _, text := range texts {
		s.mu.RLock()
		full := len(s.kept) >= mostStatements || s.kept[text] != nil
		s.mu.RUnlock()
		if full {
			continue
		}
		stmt, err := s.db.PrepareContext(ctx, s.parameters(text)) //nolint:sqlclosecheck // kept as long as the database is open
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.kept[text] == nil {
			s.kept[text], stmt = stmt, nil
		}
		s.mu.Unlock()
		if stmt != nil { // another asker was first
			_ = stmt.Close()
		}
	}
}

// parameters writes the parameters as the driver has them. Such a text holds no
// literal, so that each question mark is one.
func (s *statements) parameters(text string) string {
	if !s.numbered {
		return text
	}
	parts := strings.Split(text, "?")
	var b strings.Builder
	for n, part := range parts[:len(parts)-1] {
		b.WriteString(part)
		b.WriteString("$" + strconv.Itoa(n+1))
	}
	return b.String() + parts[len(parts)-1]
}

// asked asks a text whose values are parameters, of a kept statement if there is
// one.
func (r *rows) asked(text string, args []any) (*sql.Rows, error) {
	if stmt := r.store.statements.find(text); stmt != nil && (r.tx != nil || r.free) { //nolint:sqlclosecheck // kept
		for n, arg := range args {
			if s, ok := arg.(string); ok {
				args[n] = storable(s)
			}
		}
		if r.tx != nil {
			stmt = r.tx.StmtContext(r.ctx, stmt) //nolint:sqlclosecheck // ends with the transaction
		}
		return stmt.QueryContext(r.ctx, args...)
	}
	r.missed = append(r.missed, text)
	return r.db.QueryContext(r.ctx, text, args...)
}

// storable is a text as it is stored (see writable).
func storable(s string) string {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	return strings.ReplaceAll(s, "\x00", "")
}
