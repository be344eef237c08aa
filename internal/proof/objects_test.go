package proof_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/cluster"
	"github.com/freshet-vod/freshet/internal/rpc/rpctest"
)

// TestSDKs_ObjectsOfAWholeServer points the vendor's own SDKs at a running
// server with POPs: URLs and directories are prefetched and purged, and what is
// Complete is so at every POP.
func TestSDKs_ObjectsOfAWholeServer(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{POPs: tiers(), InProcess: true})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	files := []string{"http://vod.example.com/film/audio.mp3", "http://vod.example.com/film/ts/audio/index.m3u8"}
	var old int
	for _, pop := range c.IDs() {
		r, err := c.Get(ctx, pop, "/film/audio.mp3")
		if err != nil {
			t.Fatal(err)
		}
		old = r.Version
	}
	fresh := c.Origin.Change()
	rpctest.RunObjects(t, strings.TrimPrefix(c.Endpoint, "http://"), c.KeyID, c.KeySecret, rpctest.Objects{
		Files: files, Directory: "http://vod.example.com/film/",
	})
	for _, pop := range c.IDs() {
		if r, err := c.Get(ctx, pop, "/film/audio.mp3"); err != nil || r.Version < fresh || fresh <= old {
			t.Errorf("%s serves version %d, want %d (%v)", pop, r.Version, fresh, err)
		}
	}
}
