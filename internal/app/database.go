package app

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"consentry/internal/store"
)

// checkDatabase holds that the database is named once, and its password where
// neither the list of processes nor their environment shows it.
func (c *Config) checkDatabase() error {
	switch {
	case c.Database == "" && c.DatabaseFile == "":
		return errors.New("--database is missing: give an SQLite file or the URL of a PostgreSQL database, or name a file that holds it with --database-file")
	case c.Database != "" && c.DatabaseFile != "":
		return errors.New("--database and --database-file are both given: leave one out, so that it is plain which database is meant")
	case !store.IsURL(c.Database):
		return nil
	}
	u, err := url.Parse(c.Database)
	if err != nil { // it would repeat what may be a password
		return errors.New("--database is no URL that can be read: write postgres://user@host:5432/database, with special characters percent-encoded")
	}
	if _, given := u.User.Password(); given || u.Query().Has("password") || u.Query().Has("sslpassword") {
		return errors.New("--database holds a password, which everybody could read who may list processes: put the whole URL into a file and name that with --database-file")
	}
	return nil
}

// database is where the rows are.
func (c *Config) database() (string, error) {
	if c.DatabaseFile == "" {
		return c.Database, nil
	}
	database, err := secretFile(c.DatabaseFile)
	if err == nil && database == "" {
		err = fmt.Errorf("--database-file %s is empty: write an SQLite file's path or a PostgreSQL URL into it", c.DatabaseFile)
	}
	return database, err
}

// holdsDatabase tells what is wrong with the content of --database-file without
// repeating any of it. A path has to be a whole one: a word alone is more likely
// the password without its URL.
func holdsDatabase(content []byte) error {
	place := strings.TrimSpace(string(content))
	if place == "" {
		return errors.New("names an empty file")
	}
	if wrong, ok := errors.AsType[*store.Unusable](store.Usable(place)); ok {
		return errors.New("names a file whose content " + wrong.Wrong)
	}
	if !store.IsURL(place) && !filepath.IsAbs(place) {
		return errors.New("names a file whose content is neither a URL of PostgreSQL nor a whole path")
	}
	return nil
}
