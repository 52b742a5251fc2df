// Package mirror keeps the directory tables: what a run staged, what we hold of
// each customer's directory, how it was before a migration touched it, and the
// delta links from which the next rounds go on. It holds rows and knows no
// rules. Everything is set-wise, so that a page or a slice costs a few
// statements whatever its size.
//
// The staging of a full round is the mirror's next generation; sweeping is the
// set difference of the two. So an unchanged object costs no write, and a round
// that dies leaves the mirror as it was.
package mirror

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"consentry/internal/dirsync"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// Tables is the directory tables on one transaction.
type Tables struct {
	ctx context.Context
	db  bun.IDB
}

// On builds the tables on a transaction's handle.
func On(ctx context.Context, db bun.IDB) service.Mirror { return &Tables{ctx: ctx, db: db} }

// Rows per statement: what is gained by more is little, and a record may take some
// thousand bytes. PostgreSQL takes a whole slice at once, which saves round trips;
// values stand in the text, so that there is no limit of parameters.
const (
	objectsPerStatement = 200
	edgesPerStatement   = 1000
	postgresTimes       = 10
)

// per is how many rows a statement takes on this engine.
func (t *Tables) per(rows int) int {
	if t.db.Dialect().Name() == dialect.PG {
		return rows * postgresTimes
	}
	return rows
}

func stageTable(s dirsync.Stream) bun.Ident  { return bun.Ident("stage_" + string(s)) }
func mirrorTable(s dirsync.Stream) bun.Ident { return bun.Ident("mirror_" + string(s)) }

func (t *Tables) exec(what, query string, args ...any) (int64, error) {
	res, err := t.db.NewRaw(query, args...).Exec(t.ctx)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	return n, nil
}

func (t *Tables) scan(what string, dest any, query string, args ...any) error {
	err := t.db.NewRaw(query, args...).Scan(t.ctx, dest)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// insert writes rows in chunks; conflict is the rest of the statement behind ON.
// No two rows may have the same key: PostgreSQL updates none twice.
func insert[T any](t *Tables, what string, table bun.Ident, rows []T, per int, conflict string) error {
	for part := range slices.Chunk(rows, t.per(per)) {
		_, err := t.db.NewInsert().Model(&part).ModelTableExpr("?", table).On(conflict).Exec(t.ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// lastOfEach keeps the last row of each key, in order: a page of Microsoft Graph
// may name an object twice, and the later word stands.
func lastOfEach[T any, K comparable](rows []T, key func(T) K) []T {
	seen := make(map[K]bool, len(rows))
	kept := make([]T, 0, len(rows))
	for _, row := range slices.Backward(rows) {
		if k := key(row); !seen[k] {
			seen[k] = true
			kept = append(kept, row)
		}
	}
	slices.Reverse(kept)
	return kept
}

// pairs writes edges as the rows of a VALUES list.
func pairs(edges []dirsync.Edge) (string, []any) {
	args := make([]any, 0, 2*len(edges))
	for _, e := range edges {
		args = append(args, e.GroupID, e.MemberID)
	}
	return "(VALUES " + strings.TrimSuffix(strings.Repeat("(?, ?), ", len(edges)), ", ") + ")", args
}

// Cursor implements service.Mirror.
func (t *Tables) Cursor(runID string) (dirsync.Cursor, error) {
	var c dirsync.Cursor
	var states []string
	if err := t.scan("read the position of a run", &states, "SELECT state FROM sync_cursors WHERE run_id = ?", runID); err != nil {
		return c, err
	}
	if len(states) == 0 {
		return c, domain.Missing("synchronization under way")
	}
	if err := json.Unmarshal([]byte(states[0]), &c); err != nil {
		return c, fmt.Errorf("the position of run %s is damaged: %w", runID, err)
	}
	return c, nil
}

// PutCursor implements service.Mirror.
func (t *Tables) PutCursor(c dirsync.Cursor) error {
	state, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = t.exec("keep the position of a run",
		"INSERT INTO sync_cursors (run_id, stage_id, state) VALUES (?, ?, ?) ON CONFLICT (run_id) DO UPDATE SET stage_id = EXCLUDED.stage_id, state = EXCLUDED.state",
		c.RunID, c.StageID, string(state))
	return err
}

// Link implements service.Mirror.
func (t *Tables) Link(integrationID string, s dirsync.Stream, clientID string) (string, error) {
	var links []string
	err := t.scan("read a delta link", &links, "SELECT link FROM sync_links WHERE integration_id = ? AND stream = ? AND client_id = ?", integrationID, s, clientID)
	if err != nil || len(links) == 0 {
		return "", err
	}
	return links[0], nil
}

// PutLink implements service.Mirror.
func (t *Tables) PutLink(integrationID string, s dirsync.Stream, clientID, link string) error {
	_, err := t.exec("keep a delta link",
		"INSERT INTO sync_links (integration_id, stream, client_id, link) VALUES (?, ?, ?, ?) ON CONFLICT (integration_id, stream, client_id) DO UPDATE SET link = EXCLUDED.link",
		integrationID, s, clientID, link)
	return err
}

// DropLinks implements service.Mirror.
func (t *Tables) DropLinks(integrationID, clientID string) error {
	_, err := t.exec("forget delta links", "DELETE FROM sync_links WHERE integration_id = ? AND client_id = ?", integrationID, clientID)
	return err
}
