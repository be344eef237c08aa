package app_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/rpc"
)

// rawConn is a connection on which requests are written by hand.
type rawConn struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func dialRaw(t *testing.T, addr string) *rawConn {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // a test may have closed it
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &rawConn{t, c, bufio.NewReader(c)}
}

// ask sends a request.
func (w *rawConn) ask(path, header string) {
	w.t.Helper()
	if _, err := fmt.Fprintf(w, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, header); err != nil {
		w.t.Fatal(err)
	}
}

// status reads an answer.
func (w *rawConn) status() (int, error) {
	resp, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// TestP10_MoreConnectionsWait opens one connection more than are served.
func TestP10_MoreConnectionsWait(t *testing.T) {
	t.Parallel()
	s := newStored(t, t.TempDir(), func(c *config.Config) { c.Limits.Connections = 16 })
	s.client.Close() // its connection counts, too
	const healthz = "/healthz"
	var open []*rawConn
	for range 16 {
		w := dialRaw(t, s.server.Addr())
		w.ask(healthz, "")
		if status, err := w.status(); err != nil || status != http.StatusOK {
			t.Fatal(status, err)
		}
		open = append(open, w)
	}
	late := dialRaw(t, s.server.Addr())
	late.ask(healthz, "")
	answered := make(chan error, 1)
	go func() {
		_, err := late.status()
		answered <- err
	}()
	for range 50 { // the others go on being served
		open[0].ask(healthz, "")
		if status, err := open[0].status(); err != nil || status != http.StatusOK {
			t.Fatal(status, err)
		}
	}
	select {
	case err := <-answered:
		t.Fatalf("one more than the limit was answered: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := open[1].Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Errorf("it waited, and then: %v", err)
	}
}

// TestP10_AHeadThatIsTooLargeIsRefused sends heads of a few KiB more than may
// be, at both kinds of doors.
func TestP10_AHeadThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	s := newStored(t, t.TempDir(), func(*config.Config) {})
	for addr, limit := range map[string]int{s.server.Addr(): rpc.MaxHeaderBytes, s.server.POPAddr("local"): 64 << 10} {
		w := dialRaw(t, addr)
		// As much as net/http reads before it gives up, and no more: what is left
		// unread when it closes would cost us its answer.
		head := "GET / HTTP/1.1\r\nHost: vod.example.com\r\nX-Long: "
		if _, err := io.WriteString(w, head+strings.Repeat("x", limit+4096-len(head))); err != nil {
			t.Fatal(err)
		}
		if status, err := w.status(); err != nil || status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a head over %d bytes is answered %d, %v", limit, status, err)
		}
	}
}

// TestP10_AHeadThatDripsIsCutOff waits for the ten seconds in which a head must
// come.
func TestP10_AHeadThatDripsIsCutOff(t *testing.T) {
	t.Parallel()
	s := newStored(t, t.TempDir(), func(*config.Config) {})
	w := dialRaw(t, s.server.Addr())
	if _, err := fmt.Fprint(w, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
		t.Fatal(err)
	}
	_, err := w.status()
	if timeout, slow := errors.AsType[net.Error](err); err == nil || slow && timeout.Timeout() {
		t.Errorf("after a minute: %v", err)
	}
}

// TestP10_ThePlanOfAMediaKeepsToTheConfiguredLimits imports a media of more
// streams than its plan may have URLs.
func TestP10_ThePlanOfAMediaKeepsToTheConfiguredLimits(t *testing.T) {
	t.Parallel()
	s := newStored(t, t.TempDir(), func(c *config.Config) { c.Limits.PlanURLs = 2 })
	var streams []string
	for i, d := range []string{"FD", "LD", "SD"} {
		streams = append(streams, fmt.Sprintf(`{"JobId":"j%d","Format":"mp4","Definition":"%s","StreamType":"video","PlayURL":"http://vod.example.com/%d.mp4","CreationTime":"2026-01-02T03:04:05Z"}`, i, d, i))
	}
	s.imports(`{"MediaId":"wide","MediaType":"video","Status":"Normal","Streams":[` + strings.Join(streams, ",") + "]}\n")
	run, err := s.client.Plan(t.Context(), client.JobRequest{Type: "purge", Media: []string{"wide"}})
	if err != nil || len(run.Rows) != 1 || run.Rows[0].Fault == "" || len(run.Rows[0].URLs) != 0 || !strings.Contains(run.Rows[0].Message, "2") {
		t.Errorf("%+v, %v", run, err)
	}
}
