package plan

import (
	"math"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/hls"
)

// yield lists the URLs of the graph in the order in which they are reported
// (contract §4.1 U11, U21): a playlist, then what it names.
func (g *graph) yield() {
	w := &walk{graph: g, draft: g.draft, done: map[*node]bool{}, first: math.MaxInt}
	if f := g.draft.job.Filter; !f.Everything {
		w.first = f.SliceCount
		if w.first <= 0 {
			w.first = freshet.DefaultSliceCount
		}
	}
	for _, r := range g.draft.roots {
		g.draft.urls = append(g.draft.urls, freshet.PlannedURL{Media: g.draft.row.Media, URL: r.url, Kind: r.kind, Stream: r.stream, Group: r.group, Header: r.header})
		if n := g.nodes[r.url]; n != nil && r.playlist {
			w.stream = r.stream
			w.inside(n)
		}
	}
}

// walk is one way through the graph.
type walk struct {
	graph  *graph
	draft  *draft
	done   map[*node]bool
	stream string // that led here
	first  int    // so many segments of each playlist
}

// inside lists what a playlist names; the playlist itself is listed already.
func (w *walk) inside(n *node) {
	if w.done[n] {
		return
	}
	w.done[n] = true
	if n.fault != "" {
		w.unreadable(n)
		return
	}
	if n.at != n.url { // after a redirect, both addresses are cached
		w.add(n, item{url: n.at}, kindPlaylist)
	}
	for _, p := range n.problems {
		if p.Line == 0 {
			w.draft.problem(n.url, "%s", p.Reason)
		} else {
			w.draft.problem(n.url, "line %d: %q: %s", p.Line, p.Text, p.Reason)
		}
	}
	w.keep(n)
	for _, it := range n.items { // all init sections come before the segments
		if it.kind == hls.KindInit && it.order < w.first {
			w.add(n, it, kindInit)
		}
	}
	for _, it := range n.items {
		if it.kind == hls.KindInit || !w.wants(it) {
			continue
		}
		w.add(n, it, kindOf(it.kind))
		if child := w.graph.nodes[it.url]; child != nil && it.kind.Playlist() && it.fault == "" {
			w.inside(child)
		}
	}
}

// wants reports whether the job means an item.
func (w *walk) wants(it item) bool {
	switch {
	case it.gap && !w.draft.purge():
		return false // the origin does not have it
	case it.kind == hls.KindSegment:
		return it.order < w.first
	case it.kind.Playlist():
		return w.graph.follow(it.kind)
	}
	return w.draft.job.Filter.Everything // parts, hints, session data
}

func kindOf(kind hls.Kind) string {
	switch {
	case kind.Playlist():
		return kindPlaylist
	case kind == hls.KindSessionData:
		return kindFile
	}
	return kindSegment
}

// unreadable reports a playlist that could not be read (contract §4.1 U23). A
// purge goes on with what is remembered; a prefetch has missed its purpose.
func (w *walk) unreadable(n *node) {
	w.draft.unreadable = true
	w.draft.problem(n.url, "the playlist could not be read: %s", n.fault)
	if !w.draft.purge() {
		w.draft.refuse(faultInternal, "The playlist %s could not be read: %s.", n.url, n.fault)
	}
}

// keep has everything that a playlist names remembered, whatever the filter
// takes of it now.
func (w *walk) keep(n *node) {
	if n.at != n.url {
		w.draft.remembered = append(w.draft.remembered, n.at)
	}
	for _, it := range n.items {
		if it.fault == "" {
			w.draft.remembered = append(w.draft.remembered, it.url)
		}
	}
}

func (w *walk) add(n *node, it item, kind string) {
	if it.fault != "" {
		w.draft.problem(it.url, "left out, named by %s: %s", n.url, it.fault)
		return
	}
	w.draft.urls = append(w.draft.urls, freshet.PlannedURL{
		Media: w.draft.row.Media, URL: it.url, Kind: kind, Stream: w.stream, From: n.url,
	})
}
