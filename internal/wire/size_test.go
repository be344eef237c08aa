package wire_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/wire"
)

func segments(format string, n int) []string {
	urls := make([]string, n)
	for i := range urls {
		urls[i] = fmt.Sprintf(format, i)
	}
	return urls
}

// ladder is six renditions of one film, one after the other or interleaved,
// each with a playlist and an init section.
func ladder(perRendition int, interleaved bool) []string {
	names := []string{"360p", "480p", "720p", "1080p", "1440p", "2160p"}
	var urls []string
	for _, name := range names {
		urls = append(urls,
			"http://vod.example.com/films/8f14e45fceea167a/"+name+"/index.m3u8",
			"http://vod.example.com/films/8f14e45fceea167a/"+name+"/init.mp4")
	}
	segment := func(name string, i int) string {
		return fmt.Sprintf("http://vod.example.com/films/8f14e45fceea167a/%s/segment-%05d.m4s", name, i)
	}
	if interleaved {
		for i := range perRendition {
			for _, name := range names {
				urls = append(urls, segment(name, i))
			}
		}
		return urls
	}
	for _, name := range names {
		for i := range perRendition {
			urls = append(urls, segment(name, i))
		}
	}
	return urls
}

func TestP10_PackedURLsStaySmall(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		urls []string
		most float64 // bytes per URL
	}{
		"a thousand numbered segments":        {segments("http://vod.example.com/a/hd/seg-%05d.ts", 1000), 3.5},
		"a hundred numbered segments":         {segments("http://vod.example.com/a/hd/seg-%05d.ts", 100), 3.5},
		"numbers without leading zeros":       {segments("http://vod.example.com/a/hd/%d.m4s?v=1", 1000), 3.5},
		"a ladder, rendition after the other": {ladder(300, false), 3.5},
		"a ladder, interleaved":               {ladder(300, true), 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			packed := wire.PackSelector(freshet.Selector{Kind: freshet.SelectExact, URLs: tc.urls})
			per := float64(len(packed)) / float64(len(tc.urls))
			t.Logf("%d URLs in %d bytes: %.2f each", len(tc.urls), len(packed), per)
			if per > tc.most {
				t.Errorf("a URL takes %.2f bytes, more than %.1f", per, tc.most)
			}
		})
	}
}

// popFacts is what one POP reports of 20 entries of 168 tasks each.
func popFacts(rng *rand.Rand, etags []string) []freshet.EntryFacts {
	start := time.UnixMilli(1795355100000).UTC()
	within := func(d time.Duration) time.Time {
		return start.Add(time.Duration(rng.Int64N(int64(d/time.Millisecond))) * time.Millisecond)
	}
	entries := make([]freshet.EntryFacts, 20)
	for e := range entries {
		at := freshet.Position{Epoch: 1, Pos: 7000 + uint64(e)*2}
		facts := make([]freshet.Fact, 168)
		window := time.Duration(0)
		for i := range facts {
			if i%64 == 0 { // objects that are purged together are looked at together
				window = time.Duration(rng.IntN(40)) * time.Millisecond
			}
			facts[i] = freshet.Fact{
				Item: i, Outcome: freshet.OutcomeDone, Verified: freshet.VerifiedInspect, Attempts: 1,
				ExecutedAt: within(2 * time.Second), Rounds: 1, Window: window,
				Before: freshet.Copy{
					FetchedAt: within(time.Minute), Generation: freshet.Position{Epoch: 1, Pos: 6000},
					Validator: etags[i], Size: int64(400000 + i*977),
				},
			}
		}
		entries[e] = freshet.EntryFacts{At: at, Facts: facts}
	}
	return entries
}

func withAfter(rng *rand.Rand, entries []freshet.EntryFacts) []freshet.EntryFacts {
	for _, e := range entries {
		for i := range e.Facts {
			f := &e.Facts[i]
			f.After = f.Before
			f.After.FetchedAt = f.ExecutedAt.Add(time.Duration(rng.IntN(60000)) * time.Millisecond)
			f.After.Generation = e.At
		}
	}
	return entries
}

func etags(rng *rand.Rand) []string {
	list := make([]string, 168)
	for i := range list {
		var b [16]byte
		for j := range b {
			b[j] = byte(rng.Uint32())
		}
		list[i] = `"` + hex.EncodeToString(b[:]) + `"`
	}
	return list
}

// sameFacts compares many facts faster than cmp does.
func sameFacts(a, b []freshet.EntryFacts) bool {
	return slices.EqualFunc(a, b, func(x, y freshet.EntryFacts) bool {
		return x.At == y.At && slices.Equal(x.Facts, y.Facts)
	})
}

// A finished delivery with full facts costs at most 8 bytes at 100 POPs: at
// most 6 in the message, and the dictionary shared by all of them.
func TestP10_FactsStaySmall(t *testing.T) {
	t.Parallel()
	const pops = 100
	for name, both := range map[string]bool{"purge": false, "prefetch": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, 2))
			tags := etags(rng)
			kept := newDicts()
			facts, size := 0, 0
			var first, last []byte
			var firstFacts, lastFacts []freshet.EntryFacts
			for range pops {
				entries := popFacts(rng, tags)
				if both {
					entries = withAfter(rng, entries)
				}
				last, lastFacts = wire.PackFacts(entries, kept.of), entries
				if first == nil {
					first, firstFacts = last, entries
				}
				size += len(last)
				kept.save()
				facts += 20 * 168
			}
			for _, m := range []struct {
				packed []byte
				want   []freshet.EntryFacts
			}{{first, firstFacts}, {last, lastFacts}} {
				if got, err := wire.UnpackFacts(m.packed, kept.load); err != nil || !sameFacts(m.want, got) {
					t.Errorf("facts changed on their way (error: %v)", err)
				}
			}
			dict := 0
			for _, parts := range kept.parts {
				for _, p := range parts {
					dict += len(p)
				}
			}
			per, whole := float64(size)/float64(facts), float64(size+dict)/float64(facts)
			t.Logf("%.2f bytes a fact, %.2f with the dictionaries", per, whole)
			if per > 6 {
				t.Errorf("a fact takes %.2f bytes without the dictionary, more than 6", per)
			}
			if whole > 8 {
				t.Errorf("a fact takes %.2f bytes at %d POPs, more than 8", whole, pops)
			}
		})
	}
}

// What version 2 adds costs next to nothing where every fact says the same, and
// little where a few differ.
func TestP10_RoundsAndWindowsCostLittle(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		set  func(i int, f *freshet.Fact)
		most int // bytes more than in version 1, of a message of 1,000 facts
	}{
		"nothing to tell": {func(int, *freshet.Fact) {}, 8},
		"one round each":  {func(_ int, f *freshet.Fact) { f.Rounds, f.Window = 1, 3*time.Millisecond }, 12},
		"a fill met every 50th": {func(i int, f *freshet.Fact) {
			f.Rounds, f.Window = 1, time.Duration(i/64*3)*time.Millisecond
			if i%50 == 49 {
				f.Rounds, f.Window = 2, time.Duration(i*13)*time.Millisecond
			}
		}, 300},
		"a prefetch of each other": {func(i int, f *freshet.Fact) { f.Rounds = i % 2 }, 30},
	} {
		rng := rand.New(rand.NewPCG(1, 2))
		entries := popFacts(rng, etags(rng))[:6]
		n := 0
		for _, e := range entries {
			for i := range e.Facts {
				e.Facts[i].Rounds, e.Facts[i].Window = 0, 0
				tc.set(n, &e.Facts[i])
				n++
			}
		}
		ev := freshet.Evidence{POP: "edge-1", Entries: entries}
		v1, v2 := len(wire.EncodeEvidenceAs(wire.Version1, ev)), len(wire.EncodeEvidence(ev))
		t.Logf("%s: %d bytes, %d in version 1", name, v2, v1)
		if v2-v1 > tc.most {
			t.Errorf("%s: %d facts take %d bytes more than in version 1, the limit is %d", name, n, v2-v1, tc.most)
		}
	}
}

func TestEntriesShareTheirTargetSet(t *testing.T) {
	t.Parallel()
	targets := segments("pop-%04d", 100)
	batch := wire.EntryBatch{Subject: freshet.SubjectPurge}
	for i := range 200 {
		batch.Entries = append(batch.Entries, &freshet.Entry{
			At: freshet.Position{Epoch: 1, Pos: uint64(i) + 1}, Kind: freshet.EntryPurge, Account: "a", Job: "j",
			Domain: "vod.example.com", Targets: targets,
			Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: []string{fmt.Sprintf("http://vod.example.com/%d", i)}},
		})
	}
	msg := wire.EncodeEntries(batch)
	if len(msg) > 5000 {
		t.Errorf("200 entries with one target set take %d bytes, more than 5000", len(msg))
	}
	got, err := wire.DecodeEntries(msg)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(batch, got); diff != "" {
		t.Fatal(diff)
	}
	if &got.Entries[0].Targets[0] != &got.Entries[199].Targets[0] {
		t.Error("decoded entries do not share their target set")
	}
}

func BenchmarkPackFacts(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	entries := withAfter(rng, popFacts(rng, etags(rng)))
	kept := newDicts()
	b.ReportAllocs()
	for b.Loop() {
		wire.PackFacts(entries, kept.of)
	}
	b.ReportMetric(float64(b.N)*20*168/b.Elapsed().Seconds(), "facts/s")
}

func BenchmarkDecodeEvidence(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	msg := wire.EncodeEvidence(freshet.Evidence{
		POP: "edge-1", Entries: withAfter(rng, popFacts(rng, etags(rng))),
	})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.DecodeEvidence(msg); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*20*168/b.Elapsed().Seconds(), "facts/s")
}
