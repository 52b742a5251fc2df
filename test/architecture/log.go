package architecture

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The log: a line is a fixed sentence and keys of internal/logkey, so that
// whoever searches it knows the words beforehand.

// logging are the rooms that write the product's log. The emulator and the Temporal server of laptops have logs of
// their own.
var logging = rooms("activities api console internal workflows worker starter dev/demo dev/stack")

const logkeys = module + "internal/logkey"

var (
	// lines are the methods that write one.
	lines = rooms("Debug Info Warn Error DPanic Panic Fatal")
	// isLogger tells a logger by what it is called.
	isLogger = regexp.MustCompile(`(?i)log(ger|for)?$`)
	// keyed are zap's fields that are one value under one key. Others (Any, Object, Inline …) could carry what no list
	// names.
	keyed = rooms("String Strings Int Int32 Int64 Bool Duration Stringer Stack")
)

// checkLog reports what in the log's lines is not on the list, and the constants of internal/logkey that are used.
func checkLog(root fs.FS) (wrong []string, used map[string]bool, err error) {
	used = map[string]bool{}
	err = fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || !slices.ContainsFunc(logging, func(r string) bool { return strings.HasPrefix(path, r+"/") }) {
			return err
		}
		text, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		l := logFile{used: used, service: filepath.Dir(path) == "internal/service" && filepath.Base(path) != "context.go", say: func(at token.Pos, why string) {
			wrong = append(wrong, fmt.Sprintf("%s: %s", set.Position(at), why))
		}}
		ast.Inspect(file, l.look)
		return nil
	})
	return wrong, used, err
}

type logFile struct {
	used    map[string]bool
	service bool
	say     func(token.Pos, string)
}

func (l logFile) look(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return true
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return true
	}
	on, _ := method.X.(*ast.Ident)
	switch {
	case on != nil && on.Name == "zap":
		l.field(call, method.Sel.Name)
	case slices.Contains(lines, method.Sel.Name) && isLogger.MatchString(lastName(method.X)):
		if s, ok := method.X.(*ast.SelectorExpr); l.service && ok && lastName(s.X) == "s" {
			l.say(call.Pos(), "a line of the service names its request or activity: write it with logFor(ctx)")
		}
		if m, ok := call.Args[0].(*ast.BasicLit); !ok || m.Kind != token.STRING {
			l.say(call.Args[0].Pos(), "a message is a fixed sentence; what varies stands in keys")
		}
		if strings.HasPrefix(lastName(method.X), "GetLogger") { // the SDK's take keys and values in turn
			for i := 1; i < len(call.Args); i += 2 {
				l.key(call.Args[i])
			}
		}
	}
	return true
}

// field looks at zap.X(…).
func (l logFile) field(call *ast.CallExpr, name string) {
	switch {
	case slices.Contains(keyed, name):
		l.key(call.Args[0])
	case name == "Error": // its key is logkey.Error
		l.used["Error"] = true
	case slices.Contains(rooms("NewAtomicLevelAt NewStdLogAt New"), name):
	default:
		l.say(call.Pos(), "zap."+name+" can carry keys that no list names")
	}
}

func (l logFile) key(e ast.Expr) {
	s, ok := e.(*ast.SelectorExpr)
	if ok {
		if of, ok := s.X.(*ast.Ident); ok && of.Name == "logkey" {
			l.used[s.Sel.Name] = true
			return
		}
	}
	l.say(e.Pos(), "a key is a constant of "+logkeys)
}

// lastName is what the value of an expression is called: log of a.log, logFor of s.logFor(ctx).
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.CallExpr:
		return lastName(e.Fun)
	}
	return ""
}

// logKeys are the constants of internal/logkey with their values.
func logKeys(root fs.FS) (map[string]string, error) {
	text, err := fs.ReadFile(root, strings.TrimPrefix(logkeys, module)+"/logkey.go")
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), "logkey.go", text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	keys := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			keys[v.Names[0].Name] = strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`)
		}
		return true
	})
	return keys, nil
}
