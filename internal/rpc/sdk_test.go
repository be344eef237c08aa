package rpc_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet/internal/rpc/rpctest"
)

// TestContract_10_RealSDKs runs the vendor's SDKs against the handler.
func TestContract_10_RealSDKs(t *testing.T) {
	t.Parallel()
	f := setup(t)
	srv := httptest.NewServer(f.handler)
	t.Cleanup(srv.Close)
	rpctest.Run(t, strings.TrimPrefix(srv.URL, "http://"), keyID, secret, rpctest.Fixtures{
		Media:   "m1",
		URLs:    []string{"https://vod.example.com/m1/hd.m3u8", "https://vod.example.com/m1/a%2Cb.mp4"},
		Missing: "gone",
	})
}
