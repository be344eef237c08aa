package seal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/seal"
)

func box(tb testing.TB, fill ...byte) *seal.Box {
	tb.Helper()
	var keys [][]byte
	for _, b := range fill {
		keys = append(keys, bytes.Repeat([]byte{b}, seal.KeySize))
	}
	out, err := seal.New(keys...)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func TestSeal_WhatIsSealedOpensInItsPlaceOnly(t *testing.T) {
	t.Parallel()
	b := box(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		plain, place, other := rapid.String().Draw(t, "plain"), rapid.String().Draw(t, "place"), rapid.String().Draw(t, "other")
		s := b.Seal(place, plain)
		if got, err := b.Open(place, s); err != nil || got != plain {
			t.Errorf("%q, %v", got, err)
		}
		if !seal.Sealed(s) || !b.Current(s) || s == b.Seal(place, plain) {
			t.Errorf("%q", s)
		}
		if len(plain) > 4 && strings.Contains(s, plain) {
			t.Errorf("%q shows %q", s, plain)
		}
		if _, err := b.Open(other, s); other != place && !errors.Is(err, seal.ErrBroken) {
			t.Errorf("opened at %q what was sealed for %q: %v", other, place, err)
		}
	})
}

func TestSeal_EveryChangedByteIsNoticed(t *testing.T) {
	t.Parallel()
	b := box(t, 1)
	s := b.Seal("place", "secret")
	for i := range s {
		for _, with := range []byte{'A', 'B', '-', '='} {
			changed := s[:i] + string(with) + s[i+1:]
			if changed == s {
				continue
			}
			if got, err := b.Open("place", changed); err == nil {
				t.Fatalf("byte %d changed to %c opens as %q", i, with, got)
			}
		}
	}
	for _, s := range []string{"", "plain", "sealed1.", "sealed1.AAAA", s + "A", s[:len(s)-2]} {
		if _, err := b.Open("place", s); err == nil {
			t.Errorf("%q opens", s)
		}
	}
}

func TestSeal_OldKeysOpenAndTheFirstSeals(t *testing.T) {
	t.Parallel()
	old, both, fresh := box(t, 1), box(t, 2, 1), box(t, 2)
	s := old.Seal("p", "x")
	if got, err := both.Open("p", s); err != nil || got != "x" || both.Current(s) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := fresh.Open("p", s); !errors.Is(err, seal.ErrKey) || !strings.Contains(err.Error(), old.Names()[0]) {
		t.Errorf("%v does not name the key %s", err, old.Names()[0])
	}
	if s := both.Seal("p", "x"); !fresh.Current(s) {
		t.Error("the second key sealed")
	}
}

func TestKeys_AreReadInEveryForm(t *testing.T) {
	t.Parallel()
	const (
		hex    = "0101010101010101010101010101010101010101010101010101010101010101"
		base64 = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
	)
	sealed := box(t, 1).Seal("p", "x")
	for _, text := range []string{hex, base64, strings.TrimSuffix(base64, "="), "# a comment\n" + hex + " # mine\n", seal.NewKey() + "\n" + hex, seal.NewKey() + "," + base64} {
		b, err := seal.ParseKeys("F", text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got, err := b.Open("p", sealed); err != nil || got != "x" {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "# only", "short", hex + "00", hex[1:]} {
		_, err := seal.ParseKeys("FILE", text)
		if freshet.ErrorCode(err) != freshet.CodeInvalid || !strings.Contains(err.Error(), "FILE") || len(text) > 8 && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestKeys_AFileIsForItsOwner(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	first, second := seal.NewKey(), seal.NewKey()
	if err := seal.WriteFile(path, first, second); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	b, err := seal.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Text(); len(got) != 2 || got[0] != first || got[1] != second {
		t.Error("the file holds other keys")
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.ReadFile(path); freshet.ErrorCode(err) != freshet.CodeInvalid || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file for everybody: %v", err)
	}
	if _, err := seal.ReadFile(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	b := box(f, 1)
	f.Add(b.Seal("p", "secret"))
	f.Add("sealed1.")
	f.Fuzz(func(t *testing.T, s string) {
		plain, err := b.Open("q", s)
		if err == nil {
			t.Errorf("opened %q: %q", s, plain)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	x := box(b, 1)
	s := x.Seal("p", strings.Repeat("x", 200))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x.Open("p", s); err != nil {
			b.Fatal(err)
		}
	}
}
