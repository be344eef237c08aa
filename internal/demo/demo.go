// Package demo tells what Freshet does, in five acts, on this machine: with
// real processes, real video and checks that can fail.
//
// It must not know the inside of anything; package cluster runs the processes.
// The command `freshet demo` calls it. If a check here is soft, the first
// thing that a new user sees is a lie.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/freshet-vod/freshet/internal/cluster"
	"github.com/freshet-vod/freshet/testdata"
)

// Options say how the story is told.
type Options struct {
	Exe  string    // the freshet binary
	Out  io.Writer // the story
	Keep bool      // leave everything running until ctx ends
}

// The media of the catalog.
const (
	film = "f1a3c0de5eed4a11b0a7000000000001"
	cmaf = "f1a3c0de5eed4a11b0a7000000000002"
)

// ErrChecks is returned if the story was told to its end and a check did not
// hold.
var ErrChecks = errors.New("a check did not hold")

type story struct {
	out     io.Writer
	exe     string
	c       *cluster.Cluster
	edges   []string
	act     int
	results []result
}

type result struct {
	act    int
	what   string
	detail string
	ok     bool
}

// Run tells the story. It returns nil only if every check held.
func Run(ctx context.Context, o Options) error {
	began := time.Now()
	dir, err := os.MkdirTemp("", "freshet-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	files, err := fs.Sub(testdata.FS, "ladder")
	if err != nil {
		return err
	}
	c, err := cluster.New(ctx, cluster.Options{
		Exe: o.Exe, Dir: dir, Files: files,
		POPs: []cluster.POP{
			{ID: "shield"},
			{ID: "edge-1", Parents: []string{"shield"}},
			{ID: "edge-2", Parents: []string{"shield"}},
		},
	})
	if err != nil {
		return err
	}
	defer c.Close()
	s := &story{out: o.Out, exe: o.Exe, c: c, edges: []string{"edge-1", "edge-2"}}
	s.say("Freshet purges and prefetches video by media ID on every cache, and proves that it happened.\n" +
		"Here: an origin with a small real film, a control plane, a shield and two edges, each its own process.")
	if err := s.open(ctx); err != nil {
		return err
	}
	for _, act := range []func(context.Context) error{s.prefetch, s.race, s.remembered, s.absent, s.killed} {
		s.act++
		err := act(ctx)
		if ctx.Err() != nil {
			return ctx.Err() // interrupted: what is left of the story says nothing
		}
		if err != nil {
			s.check("the act could be played to its end", false, err.Error())
		}
	}
	ok := s.finale(time.Since(began))
	if o.Keep {
		s.keep(ctx)
	}
	if !ok {
		return ErrChecks
	}
	return nil
}

func (s *story) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := s.c.Start(ctx); err != nil {
		return err
	}
	catalog, err := testdata.FS.Open("ladder/catalog.jsonl")
	if err != nil {
		return err
	}
	defer func() { _ = catalog.Close() }()
	n, err := s.c.Import(ctx, catalog)
	if err != nil {
		return err
	}
	s.say("The catalog has %d media; the film alone is playlists, segments, an MP4 and an MP3.", n)
	return nil
}

// say prints a paragraph.
func (s *story) say(format string, args ...any) {
	fmt.Fprintf(s.out, format+"\n", args...)
}

func (s *story) title(what string) { s.say("\n%d. %s", s.act, what) }

// check prints and notes whether something held.
func (s *story) check(what string, ok bool, detail string) {
	mark := "ok  "
	if !ok {
		mark = "FAIL"
	}
	s.results = append(s.results, result{act: s.act, what: what, detail: detail, ok: ok})
	s.say("   [%s] %s (%s)", mark, what, detail)
}

// finale prints the table and tells whether every check held.
func (s *story) finale(took time.Duration) bool {
	s.say("")
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ACT\tCHECK\tMEASURED\tHELD")
	held := 0
	for _, r := range s.results {
		word := "yes"
		if !r.ok {
			word = "NO"
		} else {
			held++
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", r.act, r.what, strings.ReplaceAll(r.detail, "\n", " "), word)
	}
	_ = w.Flush()
	s.say("\n%d of %d checks held in %.1f s.", held, len(s.results), took.Seconds())
	return held == len(s.results)
}

// keep leaves everything running and says how to try it.
func (s *story) keep(ctx context.Context) {
	c := s.c
	s.say(`
Everything keeps running until you press Ctrl-C. In another terminal:

  export FRESHET_ENDPOINT=%s
  export FRESHET_ACCESS_KEY_ID=%s FRESHET_ACCESS_KEY_SECRET=%s
  %s pops
  %s purge %s --wait
  curl -s -u "$FRESHET_ACCESS_KEY_ID:$FRESHET_ACCESS_KEY_SECRET" %s/v1/pops
  curl -sD- -o /dev/null -H 'Host: %s' http://%s/film/ts/master.m3u8

With the vendor's Go SDK (services/vod):

  client, _ := vod.NewClientWithAccessKey("cn-shanghai", os.Getenv("FRESHET_ACCESS_KEY_ID"), os.Getenv("FRESHET_ACCESS_KEY_SECRET"))
  req := vod.CreateRefreshMediaPlayUrlsRequest()
  req.Scheme, req.Domain = "http", "%s"
  req.MediaIds, req.TaskType = "%s", "Refresh"
  resp, err := client.RefreshMediaPlayUrls(req)`,
		c.Endpoint, c.KeyID, c.KeySecret, s.exe, s.exe, film, c.Endpoint, cluster.Domain, c.Door("edge-1"),
		strings.TrimPrefix(c.Endpoint, "http://"), film)
	<-ctx.Done()
}
