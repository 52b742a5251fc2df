package server

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryOperationHasACommandOrAReason: what the command line leaves out, it
// leaves out on purpose, and the documentation says so.
func TestEveryOperationHasACommandOrAReason(t *testing.T) {
	text, err := os.ReadFile("../../docs/command-line.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(text), "| operation | command |")
	require.True(t, found)
	table, reference, found := strings.Cut(table, "\n## Commands\n")
	require.True(t, found)
	name := regexp.MustCompile("`([^`]+)`")
	var listed []string
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || strings.HasPrefix(cells[1], "-") {
			continue
		}
		for _, operation := range name.FindAllStringSubmatch(cells[1], -1) {
			listed = append(listed, operation[1])
		}
		commands := name.FindAllStringSubmatch(cells[2], -1)
		require.True(t, len(commands) > 0 || strings.Contains(cells[2], "none: "), line)
		for _, command := range commands {
			require.Contains(t, reference, "\n### "+command[1], "there is no such command")
		}
	}
	var served []string
	for _, methods := range newWorld(t).document().Paths {
		for _, operation := range methods {
			served = append(served, operation.OperationID)
		}
	}
	slices.Sort(served)
	slices.Sort(listed)
	require.Equal(t, strings.Join(served, "\n"), strings.Join(listed, "\n"))
}
