package directory

import (
	"maps"
	"slices"
)

// remove moves an object to the recycle bin. It leaves its groups and, if it is a group, its members at once, which
// the readers of other groups see as removals of members; what it was in is remembered for its restoration. So are the
// groups it owned and the users it managed.
func (d *Directory) remove(kind Kind, id string) error {
	at, err := d.find(kind, id)
	if err != nil {
		return err
	}
	o := &d.objects[at]
	for g := range d.objects {
		if d.objects[g].kind == KindGroup && d.closeMembership(uint32(g), at) {
			o.parents = append(o.parents, uint32(g))
		}
	}
	var cut []linkEnd
	for kind := range d.links {
		for _, from := range slices.Sorted(maps.Keys(d.links[kind])) { // in an order that a replay repeats
			if end := (linkEnd{linkKind(kind), from}); d.closeLink(end, at) {
				cut = append(cut, end)
			}
		}
	}
	seq := d.record(at, everything, d.present(at))
	o.state = deleted
	d.count(kind, -1)
	for i := range o.members {
		if o.members[i].gone == 0 {
			o.members[i].gone = seq
		}
	}
	for kind := range d.links {
		for i, m := range d.links[kind][at] {
			if m.gone == 0 {
				d.links[kind][at][i].gone = seq
			}
		}
	}
	if len(cut) > 0 {
		d.cut[at] = cut
	}
	return nil
}

// restore brings an object back from the recycle bin, with the memberships whose other end still lives, and likewise
// what it owned, who owned it, whom it managed and its manager.
func (d *Directory) restore(id string) error {
	at, err := d.inBin(id)
	if err != nil {
		return err
	}
	o := &d.objects[at]
	if o.kind == KindUser {
		if err := d.nameFree(d.userAt(at).UserPrincipalName, o.id); err != nil {
			return err
		}
	}
	closing := o.last
	seq := d.record(at, everything|Relations, d.present(at))
	o.state = live
	d.count(o.kind, 1)
	for _, m := range o.members {
		if m.gone == closing && d.objects[m.member].state == live {
			o.members = append(o.members, membership{member: m.member, from: seq})
		}
	}
	for _, g := range o.parents {
		if d.objects[g].state == live {
			d.openMembership(g, at)
		}
	}
	d.objects[at].parents = nil
	for kind := range d.links {
		for _, m := range d.links[kind][at] {
			if m.gone == closing && d.objects[m.member].state == live {
				d.links[kind][at] = append(d.links[kind][at], membership{member: m.member, from: seq})
			}
		}
	}
	for _, end := range d.cut[at] {
		if d.objects[end.from].state == live && !(end.kind == managers && d.hasLink(end)) {
			d.openLink(end, at)
		}
	}
	delete(d.cut, at)
	return nil
}

func (d *Directory) count(kind Kind, by int) {
	if kind == KindUser {
		d.people += by
	}
}

func (d *Directory) purge(id string) error {
	at, err := d.inBin(id)
	if err != nil {
		return err
	}
	d.record(at, everything, d.present(at))
	d.objects[at].state = purged
	d.objects[at].parents = nil
	delete(d.cut, at)
	return nil
}

func (d *Directory) inBin(id string) (uint32, error) {
	parsed, err := parseID(id)
	if err != nil {
		return 0, err
	}
	at, ok := d.byID[parsed]
	if !ok || d.objects[at].state != deleted {
		return 0, &NotFoundError{ID: id}
	}
	return at, nil
}
