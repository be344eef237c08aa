package demo

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cluster"
)

// actTime bounds one act: on a slow machine an act takes two seconds.
const actTime = 40 * time.Second

// prefetch: after it a player finds everything at the edges.
func (s *story) prefetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	s.title("Prefetch the film with the first 3 segments of every playlist, then play it.")
	filter := freshet.Filter{Slices: true, SliceCount: 3, Multiple: true}
	urls, err := s.c.Planned(ctx, freshet.Prefetch, film, filter)
	if err != nil {
		return err
	}
	report, err := s.c.Do(ctx, freshet.Prefetch, filter, film)
	if err != nil {
		return err
	}
	s.check("the prefetch is complete at every POP", report.Tally.Complete == report.Tally.Total() && report.Tally.Total() == len(urls),
		fmt.Sprintf("%d URLs planned, %d complete at %d POPs", len(urls), report.Tally.Complete, len(report.POPs)))
	before := s.c.Origin.Count("")
	hits, asked := 0, 0
	for _, edge := range s.edges {
		for _, u := range urls {
			r, err := s.c.Get(ctx, edge, pathOf(u))
			if err != nil {
				return err
			}
			asked++
			if r.Status == http.StatusOK && r.Hit() {
				hits++
			}
		}
	}
	s.check("a player's requests hit at every edge", hits == asked, fmt.Sprintf("%d of %d", hits, asked))
	s.check("the origin sees none of them", s.c.Origin.Count("") == before, fmt.Sprintf("%d requests", s.c.Origin.Count("")-before))
	return nil
}

// race: a purge that arrives in the middle of slow fills wins over them.
func (s *story) race(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	s.title("The origin's content changes while slow fills of the old one are under way; the purge arrives in their middle.")
	const path = "/film/original.mp4"
	if _, err := s.c.Do(ctx, freshet.Purge, freshet.Filter{}, film); err != nil { // the MP4 is cached since act 1
		return err
	}
	old := s.c.Origin.Version()
	hold := s.c.Origin.HoldBack(cluster.BodyPhase, func(p string) bool { return p == path })
	defer s.c.Origin.Free()
	var viewers []*cluster.Viewer
	for _, edge := range s.edges {
		v, err := s.c.Begin(ctx, edge, path) // returns with the header: the body is held half-way
		if err != nil {
			return err
		}
		viewers = append(viewers, v)
	}
	fresh := s.c.Origin.Change()
	s.c.Origin.LetPass()
	report, err := s.c.Do(ctx, freshet.Purge, freshet.Filter{}, film)
	if err != nil {
		return err
	}
	s.check("the purge is complete while the old fills still run", report.Tally.Complete == report.Tally.Total(),
		fmt.Sprintf("%d tasks", report.Tally.Complete))
	if err := s.seen(ctx, "after it no request sees the old body", path, fresh); err != nil {
		return err
	}
	hold.Release()
	finished := 0
	for _, v := range viewers {
		if r := v.Finish(); r.Whole && r.Version == old {
			finished++
		}
	}
	s.check("viewers from before finish what they began", finished == len(s.edges), fmt.Sprintf("%d of %d whole", finished, len(s.edges)))
	return s.seen(ctx, "the old fills, now ended, were not stored", path, fresh)
}

// seen checks that every POP answers with a version of the content, several
// times.
func (s *story) seen(ctx context.Context, what, path string, version int) error {
	stale, asked := 0, 0
	for range 5 {
		for _, pop := range s.c.IDs() {
			r, err := s.c.Get(ctx, pop, path)
			if err != nil {
				return err
			}
			asked++
			if r.Version != version {
				stale++
			}
		}
	}
	s.check(what, stale == 0, fmt.Sprintf("%d of %d requests stale", stale, asked))
	return nil
}

// remembered: what a re-encode dropped from the playlist is purged too.
func (s *story) remembered(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	s.title("A re-encode drops segments from the playlist. The caches still hold them; the purge still clears them.")
	const playlist, dropped = "/film/ts/240p/index.m3u8", "/film/ts/240p/seg-00009.ts"
	for _, edge := range s.edges {
		if _, err := s.c.Get(ctx, edge, dropped); err != nil {
			return err
		}
	}
	body, err := s.c.Origin.File(playlist)
	if err != nil {
		return err
	}
	s.c.Origin.Replace(playlist, withoutLines(body, "seg-00009.ts"))
	s.c.Origin.Replace(dropped, nil)
	defer s.c.Origin.Restore()
	r, err := s.c.Get(ctx, "edge-1", dropped)
	if err != nil {
		return err
	}
	s.check("the dropped segment is still served by the edge", r.Status == http.StatusOK && r.Hit(), fmt.Sprintf("status %d", r.Status))
	urls, err := s.c.Planned(ctx, freshet.Purge, film, freshet.Filter{Everything: true})
	if err != nil {
		return err
	}
	if _, err := s.c.Do(ctx, freshet.Purge, freshet.Filter{}, film); err != nil {
		return err
	}
	s.check("the plan remembers it", slices.ContainsFunc(urls, func(u string) bool { return pathOf(u) == dropped }), fmt.Sprintf("%d URLs", len(urls)))
	gone := 0
	for _, pop := range s.c.IDs() {
		if r, err := s.c.Get(ctx, pop, dropped); err == nil && r.Status == http.StatusNotFound {
			gone++
		}
	}
	s.check("it is gone at every POP", gone == len(s.c.IDs()), fmt.Sprintf("404 at %d of %d", gone, len(s.c.IDs())))
	return nil
}

// absent: an edge that missed a purge catches up before it serves.
func (s *story) absent(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	s.title("An edge is killed. A purge is made without it. It comes back.")
	const path = "/film/cmaf/master.m3u8"
	for _, pop := range s.c.IDs() {
		if _, err := s.c.Get(ctx, pop, path); err != nil {
			return err
		}
	}
	s.c.POPs["edge-2"].Kill()
	fresh := s.c.Origin.Change()
	job, err := s.c.Submit(ctx, freshet.Purge, freshet.Filter{}, cmaf)
	if err != nil {
		return err
	}
	report, err := s.c.WaitPOPs(ctx, job, "shield", "edge-1")
	if err != nil {
		return err
	}
	s.check("the job is not complete, and says who is missing", !report.Done && owing(report) == "edge-2", "owing: "+owing(report))
	if err := s.c.POPs["edge-2"].Start(ctx); err != nil {
		return err
	}
	served, refused, stale := 0, 0, 0
	for served < 20 && ctx.Err() == nil { // from its first breath
		r, err := s.c.Get(ctx, "edge-2", path)
		switch {
		case err != nil || r.Status == http.StatusServiceUnavailable:
			refused++
			if err := s.c.Pause(ctx); err != nil {
				return err
			}
		case r.Version != fresh:
			stale++
			served++
		default:
			served++
		}
	}
	s.check("it served nothing old, from its first answer on", stale == 0 && served > 0,
		fmt.Sprintf("%d turned away while it caught up, %d served, %d stale", refused, served, stale))
	report, err = s.c.WaitTasks(ctx, job)
	if err != nil {
		return err
	}
	s.check("the job is complete now", report.Tally.Complete == report.Tally.Total(), fmt.Sprintf("%d tasks", report.Tally.Complete))
	return nil
}

// killed: what was answered is done, whatever happens to the control plane.
func (s *story) killed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	s.title("The control plane is killed with accepted work in hand, and started again.")
	s.c.Origin.HoldBack(cluster.HeaderPhase, func(p string) bool { return strings.HasSuffix(p, ".m3u8") })
	defer s.c.Origin.Free()
	var jobs []string
	for range 10 {
		job, err := s.c.Submit(ctx, freshet.Purge, freshet.Filter{}, film, cmaf)
		if err != nil {
			return err
		}
		jobs = append(jobs, job)
	}
	s.c.Control.Kill()
	s.c.Origin.Free()
	fresh := s.c.Origin.Change()
	if err := s.c.Control.Start(ctx); err != nil {
		return err
	}
	complete := 0
	for _, job := range jobs {
		report, err := s.c.WaitTasks(ctx, job)
		if err != nil {
			return err
		}
		if report.Tally.Complete == report.Tally.Total() && report.Tally.Total() > 0 {
			complete++
		}
	}
	s.check("every job that was answered is complete", complete == len(jobs), fmt.Sprintf("%d of %d", complete, len(jobs)))
	return s.seen(ctx, "and the POPs serve the new content", "/film/ts/master.m3u8", fresh)
}

func owing(r *freshet.JobReport) string {
	var list []string
	for _, p := range r.POPs {
		if p.Final < p.Targets {
			list = append(list, p.POP)
		}
	}
	return strings.Join(list, ", ")
}

func pathOf(url string) string {
	_, path := freshet.SplitURL(url)
	return path
}

// withoutLines drops a playlist's line that names a segment, and the tag
// before it.
func withoutLines(playlist []byte, segment string) []byte {
	lines := strings.Split(string(playlist), "\n")
	out := lines[:0]
	for _, l := range lines {
		if strings.TrimSpace(l) == segment {
			out = out[:len(out)-1]
			continue
		}
		out = append(out, l)
	}
	return []byte(strings.Join(out, "\n"))
}
