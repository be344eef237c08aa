package wire_test

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/wire"
)

// roundTrip checks that whatever is encoded is decoded to the same value.
func roundTrip[T any](t *testing.T, gen *rapid.Generator[T], encode func(T) []byte, decode func([]byte) (T, error)) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		want := gen.Draw(t, "value")
		got, err := decode(encode(want))
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("the value changed on its way (-sent +received):\n%s", diff)
		}
	})
}

func TestRoundTrip_Entries(t *testing.T) {
	t.Parallel()
	roundTrip(t, rapid.Custom(func(t *rapid.T) wire.EntryBatch {
		b := wire.EntryBatch{
			Subject: rapid.String().Draw(t, "subject"), Prev: genPosition().Draw(t, "prev"), Forgotten: genPosition().Draw(t, "forgotten"),
		}
		if list := rapid.SliceOfN(genEntry(), 0, 5).Draw(t, "entries"); len(list) > 0 {
			b.Entries = list
		}
		return b
	}), wire.EncodeEntries, wire.DecodeEntries)
}

func TestRoundTrip_Pull(t *testing.T) {
	t.Parallel()
	roundTrip(t, rapid.Custom(func(t *rapid.T) wire.PullRequest {
		return wire.PullRequest{
			Subject: rapid.String().Draw(t, "subject"),
			After:   genPosition().Draw(t, "after"),
			Limit:   rapid.Int().Draw(t, "limit"),
		}
	}), wire.EncodePull, wire.DecodePull)
}

func TestRoundTrip_Heads(t *testing.T) {
	t.Parallel()
	roundTrip(t, genCursors(), wire.EncodeHeads, wire.DecodeHeads)
}

func TestRoundTrip_Heartbeat(t *testing.T) {
	t.Parallel()
	roundTrip(t, genHeartbeat(), wire.EncodeHeartbeat, wire.DecodeHeartbeat)
}

func TestRoundTrip_Topology(t *testing.T) {
	t.Parallel()
	roundTrip(t, genTopology(), wire.EncodeTopology, wire.DecodeTopology)
}

func TestRoundTrip_Selector(t *testing.T) {
	t.Parallel()
	roundTrip(t, genSelector(), wire.PackSelector, wire.UnpackSelector)
}

func TestRoundTrip_Evidence(t *testing.T) {
	t.Parallel()
	roundTrip(t, genEvidence(), wire.EncodeEvidence, wire.DecodeEvidence)
}

// An older program learns all that its version can say.
func TestRoundTrip_AsVersion1(t *testing.T) {
	t.Parallel()
	asOld := func(v freshet.Evidence) []byte { return wire.EncodeEvidenceAs(wire.Version1, v) }
	roundTrip(t, rapid.Map(genEvidence(), withoutRounds), asOld, wire.DecodeEvidence)
	topologyAsOld := func(v freshet.Topology) []byte { return wire.EncodeTopologyAs(wire.Version1, v) }
	roundTrip(t, rapid.Map(genTopology(), withoutVerify), topologyAsOld, wire.DecodeTopology)
	topologyAs2 := func(v freshet.Topology) []byte { return wire.EncodeTopologyAs(wire.Version2, v) }
	roundTrip(t, rapid.Map(genTopology(), withoutAuth), topologyAs2, wire.DecodeTopology)
}

// TestP8_AnOlderAgentIsToldNoKeys: it could do nothing with them.
func TestP8_AnOlderAgentIsToldNoKeys(t *testing.T) {
	t.Parallel()
	for _, v := range []wire.Version{wire.Version1, wire.Version2} {
		if msg := wire.EncodeTopologyAs(v, sampleTopology3()); bytes.Contains(msg, []byte("main-key-000001")) {
			t.Errorf("version %d holds a key", v)
		}
	}
}

// What no program can mean is not sent: a receiver would refuse the message,
// and what else is in it would be lost with it.
func TestRoundsAndWindowsAreKeptInRange(t *testing.T) {
	t.Parallel()
	facts := []freshet.Fact{
		{Item: 0, Rounds: -1, Window: -time.Hour},
		{Item: 1, Rounds: math.MaxInt, Window: math.MaxInt64},
		{Item: 2, Rounds: 2, Window: 1999 * time.Microsecond},
	}
	want := []freshet.Fact{
		{Item: 0},
		{Item: 1, Rounds: math.MaxInt32, Window: time.Duration(math.MaxInt64).Truncate(time.Millisecond)},
		{Item: 2, Rounds: 2, Window: time.Millisecond},
	}
	got, err := wire.DecodeEvidence(wire.EncodeEvidence(freshet.Evidence{Entries: []freshet.EntryFacts{{Facts: facts}}}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Entries[0].Facts); diff != "" {
		t.Error(diff)
	}
}

// dicts keeps one Dict per entry, and what the store would keep of it.
type dicts struct {
	live  map[freshet.Position]*wire.Dict
	parts map[freshet.Position][][]byte
}

func newDicts() *dicts {
	return &dicts{live: map[freshet.Position]*wire.Dict{}, parts: map[freshet.Position][][]byte{}}
}

func (d *dicts) of(at freshet.Position) *wire.Dict {
	if d.live[at] == nil {
		d.live[at] = &wire.Dict{}
	}
	return d.live[at]
}

// save keeps what was added, as a store does after each message.
func (d *dicts) save() {
	for at, dict := range d.live {
		if part := dict.Added(); part != nil {
			d.parts[at] = append(d.parts[at], part)
		}
	}
}

// restart forgets the live dictionaries, as a restart does.
func (d *dicts) restart() error {
	for at := range d.live {
		dict, err := wire.LoadDict(d.parts[at]...)
		if err != nil {
			return err
		}
		d.live[at] = dict
	}
	return nil
}

func (d *dicts) load(at freshet.Position) (*wire.Dict, error) { return wire.LoadDict(d.parts[at]...) }

// Many POPs report the same entries, in any order, with restarts of the store
// in between: every message unpacks to what it was, with the dictionary as it
// is at the end.
func TestRoundTrip_FactsOfManyPOPsShareDicts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kept := newDicts()
		var sent [][]freshet.EntryFacts
		var packed [][]byte
		for range rapid.IntRange(1, 5).Draw(t, "pops") {
			facts := genEntryFacts().Draw(t, "facts")
			sent = append(sent, facts)
			packed = append(packed, wire.PackFacts(facts, kept.of))
			kept.save()
			if rapid.Bool().Draw(t, "restart") {
				if err := kept.restart(); err != nil {
					t.Fatalf("load dictionary: %v", err)
				}
			}
		}
		for i, want := range sent {
			got, err := wire.UnpackFacts(packed[i], kept.load)
			if err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("message %d changed (-packed +unpacked):\n%s", i, diff)
			}
		}
	})
}

func TestRoundTrip_Report(t *testing.T) {
	t.Parallel()
	roundTrip(t, genReport(), wire.EncodeReport, wire.DecodeReport)
}

func TestRoundTrip_Turn(t *testing.T) {
	t.Parallel()
	roundTrip(t, rapid.Custom(func(t *rapid.T) wire.Turn {
		return wire.Turn{
			Granted: rapid.Bool().Draw(t, "granted"),
			For:     time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "for")) * time.Millisecond,
		}
	}), wire.EncodeTurn, wire.DecodeTurn)
}
