package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/wire"
)

// plain returns the message with its body not compressed.
func plain(tb testing.TB, msg []byte) []byte {
	tb.Helper()
	if msg[2] == 0 {
		return msg
	}
	d, err := zstd.NewReader(nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer d.Close()
	body, err := d.DecodeAll(msg[3:], nil)
	if err != nil {
		tb.Fatal(err)
	}
	return append([]byte{msg[0], msg[1], 0}, body...)
}

// compressed returns a message of a kind and version with a body compressed.
func compressed(tb testing.TB, kind byte, version wire.Version, body []byte) []byte {
	tb.Helper()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer e.Close()
	return e.EncodeAll(body, []byte{kind, byte(version), 1})
}

func TestTruncatedMessagesAreErrors(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for form, msg := range map[string][]byte{"plain": plain(t, s.encode()), "as sent": s.encode()} {
				for n := range msg {
					if _, err := s.decode(msg[:n]); err == nil {
						t.Fatalf("%s: the first %d of %d bytes decode without an error", form, n, len(msg))
					}
				}
			}
		})
	}
}

func TestTrailingBytesAreErrors(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		msg := append(plain(t, s.encode()), 0)
		if _, err := s.decode(msg); err == nil || !strings.Contains(err.Error(), "goes on after its end") {
			t.Errorf("%s: one byte too many gives %v", s.name, err)
		}
	}
}

func TestForeignHeadsAreNamed(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		msg := s.encode()
		unknown := []byte{0, 4, 9, 255}
		switch msg[0] {
		case 3, 4, 7, 9: // have one version only
			unknown = append(unknown, 2, 3)
		case 6, 8:
			unknown = append(unknown, 3)
		}
		for _, v := range unknown {
			msg[1] = v
			if _, err := s.decode(msg); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("version %d is unknown", v)) {
				t.Errorf("%s: version %d gives %v", s.name, v, err)
			}
		}
		if _, err := s.decode([]byte{msg[0] + 1, 1, 0}); err == nil || !strings.Contains(err.Error(), "another kind") {
			t.Errorf("%s: another kind gives %v", s.name, err)
		}
		if _, err := s.decode([]byte{msg[0], 1, 7}); err == nil || !strings.Contains(err.Error(), "form 7 is unknown") {
			t.Errorf("%s: form 7 gives %v", s.name, err)
		}
	}
}

// Whatever acts on a message must know what to do: a kind that a newer program
// invents is refused, not guessed at.
func TestUnknownKindsAreErrors(t *testing.T) {
	t.Parallel()
	entry := *sampleBatch().Entries[0]
	encode := func(change func(*freshet.Entry)) []byte {
		e := entry
		change(&e)
		return wire.EncodeEntries(wire.EntryBatch{Subject: "purge", Entries: []*freshet.Entry{&e}})
	}
	// as encodes an entry as one kind and has it say that it is another.
	as := func(written, said freshet.EntryKind, change freshet.MembershipChange, pop string) []byte {
		msg := encode(func(e *freshet.Entry) {
			*e = freshet.Entry{Kind: written, Membership: freshet.Membership{Change: change, POP: pop}}
		})
		same := encode(func(e *freshet.Entry) { *e = freshet.Entry{Kind: freshet.EntryPurge} })
		for i := range same { // the first byte that differs is the kind
			if msg[i] != same[i] {
				msg[i] = byte(said)
				return msg
			}
		}
		t.Fatal("the kind is not to be found")
		return nil
	}
	for name, msg := range map[string][]byte{
		"entry kind 0":    encode(func(e *freshet.Entry) { e.Kind = 0 }),
		"entry kind 6":    encode(func(e *freshet.Entry) { e.Kind = 6 }),
		"selector kind 5": encode(func(e *freshet.Entry) { e.Selector.Kind = 5 }),
		"membership 5": encode(func(e *freshet.Entry) {
			e.Kind, e.Membership.Change = freshet.EntryMembership, 5
		}),
		"a purge of 2":             as(freshet.EntryMembership, freshet.EntryPurge, 2, ""),
		"a prefetch that is soft":  as(freshet.EntryMembership, freshet.EntryPrefetch, 1, ""),
		"a purge that names a POP": as(freshet.EntryMembership, freshet.EntryPurge, 0, "edge-1"),
	} {
		if _, err := wire.DecodeEntries(msg); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	ev := freshet.Evidence{Entries: []freshet.EntryFacts{{Facts: []freshet.Fact{{Outcome: 7}}}}}
	if _, err := wire.DecodeEvidence(wire.EncodeEvidence(ev)); err == nil {
		t.Error("outcome 7 is taken")
	}
}

// A message of version 2 that calls itself version 1, or the other way round,
// is refused: nothing is guessed.
func TestVersionsAreNotMistaken(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		if !strings.HasSuffix(s.name, "/topology") && !strings.HasSuffix(s.name, "/evidence") && !strings.HasSuffix(s.name, "/facts") {
			continue
		}
		msg := plain(t, s.encode())
		msg[1] = 3 - msg[1]
		if got, err := s.decode(msg); err == nil {
			t.Errorf("%s: decodes as version %d: %+v", s.name, msg[1], got)
		}
	}
}

func TestRoundsAndWindowsOutOfRangeAreErrors(t *testing.T) {
	t.Parallel()
	one := plain(t, wire.EncodeEvidence(freshet.Evidence{Entries: []freshet.EntryFacts{{Facts: []freshet.Fact{{}}}}}))
	tail := []byte{1, 0, 1, 0} // both columns: one plane, and the byte of the one fact
	head, ok := bytes.CutSuffix(one, tail)
	if !ok {
		t.Fatalf("the message ends with %x", one)
	}
	for name, tc := range map[string]struct {
		tail []byte
		want string // in the error; none: it is taken
	}{
		"ordinary":                     {[]byte{1, 2, 1, 5}, ""},
		"most":                         {[]byte{4, 0xff, 0xff, 0xff, 0x7f, 6, 0xf6, 0x5a, 0xd0, 0x7b, 0x63, 0x08}, ""},
		"more rounds than an int32":    {[]byte{4, 0, 0, 0, 0x80, 1, 0}, "out of range"},
		"negative rounds":              {[]byte{8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0}, "out of range"},
		"negative window":              {[]byte{1, 0, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "out of range"},
		"a window that overflows":      {[]byte{1, 0, 6, 0xf7, 0x5a, 0xd0, 0x7b, 0x63, 0x08}, "out of range"},
		"no windows":                   {[]byte{1, 0}, "too early"},
		"neither":                      {nil, "too early"},
		"planes that are not there":    {[]byte{1, 0, 8, 0}, "too early"},
		"bits that are not there":      {[]byte{1, 0, 0x80 + 56, 0}, "too early"},
		"a form that nobody announced": {[]byte{1, 0, 9, 0}, "is unknown"},
	} {
		got, err := wire.DecodeEvidence(slices.Concat(head, tc.tail))
		switch {
		case tc.want == "" && err != nil, tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: %v", name, err)
		case name == "ordinary":
			if f := got.Entries[0].Facts[0]; f.Rounds != 2 || f.Window != 5*time.Millisecond {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

func TestFactsWithoutTheirDictAreAnError(t *testing.T) {
	t.Parallel()
	_, facts := sampleDict()
	empty := func(freshet.Position) (*wire.Dict, error) { return &wire.Dict{}, nil }
	if _, err := wire.UnpackFacts(facts, empty); err == nil {
		t.Error("facts unpack without the bodies that they name")
	}
	cause := errors.New("disk is gone")
	failing := func(freshet.Position) (*wire.Dict, error) { return nil, cause }
	if _, err := wire.UnpackFacts(facts, failing); !errors.Is(err, cause) {
		t.Errorf("the fault of the dictionary's reader is lost: %v", err)
	}
}

// A POP that invents validators costs time in proportion to their number.
func TestDictWithManyBodiesOfOneItem(t *testing.T) {
	t.Parallel()
	const n = 60000
	facts := make([]freshet.Fact, n)
	for i := range facts {
		facts[i].After = freshet.Copy{FetchedAt: at(0), Size: int64(i%(n/2)) + 1}
	}
	want := []freshet.EntryFacts{{At: pos(1), Facts: facts}}
	kept := newDicts()
	first := wire.PackFacts(want, kept.of)
	kept.save()
	if err := kept.restart(); err != nil {
		t.Fatal(err)
	}
	second := wire.PackFacts(want, kept.of)
	if kept.of(pos(1)).Added() != nil {
		t.Error("what the dictionary knew was added again")
	}
	if !bytes.Equal(first, second) {
		t.Error("the same facts are packed in another way after a restart")
	}
	if got, err := wire.UnpackFacts(second, kept.load); err != nil || !sameFacts(want, got) {
		t.Errorf("facts changed on their way (error: %v)", err)
	}
}

func TestBatchFits(t *testing.T) {
	t.Parallel()
	batch := func(urls []string) wire.EntryBatch {
		return wire.EntryBatch{Entries: []*freshet.Entry{
			{Kind: freshet.EntryPurge, Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: urls}},
		}}
	}
	long := "http://vod.example.com/" + strings.Repeat("x", 1000)
	for name, tc := range map[string]struct {
		urls []string
		fits bool
	}{
		"most URLs":      {make([]string, wire.MaxURLs), true},
		"too many URLs":  {make([]string, wire.MaxURLs+1), false},
		"too many bytes": {slicesOf(long, wire.MaxURLBytes/len(long)+1), false},
		"most bytes":     {slicesOf(long, wire.MaxURLBytes/len(long)), true},
	} {
		b := batch(tc.urls)
		if b.Fits() != tc.fits {
			t.Errorf("%s: Fits says %v", name, b.Fits())
		}
		if _, err := wire.DecodeEntries(wire.EncodeEntries(b)); (err == nil) != tc.fits {
			t.Errorf("%s: the decoder says %v", name, err)
		}
	}
}

func slicesOf(s string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = s
	}
	return list
}

// A body over the limit travels as it is, so that whoever compares its length
// with the bus's limit splits it.
func TestBodiesOverTheLimitStayLong(t *testing.T) {
	t.Parallel()
	sel := freshet.Selector{Kind: freshet.SelectTag, Pattern: strings.Repeat("x", wire.MaxUnpacked+1)}
	packed := wire.PackSelector(sel)
	if len(packed) <= wire.MaxUnpacked {
		t.Fatalf("a body over the limit was compressed to %d bytes", len(packed))
	}
	if got, err := wire.UnpackSelector(packed); err != nil || got.Pattern != sel.Pattern {
		t.Errorf("it does not unpack: %v", err)
	}
}

// The compressors are shared by all bubbles and by what runs outside.
func TestMessagesInOneBubbleAfterTheOther(t *testing.T) {
	t.Parallel()
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			for _, s := range samples() {
				if _, err := s.decode(s.encode()); err != nil {
					t.Errorf("%s: %v", s.name, err)
				}
			}
		})
	}
}

// bombs are 64 KB at most, and unfold as far as a decoder lets them.
func bombs(tb testing.TB) map[string][]byte {
	tb.Helper()
	zeros := make([]byte, wire.MaxUnpacked-64)
	bomb := func(kind byte, head []byte) []byte {
		return compressed(tb, kind, wire.Version1, slices.Concat(head, zeros))
	}
	bomb2 := func(kind byte, head []byte) []byte {
		return compressed(tb, kind, wire.Version2, slices.Concat(head, zeros))
	}
	// A count of 4 million, 1 million, and MaxFacts, as varints.
	four, one, facts := []byte{0x80, 0x80, 0x80, 0x02}, []byte{0x80, 0x80, 0x40}, []byte{0x80, 0x80, 0x10}
	urls := freshet.Selector{Kind: freshet.SelectExact, URLs: slicesOf("http://h/"+strings.Repeat("x", wire.MaxURL-9), 6000)}
	most := freshet.Evidence{Entries: []freshet.EntryFacts{{At: pos(1), Facts: make([]freshet.Fact, wire.MaxFacts)}}}
	for i := range most.Entries[0].Facts {
		most.Entries[0].Facts[i] = freshet.Fact{Item: i, Rounds: 1, Window: time.Millisecond}
	}
	if _, err := wire.DecodeEvidence(wire.EncodeEvidence(most)); err != nil {
		tb.Fatal(err) // one that is refused at once shows nothing
	}
	return map[string][]byte{
		"empty strings":       bomb(7, append([]byte{1, 0}, four...)),
		"empty URLs":          bomb(7, append([]byte{1, 0, 0}, one...)),
		"long URLs":           wire.PackSelector(urls),
		"cursors":             bomb(3, one),
		"exceptions":          bomb(4, append([]byte{0, 0, 0}, one...)),
		"domains":             bomb(5, append([]byte{0}, one...)),
		"target sets":         bomb(1, append([]byte{0, 0, 0}, four...)),
		"dictionary":          bomb(9, facts),
		"facts":               bomb(8, append([]byte{1, 0, 0}, facts...)),
		"facts of entries":    bomb(8, []byte{0x80, 0x80, 0x02}),
		"dictionaries":        bomb(6, []byte{0, 0, 0, 0, 0x80, 0x80, 0x02}),
		"domains 2":           bomb2(5, append([]byte{0}, one...)),
		"facts 2":             bomb2(8, append([]byte{1, 0, 0}, facts...)),
		"facts of entries 2":  bomb2(8, []byte{0x80, 0x80, 0x02}),
		"dictionaries 2":      bomb2(6, []byte{0, 0, 0, 0, 0x80, 0x80, 0x02}),
		"most facts":          wire.EncodeEvidenceAs(wire.Version1, most),
		"most facts 2":        wire.EncodeEvidence(most),
		"over the limit":      compressed(tb, 6, wire.Version1, make([]byte, 4*wire.MaxUnpacked)),
		"over the limit 2":    compressed(tb, 6, wire.Version2, make([]byte, 4*wire.MaxUnpacked)),
		"more than it claims": compressed(tb, 1, wire.Version1, append([]byte{0, 0, 0, 0}, zeros...)),
	}
}

// decodeAll gives a message to every decoder.
func decodeAll(msg []byte) {
	_, _ = wire.DecodeEntries(msg)
	_, _ = wire.DecodePull(msg)
	_, _ = wire.DecodeDenyPull(msg)
	_, _ = wire.DecodeDenyPage(msg)
	_, _ = wire.DecodeHeads(msg)
	_, _ = wire.DecodeHeartbeat(msg)
	_, _ = wire.DecodeTopology(msg)
	_, _ = wire.DecodeEvidence(msg)
	_, _ = wire.UnpackSelector(msg)
	_, _ = wire.LoadDict(msg)
	_, _ = wire.UnpackFacts(msg, func(freshet.Position) (*wire.Dict, error) { return &wire.Dict{}, nil })
}

// It measures what the whole process allocates, so it runs alone.
//
//nolint:paralleltest // see above
func TestP10_SmallMessagesAllocateLittle(t *testing.T) {
	const most = 64 << 20
	for name, msg := range bombs(t) {
		if len(msg) > 64<<10 {
			t.Fatalf("%s: the message has %d bytes", name, len(msg))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		decodeAll(msg)
		runtime.ReadMemStats(&after)
		used := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: %d bytes make the decoder allocate %d MB", name, len(msg), used>>20)
		if used > most {
			t.Errorf("%s: %d bytes make the decoder allocate %d MB, more than %d", name, len(msg), used>>20, most>>20)
		}
	}
}
