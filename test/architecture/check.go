package architecture

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Violations reads the Go files of the module below root and says in a sentence each what breaks the table.
//
// It parses the files itself rather than asking the go command: then the go command knows what this test has read, and
// does not answer from its cache when an import changes.
func Violations(root fs.FS) ([]string, error) {
	packages, err := read(root)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, folder := range slices.Sorted(maps.Keys(packages)) {
		p := packages[folder]
		found = append(found, p.nameFaults()...)
		for _, file := range p.files {
			found = append(found, file.faults()...)
		}
	}
	return found, nil
}

type pkg struct {
	folder     string
	name       string
	documented bool
	product    bool // it has a file that is not a test
	files      []source
}

type source struct {
	folder, name string
	lines        int
	imports      []string
}

func (s source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

// read skips what the go command skips, and folders that are modules of their own.
func read(root fs.FS) (map[string]*pkg, error) {
	packages := map[string]*pkg{}
	err := fs.WalkDir(root, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			name := entry.Name()
			_, noModule := fs.Stat(root, path.Join(file, "go.mod"))
			skipped := name == "testdata" || name == "node_modules" || name[0] == '.' || name[0] == '_' || noModule == nil
			if file != "." && skipped {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(file) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(root, file)
		if err != nil {
			return err
		}
		return add(packages, file, text)
	})
	return packages, err
}

func add(packages map[string]*pkg, file string, text []byte) error {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return err
	}
	s := source{folder: path.Dir(file), name: path.Base(file), lines: bytes.Count(text, []byte("\n"))}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		s.imports = append(s.imports, imported)
	}
	p := packages[s.folder]
	if p == nil {
		p = &pkg{folder: s.folder}
		packages[s.folder] = p
	}
	p.files = append(p.files, s)
	if !s.isTest() {
		p.product = true
		p.name = parsed.Name.Name
		p.documented = p.documented || strings.TrimSpace(parsed.Doc.Text()) != ""
	}
	return nil
}

func (p *pkg) nameFaults() []string {
	var found []string
	if p.product && !p.documented {
		found = append(found, fmt.Sprintf("%s: no comment on its package clause says what the room is for", p.folder))
	}
	if slices.Contains(badNames, path.Base(p.folder)) || slices.Contains(badNames, p.name) {
		found = append(found, fmt.Sprintf("%s: a room is named after what it holds", p.folder))
	}
	if roomOf(p.folder) == nil {
		found = append(found, fmt.Sprintf("%s: the room is not in the table of test/architecture", p.folder))
	}
	return found
}

func (s source) faults() []string {
	var found []string
	fault := func(format string, args ...any) {
		found = append(found, fmt.Sprintf("%s: ", path.Join(s.folder, s.name))+fmt.Sprintf(format, args...))
	}
	if s.lines > maxLines && !s.isTest() {
		fault("%d lines are more than the %d that can be read at once", s.lines, maxLines)
	}
	r := roomOf(s.folder)
	if r == nil {
		return found
	}
	seesAll := s.isTest() && !r.shut || isTestKit(s.folder)
	for _, imported := range s.imports {
		folder, ours := strings.CutPrefix(imported, module)
		switch {
		case ours && isTestKit(folder) && !seesAll && r.path != "test":
			fault("imports %s, which is for tests", folder)
		case ours && !seesAll && !r.sees(folder, s.name):
			fault("imports %s, which %s may not know", folder, r.path)
		case !ours && r.pure && !s.isTest() && isImpure(imported):
			fault("imports %s, but %s is pure: nothing but the standard library, and nothing that reaches outside", imported, r.path)
		case !ours && !seesAll && !s.isTest():
			for _, d := range doors {
				if d.leadsTo(imported) && !slices.Contains(d.rooms, r.path) {
					fault("imports %s: %s", imported, d.why)
					break
				}
			}
		}
	}
	return found
}

// roomOf finds the row with the longest path.
func roomOf(folder string) *room {
	var longest *room
	for i := range table {
		r := &table[i]
		within := folder == r.path || strings.HasPrefix(folder, r.path+"/")
		if within && (longest == nil || len(r.path) > len(longest.path)) {
			longest = r
		}
	}
	return longest
}

func (r *room) sees(folder, file string) bool {
	other := roomOf(folder)
	if other == nil || other == r {
		return other == r
	}
	return slices.Equal(r.may, everything) ||
		slices.Contains(r.may, other.path) ||
		slices.Contains(r.only[file], other.path)
}

// isTestKit says whether a package is written for tests, as storetest beside store.
func isTestKit(folder string) bool {
	name := path.Base(folder)
	return strings.HasSuffix(name, "test") && folder != "test"
}

func isImpure(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	outside := strings.Contains(first, ".")
	return outside || slices.Contains(impure, imported)
}

func (d door) leadsTo(imported string) bool {
	return slices.ContainsFunc(d.libraries, func(library string) bool {
		return imported == strings.TrimSuffix(library, "/") || strings.HasSuffix(library, "/") && strings.HasPrefix(imported, library)
	})
}
