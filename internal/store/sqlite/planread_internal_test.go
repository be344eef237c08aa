package sqlite

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// sourceStatements reads the package's source: its statements, with where they
// are, and the pieces from which others are made.
func sourceStatements(t *testing.T) (statements, fragments map[string]string) {
	t.Helper()
	statements, fragments = map[string]string{}, map[string]string{}
	files := token.NewFileSet()
	var parsed []*ast.File
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	shared := constsOf(parsed, false)
	for _, f := range parsed {
		w := sqlWalk{consts: maps.Clone(shared)}
		maps.Copy(w.consts, constsOf([]*ast.File{f}, true))
		ast.Inspect(f, func(n ast.Node) bool {
			if d, ok := n.(*ast.GenDecl); ok && d.Tok == token.CONST {
				return false // counts where it is used
			}
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text, whole := w.text(e)
			if !sqlBegin().MatchString(text) {
				return true
			}
			where := files.Position(e.Pos()).String()
			if whole && !strings.HasSuffix(strings.TrimSpace(text), "(") && !strings.HasSuffix(strings.TrimSpace(text), "FROM") {
				statements[text] = where
			} else {
				fragments[text] = where
			}
			return false
		})
	}
	return statements, fragments
}

func sqlBegin() *regexp.Regexp {
	return regexp.MustCompile(`^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|REPLACE)\s`)
}

// sqlWalk works out strings of the source.
type sqlWalk struct{ consts map[string]ast.Expr }

// text is the value of an expression of strings, or how it begins.
func (w sqlWalk) text(e ast.Expr) (text string, whole bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.ParenExpr:
		return w.text(e.X)
	case *ast.Ident:
		if c := w.consts[e.Name]; c != nil {
			return w.text(c)
		}
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		left, whole := w.text(e.X)
		if !whole {
			return left, false
		}
		right, whole := w.text(e.Y)
		return left + right, whole
	}
	return "", false
}

// constsOf lists the constants of files, with those of functions or without.
func constsOf(files []*ast.File, inner bool) map[string]ast.Expr {
	consts := map[string]ast.Expr{}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if _, ok := n.(*ast.FuncDecl); ok && !inner {
				return false
			}
			d, ok := n.(*ast.GenDecl)
			if !ok || d.Tok != token.CONST {
				return true
			}
			for _, s := range d.Specs {
				v := s.(*ast.ValueSpec) //nolint:forcetypeassert // of every constant
				for i, name := range v.Names {
					if i < len(v.Values) {
						consts[name.Name] = v.Values[i]
					}
				}
			}
			return true
		})
	}
	return consts
}
