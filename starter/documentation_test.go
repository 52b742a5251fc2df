package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

const documentation = "../docs/command-line.md"

var write = flag.Bool("write", false, "write the reference of the commands into the documentation")

// TestTheDocumentationListsEveryCommand holds the reference in the documentation
// equal to the commands that are parsed; `go test ./starter -run Documentation
// -args -write` writes it.
func TestTheDocumentationListsEveryCommand(t *testing.T) {
	text, err := os.ReadFile(documentation)
	require.NoError(t, err)
	head, have, found := strings.Cut(string(text), "\n## Commands\n\n")
	require.True(t, found, "the section Commands is missing")
	want := reference(t)
	if *write {
		require.NoError(t, os.WriteFile(documentation, []byte(head+"\n## Commands\n\n"+want), 0o644))
		return
	}
	require.Equal(t, want, have, "run go test ./starter -run Documentation -args -write")
}

func TestTheDocumentationListsEveryExitCode(t *testing.T) {
	text, err := os.ReadFile(documentation)
	require.NoError(t, err)
	for _, e := range exits {
		require.Contains(t, string(text), fmt.Sprintf("| %d | %s |", e.code, e.text))
	}
}

// reference writes the model of the commands as Markdown.
func reference(t *testing.T) string {
	t.Helper()
	var line commandLine
	parser, err := newParser(&line, &bytes.Buffer{}, &bytes.Buffer{})
	require.NoError(t, err)
	var b strings.Builder
	fmt.Fprintf(&b, "Every command takes these:\n\n%s", flags(parser.Model.Flags))
	for _, leaf := range parser.Model.Leaves(true) {
		name := strings.TrimPrefix(leaf.FullPath(), "consentry ")
		for _, arg := range leaf.Positional {
			name += " " + arg.Summary()
		}
		fmt.Fprintf(&b, "\n### consentry %s\n\n%s\n", name, leaf.Help)
		for _, arg := range leaf.Positional {
			fmt.Fprintf(&b, "\n- `%s`: %s", arg.Summary(), arg.Help)
		}
		if len(leaf.Positional) > 0 {
			b.WriteString("\n")
		}
		if list := flags(leaf.Flags); list != "" {
			b.WriteString("\n" + list)
		}
	}
	return b.String()
}

func flags(list []*kong.Flag) string {
	var b strings.Builder
	for _, f := range list {
		if f.Name == "help" {
			continue
		}
		name, notes := "--"+f.Name, ""
		if !f.IsBool() {
			name += " " + f.FormatPlaceHolder()
		}
		for _, env := range f.Envs {
			notes += " (" + env + ")"
		}
		if f.Required {
			notes += " (required)"
		}
		fmt.Fprintf(&b, "- `%s`%s: %s\n", name, notes, f.Help)
	}
	return b.String()
}

// TestTheChecklistIsTheDocumentations: what `cell add` tells a person to do is
// what the documentation explains.
func TestTheChecklistIsTheDocumentations(t *testing.T) {
	text, err := os.ReadFile("../docs/entra-setup.md")
	require.NoError(t, err)
	var list strings.Builder
	steps := registrationSteps([]string{"https://CONSOLE_HOST/consent/callback"})
	for n, step := range steps {
		fmt.Fprintf(&list, "%d. %s\n", n+1, step)
	}
	require.Contains(t, string(text), "\n\n"+list.String()+"\n", "word for word, and nothing more")
	all := strings.Join(steps, "\n")
	for _, name := range []string{"User.Read.All", "GroupMember.Read.All", "openid", "profile", "groupMembershipClaims", "DirectoryRole", "acct", "/consent/callback", "instance property lock", "service principal"} {
		require.Contains(t, strings.ToLower(all), strings.ToLower(name), "the sections above need it")
	}
}
