package callback

import (
	"strings"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/vod"
)

// Planned returns the events that become true when a row is planned, whether
// or not anybody wants to be told. media is nil if it was deleted meanwhile.
func Planned(job *freshet.Job, row freshet.Row, media *freshet.Media) []store.Event {
	if row.Media == "" { // by URL, prefix or tag
		return nil
	}
	e := store.Event{Type: vod.EventSubmitted, App: vod.DefaultApp, Media: row.Media, Job: job.ID, Row: row.Index}
	own := ""
	if media != nil {
		own = media.UserData
		if media.AppID != "" {
			e.App = media.AppID
		}
	}
	e.URL, e.Way = vod.Receiver(job.UserData, own)
	e.Way = strings.ToUpper(e.Way)
	return []store.Event{e}
}
