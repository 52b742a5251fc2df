package domain

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of a connector's description, in code points.
const (
	DescriptionMin = 10
	DescriptionMax = 120
)

// CleanDescription folds every run of white space, pasted line breaks included,
// into one space and checks the rules: 10 to 120 characters, no control
// characters, and more than the connector's name. The error is an Error on the
// field "description" in the words that the console shows.
func CleanDescription(name, text string) (string, error) {
	text = strings.Join(strings.Fields(text), " ")
	n := utf8.RuneCountInString(text)
	switch {
	case n == 0:
		return "", InvalidField("description", "Enter a description")
	case !utf8.ValidString(text):
		return "", InvalidField("description", "Description must be valid text")
	case strings.IndexFunc(text, unicode.IsControl) >= 0:
		return "", InvalidField("description", "Description must not contain control characters")
	case strings.EqualFold(text, strings.Join(strings.Fields(name), " ")):
		return "", InvalidField("description", "Description must say more than the name")
	case n < DescriptionMin:
		return "", InvalidField("description", "Description must be %d characters or more", DescriptionMin)
	case n > DescriptionMax:
		return "", InvalidField("description", "Description must be %d characters or fewer", DescriptionMax)
	}
	return text, nil
}
