package apitest

import (
	"context"
	"slices"

	"github.com/freshet-vod/freshet"
)

// Takedowns implements [api.Takedowns].
func (f *Fake) Takedowns(_ context.Context, _ string, active bool) ([]freshet.TakedownRecord, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := slices.Clone(f.Down)
	slices.Reverse(list)
	return slices.DeleteFunc(list, func(t freshet.TakedownRecord) bool { return active && !t.Active() }), f.Err
}

// ends ends the takedown of a media, and reports whether there was one.
func (f *Fake) ends(id string) bool {
	for i := range f.Down {
		if t := &f.Down[i]; t.Media == id && t.Active() {
			t.Ended, t.EndedBy, t.URLs = Epoch(), KeyID, 0
			return true
		}
	}
	return false
}

// begins notes the takedowns of a job.
func (f *Fake) begins(s freshet.Submission, job string, rows []freshet.RowReport) {
	for _, row := range rows {
		f.Down = append(f.Down, freshet.TakedownRecord{Media: row.Media, Job: job, Denial: *s.Denial, Since: Epoch(), URLs: 2})
	}
}
