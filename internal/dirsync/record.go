package dirsync

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"consentry/internal/domain"
)

// State is what a round last heard of an object.
type State string

// The states. Excluded objects exist in the directory, but the customer's
// settings leave them out: to the mirror they are gone, though their memberships
// are not, because nobody will tell us of them again when the settings change.
const (
	Present  State = "present"
	Gone     State = "gone"
	Excluded State = "excluded"
)

// Patch is the properties that a page spoke of, in canonical values: null
// clears, absent says nothing.
type Patch map[string]json.RawMessage

// Over lays the patch over an earlier one.
func (p Patch) Over(earlier Patch) Patch {
	if len(earlier) == 0 {
		return p
	}
	merged := maps.Clone(earlier)
	maps.Copy(merged, p)
	return merged
}

// Staged is the latest word of a round on one object. Fresh means that the round
// saw it removed and then come back, so that nothing said before holds.
type Staged struct {
	ID    string
	State State
	Fresh bool
	Patch Patch
}

// Then folds a later word into an earlier one.
func (s Staged) Then(later Staged) Staged {
	switch {
	case later.State == Gone || later.Fresh:
		return later
	case s.State == Gone:
		later.Fresh = true
		return later
	}
	later.Fresh, later.Patch = s.Fresh, later.Patch.Over(s.Patch)
	return later
}

// Settle decides whether the customer's settings leave the object out. It is
// asked again whenever the patch has grown.
func (s Staged) Settle(stream Stream, settings domain.SyncSettings) Staged {
	if s.State == Gone || stream != Users {
		return s
	}
	s.State = Present
	guest := string(s.Patch["userType"]) == `"Guest"`
	disabled := string(s.Patch["accountEnabled"]) == "false"
	if (guest && !settings.IncludeGuests) || (disabled && !settings.IncludeDisabled) {
		s.State = Excluded
	}
	return s
}

// Edge is a direct membership.
type Edge struct {
	GroupID  string `json:"groupId,omitempty"`
	MemberID string `json:"memberId,omitempty"`
}

// StagedEdge is the latest word of a round on one membership.
type StagedEdge struct {
	Edge
	MemberKind string // user, group, or "" where the page did not say
	Removed    bool
}

// Object is a user or group as the mirror holds it.
type Object struct {
	ID   string
	Name string
	Data []byte // canonical JSON: the properties that have a value, by name
	Hash string
}

// NewObject makes the record of an id and canonical data.
func NewObject(id string, data []byte) (Object, error) {
	var p Patch
	if err := json.Unmarshal(data, &p); err != nil {
		return Object{}, fmt.Errorf("a record of the directory is damaged: %w", err)
	}
	return record(id, p)
}

// Record is the object that the patch makes when nothing was known before.
func (s Staged) Record() (Object, error) { return record(s.ID, s.Patch) }

// On lays the staged word over what the mirror holds and reports whether that
// changes anything. In a full round absent means "has no value", in a delta
// round "as it was".
func (s Staged) On(held *Object, full bool) (next Object, changed bool, err error) {
	patch := s.Patch
	if held != nil && !full && !s.Fresh {
		var before Patch
		if err := json.Unmarshal(held.Data, &before); err != nil {
			return Object{}, false, fmt.Errorf("a record of the mirror is damaged: %w", err)
		}
		patch = patch.Over(before)
	}
	if next, err = record(s.ID, patch); err != nil {
		return Object{}, false, err
	}
	return next, held == nil || held.Hash != next.Hash, nil
}

func record(id string, p Patch) (Object, error) {
	values := make(Patch, len(p))
	for name, v := range p {
		if !isNull(v) {
			values[name] = v
		}
	}
	data, err := json.Marshal(values) // names are sorted, values canonical
	if err != nil {
		return Object{}, fmt.Errorf("write a record of the directory: %w", err)
	}
	o := Object{ID: id, Data: data}
	if n := values["displayName"]; n != nil {
		_ = json.Unmarshal(n, &o.Name) // a name is for reading only; canonical makes it a text
	}
	sum := sha256.Sum256(data)
	o.Hash = hex.EncodeToString(sum[:16])
	return o, nil
}

// Fields names the properties in which two records differ, sorted.
func Fields(a, b []byte) ([]string, error) {
	var x, y Patch
	if err := json.Unmarshal(a, &x); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &y); err != nil {
		return nil, err
	}
	var names []string
	for name, v := range x {
		if !bytes.Equal(v, y[name]) {
			names = append(names, name)
		}
	}
	for name := range y {
		if _, ok := x[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
