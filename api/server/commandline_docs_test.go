package server

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// TestTheDocumentedInventoryIsTakenIn: the format is told by an example, and the
// example is what it says.
func TestTheDocumentedInventoryIsTakenIn(t *testing.T) {
	text, err := os.ReadFile("../../docs/command-line.md")
	require.NoError(t, err)
	_, example, found := strings.Cut(string(text), "```json\n")
	require.True(t, found)
	example, _, found = strings.Cut(example, "\n```")
	require.True(t, found)

	w := newWorldOfNow(t)
	operator := w.shell("", domain.RoleOperator)
	imported := func(file string, flags ...string) printed {
		return operator.fed(file, append([]string{"import", "-"}, flags...)...)
	}
	states := func(p printed) string {
		t.Helper()
		var doc struct {
			Rows []service.InventoryRow `json:"rows"`
		}
		require.Equal(t, 0, p.exit, p.errs)
		require.NoError(t, json.Unmarshal([]byte(p.out), &doc), p.out)
		var said []string
		for _, r := range doc.Rows {
			said = append(said, r.Kind+" "+r.State)
		}
		return strings.Join(said, ", ")
	}
	require.Equal(t, 0, operator.run("whoami").exit) // its first use is noted
	before := w.rows()
	const all = "campaign new, operator new, account new, person new, integration new"
	require.Equal(t, all, states(imported(example, "--dry-run", "--json")))
	require.Equal(t, before, w.rows(), "a dry run keeps nothing")
	require.Equal(t, all, states(imported(example, "--json")))

	renamed := strings.ReplaceAll(example, `"name": "Northwind Traders"`, `"name": "Northwind"`)
	require.Contains(t, imported(renamed).out, "name: Northwind Traders -> Northwind")

	moved := strings.ReplaceAll(strings.ReplaceAll(renamed, `"region": "eu", "timeZone"`, `"region": "us", "timeZone"`), `["northwind.example"]`, `[]`)
	refused := imported(moved)
	require.Equal(t, 3, refused.exit)
	require.Contains(t, refused.errs, "the region of the account northwind would be us and is eu")
	require.Contains(t, refused.errs, "domains of the account northwind would be emptied")
	require.Contains(t, imported(moved, "--dry-run").out, "refused without --change")
	require.Contains(t, imported(moved, "--change").out, "region: eu -> us")
	require.Contains(t, imported(moved, "--change").out, "taken in before")
	require.Contains(t, imported(moved).out, "taken in before", "it is the same file")
}

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
