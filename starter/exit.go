package main

import (
	"errors"
	"fmt"
	"net/http"
)

// The exit codes. They are part of the interface, like the addresses of the API.
const (
	exitDone        = 0
	exitFault       = 1   // something is broken, here or there
	exitUsage       = 2   // the command or a file it was given makes no sense
	exitRefused     = 3   // a rule says no; the sentence says which
	exitNotFound    = 4   // there is no such thing, or not for this token
	exitNotAllowed  = 5   // the token is missing, ended, or may not do this
	exitUnavailable = 6   // nobody answers, or an answer was lost
	exitWaits       = 7   // done so far, and now it waits: for a person or for the engine
	exitInterrupted = 130 // Ctrl-C
)

// exits says each code in words, for help and documentation.
var exits = []struct {
	code int
	text string
}{
	{exitDone, "done"},
	{exitFault, "a fault: something is broken, here or there"},
	{exitUsage, "the command, or a file it was given, makes no sense"},
	{exitRefused, "refused by a rule; the sentence says which"},
	{exitNotFound, "there is no such thing, or not for this token"},
	{exitNotAllowed, "not allowed: the token is missing, has ended, or may not do this"},
	{exitUnavailable, "not available: nobody answers, or an answer was lost; the sentence says whether anything may have been done"},
	{exitWaits, "done so far, and now it waits for a person or for the engine"},
	{exitInterrupted, "interrupted by Ctrl-C or SIGTERM"},
}

// failure is why a command did not end well, in words for a person and in a code
// for a script.
type failure struct {
	exit        int
	code        string
	sentence    string
	fields      []fieldProblem
	correlation string
	told        bool // the sentence says what the fields say
	said        bool // the answer was printed; only the exit code is left
}

type fieldProblem struct {
	Field    string `json:"field"`
	Argument string `json:"argument,omitempty"` // of the command line that gave it
	Value    string `json:"value,omitempty"`    // as it was typed
	Message  string `json:"message"`
	Line     int    `json:"line,omitempty"` // in the file that was imported
}

func (f *failure) Error() string { return f.sentence }

// usage is one value that makes no sense. Argument names it as it is typed, value
// is what was typed, "" if that says nothing.
func usage(argument, value, message string) *failure {
	field := fieldProblem{Field: argument, Argument: argument, Value: value, Message: message}
	return &failure{exit: exitUsage, code: "usage", sentence: field.label() + ": " + message, fields: []fieldProblem{field}}
}

// failureOf turns any error into one with an exit code.
func failureOf(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	return &failure{exit: exitFault, code: "fault", sentence: err.Error()}
}

// exitOf is the one place where HTTP becomes an exit code.
func exitOf(status int) int {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitNotAllowed
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return exitUsage // what was asked for makes no sense, however things stand
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return exitUnavailable
	}
	if status >= 400 && status < 500 {
		return exitRefused
	}
	return exitFault
}

// label names what was typed, and how, for whoever typed it.
func (f fieldProblem) label() string {
	name := or(f.Argument, f.Field)
	if f.Value == "" {
		return name
	}
	return fmt.Sprintf("%s %q", name, short(f.Value))
}

// short bounds what of a value is shown.
func short(v string) string {
	const most = 80
	if r := []rune(v); len(r) > most {
		return string(r[:most]) + "…"
	}
	return v
}

// typed adds to the fields of a refusal what was typed for them.
func (f *failure) typed(given map[string]argument) {
	for i, field := range f.fields {
		if a, ok := given[field.Field]; ok {
			f.fields[i].Argument, f.fields[i].Value = a.name, a.value
		}
	}
}
