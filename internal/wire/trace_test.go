package wire_test

import (
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/wire"
)

// TestP10_ATraceCostsOnlyWhatIsTraced holds that an entry that nobody traces
// takes no byte for it, in the version that everybody reads, and one that is
// traced 25 (24 and one of the head, which has room for it already).
func TestP10_ATraceCostsOnlyWhatIsTraced(t *testing.T) {
	t.Parallel()
	b := sampleBatch()
	plain := wire.EncodeEntries(b)
	if wire.VersionOf(plain) != wire.Version1 {
		t.Errorf("a batch without traces is of version %d: older agents cannot read it", wire.VersionOf(plain))
	}
	plain = wire.EncodeEntriesAs(wire.Version3, b)
	if grown := len(plain) - len(wire.EncodeEntriesAs(wire.Version1, b)); grown != len(b.Entries)+2 {
		t.Errorf("version 3 takes %d bytes more for %d entries, want the status of each, and one for what was forgotten", grown, len(b.Entries))
	}
	b.Entries[1].Trace = freshet.Trace{ID: [16]byte{1}, Span: [8]byte{1}}
	traced := wire.EncodeEntries(b)
	if grown := len(traced) - len(plain); grown != 25 {
		t.Errorf("a trace takes %d bytes", grown)
	}
	back, err := wire.DecodeEntries(traced)
	if err != nil || back.Entries[1].Trace != b.Entries[1].Trace || !back.Entries[0].Trace.IsZero() {
		t.Errorf("%v: %+v", err, back.Entries[1].Trace)
	}
	// An agent of a release before is told everything else.
	if back, err = wire.DecodeEntries(wire.EncodeEntriesAs(wire.Version1, b)); err != nil || !back.Entries[1].Trace.IsZero() || back.Entries[1].Job != b.Entries[1].Job {
		t.Errorf("%v: %+v", err, back.Entries[1])
	}
}
