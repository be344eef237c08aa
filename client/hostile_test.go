package client_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/cost"
)

// longLine is a line of an import that never seems to end.
type longLine struct{ left int }

func (l *longLine) Read(p []byte) (int, error) {
	n := min(len(p), l.left)
	if n == 0 {
		return 0, io.EOF
	}
	for i := range p[:n] {
		p[i] = 'x'
	}
	l.left -= n
	return n, nil
}

// TestP10_AnImportHoldsNoLineOf100MB: the command line reads it to its end, tells
// its number, and goes on.
func TestP10_AnImportHoldsNoLineOf100MB(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	_, c := dial(t)
	in := io.MultiReader(strings.NewReader("{\"MediaId\":\"a\",\"Streams\":[]}\n"), &longLine{left: 100 << 20}, strings.NewReader("\n{\"MediaId\":\"b\",\"Streams\":[]}\n"))
	var faults []client.ImportFault
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	sum, err := c.Import(t.Context(), in, func(f client.ImportFault) { faults = append(faults, f) })
	runtime.ReadMemStats(&after)
	if err != nil || sum != (client.ImportSummary{Imported: 2, Refused: 1}) || len(faults) != 1 || faults[0].Line != 2 || !strings.Contains(faults[0].Error, "1048576") {
		t.Errorf("got %+v, %v, %v", sum, faults, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > cost.RefusalBytes {
		t.Errorf("it allocated %d KiB, the limit is %d", used>>10, cost.RefusalBytes>>10)
	}
}

// TestP9_AServerCannotSendTheClientElsewhere: a redirect would take the call, and
// what it is signed with, to whoever the server names.
func TestP9_AServerCannotSendTheClientElsewhere(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", elsewhere.URL+"/v1/jobs")
			w.WriteHeader(status)
		}))
		t.Cleanup(srv.Close)
		c := open(t, srv.URL)
		if _, err := c.Submit(t.Context(), client.JobRequest{Type: freshet.Purge, Media: []string{"m-1"}}); err == nil {
			t.Errorf("%d is taken for an answer", status)
		}
		if _, err := c.Accounts(t.Context()); err == nil {
			t.Errorf("%d is taken for an answer", status)
		}
	}
	if asked.Load() > 0 {
		t.Errorf("the other server was asked %d times", asked.Load())
	}
}

// TestHostileAnswersAreErrors: none is taken for success.
func TestHostileAnswersAreErrors(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing": "", "HTML": "<html>", "half": `{"job_id":"a`, "nested": strings.Repeat("[", 1<<20), "another type": `[]`, "a number": `{"id":7}`, "another object": `{"ok":true}`, "two": `{}{}`,
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
		t.Cleanup(srv.Close)
		_, err := open(t, srv.URL).Submit(t.Context(), client.JobRequest{Type: freshet.Purge, Media: []string{"m-1"}})
		if e, ok := errors.AsType[*freshet.Error](err); !ok || len(e.Message) > 1000 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
