package wire_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/wire"
)

// fuzz checks that a decoder neither panics nor makes a value that does not
// survive being encoded again. Inputs are bodies without compression as well
// as whole messages, so that the fuzzer reaches behind the decompressor.
//
// A kind of several versions also has older: how it is encoded for a program
// of the release before, and what of it that one learns.
func fuzz[T any](f *testing.F, kind byte, encode func(T) []byte, decode func([]byte) (T, error), older ...asOlder[T]) {
	f.Helper()
	for _, s := range samples() {
		if msg := s.encode(); msg[0] == kind {
			f.Add(plain(f, msg))
			f.Add(msg)
		}
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		if len(msg) > 64<<10 {
			return
		}
		first, err := decode(msg)
		if err != nil {
			return
		}
		second, err := decode(encode(first))
		if err != nil {
			t.Fatalf("what was decoded does not decode after encoding: %v", err)
		}
		if diff := different(first, second); diff != "" {
			t.Fatalf("the value changes when it is encoded again:\n%s", diff)
		}
		for _, o := range older {
			told, err := decode(o.encode(first))
			if err != nil {
				t.Fatalf("what was decoded does not decode in the older version: %v", err)
			}
			if diff := different(o.keep(second), told); diff != "" {
				t.Fatalf("the older version says something else:\n%s", diff)
			}
		}
	})
}

// different is cmp.Diff for values that are nearly always equal, of which it
// would compare a few hundred facts a second.
func different[T any](a, b T) string {
	if reflect.DeepEqual(a, b) {
		return ""
	}
	return cmp.Diff(a, b)
}

type asOlder[T any] struct {
	encode func(T) []byte
	keep   func(T) T // what the older version can say; it may change its argument
}

func asVersion1[T any](encode func(wire.Version, T) []byte, keep func(T) T) asOlder[T] {
	return asOlder[T]{func(v T) []byte { return encode(wire.Version1, v) }, keep}
}

func withoutRounds(e freshet.Evidence) freshet.Evidence {
	for _, entry := range e.Entries {
		for i := range entry.Facts {
			entry.Facts[i].Rounds, entry.Facts[i].Window = 0, 0
		}
	}
	return e
}

func withoutVerify(t freshet.Topology) freshet.Topology {
	t = withoutAuth(t)
	for i := range t.Domains {
		t.Domains[i].Verify = ""
	}
	return t
}

func withoutAuth(t freshet.Topology) freshet.Topology {
	for i := range t.Domains {
		t.Domains[i].Guarded, t.Domains[i].URLAuth = false, freshet.URLAuth{}
	}
	for i := range t.POPs {
		t.POPs[i].Drained, t.POPs[i].Silence = false, freshet.Silence{}
	}
	return t
}

func FuzzEntries(f *testing.F)   { fuzz(f, 1, wire.EncodeEntries, wire.DecodeEntries) }
func FuzzPull(f *testing.F)      { fuzz(f, 2, wire.EncodePull, wire.DecodePull) }
func FuzzDenyPull(f *testing.F)  { fuzz(f, 10, wire.EncodeDenyPull, wire.DecodeDenyPull) }
func FuzzDenyPage(f *testing.F)  { fuzz(f, 11, wire.EncodeDenyPage, wire.DecodeDenyPage) }
func FuzzReport(f *testing.F)    { fuzz(f, 12, wire.EncodeReport, wire.DecodeReport) }
func FuzzTurn(f *testing.F)      { fuzz(f, 13, wire.EncodeTurn, wire.DecodeTurn) }
func FuzzHeads(f *testing.F)     { fuzz(f, 3, wire.EncodeHeads, wire.DecodeHeads) }
func FuzzHeartbeat(f *testing.F) { fuzz(f, 4, wire.EncodeHeartbeat, wire.DecodeHeartbeat) }
func FuzzSelector(f *testing.F)  { fuzz(f, 7, wire.PackSelector, wire.UnpackSelector) }

func FuzzTopology(f *testing.F) {
	fuzz(f, 5, wire.EncodeTopology, wire.DecodeTopology, asVersion1(wire.EncodeTopologyAs, withoutVerify))
}

func FuzzEvidence(f *testing.F) {
	fuzz(f, 6, wire.EncodeEvidence, wire.DecodeEvidence, asVersion1(wire.EncodeEvidenceAs, withoutRounds))
}

func FuzzFacts(f *testing.F) {
	part, facts := sampleDict()
	f.Add(part, facts)
	f.Add(plain(f, part), plain(f, facts))
	f.Add(plain(f, part), plain(f, recorded(f, "v1/facts", nil)))
	f.Fuzz(func(t *testing.T, part, msg []byte) {
		if len(part)+len(msg) > 64<<10 {
			return
		}
		d, err := wire.LoadDict(part)
		if err != nil {
			return
		}
		first, err := wire.UnpackFacts(msg, func(freshet.Position) (*wire.Dict, error) { return d, nil })
		if err != nil {
			return
		}
		kept := newDicts()
		packed := wire.PackFacts(first, kept.of)
		kept.save()
		second, err := wire.UnpackFacts(packed, kept.load)
		if err != nil {
			t.Fatalf("what was unpacked does not unpack after packing: %v", err)
		}
		if diff := different(first, second); diff != "" {
			t.Fatalf("facts change when they are packed again:\n%s", diff)
		}
	})
}
