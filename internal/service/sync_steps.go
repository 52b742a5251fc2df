package service

import (
	"maps"

	"consentry/internal/dirsync"
	"consentry/internal/domain"
)

// The states of a hold: held until a person decides, then removed or kept; gone
// when the object was seen again or the run that made it was taken back.
const (
	holdHeld = "held"
	holdKept = "kept"
	holdGone = "gone"
)

const membershipNoun = "membership"

// applier applies one slice of one run.
type applier struct {
	*Tx
	run     *domain.SyncRun
	i       domain.Integration
	c       *dirsync.Cursor
	left    int  // operations this slice may still do
	rebound bool // another app than this one left the mirror as it is
}

// slice takes steps until the slice is full or the staging is applied.
func (a *applier) slice() error {
	for a.left > 0 && a.c.Apply.Step != dirsync.StepDone {
		before, step := a.left, a.c.Apply.Step
		done, err := a.step(step)
		if err != nil {
			return err
		}
		if done {
			a.c.Apply.NextStep()
		} else if a.left == before {
			a.left = 0 // a step that neither ends nor advances waits for the next slice
		}
	}
	return nil
}

func (a *applier) step(step dirsync.Step) (done bool, err error) {
	switch step {
	case dirsync.StepSeen:
		return true, a.seenAgain()
	case dirsync.StepPutUsers:
		return a.put(dirsync.Users)
	case dirsync.StepPutGroups:
		return a.put(dirsync.Groups)
	case dirsync.StepPutMembers:
		return a.putEdges()
	case dirsync.StepRemoveUsers:
		return a.remove(dirsync.Users, dirsync.DefaultLimits.Users)
	case dirsync.StepRemoveGroups:
		return a.remove(dirsync.Groups, dirsync.DefaultLimits.Groups)
	case dirsync.StepRemoveMembers:
		return a.removeEdges(dirsync.DefaultLimits.Memberships)
	case dirsync.StepDone:
	}
	return true, nil
}

// undecided are the holds that stand in the way of a removal.
func (t *Tx) undecided(integrationID string, more Where) ([]domain.Hold, error) {
	w := Where{"integration_id": integrationID, "state": []string{holdHeld, holdKept}}
	maps.Copy(w, more)
	return t.Rows.Holds().List(By(w))
}

// seenAgain ends the holds on what the round has seen.
func (a *applier) seenAgain() error {
	holds, err := a.undecided(a.i.ID, nil)
	if err != nil || len(holds) == 0 {
		return err
	}
	ids, edges := map[string][]string{}, []dirsync.Edge{}
	for _, h := range holds {
		if h.Kind == membershipNoun {
			edges = append(edges, dirsync.Edge{GroupID: h.ObjectID, MemberID: h.MemberID})
			continue
		}
		ids[h.Kind] = append(ids[h.Kind], h.ObjectID)
	}
	seen := map[string]map[string]dirsync.Staged{}
	for _, s := range dirsync.Streams {
		if seen[s.Noun()], err = a.Mirror().Staged(a.c.StageID, s, ids[s.Noun()]); err != nil {
			return err
		}
	}
	stands, err := a.Mirror().StagedEdges(a.c.StageID, edges)
	if err != nil {
		return err
	}
	for _, h := range holds {
		if h.Kind == membershipNoun {
			if !stands[dirsync.Edge{GroupID: h.ObjectID, MemberID: h.MemberID}] {
				continue
			}
		} else if seen[h.Kind][h.ObjectID].State != dirsync.Present {
			continue
		}
		h.State, h.GoneAt, h.GoneRunID = holdGone, a.At(), a.run.ID
		if err := a.Rows.Holds().Update(&h); err != nil {
			return err
		}
	}
	return nil
}

// put writes staged users or groups that are new or changed.
func (a *applier) put(s dirsync.Stream) (done bool, err error) {
	limit := a.left
	puts, err := a.Mirror().Puts(a.c.StageID, a.i.ID, s, a.run.Full, a.c.Apply.After.GroupID, limit)
	if err != nil {
		return false, err
	}
	var objects []dirsync.Object
	var before []MirrorPut
	for _, p := range puts {
		next, changed, err := p.Staged.On(p.Held, a.run.Full)
		if err != nil {
			return false, err
		}
		if !changed {
			continue
		}
		if p.Held == nil {
			a.run.Added++
		} else {
			a.run.Changed++
		}
		objects, before = append(objects, next), append(before, p)
	}
	if a.run.Purpose == domain.RunFirst {
		if err := a.Mirror().KeepBefore(a.run.MigrationID, a.i.ID, s, before); err != nil {
			return false, err
		}
	}
	if err := a.Mirror().Put(a.i.ID, s, objects); err != nil {
		return false, err
	}
	if len(puts) > 0 {
		a.c.Apply.After.GroupID = puts[len(puts)-1].Staged.ID
	}
	a.left -= len(puts)
	return len(puts) < limit, nil
}

func (a *applier) putEdges() (done bool, err error) {
	limit := a.left
	edges, err := a.Mirror().NewEdges(a.c.StageID, a.i.ID, a.c.Apply.After, limit)
	if err != nil {
		return false, err
	}
	if a.run.Purpose == domain.RunFirst {
		if err := a.Mirror().KeepEdgesBefore(a.run.MigrationID, a.i.ID, edges); err != nil {
			return false, err
		}
	}
	if err := a.Mirror().PutEdges(a.i.ID, edges); err != nil {
		return false, err
	}
	if len(edges) > 0 {
		a.c.Apply.After = edges[len(edges)-1].Edge
	}
	a.run.Added += int64(len(edges))
	a.left -= len(edges)
	return len(edges) < limit, nil
}

// guard decides once for a step whether its removals are held, before the first
// of them: removals that are held already are no news and do not count.
func (a *applier) guard(plural, kind string, l dirsync.Limit, removals, of int64) error {
	if a.c.Apply.Guarded {
		return nil
	}
	a.c.Apply.Guarded = true
	if a.rebound {
		a.c.Apply.Held = dirsync.HoldRebound
		return nil
	}
	if a.run.Full {
		held, err := a.Rows.Holds().Count(By(Where{"integration_id": a.i.ID, "kind": kind, "state": []string{holdHeld, holdKept}}))
		if err != nil {
			return err
		}
		removals = max(0, removals-int64(held))
	}
	a.c.Apply.Held = l.Hold(plural, removals, of)
	return nil
}

// remove takes users or groups away that the round no longer has, with their
// memberships, or holds them back.
func (a *applier) remove(s dirsync.Stream, l dirsync.Limit) (done bool, err error) {
	if !a.c.Apply.Guarded {
		n, err := a.Mirror().CountMissing(a.c.StageID, a.i.ID, s, a.run.Full)
		if err != nil {
			return false, err
		}
		counts, err := a.Mirror().Counts(a.i.ID)
		if err != nil {
			return false, err
		}
		of := counts.Users
		if s == dirsync.Groups {
			of = counts.Groups
		}
		if err := a.guard(string(s), s.Noun(), l, n, of); err != nil {
			return false, err
		}
	}
	limit := a.left
	missing, err := a.Mirror().Missing(a.c.StageID, a.i.ID, s, a.run.Full, a.c.Apply.After.GroupID, limit)
	if err != nil || len(missing) == 0 {
		return true, err
	}
	ids := make([]string, 0, len(missing))
	for _, m := range missing {
		ids = append(ids, m.ID)
	}
	holds, err := a.undecided(a.i.ID, Where{"kind": s.Noun(), "object_id": ids})
	if err != nil {
		return false, err
	}
	held := map[string]bool{}
	for _, h := range holds {
		held[h.ObjectID] = true
	}
	var remove, ended []string
	for _, m := range missing {
		switch {
		case held[m.ID]:
		case a.c.Apply.Held != "":
			if err := a.hold(s.Noun(), m.ID, "", a.c.Apply.Held); err != nil {
				return false, err
			}
		default:
			remove = append(remove, m.ID)
			if !m.Excluded {
				ended = append(ended, m.ID)
			}
		}
	}
	if err := a.Mirror().Remove(a.i.ID, s, remove); err != nil {
		return false, err
	}
	edges, err := a.Mirror().RemoveEdgesOf(a.i.ID, s, ended)
	if err != nil {
		return false, err
	}
	a.run.Removed += int64(len(remove)) + edges
	a.c.Apply.After.GroupID = missing[len(missing)-1].ID
	a.left -= len(missing)
	return len(missing) < limit, nil
}

// removeEdges ends memberships. One whose user or group is held stays with it.
func (a *applier) removeEdges(l dirsync.Limit) (done bool, err error) {
	if !a.c.Apply.Guarded {
		n, err := a.Mirror().CountMissingEdges(a.c.StageID, a.i.ID, a.run.Full)
		if err != nil {
			return false, err
		}
		counts, err := a.Mirror().Counts(a.i.ID)
		if err != nil {
			return false, err
		}
		if err := a.guard("memberships", membershipNoun, l, n, counts.Memberships); err != nil {
			return false, err
		}
	}
	limit := a.left
	edges, err := a.Mirror().MissingEdges(a.c.StageID, a.i.ID, a.run.Full, a.c.Apply.After, limit)
	if err != nil || len(edges) == 0 {
		return true, err
	}
	held, ends, err := a.heldAround(edges)
	if err != nil {
		return false, err
	}
	var remove []dirsync.Edge
	for _, e := range edges {
		reason := a.c.Apply.Held
		if reason == "" && (ends[e.GroupID] || ends[e.MemberID]) {
			reason = dirsync.HoldFollows
		}
		switch {
		case held[e]:
		case reason != "":
			if err := a.hold(membershipNoun, e.GroupID, e.MemberID, reason); err != nil {
				return false, err
			}
		default:
			remove = append(remove, e)
		}
	}
	if err := a.Mirror().RemoveEdges(a.i.ID, remove); err != nil {
		return false, err
	}
	a.run.Removed += int64(len(remove))
	a.c.Apply.After = edges[len(edges)-1]
	a.left -= len(edges)
	return len(edges) < limit, nil
}

// heldAround gives the memberships of the list that are held already, and which
// of their ends are.
func (a *applier) heldAround(edges []dirsync.Edge) (held map[dirsync.Edge]bool, ends map[string]bool, err error) {
	ids := make([]string, 0, 2*len(edges))
	for _, e := range edges {
		ids = append(ids, e.GroupID, e.MemberID)
	}
	holds, err := a.undecided(a.i.ID, Where{"object_id": ids})
	if err != nil {
		return nil, nil, err
	}
	held, ends = map[dirsync.Edge]bool{}, map[string]bool{}
	for _, h := range holds {
		if h.Kind == membershipNoun {
			held[dirsync.Edge{GroupID: h.ObjectID, MemberID: h.MemberID}] = true
		} else {
			ends[h.ObjectID] = true
		}
	}
	return held, ends, nil
}

// hold keeps one removal back for a person.
func (a *applier) hold(kind, objectID, memberID, reason string) error {
	a.run.Held++
	return a.Rows.Holds().Insert(&domain.Hold{
		ID: domain.NewID("hld"), AccountID: a.i.AccountID, IntegrationID: a.i.ID, RunID: a.run.ID,
		Kind: kind, ObjectID: objectID, MemberID: memberID, Operation: "remove", Reason: reason, State: holdHeld, CreatedAt: a.At(),
	})
}
