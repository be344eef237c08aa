package wire_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/wire"
)

// An agent of a release before passes the position of what it cannot know, and
// does nothing: it would otherwise stop reading for ever.
func TestAnOlderReaderPassesDenials(t *testing.T) {
	t.Parallel()
	for _, v := range []wire.Version{wire.Version1, wire.Version2} {
		msg := wire.EncodeEntriesAs(v, sampleBatch3())
		if wire.VersionOf(msg) != wire.Version1 {
			t.Fatalf("asked in version %d, the batch is of version %d", v, wire.VersionOf(msg))
		}
		got, err := wire.DecodeEntries(msg)
		if err != nil {
			t.Fatal(err)
		}
		want := sampleBatch3()
		want.Forgotten = freshet.Position{} // nor that
		for i, e := range want.Entries {
			if e.Kind.Lists() {
				want.Entries[i] = &freshet.Entry{At: e.At, Kind: freshet.EntryMembership, Created: e.Created}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// A batch without denials is for everybody.
func TestOrdinaryEntriesStayReadableForTheReleaseBefore(t *testing.T) {
	t.Parallel()
	if v := wire.VersionOf(wire.EncodeEntries(sampleBatch())); v != wire.Version1 {
		t.Errorf("a batch that version 1 can say is of version %d", v)
	}
}
