package proof_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cluster"
)

// TestOriginSendsEachByteOncePerShield prefetches 50 media to two shields and
// six edges below them: the origin sends what the two shields store, and no
// more.
func TestOriginSendsEachByteOncePerShield(t *testing.T) {
	t.Parallel()
	const media, segments = 50, 3
	files := fstest.MapFS{}
	var catalog strings.Builder
	ids := make([]string, media)
	for n := range media {
		ids[n] = fmt.Sprintf("%032x", n+1)
		playlist := "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n"
		for s := range segments {
			name := fmt.Sprintf("seg-%d.ts", s)
			files[fmt.Sprintf("m%d/%s", n, name)] = &fstest.MapFile{Data: []byte(strings.Repeat(fmt.Sprintf("%d/%d ", n, s), 8<<10))}
			playlist += "#EXTINF:4.0,\n" + name + "\n"
		}
		files[fmt.Sprintf("m%d/index.m3u8", n)] = &fstest.MapFile{Data: []byte(playlist + "#EXT-X-ENDLIST\n")}
		fmt.Fprintf(&catalog, `{"MediaId":%q,"MediaType":"video","Status":"Normal","Streams":[{"Format":"m3u8","Definition":"HD",`+
			`"StreamType":"video","PlayURL":"http://%s/m%d/index.m3u8","CreationTime":"2026-01-02T03:04:05Z"}]}`+"\n", ids[n], cluster.Domain, n)
	}
	c := prepare(t, cluster.Options{Files: files, POPs: amplificationPOPs()})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	must(t, c.Start(ctx))
	if n, err := c.Import(ctx, strings.NewReader(catalog.String())); err != nil || n != media {
		t.Fatalf("%d media imported: %v", n, err)
	}
	// The planner reads each playlist itself, once for a plan; that is not the
	// caches' doing and is taken off.
	filter := freshet.Filter{Slices: true, SliceCount: 20}
	jobs := make([]string, 0, media/10)
	for part := 0; part < media; part += freshet.MaxMediaPerJob {
		id, err := c.Submit(ctx, freshet.Prefetch, filter, ids[part:min(part+freshet.MaxMediaPerJob, media)]...)
		must(t, err)
		jobs = append(jobs, id)
	}
	for _, id := range jobs {
		checkJob(ctx, t, c, id)
	}
	var distinct, planned int64
	for name, f := range files {
		size := int64(len(f.Data) + len(cluster.Mark(c.Origin.Version())))
		distinct += size
		if strings.HasSuffix(name, ".m3u8") {
			planned += size
		}
	}
	sent := c.Origin.Bytes()
	ratio := float64(sent-planned) / float64(2*distinct)
	t.Logf("the origin sent %d bytes, %d of them to the planner; distinct %d; amplification %.4f", sent, planned, distinct, ratio)
	if ratio > 1.02 || ratio < 0.98 {
		t.Errorf("amplification %.4f, want at most 1.02", ratio)
	}
}

// amplificationPOPs is two Varnish shields and six edges, two of each kind.
func amplificationPOPs() []cluster.POP {
	pops := []cluster.POP{{ID: "shield-1", Foreign: varnishCache}, {ID: "shield-2", Foreign: varnishCache}}
	for i, foreign := range []cluster.Foreign{varnishCache, nginxCache, nil} {
		for _, shield := range []string{"shield-1", "shield-2"} {
			pops = append(pops, cluster.POP{ID: fmt.Sprintf("edge-%d-%s", i, shield[7:]), Parents: []string{shield}, Foreign: foreign})
		}
	}
	return pops
}
