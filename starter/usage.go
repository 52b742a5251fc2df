package main

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// mistakes collects what makes no sense on a command line, so that a script is
// mended in one go.
type mistakes []fieldProblem

func (m *mistakes) add(argument, value, message string) {
	*m = append(*m, fieldProblem{Field: argument, Argument: argument, Value: value, Message: message})
}

// failure is all of them; nil: there is none.
func (m mistakes) failure() error {
	switch len(m) {
	case 0:
		return nil
	case 1:
		return usage(m[0].Argument, m[0].Value, m[0].Message)
	}
	return &failure{exit: exitUsage, code: "usage", fields: m, sentence: fmt.Sprintf("%d values make no sense; nothing was asked for. The first: %s: %s", len(m), m[0].label(), m[0].Message)}
}

// named finds what a message of kong's is about: flags and arguments, as they are typed.
var named = regexp.MustCompile(`--[a-z][a-z-]*|<[a-z]+>`)

// unparsed is a command line that cannot be read. Several flags may be missing;
// else kong ends at the first mistake, and its message begins with what it is
// about.
func unparsed(err error) *failure {
	f := usage("the command line", "", err.Error())
	f.sentence, f.told = err.Error()+". "+hint(err), true
	names := named.FindAllString(err.Error(), -1)
	if list, ok := strings.CutPrefix(err.Error(), "missing flags: "); ok {
		f.fields = nil
		for _, name := range named.FindAllString(list, -1) {
			f.fields = append(f.fields, fieldProblem{Field: name, Argument: name, Message: "missing: this command needs it"})
		}
	} else if len(names) > 0 {
		f.fields[0].Field, f.fields[0].Argument = names[0], names[0]
	}
	return f
}

// wantsJSON reports whether --json stands anywhere: a command line that cannot be
// read is told as a program wants it, too.
func wantsJSON(args []string) bool {
	for _, arg := range args {
		if arg == "--" {
			break
		}
		if value, ok := strings.CutPrefix(arg, "--json="); ok {
			yes, err := strconv.ParseBool(value)
			return yes || err != nil
		}
		if arg == "--json" {
			return true
		}
	}
	return false
}

// sensible finds what kong takes and nobody means: a flag without a value, which
// is what an empty variable of a script leaves. Of a flag that is given twice the
// last counts, as everywhere: scripts add to a line what is to be otherwise.
func sensible(parsed *kong.Context) error {
	var wrong mistakes
	for n, arg := range parsed.Args {
		if !utf8.ValidString(arg) {
			wrong.add(fmt.Sprintf("argument %d", n+1), "", "no UTF-8: have the shell write it as UTF-8")
		}
	}
	for _, at := range parsed.Path {
		if f := at.Flag; f != nil && !at.Resolved && blank(f.Target) {
			wrong.add("--"+f.Name, "", "given without a value: give one, or leave the flag out")
		}
	}
	return wrong.failure()
}

// blank reports text without anything in it, also as a part of a list.
func blank(v reflect.Value) bool {
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			if blank(v.Index(i)) {
				return true
			}
		}
		return v.Len() == 0
	}
	return v.Kind() == reflect.String && strings.TrimSpace(v.String()) == ""
}

// identifier reads an id, which becomes a part of an address: nothing that is
// none, such as the empty variable of a script, is ever sent.
func identifier(ctx *kong.DecodeContext, target reflect.Value) error {
	var id string
	if err := ctx.Scan.PopValueInto("id", &id); err != nil {
		return err
	}
	odd := func(r rune) bool { return r == '/' || r == '\\' || unicode.IsSpace(r) || unicode.IsControl(r) }
	if id == "" || len(id) > idMax || strings.Trim(id, ".") == "" || !utf8.ValidString(id) || strings.ContainsFunc(id, odd) {
		return fmt.Errorf("%q is no id: one is at most %d characters, without blanks and slashes", short(id), idMax)
	}
	target.SetString(id)
	return nil
}

// idMax is the API's bound.
const idMax = 100

// hint says where help is: at the command that was begun, as far as one was, and
// where the ids are that it wants.
func hint(err error) string {
	at, ok := errors.AsType[*kong.ParseError](err)
	if !ok || at.Context == nil || at.Context.Selected() == nil {
		return "`consentry --help` lists the commands."
	}
	command := at.Context.Selected()
	said := "`" + command.FullPath() + " --help` says what it takes."
	for _, arg := range command.Positional {
		list := cmp.Or(listOf[command.Path()], listOf[arg.Name])
		if arg.Tag.Type == "id" && !arg.Set && list != "" {
			said = "`consentry " + list + "` lists the ids. " + said
		}
	}
	return said
}

// listOf says which command lists the ids that an argument of this name means, or
// the argument of this command.
var listOf = map[string]string{
	"integration": "integration list", "connector": "connector list", "account": "account list", "cell": "cell list",
	"person": "people list", "invitation": "people invited",
	"campaign start": "campaign status", "campaign extend": "campaign status", "campaign pause": "campaign status",
	"campaign resume": "campaign status", "campaign kill-switch": "campaign status", "token revoke": "token list",
}

// roleOf holds --role against --account. An operator's is the most powerful role
// there is: who leaves both out has forgotten one, so it is made only when it is
// said.
func (m *mistakes) roleOf(account, role string) string {
	switch role {
	case "view", "migrate", "approve":
		if account == "" {
			m.add("--role", role, "a role in an account: name that with --account")
		}
	case "operator":
		if account != "" {
			m.add("--role", role, "no role in an account: choose view, migrate or approve")
		}
	case "":
		if account != "" {
			m.add("--role", "", "say which role in the account: view, migrate or approve")
		} else {
			m.add("--role", "", "say whose: --account ID with --role view, migrate or approve for a role in an account, or --role operator for an operator of the vendor")
		}
	default:
		m.add("--role", role, "choose view, migrate or approve in an account, operator without one")
	}
	return role
}
