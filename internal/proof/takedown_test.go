package proof_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/cluster"
)

// TestP4_ATakedownHolds takes a film down while a POP is being killed: once the
// job is complete, no POP gives a byte of what it has, however often it or the
// control plane is killed; a stream that is imported later is denied too; and
// the end of the takedown brings everything back.
func TestP4_ATakedownHolds(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{POPs: tiers()})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	urls, err := c.Planned(ctx, freshet.Purge, film, freshet.Filter{Everything: true})
	if err != nil || len(urls) < 5 {
		t.Fatalf("the film has %d URLs: %v", len(urls), err)
	}
	const other = "/clip/index.m3u8"
	serves := func(want int, urls ...string) {
		t.Helper()
		for _, pop := range c.IDs() {
			for _, u := range urls {
				_, path := freshet.SplitURL(u)
				r, err := c.Get(ctx, pop, path)
				if err != nil || r.Status != want {
					t.Fatalf("%s of %s: status %d (%v), want %d", path, pop, r.Status, err, want)
				}
			}
			if r, err := c.Get(ctx, pop, other); err != nil || r.Status != 200 {
				t.Fatalf("%s of %s: status %d (%v): it is not taken down", other, pop, r.Status, err)
			}
		}
	}
	serves(200, urls...) // and is stored now
	victim := c.POPs[c.IDs()[len(c.IDs())-1]]
	receipt, err := c.Client.Takedown(ctx, client.TakedownRequest{Media: []string{film}, Reason: "court order"})
	if err != nil {
		t.Fatal(err)
	}
	victim.Kill()
	if err := victim.Start(ctx); err != nil {
		t.Fatal(err)
	}
	checkJob(ctx, t, c, receipt.JobID)
	if err := c.WaitReady(ctx, c.IDs()...); err != nil {
		t.Fatal(err)
	}
	serves(451, urls...)

	victim.Kill()
	c.Control.Kill() // the POP has nothing but its own disk
	if err := victim.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Control.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitReady(ctx, c.IDs()...); err != nil {
		t.Fatal(err)
	}
	serves(451, urls...)

	report, err := c.Do(ctx, freshet.Prefetch, freshet.Filter{}, film)
	if err != nil || report.Rows[0].Fault != "Forbidden.IllegalStatus" {
		t.Errorf("a prefetch of the film: %+v, %v", report, err)
	}
	const added = `{"MediaId":"` + film + `","Title":"again","MediaType":"video","Status":"Normal","Streams":[
		{"Format":"m3u8","Definition":"HD","StreamType":"video","PlayURL":"http://vod.example.com/clip/late.mp4"}]}`
	if n, err := c.Import(ctx, strings.NewReader(strings.ReplaceAll(added, "\n\t\t", ""))); err != nil || n != 1 {
		t.Fatalf("%d media imported: %v", n, err)
	}
	for refused := 0; refused < len(c.IDs()); {
		refused = 0
		for _, pop := range c.IDs() {
			if r, err := c.Get(ctx, pop, "/clip/late.mp4"); err == nil && r.Status == 451 {
				refused++
			}
		}
		if err := c.Pause(ctx); err != nil {
			t.Fatal("a stream that was added is not refused: ", err)
		}
	}
	serves(451, urls...)

	if receipt, err = c.Client.Reinstate(ctx, film); err != nil {
		t.Fatal(err)
	}
	checkJob(ctx, t, c, receipt.JobID)
	serves(200, urls...)
	records, err := c.Client.Takedowns(ctx, true)
	if err != nil || len(records) != 1 || records[0].Active() || records[0].Denial.Reason != "court order" {
		t.Errorf("the record is %+v, %v", records, err)
	}
}
