package agent

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/wire"
)

// reader follows the log: one cursor per subject.
type reader struct {
	subjects map[string]*subject
	known    freshet.Position // the highest position ever seen
	task     uint64           // the highest task ID ever seen
	// until bounds the prefetches that may have been answered by an earlier
	// life of which nothing is left; see readPrefetch.
	lostJournal bool
	until       freshet.Position
}

// forgotten returns up to where prefetches may have been answered by a life of
// which nothing is left. The next life must know it too: this one may end
// before it has read them.
func (r *reader) forgotten() freshet.Position {
	if r.lostJournal {
		return store.ForgottenAll()
	}
	return r.until
}

// subject is how far one subject of the log was read.
type subject struct {
	name    string
	cursor  freshet.Position // of the last entry taken in
	target  freshet.Position // the log reaches at least this far
	gap     freshet.Position // what lies between the cursor and here is told no more, but for what lasts; zero: nothing is missing
	tail    bool             // pull to the end once, whatever the target: the start
	pulling bool
	behind  time.Time // since when a backlog is read; zero: there is none
	failed  int       // pulls that failed in a row
	after   time.Time
}

func newReader() reader {
	r := reader{subjects: map[string]*subject{}}
	for _, name := range freshet.Subjects() {
		r.subjects[name] = &subject{name: name, tail: true}
	}
	return r
}

// hear returns the function that receives what is pushed. It decodes outside
// the loop, and drops what cannot be decoded: the gap shows.
func (l *life) hear(ctx context.Context) func(bus.Channel, string, []byte) {
	return func(ch bus.Channel, pop string, msg []byte) {
		fn, err := l.understand(ch, pop, msg)
		if err != nil {
			l.log.LogAttrs(ctx, slog.LevelWarn, "message could not be understood",
				slog.String("channel", string(ch)), slog.Any("error", err))
			return
		}
		if fn != nil {
			l.post(ctx, fn)
		}
	}
}

func (l *life) understand(ch bus.Channel, pop string, msg []byte) (func(), error) {
	switch ch {
	case bus.ChannelPurge, bus.ChannelPrefetch:
		b, err := wire.DecodeEntries(msg)
		return func() { l.readBatch(b) }, err
	case bus.ChannelHead:
		heads, err := wire.DecodeHeads(msg)
		return func() { l.readHeads(heads) }, err
	case bus.ChannelTopology, bus.ChannelTopology2, bus.ChannelTopology3:
		return l.hearTopology(ch, msg)
	case bus.ChannelHeartbeat:
		h, err := wire.DecodeHeartbeat(msg)
		return func() { l.heardBeat(pop, h) }, err
	}
	return nil, fmt.Errorf("channel %q is unknown", ch)
}

// readHeads takes in how far the log reaches. The heads of one message belong
// together: whoever has read the prefetches up to theirs has read every
// prefetch that comes before the head of the purges.
func (l *life) readHeads(heads []freshet.Cursor) {
	var purges freshet.Position
	caughtUp := false
	for _, h := range heads {
		s, ok := l.reader.subjects[h.Subject]
		if !ok {
			continue
		}
		s.target = freshet.Later(s.target, h.At)
		l.reader.known = freshet.Later(l.reader.known, h.At)
		if h.Subject == freshet.SubjectPurge {
			l.firstContact(h.At)
			purges = h.At
		} else {
			caughtUp = !s.cursor.Before(h.At)
		}
		if l.reader.lostJournal && h.Subject == freshet.SubjectPrefetch {
			l.reader.lostJournal, l.ledger.lazy = false, true
			l.reader.until = h.At
		}
	}
	if caughtUp {
		l.purges.recent.forget(purges)
	}
}

// readBatch takes in pushed entries. What was read already is passed over; a
// gap is pulled. A batch holds every entry after Prev, so one that begins
// before the cursor and ends beyond it has no gap.
func (l *life) readBatch(b wire.EntryBatch) {
	s, ok := l.reader.subjects[b.Subject]
	if !ok {
		return
	}
	last := b.Prev
	if n := len(b.Entries); n > 0 {
		last = freshet.Later(last, b.Entries[n-1].At)
	}
	l.reader.known = freshet.Later(l.reader.known, last)
	s.target = freshet.Later(s.target, last)
	if !s.cursor.Before(b.Prev) {
		l.take(s, b.Entries)
	}
}

// take takes in entries that follow on from the cursor, as long as there is
// room; the rest is pulled when there is.
func (l *life) take(s *subject, entries []*freshet.Entry) {
	for _, e := range entries {
		if !s.cursor.Before(e.At) || e.Subject() != s.name {
			continue
		}
		if !l.room(s.name) {
			return
		}
		if s.gap.Before(e.At) {
			l.crossGap(s)
		}
		s.cursor = e.At
		l.reader.known = freshet.Later(l.reader.known, e.At)
		if n := e.Len(); n > 0 {
			l.reader.task = max(l.reader.task, e.FirstTask+uint64(n)-1)
		}
		l.ledger.lazy = true
		if s.name == freshet.SubjectPurge {
			l.readPurge(e)
		} else {
			l.readPrefetch(e)
		}
	}
}

const (
	// backlog is how many entries must be missing to be waited for. A gap of a few
	// is no reason to hold up purges that are here.
	backlog = 64
	// gatherBacklog bounds that wait. Within it some hundred thousand URLs are
	// read, where the wire is not slow.
	gatherBacklog = 5 * time.Second
)

// gathering reports whether purges had better wait until more of a backlog has
// been read: of all that names an object only the last one is carried out, if
// it is known by then. It ends when all is read, when there is no room for more,
// when nothing comes, and with its time.
func (l *life) gathering() bool {
	s := l.reader.subjects[freshet.SubjectPurge]
	far := !s.behind.IsZero() || s.cursor.Epoch != s.target.Epoch || s.cursor.Pos+backlog < s.target.Pos
	switch {
	case s.failed > 0, !s.tail && (!s.cursor.Before(s.target) || !far):
		s.behind = time.Time{}
		return false
	case !l.room(s.name):
		return false
	case s.behind.IsZero():
		s.behind = time.Now()
	}
	until := s.behind.Add(gatherBacklog)
	if !time.Now().Before(until) {
		return false
	}
	l.wakeAt(until)
	return true
}

// maxFacts bounds the facts that wait for the journal. Entries leave the
// queues when they are carried out, so if the journal cannot be written
// nothing else would keep the agent from reading on for ever.
const maxFacts = 64_000

func (l *life) room(name string) bool {
	if l.ledger.nfacts >= maxFacts {
		return false
	}
	if name == freshet.SubjectPurge {
		return len(l.purges.queue) < l.o.ReadAhead && l.purges.bytes < l.o.ReadAheadBytes
	}
	return len(l.fetches.list) < l.o.PrefetchAhead && l.fetches.bytes < l.o.ReadAheadBytes
}

// pull asks for what is missing, one question per subject at a time.
func (l *life) pull(ctx context.Context) {
	for _, s := range l.reader.subjects {
		if s.pulling || !s.tail && !s.cursor.Before(s.target) || !l.room(s.name) || l.denials.version == 0 {
			continue // in which version to ask is not known before the topology was heard
		}
		if time.Now().Before(s.after) {
			l.wakeAt(s.after)
			continue
		}
		l.pullFrom(ctx, s, s.cursor)
	}
}

func (l *life) pullFrom(ctx context.Context, s *subject, after freshet.Position) {
	s.pulling = true
	req := wire.EncodePullAs(l.denials.version, wire.PullRequest{Subject: s.name, After: after, Limit: l.o.PullLimit})
	l.work(ctx, func() func() {
		b, err := l.askEntries(ctx, req)
		return func() { l.pulled(ctx, s, b, err) }
	})
}

func (a *Agent) askEntries(ctx context.Context, req []byte) (wire.EntryBatch, error) {
	ctx, cancel := context.WithTimeout(ctx, a.o.CallTimeout)
	defer cancel()
	msg, err := a.o.Bus.Do(ctx, bus.CallPull, req)
	if err != nil {
		return wire.EntryBatch{}, err
	}
	return wire.DecodeEntries(msg)
}

func (l *life) pulled(ctx context.Context, s *subject, b wire.EntryBatch, err error) {
	s.pulling = false
	if err == nil && b.Subject != s.name {
		err = fmt.Errorf("asked for subject %s, got %s", s.name, b.Subject)
	}
	if err != nil {
		s.failed++
		s.after = time.Now().Add(l.pause(s.failed))
		if s.failed == 1 {
			l.log.LogAttrs(ctx, slog.LevelWarn, "log could not be pulled, trying on",
				slog.String("subject", s.name), slog.Any("error", err))
		}
		return
	}
	s.failed, s.after = 0, time.Time{}
	if s.cursor.Before(b.Forgotten) {
		s.gap = freshet.Later(s.gap, b.Forgotten)
	}
	if len(b.Entries) == 0 {
		l.crossGap(s)
		// Nothing there, whatever was announced: a node that lags behind, or a
		// restored log. The next head, within a second, tells.
		s.tail, s.target = false, s.cursor
		return
	}
	last := b.Entries[len(b.Entries)-1].At
	s.target = freshet.Later(s.target, last)
	if last.Before(s.target) && s.cursor.Before(last) && l.room(s.name) {
		// The next ones travel while these are taken in. If there turns out to be
		// no room for all of these, those do not follow on, and are asked for again.
		l.pullFrom(ctx, s, last)
	}
	if !s.cursor.Before(b.Prev) {
		l.take(s, b.Entries)
	}
}

// regain tries at once what failed while the control plane could not be
// reached: after a long time without it, the pauses between attempts are long.
func (l *life) regain(ctx context.Context) {
	kick(l.outbox.contact)
	l.post(ctx, func() {
		for _, s := range l.reader.subjects {
			s.failed, s.after = 0, time.Time{}
		}
	})
}
