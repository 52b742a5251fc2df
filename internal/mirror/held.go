package mirror

import (
	"slices"

	"github.com/uptrace/bun"

	"consentry/internal/dirsync"
	"consentry/internal/domain"
)

type mirrorRow struct {
	bun.BaseModel `bun:"table:mirror_users"`
	IntegrationID string
	ObjectID      string
	Name          string
	Data          string
	Hash          string
}

type edgeRow struct {
	bun.BaseModel `bun:"table:mirror_members"`
	IntegrationID string
	GroupID       string
	MemberID      string
	MemberKind    string
}

// Put implements service.Mirror.
func (t *Tables) Put(integrationID string, s dirsync.Stream, objects []dirsync.Object) error {
	rows := make([]mirrorRow, 0, len(objects))
	for _, o := range lastOfEach(objects, func(o dirsync.Object) string { return o.ID }) {
		rows = append(rows, mirrorRow{IntegrationID: integrationID, ObjectID: o.ID, Name: o.Name, Data: string(o.Data), Hash: o.Hash})
	}
	return insert(t, "write the mirror", mirrorTable(s), rows, objectsPerStatement,
		"CONFLICT (integration_id, object_id) DO UPDATE SET name = EXCLUDED.name, data = EXCLUDED.data, hash = EXCLUDED.hash")
}

// PutEdges implements service.Mirror.
func (t *Tables) PutEdges(integrationID string, edges []dirsync.StagedEdge) error {
	rows := make([]edgeRow, 0, len(edges))
	for _, e := range edges {
		rows = append(rows, edgeRow{IntegrationID: integrationID, GroupID: e.GroupID, MemberID: e.MemberID, MemberKind: e.MemberKind})
	}
	return insert(t, "write memberships", "mirror_members", rows, edgesPerStatement, "CONFLICT DO NOTHING")
}

// Remove implements service.Mirror.
func (t *Tables) Remove(integrationID string, s dirsync.Stream, ids []string) error {
	for part := range slices.Chunk(ids, t.per(edgesPerStatement)) {
		if _, err := t.exec("remove from the mirror", "DELETE FROM ? WHERE integration_id = ? AND object_id IN (?)", mirrorTable(s), integrationID, bun.List(part)); err != nil {
			return err
		}
	}
	return nil
}

// RemoveEdgesOf implements service.Mirror.
func (t *Tables) RemoveEdgesOf(integrationID string, s dirsync.Stream, ids []string) (int64, error) {
	columns := []bun.Ident{"member_id"}
	if s == dirsync.Groups { // a group has members and is one
		columns = append(columns, "group_id")
	}
	var total int64
	for part := range slices.Chunk(ids, t.per(edgesPerStatement)) {
		for _, column := range columns {
			n, err := t.exec("remove memberships of what is gone", "DELETE FROM mirror_members WHERE integration_id = ? AND ? IN (?)", integrationID, column, bun.List(part))
			if err != nil {
				return total, err
			}
			total += n
		}
	}
	return total, nil
}

// RemoveEdges implements service.Mirror.
func (t *Tables) RemoveEdges(integrationID string, edges []dirsync.Edge) error {
	for part := range slices.Chunk(edges, t.per(edgesPerStatement)) {
		values, args := pairs(part)
		if _, err := t.exec("remove memberships", "DELETE FROM mirror_members WHERE integration_id = ? AND (group_id, member_id) IN "+values, append([]any{integrationID}, args...)...); err != nil {
			return err
		}
	}
	return nil
}

// Counts implements service.Mirror.
func (t *Tables) Counts(integrationID string) (c domain.Counts, err error) {
	for table, n := range map[bun.Ident]*int64{"mirror_users": &c.Users, "mirror_groups": &c.Groups, "mirror_members": &c.Memberships} {
		if err := t.scan("count the mirror", n, "SELECT count(*) FROM ? WHERE integration_id = ?", table, integrationID); err != nil {
			return c, err
		}
	}
	return c, nil
}

// Objects implements service.Mirror.
func (t *Tables) Objects(integrationID string, s dirsync.Stream, after string, limit int) ([]dirsync.Object, error) {
	var rows []mirrorRow
	err := t.scan("read the mirror", &rows, "SELECT * FROM ? WHERE integration_id = ? AND object_id > ? ORDER BY object_id LIMIT ?", mirrorTable(s), integrationID, after, limit)
	objects := make([]dirsync.Object, 0, len(rows))
	for _, r := range rows {
		objects = append(objects, dirsync.Object{ID: r.ObjectID, Name: r.Name, Data: []byte(r.Data), Hash: r.Hash})
	}
	return objects, err
}

// Edges implements service.Mirror.
func (t *Tables) Edges(integrationID string, after dirsync.Edge, limit int) ([]dirsync.StagedEdge, error) {
	var rows []edgeRow
	err := t.scan("read memberships", &rows, "SELECT * FROM mirror_members WHERE integration_id = ? AND (group_id, member_id) > (?, ?) ORDER BY group_id, member_id LIMIT ?", integrationID, after.GroupID, after.MemberID, limit)
	edges := make([]dirsync.StagedEdge, 0, len(rows))
	for _, r := range rows {
		edges = append(edges, dirsync.StagedEdge{Edge: dirsync.Edge{GroupID: r.GroupID, MemberID: r.MemberID}, MemberKind: r.MemberKind})
	}
	return edges, err
}
