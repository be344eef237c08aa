package enrol_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/enrol"
)

// TestBook_ADeclarationCounts holds that the configuration decides where a POP
// fills from, and that what it took away is left out loudly, cycles too.
func TestBook_ADeclarationCounts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	live := func(name string, pops []freshet.POP, f func(*testing.T, *desk)) {
		t.Run(name, func(t *testing.T) { f(t, newDesk(t, dir, pops)) })
	}
	live("added", declared(), func(_ *testing.T, d *desk) {
		d.enrol("a", d.add("a"))
		d.enrol("b", d.add("b", "a", "shield"))
	})
	live("declared without parents", append(declared(), freshet.POP{ID: "b", Remote: true}), func(t *testing.T, d *desk) {
		t.Helper()
		if len(d.core.members["b"].Parents) != 0 || d.status("b").Access != freshet.AccessCredential {
			t.Errorf("%+v", d.core.members)
		}
		d.add("a", "b") // no cycle now, but one when b is declared no more
	})
	live("neither it nor a parent is declared", declared()[:1], func(t *testing.T, d *desk) {
		t.Helper()
		got := map[string][]string{"a": d.core.members["a"].Parents, "b": d.core.members["b"].Parents}
		if len(got["a"])+len(got["b"]) > 1 || slices.Contains(got["b"], "shield") {
			t.Errorf("parents are %v", got)
		}
		if n := strings.Count(d.log.String(), "a parent of an added POP is declared no more"); n != 2 {
			t.Errorf("it is told %d times:\n%s", n, d.log)
		}
	})
}

// TestBook_ADeclaredPOPThatIsGoneIsOut holds that a credential is worth nothing
// without a membership.
func TestBook_ADeclaredPOPThatIsGoneIsOut(t *testing.T) { //nolint:tparallel // lives of one store, in order
	t.Parallel()
	dir := t.TempDir()
	var token, key string
	t.Run("declared", func(t *testing.T) {
		d := newDesk(t, dir, declared())
		key = d.enrol("edge-1", d.add("edge-1"))
		token = d.add("edge-1")
	})
	t.Run("gone", func(t *testing.T) {
		d := newDesk(t, dir, declared()[:2])
		if d.book.Key("edge-1") != "" || d.book.Shared("edge-1") || d.book.Invited("edge-1", token) {
			t.Error("it is let in")
		}
	})
	t.Run("declared again", func(t *testing.T) {
		if d := newDesk(t, dir, declared()); d.book.Key("edge-1") != key {
			t.Error("it is not let in")
		}
	})
}

func TestToken_SaysWhoseItIs(t *testing.T) {
	t.Parallel()
	d := newDesk(t, t.TempDir(), declared())
	text := d.add("edge-1")
	token, ok := enrol.ParseToken(text)
	if !ok || token.POP != "edge-1" || time.Until(token.Expires) < 59*time.Minute || token.Text() != text {
		t.Errorf("%+v, %t", token, ok)
	}
	if s := fmt.Sprint(token, fmt.Sprintf("%s %v", token, token)); strings.Contains(s, text) {
		t.Errorf("it prints as %s", s)
	}
	if again := d.add("edge-1"); again == text || d.book.Invited("edge-1", text) {
		t.Error("two tokens are good")
	}
	for _, bad := range []string{"", "fp1.", "correct horse battery", "fp1.a.b.c", "fp1.a.1.short", "fp1..1.AAAAAAAAAAAAAAAAAAAAAAAAAA", "fp1.a.-1.AAAAAAAAAAAAAAAAAAAAAAAAAA", text + ".x", "fp2" + text[3:]} {
		if _, ok := enrol.ParseToken(bad); ok {
			t.Errorf("%q is a token", bad)
		}
	}
}

func FuzzMessages(f *testing.F) {
	for _, name := range []string{"request", "answer"} {
		text, err := os.ReadFile(filepath.Join("testdata", "v1", name+".json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if a, err := enrol.DecodeAnswer(msg); err == nil && a.Fault == enrol.FaultNone && len(a.PeerKey) == 0 {
			t.Errorf("an answer with nothing is taken: %q", msg)
		}
		if r, err := enrol.DecodeRequest(msg); err == nil && r.Version < 1 {
			t.Errorf("a request without a version is taken: %q", msg)
		}
		_, _ = enrol.ParseToken(string(msg))
	})
}

// recordedKey is the public half of the key in testdata, which opens nothing.
const recordedKey = "UBQLRRDMZQFVTWT27H2MWGOOOEKNXIAPGWNKOE754ECAQJ2OJYAAB76Q"

// TestRecorded_StaysReadable holds that what the first release wrote and sent
// is understood for ever.
func TestRecorded_StaysReadable(t *testing.T) {
	t.Parallel()
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join("testdata", "v1", name+".json"))
		must(t, err)
		return text
	}
	r, err := enrol.DecodeRequest(read("request"))
	if d := cmp.Diff(enrol.Request{Version: 1, Token: "fp1.edge-1.1795355100.AAAAAAAAAAAAAAAAAAAAAAAAAA", Key: recordedKey}, r); err != nil || d != "" {
		t.Error(err, d)
	}
	a, err := enrol.DecodeAnswer(read("answer"))
	if d := cmp.Diff(enrol.Answer{Version: 1, PeerKey: []byte("peer key")}, a); err != nil || d != "" {
		t.Error(err, d)
	}
	a, err = enrol.DecodeAnswer(read("refusal"))
	if d := cmp.Diff(enrol.Answer{Version: 1, Fault: enrol.FaultSpent}, a); err != nil || d != "" {
		t.Error(err, d)
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "credential"), read("credential"), 0o600))
	id, err := enrol.Join(t.Context(), enrol.JoinOptions{POP: "edge-1", Dir: dir, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	if public, err := id.Key.PublicKey(); err != nil || public != recordedKey || string(id.PeerKey) != "peer key" {
		t.Errorf("%s, %s, %v", public, id.PeerKey, err)
	}
	// What a later release adds is ignored.
	later := map[string]any{}
	must(t, json.Unmarshal(read("answer"), &later))
	later["version"], later["more"] = 2, true
	msg, err := json.Marshal(later)
	must(t, err)
	if a, err := enrol.DecodeAnswer(msg); err != nil || string(a.PeerKey) != "peer key" {
		t.Errorf("%+v, %v", a, err)
	}
}
