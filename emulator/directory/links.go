package directory

import (
	"iter"
	"maps"
	"slices"
)

// linkKind is a relation that few objects have, so that it is kept beside them: the owners of groups and the managers
// of users.
type linkKind uint8

const (
	owners linkKind = iota
	managers
)

func (k linkKind) property() Properties {
	if k == managers {
		return ManagerProperty
	}
	return OwnersProperty
}

// linkEnd is the object that has owners or a manager.
type linkEnd struct {
	kind linkKind
	from uint32
}

func (d *Directory) addOwner(groupID, ownerID string) error {
	group, owner, err := d.ends(groupID, ownerID)
	switch {
	case err != nil:
		return err
	case d.objects[owner].kind != KindUser:
		return invalid("A group is owned by users, not by groups.")
	case !d.openLink(linkEnd{owners, group}, owner):
		return invalid("One or more added object references already exist for the following modified properties: 'owners'.")
	}
	return nil
}

func (d *Directory) removeOwner(groupID, ownerID string) error {
	group, owner, err := d.ends(groupID, ownerID)
	if err != nil {
		return err
	}
	if !d.closeLink(linkEnd{owners, group}, owner) {
		return &NotFoundError{ID: ownerID}
	}
	return nil
}

// setManager replaces the manager at once, in one change.
func (d *Directory) setManager(userID, managerID string) error {
	user, err := d.find(KindUser, userID)
	if err != nil {
		return err
	}
	manager, err := d.find(KindUser, managerID)
	switch {
	case err != nil:
		return err
	case manager == user:
		return invalid("A user cannot be their own manager.")
	case d.linkEntry(linkEnd{managers, user}, manager) >= 0:
		return nil
	}
	seq := d.record(user, ManagerProperty, nil)
	list := d.links[managers][user]
	for i := range list {
		if list[i].gone == 0 {
			list[i].gone = seq
		}
	}
	d.links[managers][user] = append(list, membership{member: manager, from: seq})
	return nil
}

func (d *Directory) dropManager(userID string) error {
	user, err := d.find(KindUser, userID)
	if err != nil {
		return err
	}
	for _, m := range d.links[managers][user] {
		if m.gone == 0 {
			d.closeLink(linkEnd{managers, user}, m.member)
			return nil
		}
	}
	return &NotFoundError{ID: "manager"}
}

func (d *Directory) linkEntry(end linkEnd, to uint32) int {
	return slices.IndexFunc(d.links[end.kind][end.from], func(m membership) bool { return m.gone == 0 && m.member == to })
}

func (d *Directory) hasLink(end linkEnd) bool {
	return slices.ContainsFunc(d.links[end.kind][end.from], func(m membership) bool { return m.gone == 0 })
}

func (d *Directory) openLink(end linkEnd, to uint32) bool {
	if d.linkEntry(end, to) >= 0 {
		return false
	}
	seq := d.record(end.from, end.kind.property(), nil)
	d.links[end.kind][end.from] = append(d.links[end.kind][end.from], membership{member: to, from: seq})
	return true
}

func (d *Directory) closeLink(end linkEnd, to uint32) bool {
	at := d.linkEntry(end, to)
	if at < 0 {
		return false
	}
	d.links[end.kind][end.from][at].gone = d.record(end.from, end.kind.property(), nil)
	return true
}

// Owners yields a group's owners from a position on, with the position that follows each.
func (v View) Owners(groupID string, from int) (iter.Seq2[int, Member], error) {
	at, err := v.find(KindGroup, groupID)
	if err != nil {
		return nil, err
	}
	return v.entries(v.d.links[owners][at], from), nil
}

// entries yields the open ones of a list of relations from a position on.
func (v View) entries(list []membership, from int) iter.Seq2[int, Member] {
	return func(yield func(int, Member) bool) {
		for i := from; i < len(list); i++ {
			if list[i].openAt(v.seq) && !yield(i+1, v.member(list[i].member)) {
				return
			}
		}
	}
}

// Manager is a user's manager; a NotFoundError also says that there is none.
func (v View) Manager(idOrName string) (*User, error) {
	u, err := v.User(idOrName)
	if err != nil {
		return nil, err
	}
	at, err := v.find(KindUser, u.ID)
	if err != nil {
		return nil, err
	}
	for _, m := range v.entries(v.d.links[managers][at], 0) {
		return m.User, nil
	}
	return nil, &NotFoundError{ID: "manager"}
}

// Reports yields the users somebody manages from a place in that order on, with the place that follows each.
func (v View) Reports(idOrName string, from int) (iter.Seq2[int, Member], error) {
	u, err := v.User(idOrName)
	if err != nil {
		return nil, err
	}
	at, err := v.find(KindUser, u.ID)
	if err != nil {
		return nil, err
	}
	return func(yield func(int, Member) bool) {
		place := 0
		for _, user := range slices.Sorted(maps.Keys(v.d.links[managers])) {
			managed := slices.ContainsFunc(v.d.links[managers][user], func(m membership) bool { return m.member == at && m.openAt(v.seq) })
			if !managed {
				continue
			}
			if place++; place > from && !yield(place, v.member(user)) {
				return
			}
		}
	}, nil
}

// MemberOf yields the groups an object is in, directly or through other groups, from a place in that order on.
func (v View) MemberOf(kind Kind, idOrName string, transitive bool, from int) (iter.Seq2[int, Member], error) {
	id := idOrName
	if kind == KindUser {
		u, err := v.User(idOrName)
		if err != nil {
			return nil, err
		}
		id = u.ID
	}
	at, err := v.find(kind, id)
	if err != nil {
		return nil, err
	}
	return func(yield func(int, Member) bool) {
		place, seen := 0, map[uint32]bool{at: true}
		for frontier := []uint32{at}; len(frontier) > 0; {
			above := v.parents(frontier)
			frontier = nil
			for _, group := range above {
				if seen[group] {
					continue
				}
				seen[group] = true
				if transitive {
					frontier = append(frontier, group)
				}
				if place++; place > from && !yield(place, v.member(group)) {
					return
				}
			}
		}
	}, nil
}

// parents are the groups that any of the objects is directly in. They are looked for in all lists of members, as an
// index of them would cost more memory than the lists.
func (v View) parents(of []uint32) []uint32 {
	var found []uint32
	for g := range v.d.objects {
		if v.d.objects[g].kind == KindGroup && slices.ContainsFunc(v.d.objects[g].members, func(m membership) bool {
			return m.openAt(v.seq) && slices.Contains(of, m.member)
		}) {
			found = append(found, uint32(g))
		}
	}
	return found
}

// Deleted yields what lies in the recycle bin, of one kind, from a position on, with the position that follows each.
func (v View) Deleted(kind Kind, from int) iter.Seq2[int, Member] {
	return func(yield func(int, Member) bool) {
		for i := from; i < len(v.d.objects); i++ {
			if v.d.objects[i].kind == kind && v.stateOf(uint32(i)) == deleted && !yield(i+1, v.remains(uint32(i))) {
				return
			}
		}
	}
}

// remains is what a deleted object was.
func (v View) remains(at uint32) Member {
	m := v.member(at)
	if v.d.objects[at].kind == KindUser && m.User == nil {
		m.User = v.d.seed.user(int(at))
	}
	return m
}

// Find is a live object of any kind by its id.
func (v View) Find(id string) (Member, error) {
	for _, kind := range []Kind{KindUser, KindGroup} {
		if at, err := v.find(kind, id); err == nil {
			return v.member(at), nil
		}
	}
	return Member{}, &NotFoundError{ID: id}
}

// FindDeleted is an object in the recycle bin by its id.
func (v View) FindDeleted(id string) (Member, error) {
	parsed, err := parseID(id)
	if err != nil {
		return Member{}, err
	}
	at, ok := v.d.byID[parsed]
	if !ok || v.stateOf(at) != deleted {
		return Member{}, &NotFoundError{ID: id}
	}
	return v.remains(at), nil
}
