package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api/apitest"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// sample is how a command is run to see what it prints with --json: with these
// words, after those commands.
type sample struct {
	words string
	after []string
	lines bool // prints JSON Lines, other than its form says
	of    any  // prints this, other than its form says
	key   string
}

// samples are by the command's path. FILE words are files of TestJSON.
func samples() map[string][]sample {
	return map[string][]sample{
		"freshet account create":  {{words: "acme"}},
		"freshet account disable": {{words: "acme", after: []string{"account create acme"}}},
		"freshet account enable":  {{words: "acme", after: []string{"account create acme"}}},
		"freshet account list":    {{}},
		"freshet audit":           {{after: []string{"purge m-1"}}},
		"freshet audit export":    {{after: []string{"purge m-1"}}},
		"freshet backup":          {{words: "new.tar --data DATA"}},
		"freshet callbacks list":  {{}},
		"freshet callbacks retry": {{words: "--failed"}},
		"freshet config check":    {{words: "good.yaml"}},
		"freshet domain add":      {{words: "new.example.com --origin http://127.0.0.1:9000"}},
		"freshet domain approve":  {{words: "vod.example.com"}},
		"freshet domain auth":     {{words: "vod.example.com --type A --main-key-file main.key"}},
		"freshet domain list":     {{}},
		"freshet domain remove":   nil, // see TestJSON_EveryCommandPrintsItsForm
		"freshet domain start":    {{words: "vod.example.com"}},
		"freshet domain stop":     {{words: "vod.example.com"}},
		"freshet evidence export": {{}},
		"freshet evidence verify": {{words: "--data DATA"}},
		"freshet job": {
			{words: "0000000000000001", after: []string{"purge m-1"}},
			{words: "0000000000000001 --watch", after: []string{"purge m-1"}, lines: true},
		},
		"freshet jobs":           {{after: []string{"purge m-1"}}, {words: "--failed"}},
		"freshet key create":     {{}},
		"freshet key delete":     {{words: "spare"}},
		"freshet key disable":    {{words: "spare"}},
		"freshet key enable":     {{words: "spare"}},
		"freshet key list":       {{}},
		"freshet key token":      {{words: "test-key"}},
		"freshet man":            {{words: "man1"}},
		"freshet media import":   {{words: "media.jsonl"}},
		"freshet media list":     {{}},
		"freshet media show":     {{words: "m-1"}},
		"freshet plan prefetch":  {{words: "m-1"}},
		"freshet plan purge":     {{words: "m-1"}},
		"freshet policy remove":  {{words: "test-key"}},
		"freshet policy set":     {{words: "test-key --file policy.json"}},
		"freshet policy show":    nil, // the vendor's form
		"freshet pop add":        {{words: "edge-9 --parent shield"}},
		"freshet pop down":       {{words: "edge-1"}},
		"freshet pop drain":      {{words: "edge-1"}},
		"freshet pop remove":     {{words: "edge-9", after: []string{"pop add edge-9"}}},
		"freshet pop revoke":     {{words: "edge-9", after: []string{"pop add edge-9"}}},
		"freshet pop up":         {{words: "edge-1"}},
		"freshet pops":           {{}},
		"freshet prefetch":       {{words: "m-1"}},
		"freshet purge":          {{words: "m-1"}, {words: "m-1 --wait", of: forms()["freshet job"].of}, {words: "- --wait", of: forms()["freshet job"].of, lines: true}},
		"freshet restore":        {{words: "old.tar --data restored", after: []string{"backup old.tar --data DATA"}}},
		"freshet secrets rotate": {{words: "--data DATA"}},
		"freshet takedown":       {{words: "m-1 --reason x"}, {words: "--list", after: []string{"takedown m-1"}, of: freshet.TakedownRecord{}, key: "takedowns"}},
		"freshet task":           {{words: "1000000001"}},
		"freshet version":        {{}},
		"freshet webhook delete": {{after: []string{"webhook set https://example.com/"}}},
		"freshet webhook rotate": {{after: []string{"webhook set https://example.com/"}}},
		"freshet webhook set":    {{words: "https://example.com/"}},
		"freshet webhook show":   {{after: []string{"webhook set https://example.com/"}}},
	}
}

// TestJSON_EveryCommandPrintsItsForm runs every command that prints something
// with --json, and holds what it prints against the table that the manual is
// written from.
func TestJSON_EveryCommandPrintsItsForm(t *testing.T) {
	t.Parallel()
	all := samples()
	eachRunnable(func(cmd *cobra.Command) {
		path := cmd.CommandPath()
		list, ok := all[path]
		delete(all, path)
		f := forms()[path]
		if !ok && f.none == "" && cmd.Name() != "help" {
			t.Errorf("%s: samples does not say how to run it", path)
		}
		for _, s := range list {
			t.Run(strings.ReplaceAll(path+" "+s.words, "/", "_"), func(t *testing.T) {
				t.Parallel()
				of, lines := f.of, f.lines || s.lines
				if s.of != nil {
					of = s.of
				}
				out := runSample(t, path, s)
				checkForm(t, out, form{of: of, key: f.key + s.key, lines: lines})
			})
		}
	})
	for path := range all {
		t.Errorf("samples: there is no command %q", path)
	}
}

// runSample runs a command in this process, beside a scripted server.
func runSample(t *testing.T, path string, s sample) []byte {
	t.Helper()
	dir := t.TempDir()
	f := scripted()
	f.KeySet["spare"] = f.KeySet[apitest.KeyID]
	for name, text := range map[string]string{
		"good.yaml": "listen: 127.0.0.1:8080\n", "main.key": "swordfish", "media.jsonl": `{"MediaId":"x","Streams":[]}` + "\n{nope\n",
		"policy.json": `{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(s.words+strings.Join(s.after, " "), "DATA") {
		dataFolderOf(t, filepath.Join(dir, "DATA"))
	}
	server := apitest.Serve(t, f).URL
	env := map[string]string{"FRESHET_ENDPOINT": server, "FRESHET_ACCESS_KEY_ID": apitest.KeyID, "FRESHET_ACCESS_KEY_SECRET": apitest.Secret}
	run := func(line string, asJSON bool) []byte {
		var out, errs bytes.Buffer
		words := strings.Fields(line)
		for i, w := range words {
			if strings.HasSuffix(w, ".yaml") || strings.HasSuffix(w, ".json") || strings.HasSuffix(w, ".jsonl") || strings.HasSuffix(w, ".tar") ||
				strings.HasSuffix(w, ".key") || w == "DATA" || w == "restored" || w == "man1" {
				words[i] = filepath.Join(dir, w)
			}
		}
		if asJSON {
			words = append(words, "--json")
		}
		ids := new(strings.Builder)
		for _, id := range []string{"m-1", "m-2", "n-1", "n-2", "n-3", "n-4", "n-5", "n-6", "n-7", "n-8", "n-9", "n-10", "n-11", "n-12", "n-13", "n-14", "n-15", "n-16", "n-17", "n-18", "n-19"} {
			_, _ = io.WriteString(ids, id+"\n")
		}
		code := execute(t.Context(), deps{
			args: words, in: strings.NewReader(ids.String()), out: &out, err: &errs,
			env: func(name string) string { return env[name] }, servers: servers(),
		})
		if code != exitOK && !strings.Contains(line, "import") {
			t.Fatalf("%s: exit code %d\n%s", line, code, errs.String())
		}
		return out.Bytes()
	}
	for _, line := range s.after {
		run(line, false)
	}
	return run(strings.TrimPrefix(path, "freshet ")+" "+s.words, true)
}

// dataFolderOf makes the data folder of a server that ran once.
func dataFolderOf(t *testing.T, dir string) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// checkForm holds what was printed against a form.
func checkForm(t *testing.T, out []byte, f form) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(out))
	n := 0
	for {
		var v any
		err := d.Decode(&v)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("this is no JSON: %v\n%s", err, out)
		}
		n++
		if f.key != "" {
			m, ok := v.(map[string]any)
			if !ok || len(m) != 1 || m[f.key] == nil {
				t.Fatalf("this is no object with a list %q: %s", f.key, out)
			}
			v = m[f.key]
		}
		checkFields(t, v, "", jsonFields(reflect.TypeOf(f.of), 0), 0)
	}
	switch {
	case !f.lines && n != 1:
		t.Errorf("%d values were printed, not one: %s", n, out)
	case f.lines && n > 0 && bytes.Count(out, []byte("\n")) != n:
		t.Errorf("%d values in other than as many lines: %s", n, out)
	}
}

// checkFields looks for fields that are not documented.
func checkFields(t *testing.T, v any, at string, known []jsonField, depth int) {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			checkFields(t, e, at, known, depth)
		}
	case map[string]any:
		for name, e := range v {
			if depth >= maxFieldDepth {
				return
			}
			i := slices.IndexFunc(known, func(f jsonField) bool { return strings.TrimSuffix(f.name, "[]") == name })
			if i < 0 {
				t.Errorf("the field %s.%s is not documented: %v", at, name, known)
				continue
			}
			checkFields(t, e, at+"."+name, known[i].below, depth+1)
		}
	}
}
