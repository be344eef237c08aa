package sqlite

import (
	"fmt"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// TestP10_ForgettingHoldsNobodyUp: while a log of tens of thousands of URLs is
// forgotten, others write in between, and a large entry goes with all its URLs.
func TestP10_ForgettingHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	old, urls := time.Unix(1e9, 0).UTC(), 0
	var states []store.State
	for i := range 31 {
		e := &freshet.Entry{Kind: freshet.EntryPurge, Account: "a", Job: fmt.Sprint(i), Domain: "h", Selector: freshet.Selector{Kind: freshet.SelectExact}}
		n := 1000
		if i == 7 {
			n = 2*forgetURLs + 1
		}
		for k := range n {
			e.Selector.URLs = append(e.Selector.URLs, fmt.Sprintf("http://h/%d/%d", i, k))
		}
		if err := s.Append(t.Context(), old, e); err != nil {
			t.Fatal(err)
		}
		urls += n
		states = append(states, store.State{At: e.At, Closed: true})
	}
	if err := s.SaveStates(t.Context(), states, store.EvidenceCursor{}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	began := time.Now()
	go func() {
		n, held, err := s.ForgetLog(t.Context(), old.Add(time.Hour), store.ForgottenAll(), 100)
		if err == nil && (n != len(states) || held != nil) {
			err = fmt.Errorf("%d entries were forgotten, %v held", n, held)
		}
		ended <- err
	}()
	written, longest := 0, time.Duration(0)
	for open := true; open; {
		select {
		case err := <-ended:
			if open = false; err != nil {
				t.Fatal(err)
			}
		default:
			one := time.Now()
			if err := s.PutNonce(t.Context(), old, store.Nonce{Fingerprint: uint64(written), Expires: old.Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
			written, longest = written+1, max(longest, time.Since(one))
		}
	}
	t.Logf("%d URLs in %v, %d writes meanwhile, of which the longest took %v", urls, time.Since(began), written, longest)
	if least := urls / forgetURLs / 4; written < least {
		t.Errorf("only %d writes got in between, of at least %d", written, least)
	}
	var left int
	if _, err := s.read.get(t.Context(), []any{&left}, `SELECT count(*) FROM url_index`); err != nil || left != 0 {
		t.Errorf("%d URLs are left in the index: %v", left, err)
	}
}
