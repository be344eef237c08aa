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

// TestContract_4_11_RealSDKsReadMedia runs them for the operations about media.
func TestContract_4_11_RealSDKsReadMedia(t *testing.T) {
	t.Parallel()
	f, _ := mediaSetup(t)
	srv := httptest.NewServer(f.handler)
	t.Cleanup(srv.Close)
	rpctest.RunMedia(t, strings.TrimPrefix(srv.URL, "http://"), keyID, secret, rpctest.MediaFixtures{
		Playable: "m1", Missing: "gone",
		Video: map[string]string{
			"VideoId": "m1", "Title": "<One> & „zwei“", "Description": "d1", "Tags": "a,b", "CateId": "7", "CateName": "films",
			"CoverURL": "https://img.example.com/1.jpg", "Status": "Normal", "AuditStatus": "Normal", "Size": "4000", "Duration": "135.6",
			"CreationTime": "2026-03-04T05:06:07Z", "ModificationTime": "2026-03-04T08:06:07Z", "StorageLocation": "bucket",
			"TemplateGroupId": "VOD_NO_TRANSCODE", "AppId": "app-1000000", "UserData": `{"Extend":"e"}`,
		},
		URLs: []string{
			"https://vod.example.com/m1/hls.m3u8", "https://vod.example.com/m1/sd,new.mp4", "https://vod.example.com/m1/hd.m3u8",
			"http://plain.example.com/m1.mp3",
		},
	})
}
