package proof_test

import (
	"strings"
	"testing"

	"github.com/freshet-vod/freshet/internal/cluster"
	"github.com/freshet-vod/freshet/internal/rpc/rpctest"
)

// TestSDKs_WholeServer points the vendor's own SDKs at a running server with
// POPs: what is called is planned, purged, and found complete again.
func TestSDKs_WholeServer(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{POPs: tiers(), InProcess: true})
	rpctest.Run(t, strings.TrimPrefix(c.Endpoint, "http://"), c.KeyID, c.KeySecret, rpctest.Fixtures{
		Media: sound,
		URLs: []string{
			"http://vod.example.com/film/audio.mp3",
			"http://vod.example.com/film/ts/audio/index.m3u8",
		},
		Missing: "ca3a8f6e4957b658067095869abcdef0",
		Format:  "webm",
	})
}
