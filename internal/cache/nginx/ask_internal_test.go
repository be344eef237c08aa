package nginx

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// listener answers each question on a connection as told, by its number there.
// An answer that ends with \x00 is the last.
func listener(t *testing.T, answer func(conn, n int, req *http.Request) string) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for conn := 0; ; conn++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for n := 0; ; n++ {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					a := answer(conn, n, req)
					// Byte by byte at the end, so that replies come in parts.
					head, tail := a[:max(len(a)-3, 0)], a[max(len(a)-3, 0):]
					_, _ = c.Write([]byte(head))
					for i := range len(tail) {
						if tail[i] == 0 {
							return
						}
						_, _ = c.Write([]byte{tail[i]})
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func questions(n int) []question {
	qs := make([]question, n)
	for i := range qs {
		qs[i].key = fmt.Sprintf("h/%d|", i)
	}
	return qs
}

const shortestReply = "HTTP/1.1 \nX-Freshet-Status: HIT\n\n"

// Replies are waited for in bulk on a connection that served before; however
// short they are, and in whatever parts they come, none is waited for that
// does not come.
func TestAsk_TakesTheShortestReplies(t *testing.T) {
	t.Parallel()
	a := newAsker("tcp", listener(t, func(_, _ int, req *http.Request) string {
		if req.Header.Get("X-Freshet-Key") == "" {
			return "HTTP/1.1 204\r\n\r\n"
		}
		return shortestReply
	}), 2)
	defer a.close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, n := range []int{1, perConn, 1, 3, 2*perConn + 7, 1} {
		for i, r := range a.ask(ctx, questions(n)) {
			if r.err != nil || r.status != saysHit {
				t.Fatalf("%d of %d: %+v", i, n, r)
			}
		}
		if r := a.ask(ctx, []question{{host: "h", path: "/"}})[0]; r.err != nil {
			t.Fatalf("without a key: %v", r.err)
		}
	}
}

// A connection that ends in the midst of its replies is found out at once, and
// what it owed is asked for on a new one.
func TestAsk_SeesTheEndOfAConnection(t *testing.T) {
	t.Parallel()
	a := newAsker("tcp", listener(t, func(conn, n int, _ *http.Request) string {
		if conn == 0 && n == 10 {
			return "HTTP/1.1 2\x00"
		}
		return shortestReply
	}), 1)
	defer a.close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for range 3 {
		for i, r := range a.ask(ctx, questions(5)) {
			if r.err != nil || r.status != saysHit {
				t.Fatalf("%d: %+v", i, r)
			}
		}
	}
}

func TestAsk_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	block := make(chan struct{})
	defer close(block)
	a := newAsker("tcp", listener(t, func(_, n int, _ *http.Request) string {
		if n == 3 {
			<-block
		}
		return shortestReply
	}), 1)
	defer a.close()
	if r := a.ask(t.Context(), questions(1))[0]; r.err != nil {
		t.Fatal(r.err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	out := a.ask(ctx, questions(10))
	if last := out[9].err; !errors.Is(last, context.DeadlineExceeded) {
		t.Errorf("the last reply: %v", last)
	}
}

func FuzzReply(f *testing.F) {
	f.Add([]byte("HTTP/1.1 502 Bad Gateway\r\nServer: nginx\r\nConnection: keep-alive\r\nX-Freshet-Status: MISS\r\n\r\n"), true)
	f.Add([]byte(shortestReply), true)
	f.Add([]byte("HTTP/1.1 204 No Content\r\nX-Freshet-Key: h/a|\r\n\r\n"), false)
	f.Add([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\nX-Freshet-Status: MISS\r\n\r\n"), true)
	f.Add([]byte(strings.Repeat("x", lineBuffer+1)), true)
	f.Fuzz(func(t *testing.T, b []byte, keyed bool) {
		l := &line{r: bufio.NewReaderSize(bytes.NewReader(b), lineBuffer)}
		r, err := l.read(keyed)
		if err != nil || r.err != nil || !keyed {
			return
		}
		switch r.status {
		case saysMiss, saysHit, saysExpired, saysUpdating:
		default:
			t.Errorf("status %q counts", r.status)
		}
		// What is waited for in bulk must come.
		if n := len(b) - l.r.Buffered(); n < shortest && len(b) <= lineBuffer {
			t.Errorf("a reply of %d bytes counts: %q", n, b)
		}
	})
}
