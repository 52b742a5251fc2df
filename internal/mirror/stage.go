package mirror

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"consentry/internal/dirsync"
	"consentry/internal/service"
)

type stageRow struct {
	bun.BaseModel `bun:"table:stage_users"`
	StageID       string
	ObjectID      string
	State         dirsync.State
	Fresh         bool
	Patch         string
	Hash          string // of the record that the patch alone makes
}

func (r stageRow) staged() (dirsync.Staged, error) {
	s := dirsync.Staged{ID: r.ObjectID, State: r.State, Fresh: r.Fresh}
	if err := json.Unmarshal([]byte(r.Patch), &s.Patch); err != nil {
		return s, fmt.Errorf("a staged record is damaged: %w", err)
	}
	return s, nil
}

type stageEdgeRow struct {
	bun.BaseModel `bun:"table:stage_members"`
	StageID       string
	GroupID       string
	MemberID      string
	MemberKind    string
	Removed       bool
}

// DropStage implements service.Mirror.
func (t *Tables) DropStage(stageID string) error {
	for _, table := range []bun.Ident{"stage_users", "stage_groups", "stage_members", "sync_cursors"} {
		if _, err := t.exec("forget a staging", "DELETE FROM ? WHERE stage_id = ?", table, stageID); err != nil {
			return err
		}
	}
	return nil
}

// Staged implements service.Mirror.
func (t *Tables) Staged(stageID string, s dirsync.Stream, ids []string) (map[string]dirsync.Staged, error) {
	found := map[string]dirsync.Staged{}
	for part := range slices.Chunk(ids, t.per(edgesPerStatement)) {
		var rows []stageRow
		err := t.scan("read a staging", &rows, "SELECT * FROM ? WHERE stage_id = ? AND object_id IN (?)", stageTable(s), stageID, bun.List(part))
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if found[r.ObjectID], err = r.staged(); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// StagedEdges implements service.Mirror.
func (t *Tables) StagedEdges(stageID string, edges []dirsync.Edge) (map[dirsync.Edge]bool, error) {
	found := map[dirsync.Edge]bool{}
	for part := range slices.Chunk(edges, t.per(edgesPerStatement)) {
		var rows []stageEdgeRow
		values, args := pairs(part)
		err := t.scan("read staged memberships", &rows, "SELECT * FROM stage_members WHERE stage_id = ? AND (group_id, member_id) IN "+values, append([]any{stageID}, args...)...)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			found[dirsync.Edge{GroupID: r.GroupID, MemberID: r.MemberID}] = !r.Removed
		}
	}
	return found, nil
}

// Stage implements service.Mirror.
func (t *Tables) Stage(stageID string, s dirsync.Stream, objects []dirsync.Staged) error {
	rows := make([]stageRow, 0, len(objects))
	for _, o := range lastOfEach(objects, func(o dirsync.Staged) string { return o.ID }) {
		patch, err := json.Marshal(o.Patch)
		if err != nil {
			return err
		}
		record, err := o.Record()
		if err != nil {
			return err
		}
		rows = append(rows, stageRow{StageID: stageID, ObjectID: o.ID, State: o.State, Fresh: o.Fresh, Patch: string(patch), Hash: record.Hash})
	}
	return insert(t, "stage a page", stageTable(s), rows, objectsPerStatement,
		"CONFLICT (stage_id, object_id) DO UPDATE SET state = EXCLUDED.state, fresh = EXCLUDED.fresh, patch = EXCLUDED.patch, hash = EXCLUDED.hash")
}

// StageEdges implements service.Mirror.
func (t *Tables) StageEdges(stageID string, edges []dirsync.StagedEdge) error {
	rows := make([]stageEdgeRow, 0, len(edges))
	for _, e := range lastOfEach(edges, func(e dirsync.StagedEdge) dirsync.Edge { return e.Edge }) {
		rows = append(rows, stageEdgeRow{StageID: stageID, GroupID: e.GroupID, MemberID: e.MemberID, MemberKind: e.MemberKind, Removed: e.Removed})
	}
	return insert(t, "stage memberships", "stage_members", rows, edgesPerStatement,
		"CONFLICT (stage_id, group_id, member_id) DO UPDATE SET member_kind = EXCLUDED.member_kind, removed = EXCLUDED.removed")
}

// Puts implements service.Mirror.
func (t *Tables) Puts(stageID, integrationID string, s dirsync.Stream, full bool, after string, limit int) ([]service.MirrorPut, error) {
	var rows []struct {
		stageRow
		HeldData *string
	}
	same := ""
	if full { // in a delta round the patch alone is no whole record
		same = "AND (m.object_id IS NULL OR m.hash <> s.hash)"
	}
	err := t.scan("plan a slice", &rows, `
		SELECT s.stage_id, s.object_id, s.state, s.fresh, s.patch, s.hash, m.data AS held_data
		FROM ? AS s LEFT JOIN ? AS m ON m.integration_id = ? AND m.object_id = s.object_id
		WHERE s.stage_id = ? AND s.object_id > ? AND s.state = 'present' `+same+`
		ORDER BY s.object_id LIMIT ?`,
		stageTable(s), mirrorTable(s), integrationID, stageID, after, limit)
	if err != nil {
		return nil, err
	}
	puts := make([]service.MirrorPut, 0, len(rows))
	for _, r := range rows {
		staged, err := r.staged()
		if err != nil {
			return nil, err
		}
		put := service.MirrorPut{Staged: staged}
		if r.HeldData != nil {
			held, err := dirsync.NewObject(r.ObjectID, []byte(*r.HeldData))
			if err != nil {
				return nil, err
			}
			put.Held = &held
		}
		puts = append(puts, put)
	}
	return puts, nil
}

// NewEdges implements service.Mirror.
func (t *Tables) NewEdges(stageID, integrationID string, after dirsync.Edge, limit int) ([]dirsync.StagedEdge, error) {
	var rows []stageEdgeRow
	err := t.scan("plan new memberships", &rows, `
		SELECT s.* FROM stage_members AS s
		LEFT JOIN mirror_members AS m ON m.integration_id = ? AND m.group_id = s.group_id AND m.member_id = s.member_id
		WHERE s.stage_id = ? AND (s.group_id, s.member_id) > (?, ?) AND NOT s.removed AND m.group_id IS NULL
		ORDER BY s.group_id, s.member_id LIMIT ?`,
		integrationID, stageID, after.GroupID, after.MemberID, limit)
	edges := make([]dirsync.StagedEdge, 0, len(rows))
	for _, r := range rows {
		edges = append(edges, dirsync.StagedEdge{Edge: dirsync.Edge{GroupID: r.GroupID, MemberID: r.MemberID}, MemberKind: r.MemberKind})
	}
	return edges, err
}
