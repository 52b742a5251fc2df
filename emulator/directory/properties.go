package directory

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Properties is a set of an object's properties, one bit per entry of its kind's table. The bit of a property is its
// place in the table and is never stored, so the tables may be reordered between versions.
type Properties uint64

// The relations that delta queries track like properties: a group's members and owners, a user's manager.
const (
	MembersProperty Properties = 1 << 63
	OwnersProperty  Properties = 1 << 62
	ManagerProperty Properties = 1 << 61

	Relations = MembersProperty | OwnersProperty | ManagerProperty
)

// property describes one Graph property of T. Exactly one of text, flag, list and object is set.
type property[T any] struct {
	name   string
	base   bool // returned when a request names no properties
	text   func(*T) string
	flag   func(*T) *bool
	list   func(*T) []string
	object func(*T) json.RawMessage // complex values, as the caller wrote them
}

func (p *property[T]) has(v *T) bool {
	switch {
	case p.text != nil:
		return p.text(v) != ""
	case p.flag != nil:
		return p.flag(v) != nil
	case p.object != nil:
		return len(p.object(v)) > 0 && string(p.object(v)) != "null"
	default:
		return len(p.list(v)) > 0
	}
}

// append writes the value as JSON; a property without value is null, a collection [].
func (p *property[T]) append(dst []byte, v *T) []byte {
	switch {
	case p.text != nil:
		if s := p.text(v); s != "" {
			return appendString(dst, s)
		}
	case p.flag != nil:
		if b := p.flag(v); b != nil {
			if *b {
				return append(dst, "true"...)
			}
			return append(dst, "false"...)
		}
	case p.object != nil:
		if p.has(v) {
			return append(dst, p.object(v)...)
		}
	default:
		dst = append(dst, '[')
		for i, s := range p.list(v) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(dst, s)
		}
		return append(dst, ']')
	}
	return append(dst, "null"...)
}

// zero is the JSON that clears the property when it is unmarshalled into T: for text fields null would be ignored.
func (p *property[T]) zero() string {
	switch {
	case p.text != nil:
		return `""`
	case p.list != nil:
		return `[]`
	default:
		return `null`
	}
}

func text[T any](name string, base bool, get func(*T) string) property[T] {
	return property[T]{name: name, base: base, text: get}
}

func flag[T any](name string, base bool, get func(*T) *bool) property[T] {
	return property[T]{name: name, base: base, flag: get}
}

func list[T any](name string, base bool, get func(*T) []string) property[T] {
	return property[T]{name: name, base: base, list: get}
}

func complexValue[T any](name string, get func(*T) json.RawMessage) property[T] {
	return property[T]{name: name, object: get}
}

// NotServedError names a property that exists and that the directory cannot tell.
type NotServedError struct{ Name string }

func (e *NotServedError) Error() string { return "This operation target is not yet supported." }

// PropertyNames lists the properties that a kind may have values for.
func PropertyNames(kind Kind) []string {
	var names []string
	if kind == KindGroup {
		for i := range groupTable {
			names = append(names, groupTable[i].name)
		}
		return names
	}
	for i := range userTable {
		names = append(names, userTable[i].name)
	}
	return names
}

// Value is a property of an object for comparisons: a string, a bool, a []string, or nil without a value.
func (m Member) Value(name string) (any, error) {
	if m.Group != nil {
		return value(KindGroup, groupTable, m.Group, m.Group.ID, name)
	}
	return value(KindUser, userTable, m.User, m.User.ID, name)
}

func value[T any](kind Kind, table []property[T], v *T, id, name string) (any, error) {
	if name == "id" {
		return id, nil
	}
	i := slices.IndexFunc(table, func(p property[T]) bool { return p.name == name })
	switch {
	case i < 0 && slices.Contains(bare[kind], name):
		return nil, nil
	case i < 0:
		return nil, &UnknownPropertyError{Kind: kind, Name: name}
	case !table[i].has(v):
		return nil, nil
	case table[i].text != nil:
		return table[i].text(v), nil
	case table[i].flag != nil:
		return *table[i].flag(v), nil
	case table[i].list != nil:
		return table[i].list(v), nil
	}
	return nil, nil
}

// UnknownPropertyError names a property that the kind does not have.
type UnknownPropertyError struct {
	Kind Kind
	Name string
}

func (e *UnknownPropertyError) Error() string {
	return fmt.Sprintf("Could not find a property named '%s' on type 'microsoft.graph.%s'.", e.Name, e.Kind)
}

// Select turns a $select list into a set. An empty list is the base set; for a delta of groups that includes members,
// whose caller asks with tracked.
func Select(kind Kind, names string, tracked bool) (Properties, error) {
	var set Properties
	if strings.TrimSpace(names) == "" {
		set = tableSet(kind, true)
		if tracked && kind == KindGroup {
			set |= MembersProperty
		}
		return set, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		name = strings.TrimSpace(name)
		switch bit := propertyBit(kind, name); {
		case bit != 0 && !(tracked && slices.Contains(untracked, name)):
			set |= bit
		case name == "id", slices.Contains(bare[kind], name):
		case name == "members" && kind == KindGroup:
			set |= MembersProperty
		case name == "owners" && kind == KindGroup:
			set |= OwnersProperty
		case name == "manager" && kind == KindUser:
			set |= ManagerProperty
		case kind == KindUser && (slices.Contains(elsewhere, name) || tracked && slices.Contains(untracked, name)):
			return 0, &NotServedError{Name: name}
		default:
			return 0, &UnknownPropertyError{Kind: kind, Name: name}
		}
	}
	return set, nil
}

func tableSet(kind Kind, baseOnly bool) Properties {
	if kind == KindGroup {
		return setOf(groupTable, func(p *property[Group]) bool { return p.base || !baseOnly })
	}
	return setOf(userTable, func(p *property[User]) bool { return p.base || !baseOnly })
}

func setOf[T any](table []property[T], want func(*property[T]) bool) Properties {
	var set Properties
	for i := range table {
		if want(&table[i]) {
			set |= 1 << i
		}
	}
	return set
}

// held is the set of properties that have a value.
func held[T any](table []property[T], v *T) Properties {
	return setOf(table, func(p *property[T]) bool { return p.has(v) })
}

func propertyBit(kind Kind, name string) Properties {
	var i int
	if kind == KindGroup {
		i = slices.IndexFunc(groupTable, func(p property[Group]) bool { return p.name == name })
	} else {
		i = slices.IndexFunc(userTable, func(p property[User]) bool { return p.name == name })
	}
	if i < 0 {
		return 0
	}
	return 1 << i
}

// appendProperties writes ,"name":value for every property of show that has a value or belongs to empties.
func appendProperties[T any](dst []byte, table []property[T], v *T, show, empties Properties) []byte {
	for i := range table {
		bit := Properties(1) << i
		if show&bit == 0 || (empties&bit == 0 && !table[i].has(v)) {
			continue
		}
		dst = append(dst, ',', '"')
		dst = append(dst, table[i].name...)
		dst = append(dst, '"', ':')
		dst = table[i].append(dst, v)
	}
	return dst
}

// changed is the set of properties whose values differ.
func changed[T any](table []property[T], before, after *T) Properties {
	var set Properties
	var a, b []byte
	for i := range table {
		a, b = table[i].append(a[:0], before), table[i].append(b[:0], after)
		if string(a) != string(b) {
			set |= 1 << i
		}
	}
	return set
}

// patched applies a patch to a copy of v. The copy is deep, because decoding would write into the lists and pointers
// that a shallow one shares with the object as it was.
func patched[T any](kind Kind, table []property[T], before *T, patch Patch) (*T, error) {
	v := new(T)
	copied, _ := json.Marshal(before) // plain structs always marshal
	_ = json.Unmarshal(copied, v)
	var doc strings.Builder
	doc.WriteByte('{')
	for name, value := range patch {
		i := slices.IndexFunc(table, func(p property[T]) bool { return p.name == name })
		if i < 0 {
			return nil, &UnknownPropertyError{Kind: kind, Name: name}
		}
		raw := []byte(table[i].zero())
		if value != nil {
			var err error
			if raw, err = json.Marshal(value); err != nil {
				return nil, invalid("Property '%s' cannot hold this value: %v", name, err)
			}
		}
		if doc.Len() > 1 {
			doc.WriteByte(',')
		}
		fmt.Fprintf(&doc, "%q:%s", name, raw)
	}
	doc.WriteByte('}')
	if err := json.Unmarshal([]byte(doc.String()), v); err != nil {
		return nil, invalid("A property has a value of the wrong type: %v", err)
	}
	return v, nil
}

// appendString writes s as a JSON string; plain text, nearly all of it, is copied without a look at escaping.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
