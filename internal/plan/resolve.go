package plan

import (
	"context"
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
	d.streams = d.job.Filter.Choose(d.media.Streams)
	if len(d.streams) == 0 && !d.job.Filter.Everything {
		d.endWithoutStream()
	}
	return nil
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
