package mirror

import (
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// held is what is kept of an integration, by the kind that a receipt names, with
// the columns that tell the rows of one integration apart.
var held = []struct {
	kind  string
	table bun.Ident
	keys  []bun.Ident
}{
	{"memberships", "mirror_members", []bun.Ident{"group_id", "member_id"}},
	{"users", "mirror_users", []bun.Ident{"object_id"}},
	{"groups", "mirror_groups", []bun.Ident{"object_id"}},
	{"before-images", "before_images", []bun.Ident{"migration_id", "stream", "object_id", "member_id"}},
	{"delta-links", "sync_links", []bun.Ident{"stream", "client_id"}},
}

// Erase implements service.Mirror.
func (t *Tables) Erase(integrationID string, limit int) (map[string]int64, error) {
	taken := map[string]int64{}
	for _, h := range held {
		n, err := t.eraseSome(h.table, "integration_id", h.keys, []string{integrationID}, limit)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			taken[h.kind] = n
		}
		if limit -= int(n); limit <= 0 {
			break
		}
	}
	return taken, nil
}

// EraseStages implements service.Mirror.
func (t *Tables) EraseStages(runIDs []string, limit int) (taken int64, err error) {
	for _, stage := range []struct {
		table bun.Ident
		keys  []bun.Ident
	}{
		{"stage_members", []bun.Ident{"stage_id", "group_id", "member_id"}}, {"stage_users", []bun.Ident{"stage_id", "object_id"}},
		{"stage_groups", []bun.Ident{"stage_id", "object_id"}}, {"sync_cursors", []bun.Ident{"run_id"}},
	} {
		n, err := t.eraseSome(stage.table, "stage_id", stage.keys, runIDs, limit-int(taken))
		if taken += n; err != nil || int(taken) >= limit {
			return taken, err
		}
	}
	return taken, nil
}

// eraseSome deletes the first rows of an owner. Neither engine limits a DELETE by
// itself, so the rows are chosen first.
func (t *Tables) eraseSome(table, owner bun.Ident, keys []bun.Ident, of []string, limit int) (int64, error) {
	if len(of) == 0 {
		return 0, nil
	}
	return t.exec("erase", "DELETE FROM ? WHERE ? IN (?) AND (?) IN (SELECT ? FROM ? WHERE ? IN (?) LIMIT ?)",
		table, owner, bun.List(of), columns(keys), columns(keys), table, owner, bun.List(of), limit)
}

// columns writes names as a list.
type columns []bun.Ident

// AppendQuery implements schema.QueryAppender.
func (c columns) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	for n, name := range c {
		if n > 0 {
			b = append(b, ", "...)
		}
		b = gen.AppendIdent(b, string(name))
	}
	return b, nil
}
