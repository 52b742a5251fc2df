package domain

import (
	"errors"
	"fmt"
)

// Kind says what a caller can do about an Error; the API maps each kind to one
// HTTP status.
type Kind string

// The kinds of refusal.
const (
	NotFound    Kind = "not-found"   // also: exists, but not for this caller
	Invalid     Kind = "invalid"     // the input breaks a rule; Field names it
	Conflict    Kind = "conflict"    // the rule holds, but not in the present state
	Forbidden   Kind = "forbidden"   // the caller sees the thing but lacks the role
	Unavailable Kind = "unavailable" // a part we need does not answer; try again
	Gone        Kind = "gone"        // it was there and is complete or spent
)

// Error is a refusal or fault that a caller decides on. Code is stable and for
// programs, Message is a sentence for the person who reads it.
type Error struct {
	Kind    Kind
	Code    string
	Field   string
	Message string
	Err     error
}

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
