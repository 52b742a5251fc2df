package domain

import (
	"cmp"
	"errors"
	"fmt"
)

// Kind says what a caller can do about an Error; the API maps each kind to one
// HTTP status.
type Kind string

// The kinds of refusal.
const (
	NotFound    Kind = "not-found"   // also: exists, but not for this caller
	Invalid     Kind = "invalid"     // the input makes no sense, however things stand; Breaches names every field
	Conflict    Kind = "conflict"    // the input makes sense, and a rule refuses it as things stand
	Forbidden   Kind = "forbidden"   // the caller sees the thing but lacks the role
	Unavailable Kind = "unavailable" // a part we need does not answer; try again
	Gone        Kind = "gone"        // it was there and is complete or spent
)

// Error is a refusal or fault that a caller decides on. Code is stable and for
// programs, Message is a sentence for the person who reads it.
type Error struct {
	Kind     Kind
	Code     string
	Field    string
	Message  string
	Breaches []Breach // of several fields, all of them; Field and Message are the first
	Err      error
}

// Breach is one field that makes no sense, with what would.
type Breach struct{ Field, Message string }

// Error implements error.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Message, e.Err)
	}
	return e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Refuse builds an Error of a kind with a stable code and a sentence.
func Refuse(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// InvalidField builds the refusal of one field.
func InvalidField(field, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Code: "invalid-" + field, Field: field, Message: fmt.Sprintf(format, args...)}
}

// breachesMax bounds how many are named: a file that is wrong throughout is wrong
// in the same way throughout.
const breachesMax = 100

// Mistakes makes one refusal of all that makes no sense, so that it is mended in
// one go. What a caller may not do, or what is not there, goes before it, because
// no better writing mends that; what is refused as things stand comes after it.
// nil: there is none.
func Mistakes(errs ...error) error {
	var all []Breach
	var refused error
	for _, err := range errs {
		if err == nil {
			continue
		}
		e, ok := errors.AsType[*Error](err)
		switch {
		case ok && e.Kind == Conflict:
			refused = cmp.Or(refused, err)
		case !ok || e.Kind != Invalid || e.Field == "":
			return err
		case len(e.Breaches) > 0:
			all = append(all, e.Breaches...)
		default:
			all = append(all, Breach{e.Field, e.Message})
		}
	}
	switch len(all) {
	case 0:
		return refused
	case 1:
		return InvalidField(all[0].Field, "%s", all[0].Message)
	}
	return &Error{Kind: Invalid, Code: "invalid", Field: all[0].Field, Message: all[0].Message, Breaches: all[:min(len(all), breachesMax)]}
}

// Missing is the answer for a thing that does not exist or that the caller may
// not see: both read alike, so that nothing is learnt from asking.
func Missing(what string) *Error {
	return &Error{Kind: NotFound, Code: "not-found", Message: "There is no such " + what + "."}
}

// KindOf reports the kind of the first Error in the chain, "" if there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// IsNotFound reports whether err says that a thing does not exist.
func IsNotFound(err error) bool { return KindOf(err) == NotFound }
