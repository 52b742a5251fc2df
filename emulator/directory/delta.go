package directory

// Cursor is a reader's place in a delta round. It is plain data: the owner seals it into the opaque tokens of links.
type Cursor struct {
	Since uint32 `json:"s"` // the round covers the changes after this one
	Until uint32 `json:"u"` // up to and including this one
	All   bool   `json:"a"` // first round: every object instead of changes
	End   uint32 `json:"e"` // where the enumeration stops
	Next  uint32 `json:"n"` // next object (first round) or change to look at
	Entry uint32 `json:"m"` // next entry in the member list of a group that did not fit on the page before
}

// Start begins the first round, which enumerates everything.
func (d *Directory) Start() Cursor {
	return Cursor{All: true, Until: d.Sequence(), End: uint32(len(d.objects))}
}

// Since begins a round over the changes after a number that an earlier round ended at. A number from the future, of a
// directory that was thrown away meanwhile, is reported as not ok.
func (d *Directory) Since(seq uint32) (Cursor, bool) {
	if seq > d.Sequence() {
		return Cursor{}, false
	}
	return Cursor{Since: seq, Until: d.Sequence(), End: d.Sequence(), Next: seq}, true
}

// Done says that nothing of the round is left.
func (c Cursor) Done() bool { return c.Next >= c.End }

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
}

// MemberChange is one entry of members@delta.
type MemberChange struct {
	ID      string
	Kind    Kind
	Removed bool
}

// Query is what a delta round was asked for; it is fixed by the round's first request.
type Query struct {
	Kind    Kind
	Select  Properties
	Minimal bool // Prefer: return=minimal
}

// Limits bound a page by objects and by entries of members@delta.
type Limits struct{ Objects, Members int }

// Page returns the next items of a round and the place after them. A group whose member changes do not fit is
// repeated on the following pages with the next ones.
func (d *Directory) Page(q Query, c Cursor, limits Limits) ([]Item, Cursor) {
	var items []Item
	room := limits.Members
	for len(items) < limits.Objects && room > 0 && !c.Done() {
		at, props := c.Next, everything|MembersProperty
		if !c.All {
			at, props = d.firstChange(c)
			if props == 0 { // seen earlier in this round
				c.Next++
				continue
			}
		}
		item, next, shown := d.item(q, c, at, props, room)
		if shown {
			items = append(items, item)
			room -= len(item.Members)
		}
		if next == 0 {
			c.Next++
		}
		c.Entry = next
	}
	return items, c
}

// firstChange returns the object changed at the cursor and everything the round changed of it, or no properties if
// the round has already come by that object.
func (d *Directory) firstChange(c Cursor) (uint32, Properties) {
	entry := d.history[c.Next]
	if entry.previous > c.Since {
		return entry.object, 0
	}
	var props Properties
	for seq := d.objects[entry.object].last; seq > c.Since; seq = d.history[seq-1].previous {
		if seq <= c.Until {
			props |= d.history[seq-1].props
		}
	}
	return entry.object, props
}

// item shows one object, and returns the member entry to go on with on the next page, or 0 when it is complete.
func (d *Directory) item(q Query, c Cursor, at uint32, props Properties, room int) (Item, uint32, bool) {
	o := &d.objects[at]
	if o.kind != q.Kind || (q.Select&props == 0 && props&everything != everything) {
		return Item{}, 0, false
	}
	item := Item{ID: o.id.String(), Kind: o.kind, Show: q.Select &^ MembersProperty, Empties: o.ever}
	if o.state != live {
		if c.All || o.born > c.Since { // came and went unseen
			return Item{}, 0, false
		}
		item.Removed = "changed"
		if o.state == purged {
			item.Removed = "deleted"
		}
		return item, 0, true
	}
	if q.Minimal && !c.All && o.born <= c.Since && props&everything != everything {
		item.Show &= props
		item.Empties = item.Show
	}
	if o.kind == KindUser {
		item.User = d.userAt(at)
		return item, 0, true
	}
	item.Group = o.group
	if q.Select&MembersProperty == 0 || props&MembersProperty == 0 {
		return item, 0, true
	}
	var next uint32
	item.Members, next = d.memberChanges(o, c, room)
	return item, next, true
}

// memberChanges lists what the round has to say about a group's members, from the cursor's entry on.
func (d *Directory) memberChanges(o *object, c Cursor, room int) ([]MemberChange, uint32) {
	var rejoined map[uint32]bool
	var changes []MemberChange
	for i := int(c.Entry); i < len(o.members); i++ {
		m := o.members[i]
		joined := m.openAt(c.Until) && (c.All || m.from > c.Since)
		left := !c.All && m.from <= c.Since && m.gone > c.Since && m.gone <= c.Until
		if left {
			if rejoined == nil {
				rejoined = joinedDuring(o, c)
			}
			left = !rejoined[m.member]
		}
		if !joined && !left {
			continue
		}
		if len(changes) == room {
			return changes, uint32(i)
		}
		member := &d.objects[m.member]
		changes = append(changes, MemberChange{ID: member.id.String(), Kind: member.kind, Removed: left})
	}
	return changes, 0
}

// joinedDuring is who joined in the round and is still in at its end: having left before in the same round is no news.
func joinedDuring(o *object, c Cursor) map[uint32]bool {
	joined := map[uint32]bool{}
	for _, m := range o.members {
		if m.from > c.Since && m.openAt(c.Until) {
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
