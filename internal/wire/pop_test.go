package wire_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cost"
	"github.com/freshet-vod/freshet/internal/wire"
)

// TestP10_MessagesOfAHostilePOPCostLittle: of what a POP says the control plane
// reads evidence, heartbeats and requests. One that is refused costs no more than
// a refusal may; the largest evidence that is taken, 64 MB.
func TestP10_MessagesOfAHostilePOPCostLittle(t *testing.T) { //nolint:paralleltest // it counts what the process spends
	type message struct {
		msg    []byte
		decode func([]byte) error
		taken  bool
	}
	evidence := func(b []byte) error { _, err := wire.DecodeEvidence(b); return err }
	heartbeat := func(b []byte) error { _, err := wire.DecodeHeartbeat(b); return err }
	pull := func(b []byte) error { _, err := wire.DecodePull(b); return err }
	denyPull := func(b []byte) error { _, err := wire.DecodeDenyPull(b); return err }

	zeros := make([]byte, wire.MaxUnpacked-64)
	bomb := func(kind byte, v wire.Version, head ...byte) []byte {
		return compressed(t, kind, v, slices.Concat(head, zeros))
	}
	// Counts as varints: 4 million, 1 million, MaxEntries and one more.
	four, one, entries := []byte{0x80, 0x80, 0x80, 0x02}, []byte{0x80, 0x80, 0x40}, []byte{0x81, 0x80, 0x02}
	most := freshet.Evidence{Entries: []freshet.EntryFacts{{At: pos(1), Facts: make([]freshet.Fact, wire.MaxFacts)}}}
	over := freshet.Evidence{Entries: []freshet.EntryFacts{{At: pos(1), Facts: make([]freshet.Fact, wire.MaxFacts+1)}}}
	plainHeartbeat := plain(t, wire.EncodeHeartbeat(freshet.Heartbeat{POP: "p"}))
	for name, m := range map[string]message{
		"a POP's name of 8 MB":           {bomb(6, 2, four...), evidence, false},
		"dictionaries without end":       {bomb(6, 2, slices.Concat([]byte{0, 0, 0, 0}, four)...), evidence, false},
		"dictionaries over the limit":    {bomb(6, 2, slices.Concat([]byte{0, 0, 0, 0}, entries)...), evidence, false},
		"entries without end":            {bomb(6, 2, slices.Concat([]byte{0, 0, 0, 0, 0}, four)...), evidence, false},
		"entries over the limit":         {bomb(6, 2, slices.Concat([]byte{0, 0, 0, 0, 0}, entries)...), evidence, false},
		"facts without end":              {bomb(6, 2, slices.Concat([]byte{0, 0, 0, 0, 0, 1, 0, 0}, four)...), evidence, false},
		"facts over the limit":           {wire.EncodeEvidence(over), evidence, false},
		"the most facts":                 {wire.EncodeEvidence(most), evidence, true},
		"evidence that is not":           {bytes.Repeat([]byte{6, 2, 1}, 300_000), evidence, false},
		"evidence of 1 MB, plain":        {append([]byte{6, 2, 0}, bytes.Repeat([]byte{0xff}, 1<<20)...), evidence, false},
		"evidence over 8 MB":             {compressed(t, 6, 2, make([]byte, 8*wire.MaxUnpacked)), evidence, false},
		"exceptions without end":         {bomb(4, 1, slices.Concat([]byte{0, 0, 0}, one)...), heartbeat, false},
		"items without end":              {bomb(4, 1, slices.Concat([]byte{0, 0, 0, 1, 0, 0}, four)...), heartbeat, false},
		"cursors without end":            {bomb(4, 1, slices.Concat([]byte{0, 0, 0, 0, 0}, one)...), heartbeat, false},
		"a heartbeat over 8 MB":          {compressed(t, 4, 1, make([]byte, 8*wire.MaxUnpacked)), heartbeat, false},
		"a heartbeat that goes on":       {append(slices.Clone(plainHeartbeat), 0), heartbeat, false},
		"a heartbeat of 1 MB, plain":     {append([]byte{4, 1, 0}, bytes.Repeat([]byte{0xff}, 1<<20)...), heartbeat, false},
		"a heartbeat that promises":      {append(slices.Clone(plainHeartbeat[:3]), 0xff, 0xff, 0xff, 0xff, 0x0f), heartbeat, false},
		"a heartbeat's long address":     {wire.EncodeHeartbeat(freshet.Heartbeat{POP: "p", URL: strings.Repeat("x", 5000)}), heartbeat, false},
		"a heartbeat's long release":     {wire.EncodeHeartbeat(freshet.Heartbeat{POP: "p", Release: strings.Repeat("x", 5000)}), heartbeat, false},
		"a heartbeat's long incarnation": {wire.EncodeHeartbeat(freshet.Heartbeat{POP: "p", Incarnation: strings.Repeat("x", 5000)}), heartbeat, false},
		"a long incarnation":             {wire.EncodeEvidence(freshet.Evidence{POP: "p", Incarnation: strings.Repeat("x", 5000)}), evidence, false},
		"a subject of 8 MB":              {bomb(2, 3, four...), pull, false},
		"a pull that goes on":            {bomb(2, 3), pull, false},
		"a last URL of 8 MB":             {bomb(10, 3, four...), denyPull, false},
		"a frame that says 1 TB":         {[]byte{6, 2, 1, 0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0}, evidence, false},
		"frames without content":         {append([]byte{6, 2, 1}, bytes.Repeat([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0}, 100_000)...), evidence, false},
		"blocks without content":         {slices.Concat([]byte{6, 2, 1, 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0}, bytes.Repeat([]byte{0, 0, 0}, 330_000), []byte{1, 0, 0}), evidence, false},
		"frames that are to be skipped":  {append([]byte{6, 2, 1}, bytes.Repeat([]byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}, 120_000)...), evidence, false},
	} {
		t.Run(name, func(t *testing.T) {
			if len(m.msg) > 1<<20+3 {
				t.Fatalf("it has %d bytes: the bus does not carry it", len(m.msg))
			}
			if m.taken {
				c := cost.Of(cost.Runs, func() {
					if err := m.decode(m.msg); err != nil {
						t.Error(err)
					}
				})
				t.Log(c)
				if c.Bytes > 64<<20 {
					t.Errorf("it took %v", c)
				}
				return
			}
			cost.Refusal(t, func() {
				if err := m.decode(m.msg); err == nil {
					t.Error("it is taken")
				}
			})
		})
	}
}
