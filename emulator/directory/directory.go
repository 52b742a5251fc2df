package directory

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
)

type state uint8

const (
	live    state = iota
	deleted       // in the recycle bin, restorable
	purged
	unborn // before its creation
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
	before   *version // what it replaced; nil where only memberships changed, which tell their own times
}

// version is an object's state and properties at one time. No user means that the seed tells them.
type version struct {
	state state
	user  *User
	group *Group
}

// nothing is what a creation replaces.
var nothing = &version{state: unborn}

// mark says when the history had reached a change number.
type mark struct {
	at  int64 // Unix nanoseconds
	seq uint32
}

// Directory is one tenant's users and groups with their history.
type Directory struct {
	objects []object
	byID    map[uuid.UUID]uint32
	history []change
	marks   []mark
	links   [2]map[uint32][]membership // owners and managers, by who has them; closed, never removed
	cut     map[uint32][]linkEnd       // what a deleted object owned and managed, for its restoration
	names   map[string][]uint32        // every principal name that a created or changed user has had, in lower case
	people  int                        // live users
	seed    *generator                 // nil for an empty directory
}

// New returns a directory holding what the seed describes.
func New(seed Seed) *Directory {
	d := &Directory{byID: map[uuid.UUID]uint32{}, cut: map[uint32][]linkEnd{}, names: map[string][]uint32{},
		links: [2]map[uint32][]membership{{}, {}}}
	if seed.Users > 0 || seed.Groups > 0 {
		d.seed = newGenerator(seed)
		d.seed.fill(d)
	}
	return d
}

// Sequence is the number of the newest change.
func (d *Directory) Sequence() uint32 { return uint32(len(d.history)) }

// Stamp says that everything up to the newest change was known at a moment, so that later somebody can ask how the
// directory stood then. A clock that is set back does not take the directory with it.
func (d *Directory) Stamp(at time.Time) {
	next := mark{at: at.UnixNano(), seq: d.Sequence()}
	if n := len(d.marks); n > 0 {
		if d.marks[n-1].seq == next.seq {
			return
		}
		next.at = max(next.at, d.marks[n-1].at)
	}
	d.marks = append(d.marks, next)
}

// ChangedAt is when an object was last changed, as far as that was stamped.
func (v View) ChangedAt(id string) time.Time {
	parsed, _ := uuid.Parse(id)
	at, ok := v.d.byID[parsed]
	if !ok {
		return time.Time{}
	}
	seq := v.d.objects[at].last
	for seq > v.seq {
		seq = v.d.history[seq-1].previous
	}
	i, _ := slices.BinarySearchFunc(v.d.marks, seq, func(m mark, seq uint32) int { return cmp.Compare(m.seq, seq) })
	if i == len(v.d.marks) {
		return time.Time{}
	}
	return time.Unix(0, v.d.marks[i].at)
}

// SequenceAt is the number of the newest change stamped at or before a moment.
func (d *Directory) SequenceAt(at time.Time) uint32 {
	moment := at.UnixNano()
	i, _ := slices.BinarySearchFunc(d.marks, moment, func(m mark, moment int64) int {
		if m.at <= moment {
			return -1
		}
		return 1
	})
	if i == 0 {
		return 0
	}
	return d.marks[i-1].seq
}

// People is the number of live users.
func (d *Directory) People() int { return d.people }

// record appends a change to the history, with what it replaced unless it is about memberships alone.
func (d *Directory) record(at uint32, props Properties, before *version) uint32 {
	o := &d.objects[at]
	d.history = append(d.history, change{object: at, previous: o.last, props: props, before: before})
	o.last = uint32(len(d.history))
	return o.last
}

// present is an object as it stands.
func (d *Directory) present(at uint32) *version {
	o := &d.objects[at]
	return &version{state: o.state, user: o.user, group: o.group}
}

func (d *Directory) insert(o object) uint32 {
	at := uint32(len(d.objects))
	d.objects = append(d.objects, o)
	d.byID[o.id] = at
	if o.kind == KindUser {
		d.people++
	}
	return at
}

// Knows tells whether an id was ever given to an object, deleted ones included.
func (d *Directory) Knows(id string) bool {
	parsed, err := uuid.Parse(id)
	_, taken := d.byID[parsed]
	return err == nil && taken
}

// find returns the position of a live object of the kind.
func (d *Directory) find(kind Kind, id string) (uint32, error) { return d.Now().find(kind, id) }

// User returns a live user by object id or user principal name.
func (d *Directory) User(idOrName string) (*User, error) { return d.Now().User(idOrName) }

func (d *Directory) userAt(at uint32) *User {
	if u := d.objects[at].user; u != nil {
		return u
	}
	return d.seed.user(int(at))
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
	for _, u := range d.Now().Users(0) {
		dump.Users = append(dump.Users, *u)
	}
	for _, g := range d.Now().Groups(0) {
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
	d.dumpLinks(&dump)
	return dump.ordered()
}

func (d *Directory) dumpLinks(dump *Dump) {
	for kind := range d.links {
		for from, list := range d.links[kind] {
			for _, m := range list {
				has, is := &d.objects[from], &d.objects[m.member]
				switch {
				case m.gone != 0:
				case linkKind(kind) == managers:
					dump.Managers = append(dump.Managers, Manager{UserID: has.id.String(), ManagerID: is.id.String()})
				default:
					dump.Owners = append(dump.Owners, Membership{GroupID: has.id.String(), MemberID: is.id.String(), MemberType: is.kind.String()})
				}
			}
		}
	}
}

func (dump Dump) ordered() Dump {
	slices.SortFunc(dump.Users, func(a, b User) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(dump.Groups, func(a, b Group) int { return cmp.Compare(a.ID, b.ID) })
	for _, list := range [][]Membership{dump.Memberships, dump.Owners} {
		slices.SortFunc(list, func(a, b Membership) int {
			return cmp.Or(cmp.Compare(a.GroupID, b.GroupID), cmp.Compare(a.MemberID, b.MemberID))
		})
	}
	slices.SortFunc(dump.Managers, func(a, b Manager) int { return cmp.Compare(a.UserID, b.UserID) })
	return dump
}
