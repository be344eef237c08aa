package nginx

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
)

// What nginx says of a key ($upstream_cache_status).
const (
	saysMiss     = "MISS"     // nothing is stored, and no fill is in flight
	saysHit      = "HIT"      // a fresh copy is stored
	saysExpired  = "EXPIRED"  // an expired one is stored, and nobody refreshes it
	saysUpdating = "UPDATING" // an expired one is stored, and is being refreshed
)

// perConn is how many requests are sent on a connection before another one is
// opened for the same call.
const perConn = 64

// lineBuffer takes in the questions of a connection, or their replies, at once;
// a key has at most the 8 KB of a header that nginx takes, as it is supplied.
const lineBuffer = 16 << 10

// shortest is the length of the shortest reply about a key that counts as one.
const shortest = len("HTTP/1.1 \nX-Freshet-Status: HIT\n\n")

var errOdd = errors.New("the inspect listener gave an answer that is none of deploy/nginx/freshet.conf")

// question is one request to the inspect listener.
type question struct {
	key    string // what is asked about; "" asks for the key of a request
	hold   string // HOST:PORT that keeps nginx waiting if it takes the key's lock
	ticket string

	host, path string // of the request, without a key
	denied     bool   // without a key: whether nginx refuses the request, and not its key
	header     http.Header
}

func (q *question) write(w *bufio.Writer) {
	host, path := "freshet", "/"
	if q.key == "" {
		host, path = q.host, q.path
	}
	_, _ = w.WriteString("HEAD " + path + " HTTP/1.1\r\nHost: " + host + "\r\n")
	put := func(name, value string) { _, _ = w.WriteString(name + ": " + value + "\r\n") }
	if q.key != "" {
		put("X-Freshet-Key", q.key)
	}
	if q.denied {
		put("X-Freshet-Ask", "denied")
	}
	if q.hold != "" {
		put("X-Freshet-Hold", q.hold)
		put("X-Freshet-Ticket", q.ticket)
	}
	for name, values := range q.header {
		for _, v := range values {
			put(name, v)
		}
	}
	_, _ = w.WriteString("\r\n") // errors stay with the writer, and show at Flush
}

// sendable reports whether a text can stand in a request.
func sendable(s string) bool {
	return s == strings.TrimSpace(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// reply is what nginx answered.
type reply struct {
	status string // MISS, HIT and so on
	key    string // of the request
	denied string // the status with which it is refused, 0: it is not; empty: the configuration does not tell
	err    error
}

// asker asks the inspect listener over connections that stay open, with many
// requests in flight on each.
type asker struct {
	network, addr string
	turns         chan struct{}

	mu   sync.Mutex
	idle []*line
	shut bool
}

// line is a connection.
type line struct {
	net.Conn

	r     *bufio.Reader
	w     *bufio.Writer
	used  bool
	owed  int // bytes that must still come, at least
	wakes int // bytes that wake the reader
}

func newAsker(network, addr string, conns int) *asker {
	return &asker{network: network, addr: addr, turns: make(chan struct{}, conns)}
}

func (a *asker) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shut = true
	for _, l := range a.idle {
		_ = l.Close()
	}
	a.idle = nil
}

// ask asks all questions and returns one reply each.
func (a *asker) ask(ctx context.Context, all []question) []reply {
	out := make([]reply, len(all))
	parts := (len(all) + perConn - 1) / perConn
	each(parts, cap(a.turns), func(i int) {
		from, to := i*perConn, min((i+1)*perConn, len(all))
		a.part(ctx, all[from:to], out[from:to])
	})
	return out
}

// part asks some questions on one connection. A connection that stayed open
// may have been closed by nginx meanwhile: what it did not answer is asked on a
// new one, once.
func (a *asker) part(ctx context.Context, qs []question, out []reply) {
	select {
	case a.turns <- struct{}{}:
	case <-ctx.Done():
		fail(out, context.Cause(ctx))
		return
	}
	defer func() { <-a.turns }()
	for fresh := false; len(qs) > 0; fresh = true {
		l, err := a.take(ctx, fresh)
		if err != nil {
			fail(out, err)
			return
		}
		n, err := l.do(ctx, qs, out)
		if err == nil {
			a.give(l)
			return
		}
		_ = l.Close()
		qs, out = qs[n:], out[n:]
		if !l.used || ctx.Err() != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			fail(out, err)
			return
		}
	}
}

func fail(out []reply, err error) {
	for i := range out {
		out[i] = reply{err: err}
	}
}

// take returns a connection: an idle one, unless it must be fresh.
func (a *asker) take(ctx context.Context, fresh bool) (*line, error) {
	a.mu.Lock()
	if n := len(a.idle); n > 0 && !fresh {
		l := a.idle[n-1]
		a.idle = a.idle[:n-1]
		a.mu.Unlock()
		l.used = true
		return l, nil
	}
	a.mu.Unlock()
	dialer := net.Dialer{Timeout: 5 * time.Second}
	c, err := dialer.DialContext(ctx, a.network, a.addr)
	if err != nil {
		return nil, err
	}
	l := &line{Conn: c, w: bufio.NewWriterSize(c, lineBuffer), owed: 1, wakes: 1}
	l.r = bufio.NewReaderSize(l, lineBuffer)
	return l, nil
}

// Read implements io.Reader for r. It may wait for all that is owed, since
// nothing is done with a part of the replies.
func (l *line) Read(b []byte) (int, error) {
	if l.owed != l.wakes {
		wakeAfter(l.Conn, l.owed)
		l.wakes = l.owed
	}
	return l.Conn.Read(b)
}

func (a *asker) give(l *line) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.shut {
		_ = l.Close()
		return
	}
	if l.r.Buffered() > 0 {
		_ = l.Close() // nobody asked for that
		return
	}
	a.idle = append(a.idle, l)
}

// do sends all questions and reads their replies; n is how many it has. While
// nginx waits for a fill it reads nothing, so that both happen at once.
//
// Only on a connection that served before is it left to the kernel to collect
// replies: there the other side is known to be the inspect listener, and nginx
// sends each reply at once, where on a new one it may hold the next back until
// the last one was read.
func (l *line) do(ctx context.Context, qs []question, out []reply) (n int, err error) {
	if err := l.SetDeadline(time.Time{}); err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = l.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	sent := make(chan error, 1)
	go func() {
		for i := range qs {
			qs[i].write(l.w)
		}
		sent <- l.w.Flush()
	}()
	patient := l.used && !slices.ContainsFunc(qs, func(q question) bool { return q.key == "" })
	for n = range qs {
		if l.owed = 1; patient {
			l.owed += shortest * (len(qs) - n - 1) // a part of this one may have been read
		}
		out[n], err = l.read(qs[n].key != "")
		if err != nil {
			_ = l.Close() // so that the one who sends ends too
			<-sent        //nolint:errcheck // the first error is the cause
			return n, err
		}
	}
	return len(qs), <-sent
}

// read reads one reply. The answer to HEAD has no body.
func (l *line) read(keyed bool) (r reply, err error) {
	text, err := l.next()
	if err != nil {
		return r, err
	}
	if !bytes.HasPrefix(text, []byte("HTTP/1.1 ")) {
		return r, fmt.Errorf("%w: %.40q", errOdd, text)
	}
	var begins [20]byte // of the first line, for what is wrong
	first := begins[:copy(begins[:], text)]
	for {
		if text, err = l.next(); err != nil {
			return r, errors.Join(err, io.ErrUnexpectedEOF)
		}
		if len(text) == 0 {
			break
		}
		name, value, _ := bytes.Cut(text, []byte(": "))
		switch string(name) {
		case "X-Freshet-Status":
			r.status = statusOf(value)
		case "X-Freshet-Key":
			r.key = string(value)
		case "X-Freshet-Denied":
			r.denied = string(value)
		case "Connection":
			if bytes.EqualFold(value, []byte("close")) {
				return r, fmt.Errorf("%w: it closes the connection after %q", errOdd, first)
			}
		}
	}
	switch r.status {
	case saysMiss, saysHit, saysExpired, saysUpdating:
	default:
		if keyed {
			r.err = fmt.Errorf("%w: %q, status %q", errOdd, first, r.status)
		}
	}
	return r, nil
}

// next returns a line without its end; it holds until the next one is read.
func (l *line) next() ([]byte, error) {
	text, err := l.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("%w: a line of more than %d bytes", errOdd, lineBuffer)
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(text, "\r\n"), nil
}

// statusOf makes a text of a status; of the known ones without a copy.
func statusOf(b []byte) string {
	for _, s := range [...]string{saysMiss, saysHit, saysExpired, saysUpdating} {
		if string(b) == s {
			return s
		}
	}
	return string(b)
}

// reasonOf puts an error of a question into the closed list.
func reasonOf(err error) freshet.Reason {
	var timeout net.Error
	switch {
	case errors.Is(err, errOdd):
		return freshet.ReasonRefused
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return freshet.ReasonTimeout
	}
	return freshet.ReasonUnreachable
}
