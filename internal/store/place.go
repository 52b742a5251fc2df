package store

import (
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// Unusable says why no database can be opened at a place. It never repeats the
// place: what is no database's address may be a password.
type Unusable struct {
	Wrong, Remedy string
	IsPath        bool // the place has the form of a path, and a person may be shown it
}

// Error implements error.
func (u *Unusable) Error() string { return "the database " + u.Wrong + ": " + u.Remedy }

const eitherPlace = "give postgres://USER@HOST:PORT/DATABASE, with special characters percent-encoded, or the path of a file for SQLite"

// Usable reports as *Unusable why a place can be neither the URL of a PostgreSQL
// database, read as Open reads it, nor the path of an SQLite file. Nothing is
// opened or made.
//
// Almost any text is the name of a file: without this, one word of a misspelt
// URL becomes an empty database, with the password in its name.
func Usable(place string) error {
	switch {
	case strings.TrimSpace(place) == "":
		return &Unusable{Wrong: "is empty", Remedy: eitherPlace}
	case strings.ContainsFunc(place, unicode.IsControl):
		return &Unusable{Wrong: "has more than one line, or a character that nobody can see", Remedy: "give one address or path on one line"}
	case IsURL(place):
		_, _, err := postgresConfig(place)
		return err
	case strings.Contains(place, "://"):
		return &Unusable{Wrong: "names a database that is not spoken here", Remedy: eitherPlace}
	case prose(place):
		return &Unusable{Wrong: "is neither a URL of PostgreSQL nor a path", Remedy: eitherPlace + "; the form host=… password=… is not read here"}
	}
	if info, err := os.Stat(filepath.Dir(place)); err != nil || !info.IsDir() {
		return &Unusable{Wrong: "lies in a folder that does not exist", Remedy: "make the folder, or correct the path", IsPath: true}
	}
	if info, err := os.Stat(place); err == nil && info.IsDir() {
		return &Unusable{Wrong: "is a folder", Remedy: "name a file in it", IsPath: true}
	}
	return nil
}

// prose tells libpq's form (host=h password=p), a line of YAML (url: …) and a
// pasted text from a path.
func prose(place string) bool {
	first, _, _ := strings.Cut(place, "/")
	return strings.TrimSpace(place) != place || strings.Contains(first, "=") || strings.Contains(place, ": ") || strings.Contains(place, "=") && strings.Contains(place, " ")
}

// misread names the part of a URL that is wrong, in words of ours: the library's
// repeat what stands there, which after one unescaped character is the password.
func misread(err error) string {
	for _, one := range [][2]string{
		{"port", "the port is no number, or the password has a / or # that is not percent-encoded"},
		{"sslmode", "sslmode has to be disable, allow, prefer, require, verify-ca or verify-full"},
		{"CA", "the certificate authority's file cannot be read"},
		{"cert", "the client certificate's file or its key's cannot be read"},
	} {
		if strings.Contains(err.Error(), one[0]) {
			return one[1]
		}
	}
	return "a character is not percent-encoded, or a parameter after the ? has no such value"
}
