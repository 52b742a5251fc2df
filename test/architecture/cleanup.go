package architecture

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strings"
)

// DeadCleanups reads the test files below root and names every place where a cleanup uses the test's own context as it
// is. The testing package cancels that context just before cleanups run (testing.T.Context), so whatever is stopped
// with it is cut off: mostly in time, now and then not, which makes a test that fails one run in a hundred.
// context.WithoutCancel(t.Context()) says what is meant.
func DeadCleanups(root fs.FS) ([]string, error) {
	var found []string
	err := fs.WalkDir(root, ".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || path.Base(file) == "testdata" || strings.HasPrefix(file, ".") && file != "."):
			return fs.SkipDir
		case !strings.HasSuffix(file, ".go"):
			return nil
		}
		text, err := fs.ReadFile(root, file)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && calls(call, "Cleanup") {
				for _, at := range deadContexts(call) {
					found = append(found, fmt.Sprintf("%s: a cleanup with a context that is already cancelled", set.Position(at)))
				}
			}
			return true
		})
		return nil
	})
	return found, err
}

func deadContexts(cleanup *ast.CallExpr) []token.Pos {
	var found []token.Pos
	ast.Inspect(cleanup, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if calls(call, "Context") && len(call.Args) == 0 {
			found = append(found, call.Pos())
		}
		return !calls(call, "WithoutCancel")
	})
	return found
}

func calls(call *ast.CallExpr, name string) bool {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	return ok && selector.Sel.Name == name
}
