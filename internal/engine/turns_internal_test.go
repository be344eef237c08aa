package engine

import (
	"testing"
	"time"
)

// TestP5_TurnsAreGivenInOrder follows turns through time.
func TestP5_TurnsAreGivenInOrder(t *testing.T) {
	t.Parallel()
	var all turns
	now := time.Now()
	ask := func(pop string, want bool) {
		t.Helper()
		if got := all.ask("tier", pop, now, 20*time.Second); got.Granted != want {
			t.Fatalf("%s hears %+v, want granted: %t", pop, got, want)
		}
	}
	ask("a", true)
	ask("b", false)
	ask("c", false)
	for range 19 {
		now = now.Add(time.Second)
		ask("c", false)
		ask("b", false)
		ask("a", true)
	}
	now = now.Add(time.Second)
	ask("c", false) // b came first
	ask("b", true)
	ask("a", false)
	now = now.Add(20 * time.Second) // c went away without a word
	ask("a", true)
	now = now.Add(20 * time.Second)
	ask("d", true)
}
