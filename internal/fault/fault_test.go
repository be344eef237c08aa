package fault_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/fault"
)

// constants returns the values of the root's constants of a type.
func constants(t *testing.T, file, typ string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../../"+file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typ {
			v, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, v)
		}
		return true
	})
	if len(list) < 9 {
		t.Fatalf("%s has %d constants of type %s", file, len(list), typ)
	}
	return list
}

func TestTable_HasEveryCodeAndKind(t *testing.T) {
	t.Parallel()
	want := map[string]bool{}
	for _, c := range append(constants(t, "error.go", "Code"), constants(t, "errorkind.go", "ErrorKind")...) {
		want[c] = true
		if _, ok := fault.Find(fault.Native, c); !ok {
			t.Errorf("internal/fault/native.go lacks %q", c)
		}
	}
	for r := freshet.Reason(1); r.String() != freshet.Reason(255).String(); r++ {
		want[r.String()] = true
		if _, ok := fault.Find(fault.Delivery, r.String()); !ok {
			t.Errorf("internal/fault/rows.go lacks the reason %q", r)
		}
	}
	for _, e := range fault.All() {
		if (e.Face == fault.Native || e.Face == fault.Delivery) && !want[e.Code] {
			t.Errorf("nothing says %q any more", e.Code)
		}
	}
}

// TestTable_SaysSomethingOfEach holds the form: one line a code, sentences, a
// status that is an error, and something to do wherever somebody must.
func TestTable_SaysSomethingOfEach(t *testing.T) {
	t.Parallel()
	type key struct {
		face fault.Face
		code string
	}
	seen := map[key]bool{}
	for _, e := range fault.All() {
		k := key{e.Face, e.Code}
		if seen[k] {
			t.Errorf("%v stands there twice", k)
		}
		seen[k] = true
		if e.Means == "" || e.Remedy == "" && e.Face != fault.Log || strings.ContainsAny(e.Means+e.Remedy, "|\n") {
			t.Errorf("%v: %q, %q", k, e.Means, e.Remedy)
		}
		if e.Remedy != "" && !strings.HasSuffix(e.Remedy, ".") {
			t.Errorf("%v: %q is no sentence", k, e.Remedy)
		}
		if api := e.Face == fault.Native || e.Face == fault.Vendor; api && http.StatusText(e.Status) == "" {
			t.Errorf("%v has the status %d", k, e.Status)
		}
	}
}

func TestOf_TheKindThenTheCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		code   string
		status int
	}{
		{freshet.Errorf(freshet.CodeUnavailable, "x").Of(freshet.KindQueue), "queue_full", 503},
		{freshet.Errorf(freshet.CodeUnavailable, "x"), "unavailable", 503},
		{freshet.Errorf(freshet.CodeUnavailable, "x").Of("of a newer server"), "unavailable", 503},
		{freshet.Errorf("of a newer server", "x"), "internal", 500},
		{errors.New("a stranger"), "internal", 500},
		{freshet.Errorf(freshet.CodeInvalid, "x").Of(freshet.KindMethod), "method_not_allowed", 405},
	} {
		got := fault.Of(c.err)
		if got.Code != c.code || got.Status != c.status || got.Remedy == "" || !strings.HasSuffix(got.Type(), "/docs/errors.md#"+c.code) {
			t.Errorf("%v is %+v", c.err, got)
		}
	}
	own := &freshet.Error{Code: freshet.CodeInvalid, Remedy: "Stand on one leg."}
	if got := fault.Of(own).Remedy; got != own.Remedy {
		t.Errorf("an error's own remedy became %q", got)
	}
}

// TestTable_HasEveryFaultOfARow looks where rows get theirs.
func TestTable_HasEveryFaultOfARow(t *testing.T) {
	t.Parallel()
	said := map[string]bool{}
	for _, file := range []string{"../plan/draft.go", "../engine/quota.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !strings.HasPrefix(spec.Names[0].Name, "fault") {
				return true
			}
			code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			said[code] = true
			if _, ok := fault.Find(fault.Row, code); !ok {
				t.Errorf("internal/fault/rows.go lacks %q of %s", code, file)
			}
			return true
		})
	}
	for _, e := range fault.All() {
		if e.Face == fault.Row && !said[e.Code] {
			t.Errorf("no row has %q any more", e.Code)
		}
	}
}
