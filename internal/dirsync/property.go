package dirsync

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Stream is one of the two delta queries of a round, and the kind of object it
// enumerates.
type Stream string

// The streams, in the order a round reads them.
const (
	Users  Stream = "users"
	Groups Stream = "groups"
)

// Streams lists the streams in the order a round reads them.
var Streams = []Stream{Users, Groups}

// Noun is the word for one object of the stream, as rows and answers use it.
func (s Stream) Noun() string {
	if s == Groups {
		return "group"
	}
	return "user"
}

// shape is the type of a property's value.
type shape int

const (
	text shape = iota
	flag
	list // a set: the directory promises no order
)

// userShapes are the properties of a user that the mirror keeps. Those that
// change with every sign-in or every run of an on-premises agent are left out:
// they would make each round rewrite the whole directory.
var userShapes = map[string]shape{
	"userPrincipalName":     text,
	"displayName":           text,
	"givenName":             text,
	"surname":               text,
	"mail":                  text,
	"mailNickname":          text,
	"proxyAddresses":        list,
	"otherMails":            list,
	"accountEnabled":        flag,
	"userType":              text,
	"jobTitle":              text,
	"department":            text,
	"companyName":           text,
	"officeLocation":        text,
	"mobilePhone":           text,
	"businessPhones":        list,
	"employeeId":            text,
	"onPremisesSyncEnabled": flag,
	"preferredLanguage":     text,
	"onPremisesImmutableId": text,
}

var groupShapes = map[string]shape{
	"displayName":           text,
	"description":           text,
	"mail":                  text,
	"mailEnabled":           flag,
	"mailNickname":          text,
	"securityEnabled":       flag,
	"groupTypes":            list,
	"visibility":            text,
	"proxyAddresses":        list,
	"onPremisesSyncEnabled": flag,
}

// UserSelect and GroupSelect are the $select lists of the two streams. A delta
// query remembers its first one: changing a list means reading everything anew.
var (
	UserSelect  = selection(userShapes, "id")
	GroupSelect = selection(groupShapes, "id", "members")
)

func selection(shapes map[string]shape, first ...string) []string {
	names := make([]string, 0, len(shapes))
	for name := range shapes {
		names = append(names, name)
	}
	slices.Sort(names)
	return append(first, names...)
}

func (s Stream) shapes() map[string]shape {
	if s == Groups {
		return groupShapes
	}
	return userShapes
}

// canonical gives the one spelling of a value, so that equal values are equal
// bytes: no value at all is null, escapes are Go's, sets are sorted.
func (s shape) canonical(raw json.RawMessage) (json.RawMessage, error) {
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return json.RawMessage("null"), nil
	}
	switch s {
	case flag:
		var v bool
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, fmt.Errorf("is neither true, false nor null")
		}
		return json.Marshal(v)
	case list:
		var v []string
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, fmt.Errorf("is neither a list of texts nor null")
		}
		if len(v) == 0 {
			return json.RawMessage("null"), nil
		}
		slices.Sort(v)
		return json.Marshal(slices.Compact(v))
	default:
		var v string
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, fmt.Errorf("is neither a text nor null")
		}
		if v == "" {
			return json.RawMessage("null"), nil
		}
		return json.Marshal(v)
	}
}
