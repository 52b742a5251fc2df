package directory

import (
	"iter"
	"math"

	"github.com/google/uuid"
)

// View is a directory as it stood after one of its changes: what a replica shows that has heard no more yet.
type View struct {
	d   *Directory
	seq uint32
}

// Now is the view that misses nothing, whatever happens while it is used.
func (d *Directory) Now() View { return View{d: d, seq: math.MaxUint32} }

// At is the view after a change number.
func (d *Directory) At(seq uint32) View { return View{d: d, seq: seq} }

// last is the newest change the view knows.
func (v View) last() uint32 { return min(v.seq, v.d.Sequence()) }

// atLeast is the view, or a newer one if the number is beyond it.
func (v View) atLeast(seq uint32) View { return View{d: v.d, seq: max(v.seq, seq)} }

// as is an object as the view knows it.
func (v View) as(at uint32) version {
	o := &v.d.objects[at]
	found := version{state: o.state, user: o.user, group: o.group}
	for n := o.last; n > v.seq; n = v.d.history[n-1].previous {
		if before := v.d.history[n-1].before; before != nil {
			found = *before
		}
	}
	if o.kind == KindUser && found.user == nil && found.state == live {
		found.user = v.d.seed.user(int(at))
	}
	return found
}

func (v View) stateOf(at uint32) state {
	if o := &v.d.objects[at]; o.last <= v.seq {
		return o.state
	}
	return v.as(at).state
}

// find returns the position of a live object of the kind.
func (v View) find(kind Kind, id string) (uint32, error) {
	parsed, err := parseID(id)
	if err != nil {
		return 0, err
	}
	at, ok := v.d.byID[parsed]
	if !ok || v.d.objects[at].kind != kind || v.stateOf(at) != live {
		return 0, &NotFoundError{ID: id}
	}
	return at, nil
}

// User returns a live user by object id or, as Graph allows, by user principal name.
func (v View) User(idOrName string) (*User, error) {
	if _, err := uuid.Parse(idOrName); err == nil {
		at, err := v.find(KindUser, idOrName)
		if err != nil {
			return nil, err
		}
		return v.as(at).user, nil
	}
	if at, ok := v.byName(idOrName); ok {
		return v.as(at).user, nil
	}
	return nil, &NotFoundError{ID: idOrName}
}

// Group returns a live group.
func (v View) Group(id string) (*Group, error) {
	at, err := v.find(KindGroup, id)
	if err != nil {
		return nil, err
	}
	return v.as(at).group, nil
}

// Users yields the live users from a position on, with the position that follows each, for paging.
func (v View) Users(from int) iter.Seq2[int, *User] {
	return func(yield func(int, *User) bool) {
		for i := from; i < len(v.d.objects); i++ {
			if v.d.objects[i].kind != KindUser {
				continue
			}
			if o := v.as(uint32(i)); o.state == live && !yield(i+1, o.user) {
				return
			}
		}
	}
}

// Groups yields the live groups from a position on, with the position that follows each.
func (v View) Groups(from int) iter.Seq2[int, *Group] {
	return func(yield func(int, *Group) bool) {
		for i := from; i < len(v.d.objects); i++ {
			if v.d.objects[i].kind != KindGroup {
				continue
			}
			if o := v.as(uint32(i)); o.state == live && !yield(i+1, o.group) {
				return
			}
		}
	}
}

// Count is the number of live objects of a kind.
func (v View) Count(kind Kind) int {
	n := 0
	for i := range v.d.objects {
		if v.d.objects[i].kind == kind && v.stateOf(uint32(i)) == live {
			n++
		}
	}
	return n
}

// Member is a direct or transitive member of a group: one of User and Group is set.
type Member struct {
	User  *User
	Group *Group
}

// Members yields a group's direct members from a position on, with the position that follows each.
func (v View) Members(groupID string, from int) (iter.Seq2[int, Member], error) {
	at, err := v.find(KindGroup, groupID)
	if err != nil {
		return nil, err
	}
	return v.entries(v.d.objects[at].members, from), nil
}

// TransitiveMembers yields everybody reachable through nested groups once, the groups included, from a place in that
// order on, with the place that follows each. Cycles end.
func (v View) TransitiveMembers(groupID string, from int) (iter.Seq2[int, Member], error) {
	root, err := v.find(KindGroup, groupID)
	if err != nil {
		return nil, err
	}
	return func(yield func(int, Member) bool) {
		seen, place := map[uint32]bool{root: true}, 0
		for queue := []uint32{root}; len(queue) > 0; queue = queue[1:] {
			for _, m := range v.d.objects[queue[0]].members {
				if !m.openAt(v.seq) || seen[m.member] {
					continue
				}
				seen[m.member] = true
				if v.d.objects[m.member].kind == KindGroup {
					queue = append(queue, m.member)
				}
				if place++; place > from && !yield(place, v.member(m.member)) {
					return
				}
			}
		}
	}, nil
}

func (v View) member(at uint32) Member {
	o := v.as(at)
	return Member{User: o.user, Group: o.group}
}
