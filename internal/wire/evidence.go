package wire

import (
	"github.com/freshet-vod/freshet"
)

// EncodeEvidence encodes an evidence message, whole in itself: the
// dictionaries of its entries stand before the facts.
func EncodeEvidence(e freshet.Evidence) []byte { return EncodeEvidenceAs(Newest, e) }

// EncodeEvidenceAs encodes an evidence message for a receiver that knows v at
// most. Version 1 leaves out the rounds and the window of each fact.
func EncodeEvidenceAs(v Version, e freshet.Evidence) []byte {
	v = min(v, kindEvidence.newest())
	var head, facts writer
	dicts := map[freshet.Position]*Dict{}
	facts.facts(v, e.Entries, func(at freshet.Position) *Dict {
		d, ok := dicts[at]
		if !ok {
			d = &Dict{}
			dicts[at] = d
		}
		return d
	})
	head.str(e.POP)
	head.uvarint(e.Stream)
	head.uvarint(e.Number)
	head.str(e.Incarnation)
	head.count(len(dicts))
	// In the order of the entries; an entry that comes twice has one Dict.
	at := freshet.Position{}
	for i := range e.Entries {
		if d, ok := dicts[e.Entries[i].At]; ok {
			head.positionAfter(e.Entries[i].At, at)
			head.dict(d.added)
			at = e.Entries[i].At
			delete(dicts, at)
		}
	}
	return seal(kindEvidence, v, append(head.b, facts.b...), compression.fast)
}

// DecodeEvidence decodes an evidence message. Empty lists come back as nil.
func DecodeEvidence(b []byte) (freshet.Evidence, error) {
	r, err := unseal(kindEvidence, b)
	if err != nil {
		return freshet.Evidence{}, err
	}
	e := freshet.Evidence{POP: r.short(), Stream: r.uvarint(), Number: r.uvarint(), Incarnation: r.short()}
	dicts := map[freshet.Position]*Dict{}
	at := freshet.Position{}
	n, bodies := r.count(3), 0
	if n > MaxEntries {
		r.failf("message holds dictionaries of more than %d entries", MaxEntries)
	}
	for range n {
		at = r.positionAfter(at)
		d := &Dict{}
		if bodies += r.dict(d); bodies > maxBodies {
			r.failf("dictionaries hold more than %d bodies", maxBodies)
		}
		if r.err != nil {
			break
		}
		dicts[at] = d
	}
	e.Entries = r.facts(func(at freshet.Position) (*Dict, error) {
		if d, ok := dicts[at]; ok {
			return d, nil
		}
		return nil, errDict
	})
	if err := finish(kindEvidence, r); err != nil {
		return freshet.Evidence{}, err
	}
	return e, nil
}
