package deploy

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// functions are the functions that a program holds. It is built as make does,
// which takes a second when bin/ has it as the sources are.
func functions(t *testing.T, program, from string) []string {
	t.Helper()
	path := "bin/" + program
	build := exec.CommandContext(t.Context(), "tools/go-build", ".", path, from, program)
	build.Dir = root
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
	list := exec.CommandContext(t.Context(), "go", "tool", "nm", path)
	list.Dir = root
	out, err := list.Output()
	require.NoError(t, err)
	var found []string
	for line := range strings.Lines(string(out)) {
		if words := strings.Fields(line); len(words) >= 3 && words[1] == "T" {
			found = append(found, strings.Join(words[2:], " "))
		}
	}
	return found
}

func holding(functions []string, parts ...string) (found []string) {
	for _, f := range functions {
		for _, part := range parts {
			if strings.HasPrefix(f, part) {
				found = append(found, f)
			}
		}
	}
	return found
}

// The process that faces the internet can have an assertion signed. What reads
// directories, publishes and removes keys, and steers, is not even in it.
func TestTheProcessThatFacesTheInternetHoldsNoWayToGraph(t *testing.T) {
	workers := []string{"github.com/microsoftgraph/msgraph-sdk-go/", "consentry/internal/entra.(*Directory)", "consentry/internal/entra.(*ApplicationKeys)", "consentry/workflows.Register", "consentry/activities.(*Rotation)"}
	inWorker := functions(t, "consentry-worker", "./worker")
	for _, one := range workers {
		require.NotEmpty(t, holding(inWorker, one), "nothing is called %s any more: this test looks for the wrong things", one)
	}
	require.Empty(t, holding(functions(t, "consentry-api", "./api"), workers...))
}
