package agent_test

import (
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
)

// TestEntries_AreCarriedOutAsTheySay: a soft purge reaches the cache as one, a hard
// one beside it does not; a prefetch asks with its header, and one whose header
// cannot be read is refused and not carried out otherwise.
func TestEntries_AreCarriedOutAsTheySay(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.start("", 0)
		pass(2 * time.Second)
		soft := purgePrefix("http://vod.example.com/a/")
		soft.Soft = true
		soft = w.append(soft)
		w.append(purgePrefix("http://vod.example.com/b/"))
		as := prefetch(u1)
		as.Header = "Accept-Encoding: gzip\nUser-Agent: tv"
		as = w.append(as)
		plain, bad := w.append(prefetch(u2)), prefetch(u3)
		bad.Header = "Host: elsewhere"
		bad = w.append(bad)
		pass(time.Minute)
		w.want(t, "a", as, 0, freshet.OutcomeDone, freshet.ReasonNone)
		w.want(t, "a", plain, 0, freshet.OutcomeDone, freshet.ReasonNone)
		w.want(t, "a", bad, 0, freshet.OutcomeFailed, freshet.ReasonUnsupported)
		s.cache.mu.Lock()
		defer s.cache.mu.Unlock()
		if len(s.cache.softs) != 1 || s.cache.softs[0] != soft.At {
			t.Errorf("soft purges at %v, want %v", s.cache.softs, soft.At)
		}
		heard := map[string]string{}
		for i, u := range s.cache.prefetched {
			heard[u] = s.cache.headers[i].Get("Accept-Encoding") + " " + s.cache.headers[i].Get("User-Agent")
		}
		if len(heard) != 2 || heard[u1] != "gzip tv" || heard[u2] != " " {
			t.Errorf("prefetched with %q", heard)
		}
	})
}
