package emulator_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

// readmeTable gives the rows of the table under a heading, without its head.
func readmeTable(t *testing.T, heading string) [][]string {
	t.Helper()
	content, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(content), "\n## "+heading+"\n")
	require.True(t, found, heading)
	rest, _, _ = strings.Cut(rest, "\n## ")
	var rows [][]string
	for line := range strings.Lines(rest) {
		if strings.HasPrefix(line, "| ") {
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
	}
	require.NotEmpty(t, rows)
	return rows[1:]
}

// testsHere are the names of all tests of the emulator, with their folder unless it is this one.
func testsHere(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "node_modules":
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				names[strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path))+"/", "./")+f.Name.Name] = true
			}
		}
		return nil
	}))
	return names
}

func TestEveryBehaviourInTheTableHasItsTest(t *testing.T) {
	known := testsHere(t)
	require.Contains(t, known, "directory/TestApplyingEveryDeltaGivesTheDirectory")
	named := regexp.MustCompile("`([^`]*)`")
	for _, row := range readmeTable(t, "What is emulated") {
		require.Len(t, row, 3, row)
		require.NotEmpty(t, row[1], "no source: %s", row[0])
		tests := named.FindAllStringSubmatch(row[2], -1)
		require.NotEmpty(t, tests, "no test: %s", row[0])
		for _, test := range tests {
			require.True(t, known[test[1]], "%s names %s, which does not exist", row[0], test[1])
		}
	}
}

func TestEverySwitchIsDocumented(t *testing.T) {
	var documented, there []string
	for _, row := range readmeTable(t, "Switches") {
		require.Len(t, row, 3, row)
		documented = append(documented, strings.Trim(row[0], "`"))
	}
	var walk func(prefix string, of reflect.Type)
	walk = func(prefix string, of reflect.Type) {
		for f := range of.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Type.Kind() == reflect.Struct {
				walk(prefix+name+".", f.Type)
				continue
			}
			there = append(there, prefix+name)
		}
	}
	walk("", reflect.TypeFor[emulator.Switches]())
	slices.Sort(documented)
	slices.Sort(there)
	require.Equal(t, there, documented)
}

func TestEveryRefusalIsDocumentedAsItIsTold(t *testing.T) {
	var documented, there []string
	for _, row := range readmeTable(t, "Refusals") {
		documented = append(documented, strings.Join(row[:3], " "))
	}
	for code, told := range emulator.RefusalTable() {
		there = append(there, fmt.Sprintf("%d %d %s", code, told.Status, told.Error))
	}
	slices.Sort(documented)
	slices.Sort(there)
	require.Equal(t, there, documented)
}
