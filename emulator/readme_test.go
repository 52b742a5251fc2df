package emulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

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

// readmeBlock is the first block of code of a language.
func readmeBlock(t *testing.T, language string) string {
	t.Helper()
	content, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(content), "```"+language+"\n")
	require.True(t, found)
	block, _, _ := strings.Cut(rest, "```")
	return block
}

// TestExamplesOfTheDocumentationWork starts with the configuration as it is printed and posts every printed mutation.
func TestExamplesOfTheDocumentationWork(t *testing.T) {
	path := writeConfig(t, readmeBlock(t, "yaml"))
	pem, err := os.ReadFile(filepath.Join(filepath.Dir(path), "app.pem"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "connector.pem"), pem, 0o600))
	f, err := emulator.ReadFile(path)
	require.NoError(t, err)
	s := &stage{Server: start(t, emulator.Config{Switches: f.Switches}), clock: newClock()}
	t.Cleanup(func() { require.NoError(t, s.Close(context.WithoutCancel(t.Context()))) })
	require.NoError(t, f.Populate(s.Server))
	shown := map[string]bool{}
	for line := range strings.Lines(readmeBlock(t, "json")) {
		var mutation struct {
			Op string `json:"op"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &mutation))
		before := s.Directory("contoso.example")
		status, text := s.control(t, "POST", "/mutations", json.RawMessage(line))
		require.Equal(t, 200, status, "%s: %s", line, text)
		require.Equal(t, mutation.Op == "purge", reflect.DeepEqual(before, s.Directory("contoso.example")), "it changes something: %s", line)
		shown[mutation.Op] = true
	}
	for _, op := range emulator.Operations() {
		require.True(t, shown[op], "no example of %s", op)
	}
	require.Len(t, shown, len(emulator.Operations()))
}

func TestEveryFieldIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, row := range readmeTable(t, "Fields") {
		require.Len(t, row, 2, row)
		for name := range strings.SplitSeq(row[0], ", ") {
			documented[strings.Trim(name, "`")] = true
		}
	}
	elsewhere := []reflect.Type{reflect.TypeFor[emulator.Switches](), reflect.TypeFor[emulator.Fault]()} // have sections of their own
	there := map[string]bool{}
	var walk func(prefix string, of reflect.Type)
	walk = func(prefix string, of reflect.Type) {
		for _, f := range reflect.VisibleFields(of) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" {
				continue
			}
			of, path := f.Type, prefix+name
			for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
				if of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct && prefix == "" {
					there[path] = true
				}
				if of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct {
					path += "[]"
				}
				of = of.Elem()
			}
			if of.Kind() == reflect.Struct && of != reflect.TypeFor[time.Time]() && !slices.Contains(elsewhere, of) {
				walk(path+".", of)
				continue
			}
			there[strings.TrimSuffix(path, "[]")] = true
		}
	}
	walk("", reflect.TypeFor[emulator.File]())
	require.Equal(t, slices.Sorted(maps.Keys(there)), slices.Sorted(maps.Keys(documented)))
}
