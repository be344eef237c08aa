package wire

import (
	"slices"
)

// A Dict holds the validators and sizes that POPs reported for the items of
// one entry, so that the store keeps them once and not once per POP. It is
// append-only: a place once given out keeps its meaning for ever. Its zero
// value is empty and ready to use. It is not safe for concurrent use.
type Dict struct {
	bodies map[int][]body       // per item, in order of appearance
	added  []dictEntry          // since the last call of Added
	index  map[dictEntry]uint64 // codes of items that have more than scanLimit bodies
}

// scanLimit is the number of bodies of one item up to which they are searched
// one by one. Real items have one or two; the limit keeps a POP that invents
// validators from costing the square of their number.
const scanLimit = 16

// body is what tells one content of an object from another.
type body struct {
	validator string
	size      int64
}

type dictEntry struct {
	item int
	body body
}

// LoadDict makes a Dict from what Added returned, in order.
func LoadDict(parts ...[]byte) (*Dict, error) {
	d := &Dict{}
	for _, p := range parts {
		r, err := unseal(kindDict, p)
		if err != nil {
			return nil, err
		}
		r.dict(d)
		if err := finish(kindDict, r); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// Added returns what was added to d since the last call, nil if nothing.
func (d *Dict) Added() []byte {
	if len(d.added) == 0 {
		return nil
	}
	var w writer
	w.dict(d.added)
	d.added = nil
	return seal(kindDict, Version1, w.b, compression.small)
}

// code returns the number of a body of an item: 0 for none at all, otherwise 1
// more than its place in the item's list, where it is put if it is new.
func (d *Dict) code(item int, b body) uint64 {
	if b == (body{}) {
		return 0
	}
	entry, list := dictEntry{item: item, body: b}, d.bodies[item]
	if len(list) > scanLimit {
		if code, ok := d.index[entry]; ok {
			return code
		}
	} else if i := slices.Index(list, b); i >= 0 {
		return uint64(i) + 1
	}
	d.added = append(d.added, entry)
	return d.insert(item, b)
}

// insert appends a body to an item's list and returns its code.
func (d *Dict) insert(item int, b body) uint64 {
	if d.bodies == nil {
		d.bodies = map[int][]body{}
	}
	list := append(d.bodies[item], b)
	d.bodies[item] = list
	code := uint64(len(list))
	switch {
	case len(list) == scanLimit+1:
		if d.index == nil {
			d.index = map[dictEntry]uint64{}
		}
		for i, b := range slices.Backward(list) { // of equal ones the first counts
			d.index[dictEntry{item: item, body: b}] = uint64(i) + 1 //nolint:gosec // an index
		}
	case len(list) > scanLimit:
		d.index[dictEntry{item: item, body: b}] = code
	}
	return code
}

// lookup is the reverse of code.
func (d *Dict) lookup(item int, code uint64) (body, bool) {
	if code == 0 {
		return body{}, true
	}
	list := d.bodies[item]
	if code > uint64(len(list)) {
		return body{}, false
	}
	return list[code-1], true
}

// maxBodies bounds the bodies of a dictionary, and of all dictionaries of an
// evidence message together: each fact brings two at most.
const maxBodies = 2 * MaxFacts

// dict writes bodies in columns: items, sizes, lengths of validators, and the
// validators one after the other.
func (w *writer) dict(list []dictEntry) {
	w.count(len(list))
	prev := 0
	for _, e := range list {
		w.varint(int64(e.item) - int64(prev))
		prev = e.item
	}
	for _, e := range list {
		w.varint(e.body.size)
	}
	for _, e := range list {
		w.count(len(e.body.validator))
	}
	for _, e := range list {
		w.b = append(w.b, e.body.validator...)
	}
}

// dict reads bodies into d and returns their number.
func (r *reader) dict(d *Dict) int {
	n := r.count(3)
	if n > maxBodies {
		r.failf("dictionary holds more than %d bodies", maxBodies)
		return 0
	}
	items, sizes, lens := make([]int, n), make([]int64, n), make([]int, n)
	item := 0
	for i := range items {
		item += r.int() // wraps around as in the writer
		items[i] = item
	}
	for i := range sizes {
		sizes[i] = r.varint()
	}
	for i := range lens {
		lens[i] = r.count(1)
	}
	for i := range items {
		b := body{validator: string(r.take(lens[i])), size: sizes[i]}
		if r.err != nil {
			return 0
		}
		d.insert(items[i], b)
	}
	return n
}
