package client_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

// A film was taken down: purge everything it ever had, on every POP, and be
// sure that it happened.
func Example() {
	c, err := client.New(client.Options{
		Endpoint:        "http://127.0.0.1:8080",
		AccessKeyID:     os.Getenv("FRESHET_ACCESS_KEY_ID"),
		AccessKeySecret: os.Getenv("FRESHET_ACCESS_KEY_SECRET"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()

	receipt, err := c.Submit(ctx, client.JobRequest{Type: freshet.Purge, Media: []string{"93ab850b4f6f46e9"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := c.Wait(ctx, receipt.JobID, func(r *freshet.JobReport) {
		fmt.Printf("%d of %d tasks are final\n", r.Tally.Complete+r.Tally.Failed, r.Tally.Total())
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range report.POPs {
		fmt.Printf("%s: %d of %d, %d failed\n", p.POP, p.Final, p.Targets, p.Failed)
	}
}

// Before a premiere: the playlists and first segments of the HLS renditions.
func ExampleClient_Submit_prefetch() {
	c, err := client.New(client.Options{AccessKeyID: "id", AccessKeySecret: "secret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	receipt, err := c.Submit(context.Background(), client.JobRequest{
		Type:     freshet.Prefetch,
		Media:    []string{"93ab850b4f6f46e9"},
		Filters:  &freshet.Filter{Formats: []freshet.Format{"m3u8"}, Slices: true, SliceCount: 5},
		FinishBy: time.Now().Add(6 * time.Hour),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(receipt.JobID)
}
