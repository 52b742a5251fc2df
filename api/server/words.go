package server

import (
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// useWords has the framework say what to write in place of what the schema
// expected. It keeps its sentences in package variables and reads them when an
// operation is registered.
func useWords() {
	validation.MsgUnexpectedProperty = "There is no field of this name here: correct the name, or take it out"
	validation.MsgExpectedRequiredProperty = missing + "%s"
	validation.MsgExpectedString = "Write a text, in quotation marks"
	validation.MsgExpectedBoolean = "Write true or false, without quotation marks"
	validation.MsgExpectedNumber = "Write a number, without quotation marks"
	validation.MsgExpectedInteger = "Write a whole number, without quotation marks"
	validation.MsgExpectedArray = "Write a list, in square brackets"
	validation.MsgExpectedObject = "Write fields with their values, in curly braces"
	validation.MsgExpectedRFC3339DateTime = "Write a date with time and zone, for example \"2027-03-31T22:00:00Z\""
	validation.MsgExpectedOneOf = "Write one of these: \"%s\""
	validation.MsgExpectedBePattern = "Write %s"
	validation.MsgExpectedMinimumNumber = "Write a number that is not less than %v"
	validation.MsgExpectedMaximumNumber = "Write a number that is not more than %v"
	validation.MsgExpectedMinLength = "Write a text of at least %d characters"
	validation.MsgExpectedMaxLength = "Write a text of at most %d characters"
	validation.MsgExpectedMinItems = "Write a list of at least %d"
	validation.MsgExpectedMaxItems = "Write a list of at most %d"
}

// missing begins what the framework says of the field that a value lacks; it says
// it of the value.
const missing = "missing: "

// fieldOf reads what the framework says of a field, named as in the rules: without
// the "body." that is its own.
func fieldOf(err error) (f FieldProblem, ok bool) {
	d, ok := err.(huma.ErrorDetailer)
	if !ok {
		return f, false
	}
	detail := d.ErrorDetail()
	f = FieldProblem{Field: strings.TrimPrefix(detail.Location, "body."), Message: detail.Message}
	if name, lacks := strings.CutPrefix(f.Message, missing); lacks {
		f.Field = strings.TrimPrefix(strings.TrimPrefix(f.Field, "body")+"."+name, ".")
		f.Message = "This field is missing: write it"
	}
	if f.Field == "" {
		f.Field = "body"
	}
	return f, true
}
