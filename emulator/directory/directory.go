package directory

import (
	"cmp"
	"iter"
	"slices"

	"github.com/google/uuid"
)

type state uint8

const (
	live    state = iota
	deleted       // in the recycle bin, restorable
	purged
)

// object is a user or a group. Objects are never taken out of the list, so their position is a lasting short name.
type object struct {
	id    uuid.UUID
	kind  Kind
	state state
	born  uint32     // change number of the creation; 0 for the seed
	last  uint32     // change number of the newest change; 0 for none
	ever  Properties // what ever had a value: shown as null once cleared, where never set means absent
	user  *User      // nil while a seeded user has not been changed: the generator then tells it
	group *Group
	// members of a group, in order of joining; entries are closed, never removed, so a position in the list stays
	// valid while somebody pages through it.
	members []membership
	parents []uint32 // groups a deleted object was in, for its restoration
}

type membership struct {
	member uint32
	from   uint32 // change number that opened it; 0 for the seed
	gone   uint32 // change number that closed it; 0 while open
}

func (m membership) openAt(seq uint32) bool { return m.from <= seq && (m.gone == 0 || m.gone > seq) }

// change is one entry of the history; its number is its position plus one.
type change struct {
	object   uint32
	previous uint32 // number of the same object's previous change
	props    Properties
}

// Directory is one tenant's users and groups with their history.
type Directory struct {
	objects []object
	byID    map[uuid.UUID]uint32
	history []change
	seed    *generator // nil for an empty directory
}

// New returns a directory holding what the seed describes.
func New(seed Seed) *Directory {
	d := &Directory{byID: map[uuid.UUID]uint32{}}
	if seed.Users > 0 || seed.Groups > 0 {
		d.seed = newGenerator(seed)
		d.seed.fill(d)
	}
	return d
}

// Sequence is the number of the newest change.
func (d *Directory) Sequence() uint32 { return uint32(len(d.history)) }

// record appends a change to the history.
func (d *Directory) record(at uint32, props Properties) uint32 {
	o := &d.objects[at]
	d.history = append(d.history, change{object: at, previous: o.last, props: props})
	o.last = uint32(len(d.history))
	return o.last
}

func (d *Directory) insert(o object) uint32 {
	at := uint32(len(d.objects))
	d.objects = append(d.objects, o)
	d.byID[o.id] = at
	return at
}

// find returns the position of a live object of the kind.
func (d *Directory) find(kind Kind, id string) (uint32, error) {
	parsed, err := parseID(id)
	if err != nil {
		return 0, err
	}
	at, ok := d.byID[parsed]
	if !ok || d.objects[at].kind != kind || d.objects[at].state != live {
		return 0, &NotFoundError{ID: id}
	}
	return at, nil
}

// Knows tells whether an id was ever given to an object, deleted ones included.
func (d *Directory) Knows(id string) bool {
	parsed, err := uuid.Parse(id)
	_, taken := d.byID[parsed]
	return err == nil && taken
}

func (d *Directory) userAt(at uint32) *User {
	if u := d.objects[at].user; u != nil {
		return u
	}
	return d.seed.user(int(at))
}

// User returns a live user by object id or, as Graph allows, by user principal name.
func (d *Directory) User(idOrName string) (*User, error) {
	if _, err := uuid.Parse(idOrName); err == nil {
		at, err := d.find(KindUser, idOrName)
		if err != nil {
			return nil, err
		}
		return d.userAt(at), nil
	}
	for _, u := range d.Users(0) {
		if sameText(u.UserPrincipalName, idOrName) {
			return u, nil
		}
	}
	return nil, &NotFoundError{ID: idOrName}
}

// Group returns a live group.
func (d *Directory) Group(id string) (*Group, error) {
	at, err := d.find(KindGroup, id)
	if err != nil {
		return nil, err
	}
	return d.objects[at].group, nil
}

// Users yields the live users from a position on, with the position that follows each, for paging.
func (d *Directory) Users(from int) iter.Seq2[int, *User] {
	return func(yield func(int, *User) bool) {
		for i := from; i < len(d.objects); i++ {
			if d.objects[i].kind == KindUser && d.objects[i].state == live && !yield(i+1, d.userAt(uint32(i))) {
				return
			}
		}
	}
}

// Groups yields the live groups from a position on, with the position that follows each.
func (d *Directory) Groups(from int) iter.Seq2[int, *Group] {
	return func(yield func(int, *Group) bool) {
		for i := from; i < len(d.objects); i++ {
			if d.objects[i].kind == KindGroup && d.objects[i].state == live && !yield(i+1, d.objects[i].group) {
				return
			}
		}
	}
}

// Member is a direct or transitive member of a group: one of User and Group is set.
type Member struct {
	User  *User
	Group *Group
}

// Members yields a group's direct members from a position on, with the position that follows each.
func (d *Directory) Members(groupID string, from int) (iter.Seq2[int, Member], error) {
	at, err := d.find(KindGroup, groupID)
	if err != nil {
		return nil, err
	}
	entries := d.objects[at].members
	return func(yield func(int, Member) bool) {
		for i := from; i < len(entries); i++ {
			if entries[i].gone == 0 && !yield(i+1, d.member(entries[i].member)) {
				return
			}
		}
	}, nil
}

// TransitiveMembers yields everybody reachable through nested groups once, the groups included. Cycles end.
func (d *Directory) TransitiveMembers(groupID string) ([]Member, error) {
	root, err := d.find(KindGroup, groupID)
	if err != nil {
		return nil, err
	}
	seen := map[uint32]bool{root: true}
	var found []Member
	for queue := []uint32{root}; len(queue) > 0; queue = queue[1:] {
		for _, m := range d.objects[queue[0]].members {
			if m.gone != 0 || seen[m.member] {
				continue
			}
			seen[m.member] = true
			found = append(found, d.member(m.member))
			if d.objects[m.member].kind == KindGroup {
				queue = append(queue, m.member)
			}
		}
	}
	return found, nil
}

func (d *Directory) member(at uint32) Member {
	if d.objects[at].kind == KindGroup {
		return Member{Group: d.objects[at].group}
	}
	return Member{User: d.userAt(at)}
}

// Counts returns how many live users, groups and memberships there are.
func (d *Directory) Counts() (users, groups, memberships int) {
	for i := range d.objects {
		o := &d.objects[i]
		switch {
		case o.state != live:
		case o.kind == KindUser:
			users++
		default:
			groups++
			for _, m := range o.members {
				if m.gone == 0 {
					memberships++
				}
			}
		}
	}
	return users, groups, memberships
}

// Dump copies the whole directory as it stands.
func (d *Directory) Dump() Dump {
	dump := Dump{Users: []User{}, Groups: []Group{}, Memberships: []Membership{}}
	for _, u := range d.Users(0) {
		dump.Users = append(dump.Users, *u)
	}
	for _, g := range d.Groups(0) {
		dump.Groups = append(dump.Groups, *g)
	}
	for i := range d.objects {
		group := &d.objects[i]
		for _, m := range group.members {
			if m.gone == 0 {
				member := &d.objects[m.member]
				dump.Memberships = append(dump.Memberships,
					Membership{GroupID: group.id.String(), MemberID: member.id.String(), MemberType: member.kind.String()})
			}
		}
	}
	slices.SortFunc(dump.Users, func(a, b User) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(dump.Groups, func(a, b Group) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(dump.Memberships, func(a, b Membership) int {
		return cmp.Or(cmp.Compare(a.GroupID, b.GroupID), cmp.Compare(a.MemberID, b.MemberID))
	})
	return dump
}
