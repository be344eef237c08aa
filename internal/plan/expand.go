package plan

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/hls"
	"github.com/freshet-vod/freshet/internal/trace"
)

// expand turns the roots into URLs, and reads their playlists if segments are
// asked for. A playlist is always read whole, and every URL in it remembered;
// how many of them are submitted is decided afterwards.
func (p *Planner) expand(ctx context.Context, d *draft) error {
	g := &graph{planner: p, draft: d, nodes: map[string]*node{}}
	if d.job.Filter.Slices || d.job.Filter.Everything {
		g.read(ctx)
		if g.over() && d.takedown() {
			// The playlists and what is remembered are better than nothing, and
			// the row says that it is not all.
			d.refuse(faultInternal, "The playlists of the media name more than %d URLs (limit urls); their segments are not denied.", p.limits.URLs)
			g.nodes = map[string]*node{}
		} else if g.over() {
			d.end(faultInternal, "The playlists of the media name more than %d URLs, the limit for one media (limit urls).", p.limits.URLs)
			return nil
		}
	}
	g.yield()
	return nil
}

// graph is the playlists that the roots of one draft reach, each once.
type graph struct {
	planner *Planner
	draft   *draft
	nodes   map[string]*node // by canonical URL; written between the rounds of reading only
	total   atomic.Int64     // distinct URLs named so far
}

// node is one playlist.
type node struct {
	url       string
	domain    freshet.Domain
	variables map[string]string // of the playlist that named it first

	at       string // where it was found
	fault    string // why it was not read; then the rest is empty
	problems []hls.Problem
	defined  map[string]string
	items    []item // in playlist order, each URL once
}

// item is what a playlist names.
type item struct {
	url   string // canonical, if fault is empty
	kind  hls.Kind
	order int // segments of the playlist before it
	gap   bool
	fault string // why it is left out
	dom   freshet.Domain
}

// over reports whether the playlists name more than one media may have.
// Reading on would only cost memory.
func (g *graph) over() bool { return g.total.Load() > int64(g.planner.limits.URLs) }

// takedownTime bounds the reading of playlists for a takedown: what is known
// without them is not to wait for an origin that is slow, or gone already.
const takedownTime = 15 * time.Second

// errTime ends the reading of a media's playlists.
var errTime = errors.New("the time for reading the playlists of one media is over")

// read reads all playlists, one level of the graph after the other: those of
// a level at the same time, the levels in order, so that which of them fall
// over a limit does not depend on which origin answers first. If the caller's
// context ends, everything after that reads as unreadable; run notices.
func (g *graph) read(ctx context.Context) {
	limits := g.planner.limits
	if g.draft.takedown() {
		limits.Time = min(limits.Time, takedownTime)
	}
	timed, cancel := context.WithTimeoutCause(ctx, limits.Time, errTime)
	defer cancel()
	var level []*node
	for _, r := range g.draft.roots {
		if r.playlist && g.nodes[r.url] == nil {
			level = append(level, g.add(r.url, r.domain, nil))
		}
	}
	for depth := 1; len(level) > 0; depth++ {
		var group errgroup.Group
		group.SetLimit(limits.Concurrency)
		for i, n := range level {
			switch read := len(g.nodes) - len(level) + i; {
			case depth > limits.Depth:
				n.fault = fmt.Sprintf("it is named by more than %d playlists in a row (limit depth)", limits.Depth)
			case read >= limits.Playlists:
				n.fault = fmt.Sprintf("the media has more than %d playlists (limit playlists)", limits.Playlists)
			default:
				group.Go(func() error {
					n.fault = g.readOne(timed, n)
					return nil
				})
			}
		}
		_ = group.Wait() // the functions return no errors
		if g.over() {
			return
		}
		level = g.next(level)
	}
}

func (g *graph) add(u string, dom freshet.Domain, variables map[string]string) *node {
	n := &node{url: u, at: u, domain: dom, variables: variables}
	g.nodes[u] = n
	return n
}

// next returns the playlists that a level names and nobody named before, in
// order. This is where a loop ends.
func (g *graph) next(level []*node) []*node {
	var out []*node
	for _, n := range level {
		for _, it := range n.items {
			if it.fault == "" && g.follow(it.kind) && g.nodes[it.url] == nil {
				out = append(out, g.add(it.url, it.dom, n.defined))
			}
		}
	}
	return out
}

// follow reports whether a playlist of the kind is part of the plan. I-frame
// playlists serve fast-forward only; they belong to the native purge, which
// takes everything.
func (g *graph) follow(kind hls.Kind) bool {
	if kind == hls.KindIFrames || kind == hls.KindReport {
		return g.draft.job.Filter.Everything
	}
	return kind.Playlist()
}

// readOne reads one playlist and returns why it could not.
func (g *graph) readOne(ctx context.Context, n *node) (fault string) {
	if ctx.Err() == nil && !g.over() {
		ctx, span := trace.Start(ctx, trace.Fetch)
		span.URL(trace.Link, n.url)
		defer func() {
			if fault != "" {
				span.Fail(fault)
			}
			span.End(nil)
		}()
		body, at, err := g.planner.from(n.domain).Get(ctx, n.domain.Origin, n.url)
		if err == nil {
			return g.parse(n, body, at)
		}
		if ctx.Err() == nil {
			return reason(err)
		}
	}
	return fmt.Sprintf("reading the playlists of the media took longer than %v (limit time)", g.planner.limits.Time)
}

// withoutUser hides the user information of a URL that is told to somebody.
func withoutUser(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return raw
	}
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	at := strings.LastIndexByte(rest[:end], '@')
	if at < 0 {
		return raw
	}
	return scheme + "://…" + rest[at:]
}

// reason returns what a user is told of an error: never its text, which may
// hold addresses of the operator's network.
func reason(err error) string {
	type reasoner interface {
		error
		Reason() string
	}
	if r, ok := errors.AsType[reasoner](err); ok {
		return r.Reason()
	}
	return "it could not be fetched"
}

// parse takes a playlist's references into the node, under their domains.
func (g *graph) parse(n *node, body []byte, at string) (fault string) {
	base, err := parseURL(at)
	if err != nil {
		return err.Error()
	}
	list, err := hls.ParseChild(body, base, g.planner.limits.Playlist, n.variables)
	if e, ok := errors.AsType[*hls.Error](err); ok {
		return fmt.Sprintf("line %d: %s", max(e.Line, 1), e.Message)
	} else if err != nil {
		return err.Error()
	}
	n.defined, n.problems = list.Variables, list.Problems
	if u, _, err := g.draft.named(at); err == nil {
		n.at = u
	}
	n.items = make([]item, 0, len(list.Refs))
	seen := make(map[string]bool, len(list.Refs))
	order := 0
	for _, ref := range list.Refs {
		if ref.Kind == hls.KindKey || ref.Kind == hls.KindSteering {
			continue // never cached, never submitted (contract §4.1 U21)
		}
		it := item{kind: ref.Kind, order: order, gap: ref.Gap}
		if ref.Kind == hls.KindSegment && (!ref.Gap || g.draft.purge()) {
			order++ // a gap is nothing that a prefetch could take
		}
		// Several ranges of one file are one object. Its first place is what
		// counts: if that is among the first N, the object is.
		if seen[ref.URL] {
			continue
		}
		seen[ref.URL] = true
		if it.url, it.dom, err = g.draft.named(ref.URL); err != nil {
			it.url, it.fault = withoutUser(ref.URL), err.Error()
		}
		n.items = append(n.items, it)
	}
	g.total.Add(int64(len(n.items)))
	if order == 0 && !list.Multivariant {
		n.problems = append(n.problems, hls.Problem{Reason: "the playlist names no segment"})
	}
	return ""
}
