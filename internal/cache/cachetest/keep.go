package cachetest

import (
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

func keepTests() []test {
	keeps := func(p cache.Powers) bool { return p.KeepsCursor }
	survives := func(p cache.Powers) bool { return p.KeepsCursor && p.Survives }
	return []test{
		{"CursorAndIncarnationOutliveARestart", survives, cursorAndIncarnationOutliveARestart},
		{"CursorNeverGoesBack", keeps, cursorNeverGoesBack},
		{"ContentOutlivesARestart", survives, contentOutlivesARestart},
		{"P5_LostContentHasAnotherIncarnation", func(p cache.Powers) bool { return p.KeepsCursor && !p.Survives }, lostContentHasAnotherIncarnation},
		{"P5_ContentOfAnOlderCopyHasItsOwnCursor", survives, olderContentHasItsOwnCursor},
		{"P5_AFlushIsPartOfTheContent", func(p cache.Powers) bool { return p.Soft && survives(p) }, flushIsPartOfTheContent},
		{"P5_LostContentOwesNothing", survives, lostContentOwesNothing},
		{"P2_PurgesOutliveACrash", survives, purgesOutliveACrash},
		{"P5_FlushRevalidatesWhatWasFetchedBefore", func(p cache.Powers) bool { return p.Soft }, flushRevalidatesWhatWasFetchedBefore},
		{"P5_FlushOutlivesARestart", func(p cache.Powers) bool { return p.Soft && p.KeepsCursor }, flushOutlivesARestart},
	}
}

func cursorAndIncarnationOutliveARestart(b *bench) {
	t := b.t
	id := b.incarnation(t)
	if c := b.cursor(t); !c.IsZero() {
		t.Fatalf("a new cache has cursor %v", c)
	}
	if err := b.Driver().WriteCursor(t.Context(), at(42)); err != nil {
		t.Fatal(err)
	}
	b.Restart(t)
	if c := b.cursor(t); c != at(42) {
		t.Fatalf("cursor = %v", c)
	}
	if got := b.incarnation(t); got != id {
		t.Fatalf("incarnation %q became %q", id, got)
	}
}

func cursorNeverGoesBack(b *bench) {
	t := b.t
	for _, step := range []struct {
		to freshet.Position
		ok bool
	}{{at(42), true}, {at(42), true}, {at(41), false}, {freshet.Position{Epoch: 2, Pos: 1}, true}, {at(43), false}} {
		if err := b.Driver().WriteCursor(t.Context(), step.to); (err == nil) != step.ok {
			t.Errorf("cursor to %v: %v", step.to, err)
		}
	}
	if c := b.cursor(t); c != (freshet.Position{Epoch: 2, Pos: 1}) {
		t.Errorf("cursor = %v", c)
	}
}

func lostContentHasAnotherIncarnation(b *bench) {
	t := b.t
	id := b.incarnation(t)
	if err := b.Driver().WriteCursor(t.Context(), at(42)); err != nil {
		t.Fatal(err)
	}
	if got := b.incarnation(t); got != id || b.cursor(t) != at(42) {
		t.Fatalf("incarnation %q became %q, cursor %v", id, got, b.cursor(t))
	}
	b.origin.put("/a", version(1))
	b.wantBody(t, "/a", version(1))
	if !b.Crash(t) {
		b.Restart(t)
	}
	if c := b.cursor(t); !c.IsZero() {
		t.Fatalf("an empty cache has cursor %v", c)
	}
	if got := b.incarnation(t); got == id {
		t.Fatalf("the incarnation is still %q", id)
	}
	b.wantBody(t, "/a", version(1))
	b.wantRequests(t, "/a", 2)
}

func contentOutlivesARestart(b *bench) {
	t := b.t
	b.origin.put("/a", version(1), "ETag", `"v1"`)
	b.wantBody(t, "/a", version(1))
	before := b.stored(t, "/a", cache.InspectNow).Copy
	b.Restart(t)
	if after := b.stored(t, "/a", cache.InspectNow).Copy; !after.FetchedAt.Equal(before.FetchedAt) || after.Validator != before.Validator {
		t.Fatalf("copy %+v became %+v", before, after)
	}
	b.wantBody(t, "/a", version(1))
	b.wantRequests(t, "/a", 1)
}

func purgesOutliveACrash(b *bench) {
	t := b.t
	for _, p := range []string{"/a", "/b", "/film/1"} {
		b.origin.put(p, version(1))
		b.wantBody(t, p, version(1))
	}
	b.Restart(t) // now all of it is on disk
	prefix := freshet.Selector{Kind: freshet.SelectPrefix, Pattern: link("/film/")}
	wantOutcome(t, b.purge(t, 5, exact("/a"))[0], freshet.OutcomeDone, freshet.ReasonNone)
	wantOutcome(t, b.purge(t, 6, prefix)[0], freshet.OutcomeDone, freshet.ReasonNone)
	if !b.Crash(t) {
		t.Skip("this cache cannot be crashed here")
	}
	for _, p := range []string{"/a", "/film/1"} {
		b.origin.put(p, version(2))
		b.wantBody(t, p, version(2))
	}
	b.wantBody(t, "/b", version(1))
	// The fence outlived it, too: repeats remove nothing.
	wantOutcome(t, b.purge(t, 5, exact("/a"))[0], freshet.OutcomeAlready, freshet.ReasonNone)
	wantOutcome(t, b.purge(t, 6, prefix)[0], freshet.OutcomeAlready, freshet.ReasonNone)
	b.wantRequests(t, "/b", 1)
}

func flushRevalidatesWhatWasFetchedBefore(b *bench) {
	t := b.t
	b.origin.serve("/same", validated(version(1), `"v1"`))
	b.origin.serve("/changed", validated(version(1), `"v1"`))
	for _, p := range []string{"/same", "/changed"} {
		b.wantBody(t, p, version(1))
	}
	b.origin.serve("/changed", validated(version(2), `"v2"`))
	if err := b.Driver().Flush(t.Context(), time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	b.wantBody(t, "/same", version(1))
	b.wantBody(t, "/changed", version(2))
	b.wantRequests(t, "/same", 2)
	b.wantRequests(t, "/changed", 2)
	b.origin.put("/new", version(1))
	b.wantBody(t, "/new", version(1))
	b.wantBody(t, "/same", version(1))
	b.wantBody(t, "/new", version(1))
}

func flushOutlivesARestart(b *bench) {
	t := b.t
	b.origin.serve("/a", validated(version(1), `"v1"`))
	b.wantBody(t, "/a", version(1))
	if err := b.Driver().Flush(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if !b.Crash(t) {
		b.Restart(t)
	}
	b.origin.serve("/a", validated(version(2), `"v2"`))
	b.wantBody(t, "/a", version(2))
}

func (b *bench) incarnation(t *testing.T) string {
	t.Helper()
	id, err := b.Driver().Incarnation(t.Context())
	if err != nil || id == "" {
		t.Fatalf("incarnation = %q, %v", id, err)
	}
	return id
}

func (b *bench) cursor(t *testing.T) freshet.Position {
	t.Helper()
	c, err := b.Driver().ReadCursor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (b *bench) onDisk() OnDisk {
	d, ok := b.Harness.(OnDisk)
	if !ok {
		b.t.Skip("this cache keeps nothing on a disk")
	}
	return d
}

// olderContentHasItsOwnCursor brings back what a purge removed: the cursor says
// so, and the purge that is repeated removes it again.
func olderContentHasItsOwnCursor(b *bench) {
	t := b.t
	disk := b.onDisk()
	id := b.incarnation(t)
	b.origin.put("/a", version(1))
	b.origin.put("/film/1", version(1))
	b.wantBody(t, "/a", version(1))
	b.wantBody(t, "/film/1", version(1))
	if err := b.Driver().WriteCursor(t.Context(), at(5)); err != nil {
		t.Fatal(err)
	}
	bringBack := disk.Save(t)
	film := freshet.Selector{Kind: freshet.SelectPrefix, Pattern: link("/film/")}
	b.incarnation(t)
	b.later(t)
	b.wantPurged(t, 6, exact("/a"))
	b.wantPurged(t, 7, film)
	if err := b.Driver().WriteCursor(t.Context(), at(7)); err != nil {
		t.Fatal(err)
	}
	b.origin.put("/a", version(2))
	b.origin.put("/film/1", version(2))
	b.wantBody(t, "/a", version(2))
	b.wantBody(t, "/film/1", version(2))

	bringBack(t)
	if got, c := b.incarnation(t), b.cursor(t); got != id || c != at(5) {
		t.Fatalf("the older copy has incarnation %q and cursor %v, want %q and %v", got, c, id, at(5))
	}
	b.wantPurged(t, 6, exact("/a"))
	b.wantPurged(t, 7, film)
	b.wantBody(t, "/a", version(2))
	b.wantBody(t, "/film/1", version(2))
	if err := b.Driver().WriteCursor(t.Context(), at(7)); err != nil {
		t.Fatal(err)
	}
}

// flushIsPartOfTheContent: an older copy knows nothing of a flush, as its lower
// cursor says; one that is of later than the flush does.
func flushIsPartOfTheContent(b *bench) {
	t := b.t
	disk := b.onDisk()
	b.incarnation(t)
	b.origin.serve("/a", validated(version(1), `"v1"`))
	b.wantBody(t, "/a", version(1))
	b.later(t)
	if err := b.Driver().Flush(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := b.Driver().WriteCursor(t.Context(), at(9)); err != nil {
		t.Fatal(err)
	}
	bringBack := disk.Save(t)
	b.origin.serve("/a", validated(version(2), `"v2"`))
	b.wantBody(t, "/a", version(2))
	bringBack(t)
	if c := b.cursor(t); c != at(9) {
		t.Fatalf("cursor = %v", c)
	}
	b.wantBody(t, "/a", version(2))
}

func lostContentOwesNothing(b *bench) {
	t := b.t
	disk := b.onDisk()
	id := b.incarnation(t)
	b.origin.put("/a", version(1))
	b.wantBody(t, "/a", version(1))
	if err := b.Driver().WriteCursor(t.Context(), at(5)); err != nil {
		t.Fatal(err)
	}
	disk.Lose(t)
	if got, c := b.incarnation(t), b.cursor(t); got == id || !c.IsZero() {
		t.Fatalf("an empty cache has incarnation %q, as before: %t; and cursor %v", got, got == id, c)
	}
	b.origin.put("/a", version(2))
	b.wantBody(t, "/a", version(2))
	if err := b.Driver().WriteCursor(t.Context(), at(5)); err != nil {
		t.Fatal(err)
	}
}
