package wire

import (
	"slices"
	"strings"

	"github.com/freshet-vod/freshet"
)

// Limits of what one message may unfold to. An encoder given more makes a
// message that no decoder takes: who builds entries stays below.
const (
	MaxURLs     = 1 << 20              // URLs of a message
	MaxURL      = 3*freshet.MaxURL + 1 // bytes of one URL: canonical form may escape every byte
	MaxURLBytes = 64 << 20             // bytes of all URLs of a message together
)

// PackSelector packs a selector for the store and for entry batches:
// front-coded and compressed, about 3 bytes for each numbered segment.
func PackSelector(s freshet.Selector) []byte {
	var w writer
	w.selector(s)
	return seal(kindSelector, Version1, w.b, compression.small)
}

// UnpackSelector unpacks a selector. Empty lists come back as nil.
func UnpackSelector(b []byte) (freshet.Selector, error) {
	r, err := unseal(kindSelector, b)
	if err != nil {
		return freshet.Selector{}, err
	}
	s := r.selector(&urlBudget{urls: MaxURLs, bytes: MaxURLBytes})
	if err := finish(kindSelector, r); err != nil {
		return freshet.Selector{}, err
	}
	return s, nil
}

func (w *writer) selector(s freshet.Selector) {
	w.byte(byte(s.Kind))
	w.str(s.Pattern)
	w.strs(s.Hosts)
	w.urls(s.URLs)
}

// urlBudget is what the URLs of a message may still unfold to. Front coding
// makes a long URL of three bytes, so that the length of a message says
// nothing about what it unfolds to.
type urlBudget struct{ urls, bytes int }

func (r *reader) selector(budget *urlBudget) freshet.Selector {
	s := freshet.Selector{Kind: freshet.SelectorKind(r.byte())}
	if s.Kind > freshet.SelectTag {
		r.failf("selector kind %d is unknown", s.Kind)
	}
	s.Pattern = r.str()
	s.Hosts = r.strs()
	s.URLs = r.urls(budget)
	return s
}

// urls writes a list of URLs, each as what differs from the one before:
// lengths of the shared prefix and suffix, and the middle. The lengths stand
// in columns of their own, because in a numbered list each column is nearly
// constant and compresses to almost nothing.
func (w *writer) urls(urls []string) {
	w.count(len(urls))
	var suffixes, lengths, middles writer
	prev := ""
	for _, u := range urls {
		p, s := shared(prev, u)
		w.count(p)
		suffixes.count(s)
		lengths.count(len(u) - p - s)
		middles.b = append(middles.b, u[p:len(u)-s]...)
		prev = u
	}
	w.b = slices.Concat(w.b, suffixes.b, lengths.b, middles.b)
}

// shared returns the lengths of the common prefix and suffix of a and b, which
// do not overlap.
func shared(a, b string) (prefix, suffix int) {
	n := min(len(a), len(b))
	for prefix < n && a[prefix] == b[prefix] {
		prefix++
	}
	for suffix < n-prefix && a[len(a)-1-suffix] == b[len(b)-1-suffix] {
		suffix++
	}
	return prefix, suffix
}

func (r *reader) urls(budget *urlBudget) []string {
	n := r.count(3)
	if budget.urls -= n; budget.urls < 0 {
		r.failf("message holds more than %d URLs", MaxURLs)
		return nil
	}
	if n == 0 {
		return nil
	}
	lens := make([]uint32, 3*n)
	for i := range lens {
		v := r.uvarint()
		if v > MaxURL {
			r.failf("URL is longer than %d bytes", MaxURL)
			return nil
		}
		lens[i] = uint32(v)
	}
	prefixes, suffixes, middles := lens[:n], lens[n:2*n], lens[2*n:]
	// All of them share one text: a list is used, and forgotten, as a whole.
	urls, size := make([]string, n), 0
	for i := range urls {
		u := int(prefixes[i]) + int(suffixes[i]) + int(middles[i])
		size += u
		if budget.bytes -= u; u > MaxURL || budget.bytes < 0 {
			r.failf("URLs are longer than allowed (%d bytes each, %d together)", MaxURL, MaxURLBytes)
			return nil
		}
	}
	var text strings.Builder
	text.Grow(size)
	prev := ""
	for i := range urls {
		p, s, at := int(prefixes[i]), int(suffixes[i]), text.Len()
		if p+s > len(prev) {
			r.failf("URL shares more than the one before it has")
			return nil
		}
		text.WriteString(prev[:p])
		text.Write(r.take(int(middles[i])))
		text.WriteString(prev[len(prev)-s:])
		prev = text.String()[at:]
		urls[i] = prev
	}
	if r.err != nil {
		return nil
	}
	return urls
}
