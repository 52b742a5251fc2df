package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/test/standin"
)

// documented is one command with what it takes, as the documentation lists it.
type documented struct {
	name  string
	takes []taken
}

// taken is one argument (<integration>) or flag with a value (--until).
type taken struct {
	name           string
	id, repeatable bool
	required       bool
}

var (
	heading  = regexp.MustCompile(`(?m)^### consentry ([a-z -]+[a-z])((?: [<\[].*)?)$`)
	argument = regexp.MustCompile("(?m)^- `\\[?<([a-z]+)>\\]?`: (.*)$")
	flagLine = regexp.MustCompile("(?m)^- `--([a-z-]+) ([^`]+)`(.*)$")
)

// commands reads the reference, so that a command that is added is tried, too.
func commands(t *testing.T) (all []documented) {
	t.Helper()
	text, err := os.ReadFile("../../docs/command-line.md")
	require.NoError(t, err)
	for section := range strings.SplitSeq(string(text), "\n### ") {
		head := heading.FindStringSubmatch("### " + strings.SplitN(section, "\n", 2)[0])
		if head == nil {
			continue
		}
		c := documented{name: head[1]}
		for _, a := range argument.FindAllStringSubmatch(section, -1) {
			c.takes = append(c.takes, taken{name: "<" + a[1] + ">", id: strings.HasPrefix(a[2], "Id of") && !strings.Contains(a[2], "GUID") && c.name != "cell add", required: true})
		}
		for _, f := range flagLine.FindAllStringSubmatch(section, -1) {
			c.takes = append(c.takes, taken{name: "--" + f[1], id: f[2] == "ID", repeatable: strings.Contains(f[2], ",..."), required: strings.HasPrefix(f[3], " (required)")})
		}
		all = append(all, c)
	}
	return all
}

// sensibleValues are what the commands are given beside the odd one.
var sensibleValues = map[string]string{
	"<integration>": "contoso", "<account>": "acc-leave", "<connector>": "con_free", "<campaign>": "campaign-eu", "<cell>": "cell-typo", "<id>": "campaign-eu", "<state>": "on",
	"<role>": "view", "<file>": "-", "<path>": "/decisions", "<tenant>": contoso, "<name>": "Nia", "<person>": "per_none", "<invitation>": "inv_none",
	"--until": "2030-01-01", "--reason": "test", "--account": "acc-contoso", "--role": "view", "--for": "1h", "--issuer": standin.Issuer, "--subject": "s", "--limit": "5",
	"--name": "N", "--region": "eu", "--cloud": "global", "--client-id": contoso, "--object-id": fabric, "--home-tenant": fabric,
}

// line writes the command with one value in the place of the sensible one.
func (c documented) line(odd taken, value string) (args []string) {
	args = strings.Fields(c.name)
	for _, a := range c.takes {
		v, flag := sensibleValues[a.name], strings.HasPrefix(a.name, "--")
		if a.name == odd.name {
			v = value
		} else if flag && !a.required && a.name != "--account" && a.name != "--role" {
			continue
		}
		switch {
		case a.name == "--out" && a.name != odd.name:
		case flag:
			args = append(args, a.name+"="+v)
		default:
			args = append(args, v)
		}
	}
	if strings.HasSuffix(c.name, " delete") || strings.HasSuffix(c.name, " disconnect") || strings.HasSuffix(c.name, " remove") {
		args = append(args, "--yes")
	}
	return append(args, "--json")
}

// TestOddValuesAreRefusedInWords: each value of each command as an empty one, an
// overlong one, one of another kind, a negative one, one with a line break, a
// sign of control or letters of the world, and given twice. Never a fault of
// ours, never as if nobody answered, never a text in place of the JSON; and what
// cannot be meant asks for nothing.
func TestOddValuesAreRefusedInWords(t *testing.T) {
	w := newWorldOfNow(t)
	w.leavings()
	_, err := w.service.AddCell(t.Context(), domain.System("test"), domain.Cell{ID: "cell-typo", Name: "T", Region: "eu", Cloud: "global", ClientID: contoso, ApplicationObjectID: contoso, HomeTenantID: contoso})
	require.NoError(t, err)
	operator := w.shell("", domain.RoleOperator)
	odd := map[string]string{
		"empty": "", "overlong": strings.Repeat("x", 300), "of another kind": "certainly-not", "negative": "-5", "with a line break": "a\nb", "of control": "a\x1b[2Jb", "of the world": "Zoë 株式会社 🙂",
	}
	all := commands(t)
	require.Greater(t, len(all), 35)
	outcome := map[string]map[int]int{}
	for _, c := range all {
		for _, a := range c.takes {
			if a.name == "--out" || a.name == "<file>" || a.name == "<path>" {
				continue // files and addresses have tests of their own
			}
			for _, kind := range slices.Sorted(maps.Keys(odd)) {
				args := c.line(a, odd[kind])
				if kind == "negative" && !strings.HasPrefix(a.name, "--") {
					continue // it would be a flag
				}
				p := operator.run(args...)
				if outcome[kind] == nil {
					outcome[kind] = map[int]int{}
				}
				outcome[kind][p.exit]++
				w.requireWords(t, args, p)
				beside := a.id && slices.Contains([]string{"empty", "overlong", "with a line break", "of control", "of the world"}, kind)
				if kind == "empty" || beside {
					require.Equal(t, 2, p.exit, "%q: %s%s", args, p.out, p.errs)
				}
				if kind == "overlong" || kind == "of control" && !strings.HasSuffix(a.name, "reason") {
					require.NotEqual(t, 0, p.exit, "%q: %s", args, p.out)
				}
			}
			if strings.HasPrefix(a.name, "--") && !a.repeatable {
				args := append(c.line(a, sensibleValues[a.name]), a.name+"=")
				p := operator.run(args...)
				w.requireWords(t, args, p)
				require.Equal(t, 2, p.exit, "the last counts: %q: %s%s", args, p.out, p.errs)
			}
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(outcome)) {
		t.Log(kind, outcome[kind])
	}
}

func (w *world) requireWords(t *testing.T, args []string, p printed) {
	t.Helper()
	require.Contains(t, []int{0, 2, 3, 4, 5, 7}, p.exit, "%q: %s%s", args, p.out, p.errs)
	require.NotContains(t, p.errs, "goroutine")
	if p.exit == 0 || p.exit == 7 {
		require.Empty(t, p.errs)
		return
	}
	refusal := map[string]struct {
		Exit   int    `json:"exit"`
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}{}
	require.NoError(t, json.Unmarshal([]byte(p.errs), &refusal), "%q: %s", args, p.errs)
	require.Equal(t, p.exit, refusal["error"].Exit)
	require.NotEmpty(t, refusal["error"].Detail)
	require.NotEmpty(t, refusal["error"].Code)
}

// TestEveryListSaysAsOfWhen, to programs and to people, and is silent when its
// reader has seen enough.
func TestEveryListSaysAsOfWhen(t *testing.T) {
	w := newWorldOfNow(t)
	operator := w.shell("", domain.RoleOperator)
	for _, list := range []string{
		"account list", "integration list", "connector list", "cell list", "people list", "people invited", "token list", "payload-key list", "campaign status",
	} {
		t.Run(list, func(t *testing.T) {
			p := operator.run(append(strings.Fields(list), "--json")...)
			require.Equal(t, 0, p.exit, p.errs)
			var doc struct {
				AsOf  domain.Instant    `json:"asOf"`
				Items []json.RawMessage `json:"items"`
			}
			require.NoError(t, json.Unmarshal([]byte(p.out), &doc))
			require.False(t, doc.AsOf.IsZero())
			require.NotNil(t, doc.Items)
			require.Regexp(t, `(?m)^as of \d{4}-\d\d-\d\d \d\d:\d\d UTC`, operator.run(strings.Fields(list)...).out)
			quiet := operator.run(append(strings.Fields(list), "--quiet")...)
			require.Equal(t, 0, quiet.exit)
			require.Empty(t, quiet.errs)
		})
	}
}

// TestAListThatTheCallerMayNotSeeIsNotEmpty: an empty one would say that there is
// nothing, and hide a mistyped account.
func TestAListThatTheCallerMayNotSeeIsNotEmpty(t *testing.T) {
	w := newWorldOfNow(t)
	operator, vic := w.shell("", domain.RoleOperator), w.shell("acc-contoso", domain.RoleView)
	for _, list := range []string{"cell list", "payload-key list", "campaign status", "status"} {
		p := vic.run(strings.Fields(list)...)
		require.Equal(t, 5, p.exit, list)
		require.Empty(t, p.out, list)
		require.Contains(t, p.errs, "Only an operator of the vendor may see ", list)
	}
	for _, list := range []string{"people list", "people invited", "token list", "integration list", "connector list"} {
		there := append(strings.Fields(list), "--account", "acc-contoso")
		require.Equal(t, 0, vic.run(there...).exit, list)
		require.Equal(t, 0, operator.run(there...).exit, list)
		nowhere := append(strings.Fields(list), "--account", "acc-nope")
		other := append(strings.Fields(list), "--account", "acc-fabric")
		for _, p := range []printed{operator.run(nowhere...), vic.run(nowhere...), vic.run(other...)} {
			require.Equal(t, 4, p.exit, "%s: %s", list, p.out)
			require.Empty(t, p.out, list)
			require.Contains(t, p.errs, "There is no such account", list)
		}
	}
	for _, address := range []string{"/migrations", "/notices", "/changes"} {
		require.Equal(t, 4, vic.run("get", address+"?accountId=acc-fabric").exit, address)
	}
}

// TestAReaderThatHasSeenEnoughIsNoFault: head(1) closes the pipe, and a closed
// standard output is told as a fault at most, never as a trace.
func TestAReaderThatHasSeenEnoughIsNoFault(t *testing.T) {
	w := newWorldOfNow(t)
	operator := w.shell("", domain.RoleOperator)
	read, write, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, read.Close())
	c, _, errs := operator.command("integration", "list")
	c.Stdout = write
	require.Error(t, c.Run())
	require.NoError(t, write.Close())
	require.Empty(t, errs.String())
	require.Equal(t, "signal: broken pipe", c.ProcessState.String(), "a shell shows 141, as of any other program")

	script := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(script, fmt.Appendf(nil, "#!/bin/sh\n%s integration list | head -1\n%[1]s integration list >&-\n", program(t)), 0o700))
	shell := *operator
	shell.program = script
	p := shell.run()
	require.Empty(t, p.errs)
	require.Contains(t, p.out, "INTEGRATION")
	require.Equal(t, 1, strings.Count(p.out, "\n"))
}
