package mirror

import (
	"consentry/internal/dirsync"
	"consentry/internal/service"
)

// missing is the held objects that a staging removes. A delta staging names
// them; a full one also removes what it does not name.
func missing(full bool) string {
	join, unnamed := "JOIN", ""
	if full {
		join, unnamed = "LEFT JOIN", "s.object_id IS NULL OR "
	}
	return " FROM ? AS m " + join + " ? AS s ON s.stage_id = ? AND s.object_id = m.object_id" +
		" WHERE m.integration_id = ? AND (" + unnamed + "s.state <> 'present')"
}

func missingEdges(full bool) string {
	join, unnamed := "JOIN", ""
	if full {
		join, unnamed = "LEFT JOIN", "s.group_id IS NULL OR "
	}
	return " FROM mirror_members AS m " + join + " stage_members AS s ON s.stage_id = ? AND s.group_id = m.group_id AND s.member_id = m.member_id" +
		" WHERE m.integration_id = ? AND (" + unnamed + "s.removed)"
}

// Missing implements service.Mirror.
func (t *Tables) Missing(stageID, integrationID string, s dirsync.Stream, full bool, after string, limit int) ([]service.MirrorMissing, error) {
	var rows []struct {
		ObjectID string
		State    *dirsync.State
	}
	err := t.scan("plan removals", &rows, "SELECT m.object_id, s.state"+missing(full)+" AND m.object_id > ? ORDER BY m.object_id LIMIT ?",
		mirrorTable(s), stageTable(s), stageID, integrationID, after, limit)
	found := make([]service.MirrorMissing, 0, len(rows))
	for _, r := range rows {
		found = append(found, service.MirrorMissing{ID: r.ObjectID, Excluded: r.State != nil && *r.State == dirsync.Excluded})
	}
	return found, err
}

// CountMissing implements service.Mirror.
func (t *Tables) CountMissing(stageID, integrationID string, s dirsync.Stream, full bool) (n int64, err error) {
	err = t.scan("count removals", &n, "SELECT count(*)"+missing(full), mirrorTable(s), stageTable(s), stageID, integrationID)
	return n, err
}

// MissingEdges implements service.Mirror.
func (t *Tables) MissingEdges(stageID, integrationID string, full bool, after dirsync.Edge, limit int) ([]dirsync.Edge, error) {
	var rows []dirsync.Edge
	err := t.scan("plan ended memberships", &rows,
		"SELECT m.group_id, m.member_id"+missingEdges(full)+" AND (m.group_id, m.member_id) > (?, ?) ORDER BY m.group_id, m.member_id LIMIT ?",
		stageID, integrationID, after.GroupID, after.MemberID, limit)
	return rows, err
}

// CountMissingEdges implements service.Mirror.
func (t *Tables) CountMissingEdges(stageID, integrationID string, full bool) (n int64, err error) {
	err = t.scan("count ended memberships", &n, "SELECT count(*)"+missingEdges(full), stageID, integrationID)
	return n, err
}
