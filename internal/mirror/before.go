package mirror

import (
	"github.com/uptrace/bun"

	"consentry/internal/dirsync"
	"consentry/internal/service"
)

// edgeImages stands where a stream would, for memberships.
const edgeImages = "members"

type imageRow struct {
	bun.BaseModel `bun:"table:before_images"`
	MigrationID   string
	IntegrationID string
	Stream        string
	ObjectID      string
	MemberID      string
	Data          *string
}

// KeepBefore implements service.Mirror.
func (t *Tables) KeepBefore(migrationID, integrationID string, s dirsync.Stream, before []service.MirrorPut) error {
	rows := make([]imageRow, 0, len(before))
	for _, b := range before {
		row := imageRow{MigrationID: migrationID, IntegrationID: integrationID, Stream: string(s), ObjectID: b.Staged.ID}
		if b.Held != nil {
			data := string(b.Held.Data)
			row.Data = &data
		}
		rows = append(rows, row)
	}
	return insert(t, "keep how rows were", "before_images", rows, objectsPerStatement, "CONFLICT DO NOTHING")
}

// KeepEdgesBefore implements service.Mirror.
func (t *Tables) KeepEdgesBefore(migrationID, integrationID string, added []dirsync.StagedEdge) error {
	rows := make([]imageRow, 0, len(added))
	for _, e := range added {
		rows = append(rows, imageRow{MigrationID: migrationID, IntegrationID: integrationID, Stream: edgeImages, ObjectID: e.GroupID, MemberID: e.MemberID})
	}
	return insert(t, "keep how memberships were", "before_images", rows, edgesPerStatement, "CONFLICT DO NOTHING")
}

// RestoreBefore implements service.Mirror.
func (t *Tables) RestoreBefore(migrationID string) error {
	for _, s := range dirsync.Streams {
		_, err := t.exec("take back added rows", `DELETE FROM ? WHERE EXISTS (SELECT 1 FROM before_images AS b
			WHERE b.migration_id = ? AND b.stream = ? AND b.data IS NULL AND b.integration_id = ?.integration_id AND b.object_id = ?.object_id)`,
			mirrorTable(s), migrationID, s, mirrorTable(s), mirrorTable(s))
		if err != nil {
			return err
		}
		if err := t.restoreImages(migrationID, s); err != nil {
			return err
		}
	}
	_, err := t.exec("take back added memberships", `DELETE FROM mirror_members WHERE EXISTS (SELECT 1 FROM before_images AS b
		WHERE b.migration_id = ? AND b.stream = ? AND b.integration_id = mirror_members.integration_id
		AND b.object_id = mirror_members.group_id AND b.member_id = mirror_members.member_id)`, migrationID, edgeImages)
	if err != nil {
		return err
	}
	_, err = t.exec("forget how rows were", "DELETE FROM before_images WHERE migration_id = ?", migrationID)
	return err
}

// imagesAtOnce bounds what is held in memory: a whole directory may have changed.
const imagesAtOnce = 2_000

// restoreImages puts back the rows that were there before.
func (t *Tables) restoreImages(migrationID string, s dirsync.Stream) error {
	for after := ([2]string{}); ; {
		var images []imageRow
		err := t.scan("read how rows were", &images, `SELECT * FROM before_images WHERE migration_id = ? AND stream = ? AND data IS NOT NULL
			AND (integration_id, object_id) > (?, ?) ORDER BY integration_id, object_id LIMIT ?`, migrationID, s, after[0], after[1], imagesAtOnce)
		if err != nil {
			return err
		}
		byIntegration := map[string][]dirsync.Object{}
		for _, b := range images {
			o, err := dirsync.NewObject(b.ObjectID, []byte(*b.Data))
			if err != nil {
				return err
			}
			byIntegration[b.IntegrationID] = append(byIntegration[b.IntegrationID], o)
			after = [2]string{b.IntegrationID, b.ObjectID}
		}
		for integrationID, objects := range byIntegration {
			if err := t.Put(integrationID, s, objects); err != nil {
				return err
			}
		}
		if len(images) < imagesAtOnce {
			return nil
		}
	}
}

// DropBefore implements service.Mirror.
func (t *Tables) DropBefore(integrationID string) error {
	_, err := t.exec("forget how rows were", "DELETE FROM before_images WHERE integration_id = ?", integrationID)
	return err
}
