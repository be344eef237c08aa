package cache_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

func fence(t interface{ Fatal(args ...any) }, d cache.Driver, path string) (cache.Driver, func()) {
	f, closer, err := cache.Fence(d, path)
	if err != nil {
		t.Fatal(err)
	}
	return f, func() { _ = closer.Close() }
}

// TestP2_RepeatsNeverRemoveNewerBodies lives through random histories of
// purges, repeats, fills and restarts: an order never leaves a body that began
// before it was first carried out, and a repeat never removes one that began
// after.
func TestP2_RepeatsNeverRemoveNewerBodies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(dir, time.Now().Format("150405.000000000"))
		m := newModel(nil)
		d, done := fence(rt, m, path)
		first := map[uint64]time.Time{}
		top := uint64(0)
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"new", "repeat", "again", "get", "restart"}).Draw(rt, "step") {
			case "new":
				top++
				r := d.Purge(rt.Context(), orderOf(top, film))[0]
				first[top] = r.Executed
				if at, ok := m.stored[film]; ok && !at.After(r.Executed) && !laterRan(first, top, at) {
					rt.Fatalf("purge %d left a body of %v", top, at)
				}
			case "repeat":
				if top == 0 {
					continue
				}
				pos := rapid.Uint64Range(1, top).Draw(rt, "pos")
				at, had := m.stored[film]
				d.Purge(rt.Context(), orderOf(pos, film))
				_, has := m.stored[film]
				if had && !has && at.After(first[pos]) {
					rt.Fatalf("the repeat of %d removed a body that began after it", pos)
				}
				if has && !at.After(first[pos]) && !laterRan(first, pos, at) {
					rt.Fatalf("the repeat of %d left a body that began before it", pos)
				}
			case "again":
				if top == 0 {
					continue
				}
				o := orderOf(rapid.Uint64Range(1, top).Draw(rt, "pos"), film)
				o.Again = true
				d.Purge(rt.Context(), o)
				if _, has := m.stored[film]; has {
					rt.Fatal("a redo left a body")
				}
			case "get":
				m.get(film)
			case "restart":
				done()
				d, done = fence(rt, m, path)
			}
		}
		done()
	})
}

// laterRan reports whether a purge at or above a position ran before a body
// began: then the body is newer than that purge's acceptance.
func laterRan(first map[uint64]time.Time, pos uint64, began time.Time) bool {
	for p, at := range first {
		if p >= pos && at.Before(began) {
			return true
		}
	}
	return false
}

func TestFence_ForgetsAtMostATornRecord(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fence")
	m := newModel(nil)
	d, done := fence(t, m, path)
	d.Purge(t.Context(), orderOf(5, film))
	done()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write([]byte("half a re"))
	_ = f.Close()
	d, done = fence(t, m, path)
	defer done()
	m.get(film)
	if r := d.Purge(t.Context(), orderOf(5, film))[0]; r.Outcome != freshet.OutcomeAlready {
		t.Errorf("the repeat removed a newer body: %+v", r)
	}
}

// TestFence_BelievesNoDamagedRecord holds for every byte of a file: a time that
// is too early would keep old bodies.
func TestFence_BelievesNoDamagedRecord(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fence")
	m := newModel(nil)
	d, done := fence(t, m, path)
	d.Purge(t.Context(), orderOf(5, film))
	done()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		bad := append([]byte(nil), whole...)
		bad[i] ^= 0x40
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		d, done := fence(t, m, path)
		m.get(film)
		if r := d.Purge(t.Context(), orderOf(5, film))[0]; r.Outcome != freshet.OutcomeDone {
			t.Errorf("byte %d: a damaged record is believed: %+v", i, r)
		}
		done()
	}
}

func TestFence_AFailedPurgeIsNotRemembered(t *testing.T) {
	t.Parallel()
	m := newModel(nil)
	d, done := fence(t, m, filepath.Join(t.TempDir(), "fence"))
	defer done()
	m.refuse = true
	d.Purge(t.Context(), orderOf(5, film))
	m.refuse = false
	m.get(film)
	if r := d.Purge(t.Context(), orderOf(5, film))[0]; r.Outcome != freshet.OutcomeDone {
		t.Errorf("what was never purged is taken for a repeat: %+v", r)
	}
}

func TestFence_LeavesCachesWithGenerationsAlone(t *testing.T) {
	t.Parallel()
	f := &fake{}
	d, _, err := cache.Fence(f, filepath.Join(t.TempDir(), "no", "such", "folder"))
	if err != nil || d != cache.Driver(f) {
		t.Errorf("%v %v", d, err)
	}
}
