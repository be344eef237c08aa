package wire

import "github.com/freshet-vod/freshet"

// EntryBatch is a run of entries of one subject. Prev is the last position
// sent on the subject before them, so that a receiver sees a gap.
type EntryBatch struct {
	Subject string
	Prev    freshet.Position
	Entries []*freshet.Entry
}

// PullRequest asks for entries of a subject after a position.
type PullRequest struct {
	Subject string
	After   freshet.Position
	Limit   int
}

// EncodeEntries encodes a batch; target sets that entries share are encoded
// once.
func EncodeEntries(b EntryBatch) []byte { panic("wire: in the making") }

// DecodeEntries decodes a batch.
func DecodeEntries(b []byte) (EntryBatch, error) { panic("wire: in the making") }

// EncodePull encodes a pull request.
func EncodePull(r PullRequest) []byte { panic("wire: in the making") }

// DecodePull decodes a pull request.
func DecodePull(b []byte) (PullRequest, error) { panic("wire: in the making") }

// EncodeHeads encodes the last position of each subject.
func EncodeHeads(heads []freshet.Cursor) []byte { panic("wire: in the making") }

// DecodeHeads decodes heads.
func DecodeHeads(b []byte) ([]freshet.Cursor, error) { panic("wire: in the making") }

// EncodeHeartbeat encodes a heartbeat.
func EncodeHeartbeat(h freshet.Heartbeat) []byte { panic("wire: in the making") }

// DecodeHeartbeat decodes a heartbeat.
func DecodeHeartbeat(b []byte) (freshet.Heartbeat, error) { panic("wire: in the making") }

// EncodeTopology encodes a topology.
func EncodeTopology(t freshet.Topology) []byte { panic("wire: in the making") }

// DecodeTopology decodes a topology.
func DecodeTopology(b []byte) (freshet.Topology, error) { panic("wire: in the making") }

// EncodeEvidence encodes an evidence message, whole in itself.
func EncodeEvidence(e freshet.Evidence) []byte { panic("wire: in the making") }

// DecodeEvidence decodes an evidence message.
func DecodeEvidence(b []byte) (freshet.Evidence, error) { panic("wire: in the making") }

// PackSelector packs a selector for the store and for entry batches:
// front-coded and compressed, about 3 bytes for each numbered segment.
func PackSelector(s freshet.Selector) []byte { panic("wire: in the making") }

// UnpackSelector unpacks a selector.
func UnpackSelector(b []byte) (freshet.Selector, error) { panic("wire: in the making") }

// A Dict holds the validators and sizes that POPs reported for the items of
// one entry, so that the store keeps them once and not once per POP. It is
// append-only.
type Dict struct{}

// LoadDict makes a Dict from what Added returned, in order.
func LoadDict(parts ...[]byte) (*Dict, error) { panic("wire: in the making") }

// Added returns what was added to d since the last call, nil if nothing.
func (d *Dict) Added() []byte { panic("wire: in the making") }

// PackFacts packs the facts of one evidence message in columns, compressed;
// dict returns the Dict of an entry, to which new validators are added.
func PackFacts(entries []freshet.EntryFacts, dict func(freshet.Position) *Dict) []byte {
	panic("wire: in the making")
}

// UnpackFacts unpacks the facts of one evidence message.
func UnpackFacts(b []byte, dict func(freshet.Position) (*Dict, error)) ([]freshet.EntryFacts, error) {
	panic("wire: in the making")
}
