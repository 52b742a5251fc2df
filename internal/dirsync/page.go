package dirsync

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
)

// PageError says that an answer is no page of a delta query. It never quotes the
// answer, which may hold personal data.
type PageError struct {
	Stream Stream
	Reason string
}

// Error implements error.
func (e *PageError) Error() string {
	return fmt.Sprintf("Microsoft's answer to the query for changed %s cannot be read: %s. Nothing of it was applied.", e.Stream, e.Reason)
}

// Page is one page of a delta query, each object once. Exactly one of Next and
// Delta is set.
type Page struct {
	Stream  Stream
	Objects []Staged
	Edges   []StagedEdge
	Next    string // the address of the next page
	Delta   string // the round is complete; where the next round begins
	Skipped int    // members of kinds that the mirror does not hold
}

// Read is how many objects and memberships the page spoke of.
func (p Page) Read() int64 { return int64(len(p.Objects) + len(p.Edges)) }

// The annotations of a delta page. A link is absolute, opaque and used whole.
type envelope struct {
	Next  *string           `json:"@odata.nextLink"`
	Delta *string           `json:"@odata.deltaLink"`
	Value *[]map[string]raw `json:"value"`
}

type raw = json.RawMessage

// DecodePage reads the body of an answer. Whatever the body is, the answer is a
// page or a *PageError.
func DecodePage(stream Stream, body []byte) (Page, error) {
	p := Page{Stream: stream}
	fail := func(format string, args ...any) (Page, error) {
		return Page{}, &PageError{Stream: stream, Reason: fmt.Sprintf(format, args...)}
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return fail("it is no JSON object of the expected form")
	}
	if e.Value == nil {
		return fail("it has no list of objects")
	}
	if e.Next != nil {
		p.Next = *e.Next
	}
	if e.Delta != nil {
		p.Delta = *e.Delta
	}
	if (p.Next == "") == (p.Delta == "") {
		return fail("it must name either a next page or the end of the round")
	}
	objects, edges := map[string]int{}, map[Edge]int{}
	for n, item := range *e.Value {
		o, reason := decodeObject(stream, item)
		if reason != "" {
			return fail("object %d %s", n+1, reason)
		}
		if at, again := objects[o.ID]; again {
			p.Objects[at] = p.Objects[at].Then(o)
		} else {
			objects[o.ID] = len(p.Objects)
			p.Objects = append(p.Objects, o)
		}
		if stream != Groups || o.State == Gone {
			continue
		}
		members, skipped, reason := decodeMembers(o.ID, item["members@delta"])
		if reason != "" {
			return fail("object %d %s", n+1, reason)
		}
		p.Skipped += skipped
		for _, m := range members {
			if at, again := edges[m.Edge]; again {
				p.Edges[at] = m
				continue
			}
			edges[m.Edge] = len(p.Edges)
			p.Edges = append(p.Edges, m)
		}
	}
	return p, nil
}

// decodeObject reads one element of the page; reason says what is wrong with it.
func decodeObject(stream Stream, item map[string]raw) (o Staged, reason string) {
	id, ok := objectID(item["id"])
	if !ok {
		return o, "has no usable id"
	}
	o = Staged{ID: id, State: Present, Patch: Patch{}}
	// Both reasons, "changed" (restorable) and "deleted", mean that the directory
	// shows the object no more; one that is restored comes back as a whole.
	if removed, ok := item["@removed"]; ok && !isNull(removed) {
		return Staged{ID: id, State: Gone}, ""
	}
	for name, s := range stream.shapes() {
		value, ok := item[name]
		if !ok {
			continue
		}
		v, err := s.canonical(value)
		if err != nil {
			return o, fmt.Sprintf("has a property %s that %v", name, err)
		}
		o.Patch[name] = v
	}
	return o, ""
}

// memberKinds are the kinds of member that the mirror holds. The others
// (devices, service principals, contacts) are no part of a people directory.
var memberKinds = map[string]bool{"user": true, "group": true, "": true}

// decodeMembers reads a chunk of a group's membership changes. A large group
// comes in many chunks on many pages, so a chunk adds to what is known and never
// replaces it; a group without changes has no chunk at all.
func decodeMembers(groupID string, body raw) (edges []StagedEdge, skipped int, reason string) {
	if len(body) == 0 || isNull(body) {
		return nil, 0, ""
	}
	var items []struct {
		ID      raw    `json:"id"`
		Type    string `json:"@odata.type"`
		Removed raw    `json:"@removed"`
	}
	if err := json.Unmarshal(body, &items); err != nil {
		return nil, 0, "has membership changes that are no list of objects"
	}
	for _, m := range items {
		id, ok := objectID(m.ID)
		if !ok {
			return nil, 0, "has a member without usable id"
		}
		kind := strings.ToLower(m.Type[strings.LastIndexByte(m.Type, '.')+1:])
		if !memberKinds[kind] {
			skipped++
			continue
		}
		// The reason is "deleted" even where only the membership ended.
		removed := len(m.Removed) > 0 && !isNull(m.Removed)
		edges = append(edges, StagedEdge{Edge: Edge{GroupID: groupID, MemberID: id}, MemberKind: kind, Removed: removed})
	}
	return edges, skipped, ""
}

// objectID reads an id. Ids are compared in lower case, as the directory does.
func objectID(body raw) (string, bool) {
	var id string
	if len(body) == 0 || json.Unmarshal(body, &id) != nil || id == "" || len(id) > 128 {
		return "", false
	}
	if strings.ContainsFunc(id, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || r == unicode.ReplacementChar }) {
		return "", false
	}
	return strings.ToLower(id), true
}

func isNull(body raw) bool { return bytes.Equal(bytes.TrimSpace(body), []byte("null")) }
