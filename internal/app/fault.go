package app

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
)

// Fault is one thing that is wrong with the configuration.
type Fault struct {
	Flag   string // without its dashes; empty when it is no setting of ours
	Env    string // filled in for our own flags
	Value  string // never a secret; empty when there is none to show
	Wrong  string
	Remedy string
}

func (f Fault) String() string {
	var b strings.Builder
	switch {
	case f.Flag != "" && f.Env != "":
		fmt.Fprintf(&b, "--%s (%s) ", f.Flag, f.Env)
	case f.Flag != "":
		fmt.Fprintf(&b, "--%s ", f.Flag)
	case f.Env != "":
		b.WriteString(f.Env + " ")
	}
	if f.Value != "" {
		fmt.Fprintf(&b, "is %q: it ", f.Value)
	}
	return b.String() + f.Wrong + ": " + f.Remedy
}

// ConfigError is everything that is wrong with the configuration.
type ConfigError struct{ Faults []Fault }

// Error is the report that a person reads.
func (e *ConfigError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the configuration cannot work; to be mended (%d):", len(e.Faults))
	for _, f := range e.Faults {
		b.WriteString("\n  " + f.String())
	}
	return b.String()
}

// faults collects, one for each setting: what follows from a mistake that is
// already named is not named again.
type faults struct {
	all     []Fault
	secrets []string // must not appear in a report, wherever they come from
}

func (f *faults) add(one Fault) {
	if one.Flag != "" {
		if slices.ContainsFunc(f.all, func(have Fault) bool { return have.Flag == one.Flag }) {
			return
		}
		one.Env = envOf(one.Flag)
	}
	f.all = append(f.all, one)
}

// hide names text that no report may repeat.
func (f *faults) hide(secret string) {
	if secret = strings.TrimSpace(secret); len(secret) >= 4 {
		f.secrets = append(f.secrets, secret)
	}
}

// err is the report, or nil.
func (f *faults) err() error {
	if len(f.all) == 0 {
		return nil
	}
	slices.SortStableFunc(f.secrets, func(a, b string) int { return len(b) - len(a) })
	clean := func(s string) string {
		for _, secret := range f.secrets {
			s = strings.ReplaceAll(s, secret, "(hidden)")
		}
		return s
	}
	e := &ConfigError{}
	for _, one := range f.all {
		one.Value, one.Wrong = clean(one.Value), clean(one.Wrong)
		e.Faults = append(e.Faults, one)
	}
	return e
}

// suggest names the variables that are probably a setting's, mistyped: at the
// setting if it is missing, else by themselves, because a default would be used
// without a word. Other variables with the prefix are other programs'.
func (f *faults) suggest(environment []string, prefix string, known []string) {
	for _, pair := range environment {
		name, _, _ := strings.Cut(pair, "=")
		meant, least := "", 3
		for _, one := range known {
			if d := slips(name, one); d < least {
				meant, least = one, d
			}
		}
		if !strings.HasPrefix(name, prefix) || least == 0 || meant == "" {
			continue
		}
		at := slices.IndexFunc(f.all, func(have Fault) bool { return have.Env == meant && have.Wrong == missing })
		if at >= 0 {
			f.all[at].Remedy += " (" + name + " is set: was it meant?)"
		} else {
			f.all = append(f.all, Fault{Env: name, Wrong: "is no setting", Remedy: "write " + meant + " if that is meant, else unset it"})
		}
	}
}

// suggestOwn does so for our own settings.
func (f *faults) suggestOwn(environment []string) {
	var known []string
	for _, s := range settings() {
		known = append(known, s.env)
	}
	f.suggest(environment, "CONSENTRY_", known)
}

const missing = "is missing"

// setting is one field of Config as a person knows it.
type setting struct {
	flag, env, help  string
	required, secret bool
	field            []int
}

// settings reads Config's fields; kong reads the same tags.
func settings() []setting {
	var all []setting
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if f.Tag.Get("name") == "" {
			continue
		}
		_, required := f.Tag.Lookup("needed")
		_, secret := f.Tag.Lookup("secret")
		all = append(all, setting{flag: f.Tag.Get("name"), env: f.Tag.Get("env"), help: f.Tag.Get("help"), required: required, secret: secret, field: f.Index})
	}
	return all
}

func envOf(flag string) string {
	for _, s := range settings() {
		if s.flag == flag {
			return s.env
		}
	}
	return ""
}

// shown is an address without the password that somebody may have written into
// it, and without what follows the question mark.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		before, _, _ := strings.Cut(address, "@")
		if before != address {
			return "(an address with an @ that cannot be read)"
		}
		return address
	}
	if u.Fragment != "" {
		u.Fragment, u.RawFragment = "…", ""
	}
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return strings.ReplaceAll(u.Redacted(), "%E2%80%A6", "…")
}

// errNoFile: there is no such file.
var errNoFile = errors.New("names no file")

// readable gives a file's content, or what is wrong with it in words that do not
// repeat the path: a path that names nothing may be the secret itself.
func readable(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrInvalid):
		return nil, errNoFile
	case errors.Is(err, os.ErrPermission):
		return nil, errors.New("names a file that this process may not read")
	case errors.Is(err, syscall.EISDIR):
		return nil, errors.New("names a folder")
	case err != nil:
		if wrong, ok := errors.AsType[*os.PathError](err); ok {
			return nil, fmt.Errorf("names what cannot be read (%w)", wrong.Err)
		}
		return nil, errNoFile
	}
	return content, nil
}
