package directory

import (
	"slices"

	"github.com/google/uuid"
)

// Cursor is a reader's place in a delta round. It is plain data: the owner seals it into the opaque tokens of links.
type Cursor struct {
	Since   uint32  `json:"s"`           // the round covers the changes after this one
	Until   uint32  `json:"u"`           // up to and including this one
	All     bool    `json:"a"`           // first round: every object instead of changes
	End     uint32  `json:"e"`           // where the enumeration stops
	Next    uint32  `json:"n"`           // next object (first round) or change to look at
	Entry   uint32  `json:"m"`           // next entry in the member list of a group that did not fit on the page before
	Replay  uint32  `json:"r,omitempty"` // how many changes before Since are told once more
	Stride  uint32  `json:"x,omitempty"` // walks through the round in another order than that of the changes
	Pending []Place `json:"p,omitempty"` // groups of which more is to be told later in the round
}

// Place is an entry in the member list of a group.
type Place struct {
	Group uint32 `json:"g"`
	Entry uint32 `json:"m"`
}

// Start begins the first round, which enumerates everything.
func (v View) Start() Cursor {
	return Cursor{All: true, Until: v.last(), End: uint32(len(v.d.objects))}
}

// Latest is the end of a round that has just told everything.
func (v View) Latest() Cursor { return Cursor{Until: v.last()} }

// Since begins a round over the changes after a number that an earlier round ended at. A number from the future, of a
// directory that was thrown away meanwhile, is reported as not ok. A view that is behind the earlier round has nothing
// to tell and leaves the reader where it is.
func (v View) Since(seq uint32) (Cursor, bool) {
	if seq > v.d.Sequence() {
		return Cursor{}, false
	}
	until := max(seq, v.last())
	return Cursor{Since: seq, Until: until, End: until, Next: seq}, true
}

// Again makes a round begin with the last changes that the reader was told before, as Graph sometimes does.
func (c Cursor) Again(changes int) Cursor {
	if !c.All {
		c.Replay = min(uint32(max(changes, 0)), c.Since)
		c.Next = c.Since - c.Replay
	}
	return c
}

// Shuffled makes a round come in an order of its own; Graph promises none.
func (c Cursor) Shuffled() Cursor {
	if n := c.End - c.Next; n > 2 {
		c.Stride = n*5/8 | 1
		for gcd(int(c.Stride), int(n)) != 1 {
			c.Stride += 2
		}
	}
	return c
}

// Done says that nothing of the round is left.
func (c Cursor) Done() bool { return c.Next >= c.End && len(c.Pending) == 0 }

// from is the change after which the round tells everything, replays included.
func (c Cursor) from() uint32 { return c.Since - c.Replay }

// place is the object or change that the cursor points at.
func (c Cursor) place() uint32 {
	if c.Stride == 0 {
		return c.Next
	}
	first := c.from()
	return first + uint32(uint64(c.Next-first)*uint64(c.Stride)%uint64(c.End-first))
}

// Item is one object of a delta page.
type Item struct {
	ID      string
	Kind    Kind
	Removed string // "", or the reason "changed" (recycle bin) or "deleted" (purged)
	User    *User
	Group   *Group
	Show    Properties // selected properties to write
	Empties Properties // of these, the ones to write even without a value
	Members []MemberChange
	Links   []MemberChange // of a group its owners, of a user the manager
}

// MemberChange is one entry of members@delta, owners@delta or manager@delta.
type MemberChange struct {
	ID      string
	Kind    Kind
	Removed bool
}

// Query is what a delta round was asked for; it is fixed by the round's first request.
type Query struct {
	Kind        Kind
	Select      Properties
	Minimal     bool        // Prefer: return=minimal
	Only        []uuid.UUID // these objects alone, if there are any
	Tombstones  bool        // a first round tells of deleted objects too
	HideMembers bool        // of groups with hidden membership
}

// Limits bound a page by objects and by entries of members@delta. With a Chunk a group tells at most so many members at
// a time and comes again among the others, instead of continuing on the next page at once.
type Limits struct{ Objects, Members, Chunk int }

// maxPending bounds how many groups wait to be continued, because they travel in the token.
const maxPending = 16

// Page returns the next items of a round and the place after them. A group whose member changes do not fit is
// repeated with the next ones.
func (v View) Page(q Query, c Cursor, limits Limits) ([]Item, Cursor) {
	v = v.atLeast(c.Until)
	c.Pending = slices.Clone(c.Pending)
	var items []Item
	room := limits.Members
	show := func(at uint32, props Properties, entry uint32) uint32 {
		chunk := room
		if limits.Chunk > 0 {
			chunk = min(chunk, limits.Chunk)
		}
		item, next, shown := v.item(q, c, at, props, entry, chunk)
		if shown {
			items = append(items, item)
			room -= len(item.Members)
		}
		return next
	}
	for len(items) < limits.Objects && room > 0 && !c.Done() {
		if c.Next >= c.End || len(c.Pending) == maxPending {
			first := c.Pending[0]
			c.Pending = c.Pending[1:]
			if next := show(first.Group, MembersProperty, first.Entry); next != 0 {
				c.Pending = append(c.Pending, Place{Group: first.Group, Entry: next})
			}
			continue
		}
		at, props := c.place(), everything|Relations
		if !c.All {
			if at, props = v.firstChange(c); props == 0 { // seen earlier in this round
				c.Next++
				continue
			}
		}
		next := show(at, props, c.Entry)
		c.Entry = next
		if next != 0 && limits.Chunk > 0 {
			c.Pending = append(c.Pending, Place{Group: at, Entry: next})
			c.Entry = 0
		}
		if c.Entry == 0 {
			c.Next++
		}
	}
	return items, c
}

// firstChange returns the object changed at the cursor and everything the round changed of it, or no properties if
// the round comes by that object at an earlier change of it.
func (v View) firstChange(c Cursor) (uint32, Properties) {
	entry := v.d.history[c.place()]
	if entry.previous > c.from() {
		return entry.object, 0
	}
	var props Properties
	for seq := v.d.objects[entry.object].last; seq > c.from(); seq = v.d.history[seq-1].previous {
		if seq <= c.Until {
			props |= v.d.history[seq-1].props
		}
	}
	return entry.object, props
}

// item shows one object, and returns the member entry to go on with on the next page, or 0 when it is complete.
func (v View) item(q Query, c Cursor, at uint32, props Properties, entry uint32, room int) (Item, uint32, bool) {
	o := &v.d.objects[at]
	if o.kind != q.Kind || (q.Select&props == 0 && props&everything != everything) || len(q.Only) > 0 && !slices.Contains(q.Only, o.id) {
		return Item{}, 0, false
	}
	item := Item{ID: o.id.String(), Kind: o.kind, Show: q.Select &^ Relations, Empties: o.ever}
	is := v.as(at)
	if is.state != live {
		if is.state == unborn || (c.All || o.born > c.Since) && !(c.All && q.Tombstones) { // came and went unseen
			return Item{}, 0, false
		}
		item.Removed = "changed"
		if is.state == purged {
			item.Removed = "deleted"
		}
		return item, 0, true
	}
	if q.Minimal && !c.All && o.born <= c.from() && props&everything != everything {
		item.Show &= props
		item.Empties = item.Show
	}
	item.User, item.Group = is.user, is.group
	if entry == 0 { // whole, when the object is first told: few objects have them, and those have few
		kind := owners
		if o.kind == KindUser {
			kind = managers
		}
		if q.Select&props&kind.property() != 0 {
			item.Links, _ = v.memberChanges(v.d.links[kind][at], c, 0, -1)
		}
	}
	if o.kind == KindUser || q.Select&props&MembersProperty == 0 || q.HideMembers && is.group.Visibility == hiddenMembership {
		return item, 0, true
	}
	var next uint32
	item.Members, next = v.memberChanges(o.members, c, entry, room)
	return item, next, true
}

// hiddenMembership is the visibility of groups whose members take a permission of their own to see.
const hiddenMembership = "HiddenMembership"

// memberChanges lists what the round has to say about a list of relations, from an entry on.
func (v View) memberChanges(list []membership, c Cursor, entry uint32, room int) ([]MemberChange, uint32) {
	var rejoined map[uint32]bool
	var changes []MemberChange
	for i := int(entry); i < len(list); i++ {
		m := list[i]
		joined := m.openAt(c.Until) && (c.All || m.from > c.from())
		left := !c.All && m.from <= c.Since && m.gone > c.from() && m.gone <= c.Until
		if left {
			if rejoined == nil {
				rejoined = joinedDuring(list, c)
			}
			left = !rejoined[m.member]
		}
		if !joined && !left {
			continue
		}
		if len(changes) == room {
			return changes, uint32(i)
		}
		member := &v.d.objects[m.member]
		changes = append(changes, MemberChange{ID: member.id.String(), Kind: member.kind, Removed: left})
	}
	return changes, 0
}

// joinedDuring is who joined in the round and is still in at its end: having left before in the same round is no news.
func joinedDuring(list []membership, c Cursor) map[uint32]bool {
	joined := map[uint32]bool{}
	for _, m := range list {
		if m.from > c.from() && m.openAt(c.Until) {
			joined[m.member] = true
		}
	}
	return joined
}

// AppendUser writes a user as Graph does; Show and Empties decide what of it.
func AppendUser(dst []byte, u *User, show, empties Properties) []byte {
	dst = appendString(append(dst, `"id":`...), u.ID)
	return appendProperties(dst, userTable, u, show, empties)
}

// AppendGroup writes a group as Graph does.
func AppendGroup(dst []byte, g *Group, show, empties Properties) []byte {
	dst = appendString(append(dst, `"id":`...), g.ID)
	return appendProperties(dst, groupTable, g, show, empties)
}
