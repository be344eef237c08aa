package wire

import "github.com/freshet-vod/freshet"

// EncodeHeartbeat encodes a heartbeat.
func EncodeHeartbeat(h freshet.Heartbeat) []byte {
	var w writer
	w.str(h.POP)
	w.position(h.Watermark)
	w.exceptions(h.Exceptions)
	w.str(h.Incarnation)
	w.cursors(h.Cursors)
	w.position(h.Known)
	w.uvarint(h.KnownTask)
	w.varint(int64(h.Owed))
	w.bool(h.Ready)
	w.str(h.URL)
	w.str(h.Release)
	return seal(kindHeartbeat, Version1, w.b, compression.fast)
}

// DecodeHeartbeat decodes a heartbeat. Empty lists come back as nil.
func DecodeHeartbeat(b []byte) (freshet.Heartbeat, error) {
	r, err := unseal(kindHeartbeat, b)
	if err != nil {
		return freshet.Heartbeat{}, err
	}
	h := freshet.Heartbeat{
		POP:         r.short(),
		Watermark:   r.position(),
		Exceptions:  r.exceptions(),
		Incarnation: r.short(),
		Cursors:     r.cursors(),
		Known:       r.position(),
		KnownTask:   r.uvarint(),
		Owed:        r.int(),
		Ready:       r.bool(),
		URL:         r.short(),
		Release:     r.short(),
	}
	if err := finish(kindHeartbeat, r); err != nil {
		return freshet.Heartbeat{}, err
	}
	return h, nil
}

// Limits of what a heartbeat may list. Agents list 10,000 entries at most, and of
// each no more than its items.
const (
	maxExceptions  = 1 << 16
	maxExceptItems = MaxURLs
)

// exceptions writes positions and items as distances: a POP whose disk broke
// may list thousands of them every second.
func (w *writer) exceptions(list []freshet.Exception) {
	w.count(len(list))
	at := freshet.Position{}
	for _, x := range list {
		w.positionAfter(x.At, at)
		at = x.At
		w.count(len(x.Items))
		item := 0
		for _, i := range x.Items {
			w.varint(int64(i) - int64(item))
			item = i
		}
	}
}

func (r *reader) exceptions() []freshet.Exception {
	n := r.count(3)
	if n > maxExceptions {
		r.failf("heartbeat holds more than %d exceptions", maxExceptions)
		return nil
	}
	if n == 0 {
		return nil
	}
	list := make([]freshet.Exception, n)
	at, left := freshet.Position{}, maxExceptItems
	for i := range list {
		at = r.positionAfter(at)
		list[i] = freshet.Exception{At: at, Items: r.items(&left)}
	}
	return list
}

func (r *reader) items(left *int) []int {
	n := r.count(1)
	if *left -= n; *left < 0 {
		r.failf("exceptions hold more than %d items", maxExceptItems)
		return nil
	}
	if n == 0 {
		return nil
	}
	items, item := make([]int, n), 0
	for i := range items {
		item += r.int() // wraps around as in the writer
		items[i] = item
	}
	return items
}
