package mirror

import (
	"slices"

	"consentry/internal/dirsync"
	"consentry/internal/domain"
)

// Compare implements service.Mirror.
func (t *Tables) Compare(stageID, integrationID string) (dirsync.Parity, error) {
	p := dirsync.Parity{Examples: []domain.Difference{}}
	var err error
	if p.Mirror, err = t.Counts(integrationID); err != nil {
		return p, err
	}
	for _, s := range dirsync.Streams {
		if err := t.compareObjects(&p, stageID, integrationID, s); err != nil {
			return p, err
		}
	}
	return p, t.compareEdges(&p, stageID, integrationID)
}

func (t *Tables) compareObjects(p *dirsync.Parity, stageID, integrationID string, s dirsync.Stream) error {
	pick := func(c *domain.Counts) *int64 {
		if s == dirsync.Groups {
			return &c.Groups
		}
		return &c.Users
	}
	if err := t.scan("count a reading", pick(&p.Reading), "SELECT count(*) FROM ? WHERE stage_id = ? AND state = 'present'", stageTable(s), stageID); err != nil {
		return err
	}
	both := " FROM ? AS s LEFT JOIN ? AS m ON m.integration_id = ? AND m.object_id = s.object_id WHERE s.stage_id = ? AND s.state = 'present' AND "
	args := []any{stageTable(s), mirrorTable(s), integrationID, stageID}
	var rows []struct {
		ObjectID string
		Patch    string
		Data     string
		Name     string
	}
	for _, change := range []struct {
		name, where string
		count       *int64
	}{
		{dirsync.ChangeAdded, "m.object_id IS NULL", pick(&p.Added)},
		{dirsync.ChangeChanged, "m.hash <> s.hash", pick(&p.Changed)},
	} {
		if err := t.scan("compare a reading", change.count, "SELECT count(*)"+both+change.where, args...); err != nil || *change.count == 0 {
			if err != nil {
				return err
			}
			continue
		}
		rows = rows[:0]
		err := t.scan("show differences", &rows, "SELECT s.object_id, s.patch, COALESCE(m.data, '{}') AS data"+both+change.where+" ORDER BY s.object_id LIMIT ?",
			append(slices.Clip(args), room(p, change.name))...)
		if err != nil {
			return err
		}
		for _, r := range rows {
			staged, err := stageRow{ObjectID: r.ObjectID, Patch: r.Patch}.staged()
			if err != nil {
				return err
			}
			record, err := staged.Record()
			if err != nil {
				return err
			}
			d := domain.Difference{Kind: s.Noun(), Change: change.name, ObjectID: r.ObjectID, Name: record.Name}
			if change.name == dirsync.ChangeChanged {
				if d.Fields, err = dirsync.Fields([]byte(r.Data), record.Data); err != nil {
					return err
				}
			}
			p.Examples = append(p.Examples, d)
		}
	}
	gone := pick(&p.Removed)
	var err error
	if *gone, err = t.CountMissing(stageID, integrationID, s, true); err != nil || *gone == 0 {
		return err
	}
	rows = rows[:0]
	err = t.scan("show removals", &rows, "SELECT m.object_id, m.name"+missing(true)+" ORDER BY m.object_id LIMIT ?",
		mirrorTable(s), stageTable(s), stageID, integrationID, room(p, dirsync.ChangeRemoved))
	for _, r := range rows {
		p.Examples = append(p.Examples, domain.Difference{Kind: s.Noun(), Change: dirsync.ChangeRemoved, ObjectID: r.ObjectID, Name: r.Name})
	}
	return err
}

func (t *Tables) compareEdges(p *dirsync.Parity, stageID, integrationID string) error {
	if err := t.scan("count read memberships", &p.Reading.Memberships, "SELECT count(*) FROM stage_members WHERE stage_id = ? AND NOT removed", stageID); err != nil {
		return err
	}
	var err error
	if p.Removed.Memberships, err = t.CountMissingEdges(stageID, integrationID, true); err != nil {
		return err
	}
	// What both sides have is what the mirror has and does not lose.
	p.Added.Memberships = p.Reading.Memberships - (p.Mirror.Memberships - p.Removed.Memberships)
	added, err := t.NewEdges(stageID, integrationID, dirsync.Edge{}, room(p, dirsync.ChangeAdded))
	if err != nil {
		return err
	}
	for _, e := range added {
		p.Examples = append(p.Examples, edgeDifference(e.Edge, dirsync.ChangeAdded))
	}
	removed, err := t.MissingEdges(stageID, integrationID, true, dirsync.Edge{}, room(p, dirsync.ChangeRemoved))
	if err != nil {
		return err
	}
	for _, e := range removed {
		p.Examples = append(p.Examples, edgeDifference(e, dirsync.ChangeRemoved))
	}
	return nil
}

func edgeDifference(e dirsync.Edge, change string) domain.Difference {
	return domain.Difference{Kind: "membership", Change: change, ObjectID: e.GroupID, MemberID: e.MemberID}
}

// room is how many more examples of a change may be shown.
func room(p *dirsync.Parity, change string) int {
	left := dirsync.ExamplesPerChange
	for _, d := range p.Examples {
		if d.Change == change {
			left--
		}
	}
	return left
}
