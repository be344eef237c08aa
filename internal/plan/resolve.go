package plan

import (
	"context"
	"slices"
	"strings"

	"github.com/freshet-vod/freshet"
)

// resolve finds the streams that the job means (contract §4.1 U12, U13, U17 to
// U19). A purge works in any status: a takedown happens because something is
// wrong with the media.
func (p *Planner) resolve(_ context.Context, d *draft) error {
	switch {
	case d.job.Direct != nil:
		return nil
	case d.media == nil:
		// Its remembered URLs can still be purged; see remember.
		if !d.purge() {
			d.end(faultNoMedia, "The video does not exist.")
		}
		return nil
	case !d.purge() && d.media.Status != freshet.StatusNormal:
		d.end(faultStatus, "Status of the video is illegal. Current Status is %s.", d.media.Status)
		return nil
	}
	d.streams = choose(d.media.Streams, d.job.Filter)
	if len(d.streams) == 0 && !d.job.Filter.Everything {
		d.endWithoutStream()
	}
	return nil
}

// choose returns the streams that pass the filter, in the order in which they
// are reported.
func choose(all []freshet.Stream, f freshet.Filter) []freshet.Stream {
	list := slices.Clone(all)
	slices.SortStableFunc(list, freshet.CompareStreams)
	if f.Everything {
		return list
	}
	list = slices.DeleteFunc(list, func(s freshet.Stream) bool { return !f.Accepts(s) })
	if f.Multiple {
		return list
	}
	// Of each pair the latest: the list has it first (contract §4.1 U12).
	type pair struct {
		freshet.Definition
		freshet.Format
	}
	seen := map[pair]bool{}
	return slices.DeleteFunc(list, func(s freshet.Stream) bool {
		key := pair{s.Definition, s.Format}
		old := seen[key]
		seen[key] = true
		return old
	})
}

func (d *draft) endWithoutStream() {
	f := d.job.Filter
	d.end(faultNoStream, "The video has no stream to play for the request parameter 'Formats: %s, Definition: %s, StreamType: %s'.",
		listed(f.Formats), listed(f.Definitions), listed(f.StreamTypes))
}

func listed[T ~string](list []T) string {
	if len(list) == 0 {
		return "all"
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = string(v)
	}
	return strings.Join(texts, ",")
}
