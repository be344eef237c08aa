package wire_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/wire"
)

var update = flag.Bool("update", false, "record the messages that testdata lacks; what is recorded stays as it is")

// sample is one message of a kind and version: the value, and how it travels.
// Of every sample a recording lies in testdata, which must decode to the same
// value for ever.
type sample struct {
	name   string // version/kind
	value  any
	encode func() []byte
	decode func([]byte) (any, error)
}

func at(ms int64) time.Time { return time.UnixMilli(1795355100000 + ms).UTC() }

func pos(n uint64) freshet.Position { return freshet.Position{Epoch: 2, Pos: n} }

// sampleEvidence is what version 1 can say.
func sampleEvidence() freshet.Evidence {
	stored := freshet.Copy{FetchedAt: at(-86400001), Generation: pos(7), Validator: `"3f80f-1b6-3e1cb03b"`, Size: 438}
	again := freshet.Copy{FetchedAt: at(250), Generation: pos(40), Validator: `W/"4e2a"`, Size: 1 << 33}
	var many []freshet.Fact
	for i := range 40 { // enough for a column of packed bits
		many = append(many, freshet.Fact{
			Item: i, Outcome: freshet.OutcomeDone, Verified: freshet.VerifiedInspect, Attempts: 1 + i%2,
			ExecutedAt: at(int64(i*i*7919) % 2003), Before: stored,
		})
	}
	return freshet.Evidence{
		POP: "edge-1", Stream: 1795355100123456789, Number: 12, Incarnation: "c0ffee",
		Entries: []freshet.EntryFacts{
			{At: pos(40), Facts: many},
			{At: pos(41), Facts: []freshet.Fact{
				{Item: 0, Outcome: freshet.OutcomeAlready, Verified: freshet.VerifiedProbe, Attempts: 1, ExecutedAt: at(300)},
				{Item: 2, Outcome: freshet.OutcomeCovered, CoveredBy: pos(43)},
				{Item: 3, Outcome: freshet.OutcomeFailed, Reason: freshet.ReasonOrigin5xx, Attempts: 5, ExecutedAt: at(400), Before: stored, After: stored},
			}},
			{At: freshet.Position{Epoch: 3, Pos: 1}},
			{At: freshet.Position{Epoch: 3, Pos: 2}, Facts: []freshet.Fact{
				{Item: 1, Outcome: freshet.OutcomeDone, Verified: freshet.VerifiedInspectJoined, Attempts: 2, ExecutedAt: at(900), After: again},
				{Item: 0, Outcome: freshet.OutcomeCancelled, Reason: freshet.ReasonSuperseded},
			}},
		},
	}
}

// sampleEvidence2 says the same, and what version 2 adds.
func sampleEvidence2() freshet.Evidence {
	e := sampleEvidence()
	for i := range e.Entries[0].Facts {
		f := &e.Entries[0].Facts[i]
		f.Rounds, f.Window = 1, time.Duration(i/8)*time.Millisecond
	}
	fill := &e.Entries[3].Facts[0]
	fill.Rounds, fill.Window = 3, 41*time.Second+7*time.Millisecond
	return e
}

func sampleBatch() wire.EntryBatch {
	return wire.EntryBatch{Subject: freshet.SubjectPurge, Prev: pos(39), Entries: []*freshet.Entry{
		{
			At: pos(40), Kind: freshet.EntryPurge, Account: "acme", Job: "41d465e31957", Row: 3,
			Domain: "vod.example.com", FirstTask: 1001, Targets: []string{"edge-1", "shield"}, Created: at(0),
			Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: []string{
				"http://vod.example.com/a/hd.m3u8", "http://vod.example.com/a/hd/1.ts", "http://vod.example.com/a/hd/2.ts",
				"http://vod.example.com/a/hd/10.ts", "http://vod.example.com/b",
			}},
		},
		{
			At: pos(41), Kind: freshet.EntryPrefetch, Account: "acme", Job: "41d465e31958", Domain: "vod.example.com",
			FirstTask: 1006, Targets: []string{"edge-1", "shield"}, LastPurge: pos(40), FinishBy: at(3600000), Created: at(1),
			Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: []string{"http://vod.example.com/a/hd.m3u8"}},
		},
		{
			At: freshet.Position{Epoch: 3, Pos: 1}, Kind: freshet.EntryMembership, Created: at(2),
			Membership: freshet.Membership{Change: freshet.MemberDown, POP: "edge-2"},
		},
		{
			At: freshet.Position{Epoch: 3, Pos: 2}, Kind: freshet.EntryPurge, Account: "acme", Domain: "vod.example.com",
			FirstTask: 2001, Targets: []string{"shield"}, Created: at(3),
			Selector: freshet.Selector{Kind: freshet.SelectTag, Pattern: "film-7", Hosts: []string{"vod.example.com", "vod2.example.com"}},
		},
	}}
}

// sampleBatch3 says the same, and what version 3 adds.
func sampleBatch3() wire.EntryBatch {
	b := sampleBatch()
	b.Forgotten = pos(39)
	b.Entries = append(b.Entries, &freshet.Entry{
		At: freshet.Position{Epoch: 3, Pos: 3}, Kind: freshet.EntryDeny, Account: "acme", Job: "41d465e31959",
		Domain: "vod.example.com", FirstTask: 2002, Targets: []string{"shield"}, Created: at(4), Status: freshet.StatusLegal,
		Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: []string{"http://vod.example.com/a/hd.m3u8"}},
	}, &freshet.Entry{
		At: freshet.Position{Epoch: 3, Pos: 4}, Kind: freshet.EntryAllow, Account: "acme", Job: "41d465e31960",
		Domain: "vod.example.com", FirstTask: 2003, Targets: []string{"shield"}, Created: at(5),
		Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: []string{"http://vod.example.com/a/hd.m3u8"}},
	}, &freshet.Entry{
		At: freshet.Position{Epoch: 3, Pos: 5}, Kind: freshet.EntryDeny, Account: "acme", Job: "41d465e31961",
		Domain: "vod.example.com", FirstTask: 2004, Targets: []string{"shield"}, Created: at(6), Status: freshet.StatusNotFound,
		Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: []string{"http://vod.example.com/a/hd.m3u8"}},
		Trace:    freshet.Trace{ID: [16]byte([]byte("a trace, sampled")), Span: [8]byte([]byte("its span"))},
	})
	return b
}

func sampleReport() freshet.Report {
	return freshet.Report{
		Topology: 7, Obstacles: []string{"drained", "caught-up"}, Silent: true, Permit: true, Revalidates: true,
		Traffic: freshet.Traffic{Known: true, Quiet: 12500 * time.Millisecond},
	}
}

func sampleDenyPage() wire.DenyPage {
	return wire.DenyPage{At: pos(50), More: true, URLs: []freshet.DeniedURL{
		{URL: "http://vod.example.com/a/hd.m3u8", At: pos(40), Status: freshet.StatusLegal},
		{URL: "http://vod.example.com/a/hd/1.ts", At: pos(48), Status: freshet.StatusNotFound},
	}}
}

func sampleHeartbeat() freshet.Heartbeat {
	return freshet.Heartbeat{
		POP: "edge-1", Watermark: pos(40), Incarnation: "c0ffee",
		Exceptions: []freshet.Exception{{At: pos(12), Items: []int{0, 5, 6}}, {At: pos(13)}},
		Cursors:    []freshet.Cursor{{Subject: freshet.SubjectPurge, At: pos(41)}, {Subject: freshet.SubjectPrefetch, At: pos(38)}},
		Known:      pos(41), KnownTask: 1006, Owed: 2, Ready: true, URL: "http://10.0.0.8:8081", Release: "v0.1.0",
	}
}

// sampleTopology is what version 1 can say.
func sampleTopology() freshet.Topology {
	return freshet.Topology{
		Version: 9,
		Domains: []freshet.Domain{
			{
				Account: "acme", Name: "vod.example.com", Aliases: []string{"cdn.example.com"},
				Origin: "http://127.0.0.1:9000", TLS: true, IgnoreParams: []string{"utm_source"},
			},
			{Account: "acme", Name: "off.example.com", Origin: "https://origin.example.com", Offline: true},
		},
		POPs: []freshet.POP{
			{ID: "shield", URL: "http://127.0.0.1:8101"},
			{ID: "edge-1", Parents: []string{"shield"}, Remote: true, Down: true},
		},
	}
}

// sampleTopology2 says the same, and what version 2 adds.
func sampleTopology2() freshet.Topology {
	t := sampleTopology()
	t.Domains[0].Verify = freshet.VerifyProbe
	return t
}

// sampleTopology3 says the same, and what version 3 adds.
func sampleTopology3() freshet.Topology {
	t := sampleTopology2()
	t.Domains[1].Guarded = true
	t.Domains[1].URLAuth = freshet.URLAuth{
		Type: freshet.AuthC, MainKey: "main-key-000001", BackupKey: "backup-key-0001", ValiditySeconds: 1200, Enforce: true,
		Open: []string{".ts", "/public/"},
	}
	t.POPs = slices.Clone(t.POPs)
	t.POPs[1].Drained = true
	t.POPs[1].Silence = freshet.Silence{After: 2 * time.Minute, Then: freshet.SilenceNotReady, Permit: true}
	return t
}

// sampleDict returns the parts of a dictionary and the facts packed with it.
func sampleDict() (part, facts []byte) {
	d := &wire.Dict{}
	facts = wire.PackFacts(sampleEvidence2().Entries, func(freshet.Position) *wire.Dict { return d })
	return d.Added(), facts
}

func erase[T any](decode func([]byte) (T, error)) func([]byte) (any, error) {
	return func(b []byte) (any, error) { return decode(b) }
}

func samples() []sample {
	heads := sampleHeartbeat().Cursors
	pull := wire.PullRequest{Subject: freshet.SubjectPrefetch, After: pos(38), Limit: 256}
	sel := sampleBatch().Entries[0].Selector
	tag := sampleBatch().Entries[3].Selector
	turn := wire.Turn{Granted: true, For: 29_750 * time.Millisecond}
	denyPull := wire.DenyPull{After: "http://vod.example.com/a", Limit: 100, Able: true}
	return []sample{
		{"v3/entries", sampleBatch3(), func() []byte { return wire.EncodeEntries(sampleBatch3()) }, erase(wire.DecodeEntries)},
		{"v3/pull", pull, func() []byte { return wire.EncodePull(pull) }, erase(wire.DecodePull)},
		{"v3/deny-pull", denyPull, func() []byte { return wire.EncodeDenyPull(denyPull) }, erase(wire.DecodeDenyPull)},
		{"v3/deny-page", sampleDenyPage(), func() []byte { return wire.EncodeDenyPage(sampleDenyPage()) }, erase(wire.DecodeDenyPage)},
		{"v3/report", sampleReport(), func() []byte { return wire.EncodeReport(sampleReport()) }, erase(wire.DecodeReport)},
		{"v3/turn", turn, func() []byte { return wire.EncodeTurn(turn) }, erase(wire.DecodeTurn)},
		{"v3/topology", sampleTopology3(), func() []byte { return wire.EncodeTopology(sampleTopology3()) }, erase(wire.DecodeTopology)},
		{"v1/entries", sampleBatch(), func() []byte { return wire.EncodeEntries(sampleBatch()) }, erase(wire.DecodeEntries)},
		{"v1/pull", pull, func() []byte { return wire.EncodePullAs(wire.Version2, pull) }, erase(wire.DecodePull)},
		{"v1/heads", heads, func() []byte { return wire.EncodeHeads(heads) }, erase(wire.DecodeHeads)},
		{"v1/heartbeat", sampleHeartbeat(), func() []byte { return wire.EncodeHeartbeat(sampleHeartbeat()) }, erase(wire.DecodeHeartbeat)},
		{"v1/topology", sampleTopology(), func() []byte { return wire.EncodeTopologyAs(wire.Version1, sampleTopology3()) }, erase(wire.DecodeTopology)},
		{"v2/topology", sampleTopology2(), func() []byte { return wire.EncodeTopologyAs(wire.Version2, sampleTopology3()) }, erase(wire.DecodeTopology)},
		{"v1/evidence", sampleEvidence(), func() []byte { return wire.EncodeEvidenceAs(wire.Version1, sampleEvidence2()) }, erase(wire.DecodeEvidence)},
		{"v2/evidence", sampleEvidence2(), func() []byte { return wire.EncodeEvidence(sampleEvidence2()) }, erase(wire.DecodeEvidence)},
		{"v1/selector-exact", sel, func() []byte { return wire.PackSelector(sel) }, erase(wire.UnpackSelector)},
		{"v1/selector-tag", tag, func() []byte { return wire.PackSelector(tag) }, erase(wire.UnpackSelector)},
		{"v2/facts", sampleEvidence2().Entries, func() []byte { _, facts := sampleDict(); return facts }, erase(unpackSampleFacts)},
	}
}

// unpackSampleFacts unpacks with a dictionary made now; the recorded one has a
// test of its own.
func unpackSampleFacts(b []byte) ([]freshet.EntryFacts, error) {
	part, _ := sampleDict()
	d, err := wire.LoadDict(part)
	if err != nil {
		return nil, err
	}
	return wire.UnpackFacts(b, func(freshet.Position) (*wire.Dict, error) { return d, nil })
}

// recorded returns the message of testdata. With -update it writes one that is
// not there.
func recorded(tb testing.TB, name string, now []byte) []byte {
	tb.Helper()
	file := filepath.Join("testdata", filepath.FromSlash(name)+".hex")
	if _, err := os.Stat(file); *update && errors.Is(err, os.ErrNotExist) {
		var out bytes.Buffer
		for chunk := now; len(chunk) > 0; chunk = chunk[min(len(chunk), 40):] {
			out.WriteString(hex.EncodeToString(chunk[:min(len(chunk), 40)]) + "\n")
		}
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	msg, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		tb.Fatal(err)
	}
	return msg
}

func TestRecordedMessagesDecodeForEver(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for origin, msg := range map[string][]byte{"recorded": recorded(t, s.name, s.encode()), "new": s.encode()} {
				got, err := s.decode(msg)
				if err != nil {
					t.Fatalf("%s message: %v", origin, err)
				}
				if diff := cmp.Diff(s.value, got); diff != "" {
					t.Errorf("%s message decodes to another value (-want +got):\n%s", origin, diff)
				}
			}
		})
	}
}

// What is encoded in a version is laid out as it was when that version was
// released: programs of that release read it. How well it is compressed may
// change.
func TestVersionsAreWrittenAsTheyWereReleased(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		msg := s.encode()
		if !bytes.Equal(plain(t, msg), plain(t, recorded(t, s.name, msg))) {
			t.Errorf("%s: what is encoded now is not what was recorded", s.name)
		}
	}
}

func TestVersionOf(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		want := wire.Version1
		switch {
		case strings.HasPrefix(s.name, "v2/"):
			want = wire.Version2
		case strings.HasPrefix(s.name, "v3/"):
			want = wire.Version3
		}
		if got := wire.VersionOf(s.encode()); got != want {
			t.Errorf("%s is of version %d", s.name, got)
		}
	}
	for _, tc := range []struct {
		msg  []byte
		want wire.Version
	}{{nil, wire.Version1}, {[]byte{5}, wire.Version1}, {[]byte{5, 0}, wire.Version1}, {[]byte{5, 200}, wire.Newest}} {
		if got := wire.VersionOf(tc.msg); got != tc.want {
			t.Errorf("%v is of version %d, want %d", tc.msg, got, tc.want)
		}
	}
}

func TestRecordedDictServesRecordedFacts(t *testing.T) {
	t.Parallel()
	part, facts := sampleDict()
	for name, want := range map[string][]freshet.EntryFacts{"v1/facts": sampleEvidence().Entries, "v2/facts": sampleEvidence2().Entries} {
		d, err := wire.LoadDict(recorded(t, "v1/dict", part))
		if err != nil {
			t.Fatal(err)
		}
		got, err := wire.UnpackFacts(recorded(t, name, facts), func(freshet.Position) (*wire.Dict, error) { return d, nil })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if d.Added() != nil {
			t.Error("a loaded dictionary says that something was added")
		}
	}
}

// TestEntries_OfTheReleaseBeforeAreReadWhole: a program that knows neither soft
// purges nor headers takes such entries, and reads all else of them: they differ
// from what it knows in two fields that it looks at in changes of membership
// only, and there by values that it takes.
func TestEntries_OfTheReleaseBeforeAreReadWhole(t *testing.T) {
	t.Parallel()
	encode := func(e freshet.Entry) []byte {
		return wire.EncodeEntries(wire.EntryBatch{Subject: "x", Entries: []*freshet.Entry{&e}})
	}
	e := freshet.Entry{At: pos(1), Kind: freshet.EntryPurge, Account: "acme", Selector: freshet.Selector{Kind: freshet.SelectPrefix, Pattern: "http://a/"}}
	hard := encode(e)
	e.Soft = true
	soft := encode(e)
	member := e
	member.Kind, member.Membership.Change = freshet.EntryMembership, freshet.MemberEnrol
	asMember := encode(member)
	if len(soft) != len(hard) || len(asMember) != len(soft) {
		t.Fatalf("%d bytes, soft %d, as a change of membership %d", len(hard), len(soft), len(asMember))
	}
	var softAt, kindAt []int
	for i := range hard {
		if hard[i] != soft[i] {
			softAt = append(softAt, i)
		}
		if asMember[i] != soft[i] {
			kindAt = append(kindAt, i)
		}
	}
	// Soft is the byte that holds the change of membership, and its value one of
	// those that were always taken.
	if len(softAt) != 1 || len(kindAt) != 1 || soft[softAt[0]] != byte(freshet.MemberEnrol) || hard[softAt[0]] != 0 {
		t.Errorf("soft differs at %v, the kind at %v", softAt, kindAt)
	}
	p := freshet.Entry{At: pos(1), Kind: freshet.EntryPrefetch, Header: "Accept-Encoding: gzip"}
	withHeader := encode(p)
	m := freshet.Entry{At: pos(1), Kind: freshet.EntryMembership, Membership: freshet.Membership{POP: p.Header}}
	if other := encode(m); len(other) != len(withHeader) {
		t.Errorf("a header takes %d bytes, the name of a POP %d", len(withHeader), len(other))
	}
}
