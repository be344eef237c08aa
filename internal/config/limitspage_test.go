package config_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/config"
)

const limitsPage = "../../docs/limits.md"

// bound is a line of docs/limits.md. Its default is read from where it is set,
// so that the page cannot be wrong about it; its test goes one over it.
type bound struct {
	what   string
	key    string // of the configuration; else file and find say where it is
	file   string // below the root
	find   string // matches the text around the default, which is its one group
	unit   unitOf
	beyond string // what whoever meets it sees
	test   string // PACKAGE.TestName, below the root
}

// unitOf writes a figure for people.
type unitOf func(n int64) string

func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func size(n int64) string {
	s := config.Size(n).String()
	for _, u := range []string{"KiB", "MiB", "GiB"} {
		if v, ok := strings.CutSuffix(s, u); ok {
			return v + " " + u
		}
	}
	return number(n) + " bytes"
}

func span(n int64) string { return config.Duration(n).String() }

func TestManual_LimitsAreFresh(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	b.WriteString(limitsHead)
	tests := map[string]map[string]bool{}
	for _, c := range bounds() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| what | default | beyond it |\n| --- | --- | --- |\n", c.title, c.about)
		for _, l := range c.list {
			value := l.value(t)
			if l.key != "" {
				value = "`" + l.key + "`: " + value
			}
			if l.what == "" || l.beyond == "" || strings.Contains(l.what+l.beyond, "\n") {
				t.Errorf("%q does not say what is seen beyond it", l.what)
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", l.what, value, l.beyond)
			l.hasTest(t, tests)
		}
	}
	if *update {
		if err := os.WriteFile(limitsPage, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(limitsPage)
	if err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("docs/limits.md is stale (%v); run: go test ./internal/config -run Manual -update", err)
	}
}

// TestLimits_HaveEveryKey holds that no limit of the configuration is missing
// from the page.
func TestLimits_HaveEveryKey(t *testing.T) {
	t.Parallel()
	told := map[string]bool{}
	for _, c := range bounds() {
		for _, l := range c.list {
			told[l.key] = true
		}
	}
	for _, of := range []struct {
		prefix string
		t      reflect.Type
	}{
		{"limits.", reflect.TypeFor[config.Limits]()},
		{"limits.own.", reflect.TypeFor[config.Figures]()},
		{"timeouts.", reflect.TypeFor[config.Timeouts]()},
		{"callbacks.", reflect.TypeFor[config.Callbacks]()},
	} {
		for f := range of.t.Fields() {
			switch f.Type.Kind() { //nolint:exhaustive // the kinds of figures
			case reflect.Int, reflect.Int64:
				if key := of.prefix + f.Tag.Get("yaml"); !told[key] && key != "limits.day_starts" {
					t.Errorf("docs/limits.md lacks %s", key)
				}
			}
		}
	}
}

// value reads the default.
func (l bound) value(t *testing.T) string {
	t.Helper()
	if l.key != "" {
		v := reflect.ValueOf(config.Default()).Elem()
		for name := range strings.SplitSeq(l.key, ".") {
			v = field(v, name)
			if !v.IsValid() {
				t.Fatalf("there is no key %s", l.key)
			}
		}
		if v.IsZero() {
			return "none"
		}
		return l.unit(v.Int())
	}
	src, err := os.ReadFile(filepath.Join("../..", l.file))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(l.find).FindAllSubmatch(src, -1)
	if len(m) != 1 || len(m[0]) != 2 {
		t.Fatalf("%s has %d places like %q", l.file, len(m), l.find)
	}
	return l.unit(evaluate(t, string(m[0][1])))
}

func field(v reflect.Value, key string) reflect.Value {
	for f, value := range v.Fields() {
		if f.Tag.Get("yaml") == key {
			return value
		}
	}
	return reflect.Value{}
}

// evaluate computes an expression of numbers and units of time.
func evaluate(t *testing.T, text string) int64 {
	t.Helper()
	for unit, d := range map[string]time.Duration{
		"time.Hour": time.Hour, "time.Minute": time.Minute, "time.Second": time.Second, "time.Millisecond": time.Millisecond,
	} {
		text = strings.ReplaceAll(text, unit, strconv.FormatInt(int64(d), 10))
	}
	v, err := types.Eval(token.NewFileSet(), nil, token.NoPos, text)
	if err != nil {
		t.Fatalf("%q is no figure: %v", text, err)
	}
	n, ok := constant.Int64Val(v.Value)
	if !ok {
		t.Fatalf("%q is no whole number", text)
	}
	return n
}

// hasTest holds that the test of a limit is there.
func (l bound) hasTest(t *testing.T, known map[string]map[string]bool) {
	t.Helper()
	at := strings.LastIndex(l.test, ".")
	if at < 0 {
		t.Errorf("%s has no test that goes over it", l.what)
		return
	}
	dir, name := l.test[:at], l.test[at+1:]
	if known[dir] == nil {
		known[dir] = testsIn(t, dir)
	}
	if !known[dir][name] {
		t.Errorf("%s: there is no %s", l.what, l.test)
	}
}

func testsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no tests (%v)", dir, err)
	}
	found := map[string]bool{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				found[fn.Name.Name] = true
			}
		}
	}
	return found
}

const limitsHead = `# Limits

<!-- Made from the table in internal/config/boundtable_test.go; do not edit. -->

Everything that costs something is bounded. What is named with a key can be set ([config.md](config.md)); the rest is fixed. Errors are
explained in [errors.md](errors.md). A call that is over a limit is refused as a whole: nothing of it is done. A refusal that may be over
in a moment (429 and 503) says when to come again in ` + "`Retry-After`" + `; the command line and package ` + "`client`" + ` do so by themselves.
`
