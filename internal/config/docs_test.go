package config_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet/internal/config"
)

var update = flag.Bool("update", false, "rewrite docs/config.md")

const manual = "../../docs/config.md"

func TestManual_IsFresh(t *testing.T) {
	t.Parallel()
	want := writeManual(t)
	if *update {
		if err := os.WriteFile(manual, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(manual)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/config.md is stale (%v); run: go test ./internal/config -run Manual -update", err)
	}
}

// writeManual makes the manual from the comments of the fields, the types and
// the defaults, so that none of them can be told wrongly.
func writeManual(t *testing.T) []byte {
	t.Helper()
	comments := map[string]string{}
	for _, name := range []string{"config.go", "beside.go", "figures.go", "flush.go", "nginx.go", "domain.go", "silence.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range s.Fields.List {
					comments[spec.Name.Name+"."+f.Names[0].Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
				}
			}
			return true
		})
	}
	m := manualWriter{t: t, comments: comments}
	m.WriteString(manualHead)
	m.section("", reflect.ValueOf(config.Default()).Elem())
	m.WriteString("\n## Environment\n\nThese variables override the file; other `FRESHET_` variables are ignored.\n\n")
	for _, v := range config.Variables() {
		fmt.Fprintf(&m, "* `%s`\n", v)
	}
	m.WriteString(manualTail)
	return m.Bytes()
}

type manualWriter struct {
	bytes.Buffer
	t        *testing.T
	comments map[string]string
}

func (m *manualWriter) section(prefix string, v reflect.Value) {
	m.t.Helper()
	for field, value := range v.Fields() {
		key := field.Tag.Get("yaml")
		if prefix != "" {
			key = prefix + "." + key
		}
		doc := m.comments[v.Type().Name()+"."+field.Name]
		if key == "" || doc == "" {
			m.t.Errorf("%s.%s has no key or no comment", v.Type(), field.Name)
		}
		// A comment begins with the field's name; the reader knows the key.
		if name, rest, ok := strings.Cut(doc, " "); ok && name == field.Name {
			doc = "`" + field.Tag.Get("yaml") + "` " + rest
		}
		fmt.Fprintf(m, "\n### `%s`\n\n%s\n\n%s%s\n", key, doc, kindOf(field.Type), defaultOf(key, value))
		switch elem := field.Type; elem.Kind() { //nolint:exhaustive // the others hold no keys
		case reflect.Struct:
			m.section(key, value)
		case reflect.Pointer:
			m.section(key, reflect.New(elem.Elem()).Elem())
		case reflect.Slice:
			if elem.Elem().Kind() == reflect.Struct && (key == "limits.accounts" || key == "domains" || key == "pops" || key == "caches") {
				m.section(key+"[]", reflect.New(elem.Elem()).Elem())
			}
		}
	}
}

func kindOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[config.Duration]():
		return "A duration: `90s`, `10m`, `1h30m`, `2d`."
	case reflect.TypeFor[config.Size]():
		return "A size in bytes: `4096`, `512KiB`, `10GiB`."
	case reflect.TypeFor[config.Address]():
		return "An address: `HOST:PORT`."
	case reflect.TypeFor[config.Offset]():
		return "A distance from UTC: `+08:00`, `-05:30`, `Z`."
	case reflect.TypeFor[config.URL]():
		return "A URL."
	}
	switch t.Kind() { //nolint:exhaustive // the kinds that Config uses
	case reflect.Slice:
		return "A list."
	case reflect.Struct, reflect.Pointer:
		return "Keys:"
	case reflect.Bool:
		return "`true` or `false`."
	case reflect.Int:
		return "A whole number."
	}
	return "Text."
}

func defaultOf(key string, v reflect.Value) string {
	switch {
	case key == "pops[].caches":
		return " Its keys are those of `caches[]`."
	case strings.HasPrefix(key, "caches[]."):
		return map[string]string{
			"caches[].driver": " Default `edge`.", "caches[].max_bytes": " Default `10GiB`.",
			"caches[].max_object_bytes": " Default: as `max_bytes`.", "caches[].default_ttl": " Default `1h`.",
		}[key]
	case key == "domains[].account":
		return " Default `" + config.DefaultAccount + "`."
	case v.IsZero() || v.Kind() == reflect.Struct:
		return ""
	}
	return fmt.Sprintf(" Default `%v`.", v.Interface())
}

const manualHead = `# Configuration

<!-- Made from the comments in internal/config; do not edit. -->

` + "`freshet serve --config FILE` and `freshet pop --config FILE`" + ` read one YAML file. Every key is optional; an unknown key
is an error that names its line. Check a file without starting anything: ` + "`freshet config check FILE`" + `.

` + "```yaml" + `
listen: 127.0.0.1:8080
data: ./freshet-data
domains:
  - name: vod.example.com
    origin: http://127.0.0.1:9000
pops:
  - id: shield
    caches: [{driver: edge, listen: "127.0.0.1:8101"}]
  - id: edge-1
    parents: [shield]
    caches: [{driver: edge, listen: "127.0.0.1:8102"}]
` + "```" + `

## Keys
`

const manualTail = `
Secrets are never in this file: keys name the files that hold them. Clients find their access key in
` + "`FRESHET_ACCESS_KEY_ID` and `FRESHET_ACCESS_KEY_SECRET`, or in the file `credentials`" + ` of the data folder (` + "`--data`, `FRESHET_DATA`" + `).
`
