package engine

import (
	"context"
	"iter"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// exportKept bounds what an export remembers of the log. Evidence about one
// entry comes from all POPs at about the same time.
const exportKept = 64

// ExportEvidence yields what the POPs said about the account's tasks, in the
// order in which it was stored. It holds no lock: what is stored meanwhile may
// be in it.
func (e *Engine) ExportEvidence(ctx context.Context, f freshet.EvidenceFilter) iter.Seq2[freshet.EvidenceLine, error] {
	return func(yield func(freshet.EvidenceLine, error) bool) {
		x := &export{e: e, f: f, known: map[freshet.Position]*exported{}}
		from := store.EvidenceCursor{}
		if !f.Since.IsZero() {
			from.Day = f.Since.UTC().Format("2006-01-02")
		}
		for msg, err := range e.store.Evidence.EvidenceSince(ctx, from) {
			if err != nil {
				yield(freshet.EvidenceLine{}, err)
				return
			}
			if msg.Duplicate || msg.ReceivedAt.Before(f.Since) || f.POP != "" && msg.POP != f.POP {
				continue
			}
			if !f.Until.IsZero() && !msg.ReceivedAt.Before(f.Until) {
				continue // messages of many POPs are stored together, not in the order of their times
			}
			if !x.message(ctx, msg, yield) {
				return
			}
		}
	}
}

// export is the state of one export.
type export struct {
	e     *Engine
	f     freshet.EvidenceFilter
	known map[freshet.Position]*exported
}

// exported is an entry with its media; without the entry if it is not for this
// export.
type exported struct {
	entry *freshet.Entry
	media string
}

// message yields the facts of one message; false: the caller has had enough.
func (x *export) message(ctx context.Context, msg *store.Received, yield func(freshet.EvidenceLine, error) bool) bool {
	for _, facts := range msg.Entries {
		about, err := x.entry(ctx, facts.At)
		if err != nil {
			return yield(freshet.EvidenceLine{}, err) && false
		}
		if about.entry == nil {
			continue
		}
		for _, fact := range facts.Facts {
			if fact.Item < 0 || fact.Item >= about.entry.Len() {
				continue // a POP that makes things up
			}
			line := freshet.EvidenceLine{
				Task: about.entry.TaskID(fact.Item), Job: about.entry.Job, Media: about.media, Type: about.entry.Kind.String(),
				URL: about.entry.URL(fact.Item), Accepted: about.entry.Created, At: facts.At,
				Stream: msg.Stream, Number: msg.Number, Delivery: delivery(msg.POP, fact, msg.Incarnation, msg.ReceivedAt),
			}
			if !yield(line, nil) {
				return false
			}
		}
	}
	return true
}

// entry returns the entry at a position, if it is the account's and of the
// media asked for. One that the log does not hold any more, or never did, is
// passed over: nothing can be said of it.
func (x *export) entry(ctx context.Context, at freshet.Position) (*exported, error) {
	if known := x.known[at]; known != nil {
		return known, nil
	}
	if len(x.known) >= exportKept {
		clear(x.known)
	}
	about := &exported{}
	entry, err := x.e.store.Log.Entry(ctx, at)
	switch {
	case freshet.ErrorCode(err) == freshet.CodeNotFound:
	case err != nil:
		return nil, err
	case entry.Account != x.f.Account:
	default:
		if about.media, err = x.e.mediaOf(ctx, entry); err != nil && freshet.ErrorCode(err) != freshet.CodeNotFound {
			return nil, err
		}
		if x.f.Media == "" || about.media == x.f.Media {
			about.entry = entry
		}
	}
	x.known[at] = about
	return about, nil
}
