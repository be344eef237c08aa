package wire_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/wire"
)

// fuzz checks that a decoder neither panics nor makes a value that does not
// survive being encoded again. Inputs are bodies without compression as well
// as whole messages, so that the fuzzer reaches behind the decompressor.
func fuzz[T any](f *testing.F, kind byte, encode func(T) []byte, decode func([]byte) (T, error)) {
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
		if diff := cmp.Diff(first, second); diff != "" {
			t.Fatalf("the value changes when it is encoded again:\n%s", diff)
		}
	})
}

func FuzzEntries(f *testing.F)   { fuzz(f, 1, wire.EncodeEntries, wire.DecodeEntries) }
func FuzzPull(f *testing.F)      { fuzz(f, 2, wire.EncodePull, wire.DecodePull) }
func FuzzHeads(f *testing.F)     { fuzz(f, 3, wire.EncodeHeads, wire.DecodeHeads) }
func FuzzHeartbeat(f *testing.F) { fuzz(f, 4, wire.EncodeHeartbeat, wire.DecodeHeartbeat) }
func FuzzTopology(f *testing.F)  { fuzz(f, 5, wire.EncodeTopology, wire.DecodeTopology) }
func FuzzEvidence(f *testing.F)  { fuzz(f, 6, wire.EncodeEvidence, wire.DecodeEvidence) }
func FuzzSelector(f *testing.F)  { fuzz(f, 7, wire.PackSelector, wire.UnpackSelector) }

func FuzzFacts(f *testing.F) {
	part, facts := sampleDict()
	f.Add(part, facts)
	f.Add(plain(f, part), plain(f, facts))
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
		if diff := cmp.Diff(first, second); diff != "" {
			t.Fatalf("facts change when they are packed again:\n%s", diff)
		}
	})
}
