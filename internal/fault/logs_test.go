package fault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet/internal/fault"
)

// TestTable_HasEveryWarning reads the whole program for what it writes into
// logs at the levels that ask for somebody's eyes.
func TestTable_HasEveryWarning(t *testing.T) {
	t.Parallel()
	found := map[string]string{}
	for _, root := range []string{"internal", "cmd", "client"} {
		err := filepath.WalkDir("../../"+root, func(path string, d fs.DirEntry, err error) error {
			switch name := d.Name(); {
			case err != nil:
				return err
			case d.IsDir() && (strings.HasSuffix(name, "test") || name == "testdata" || name == "faulty" || name == "cluster"):
				return fs.SkipDir // tests, and what serves them
			case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
				return nil
			}
			warnings(t, path, found)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for text, path := range found {
		if _, ok := fault.Find(fault.Log, text); !ok {
			t.Errorf("%s warns %q: say in internal/fault/logs.go what it means and what to do, then go test ./internal/fault -run Manual -update", path, text)
		}
	}
	for _, e := range fault.All() {
		if _, ok := found[e.Code]; e.Face == fault.Log && !ok {
			t.Errorf("nothing warns %q any more", e.Code)
		}
	}
}

// warnings adds the texts of a file to found.
func warnings(t *testing.T, path string, found map[string]string) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	add := func(e ast.Expr) {
		lit, ok := e.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return // a variable: whoever set it is found below
		}
		if text, err := strconv.Unquote(lit.Value); err == nil {
			found[text] = path
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt: // level, text = slog.LevelWarn, "…"
			if len(n.Rhs) == 2 && loud(n.Rhs[0]) {
				add(n.Rhs[1])
			}
		case *ast.CallExpr:
			s, ok := n.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch name := s.Sel.Name; {
			case name == "LogAttrs" && len(n.Args) > 2 && !quiet(n.Args[1]):
				add(n.Args[2])
			case (name == "WarnContext" || name == "ErrorContext" || name == "insist") && len(n.Args) > 1:
				add(n.Args[1])
			case (name == "Warn" || name == "Error") && len(n.Args) > 0:
				add(n.Args[0])
			}
		}
		return true
	})
}

// loud tells whether an expression is a level that asks for eyes; quiet, whether
// it is one that does not. A variable is neither.
func loud(e ast.Expr) bool {
	s, ok := e.(*ast.SelectorExpr)
	return ok && (s.Sel.Name == "LevelWarn" || s.Sel.Name == "LevelError")
}

func quiet(e ast.Expr) bool {
	s, ok := e.(*ast.SelectorExpr)
	return ok && (s.Sel.Name == "LevelInfo" || s.Sel.Name == "LevelDebug")
}
