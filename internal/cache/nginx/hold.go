package nginx

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
)

// holds removes expired files. When nginx refreshes such a file it marks the
// key, but in a way that nobody can wait for; and what the refresh brings is
// stored even if the file went meanwhile. So the file may go only while nobody
// refreshes it, and nobody may begin to in that moment. Whoever asks the
// inspect listener about an expired key becomes its refresher, if there is no
// other, until its upstream answers; and the upstream is this listener, which
// answers when the file is gone.
type holds struct {
	listener net.Listener

	mu      sync.Mutex
	tickets map[string]*held
}

// held is a file that waits for its key to be held.
type held struct {
	do   func() // called at most once
	done bool
}

func newHolds(ctx context.Context) (*holds, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, &freshet.Error{Code: freshet.CodeUnavailable, Message: "No port could be had on 127.0.0.1.", Err: err}
	}
	return &holds{listener: l, tickets: map[string]*held{}}, nil
}

func (h *holds) close() error {
	if err := h.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (h *holds) addr() string { return h.listener.Addr().String() }

// serve answers nginx until ctx ends.
func (h *holds) serve(ctx context.Context) {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	_ = srv.Serve(h.listener) // it ends when it is closed
}

// ServeHTTP implements http.Handler: nginx holds the key while this runs.
func (h *holds) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	if t := h.tickets[r.Header.Get("X-Freshet-Ticket")]; t != nil && !t.done {
		t.done = true
		t.do()
	}
	h.mu.Unlock()
	w.Header().Set("Connection", "close")
	w.WriteHeader(http.StatusNotFound)
}

// issue returns a ticket: do is called while nginx holds the key for it.
func (h *holds) issue(do func()) (ticket string) {
	ticket = rand.Text()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tickets[ticket] = &held{do: do}
	return ticket
}

// redeem ends a ticket and reports whether it was used.
func (h *holds) redeem(ticket string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.tickets[ticket]
	delete(h.tickets, ticket)
	return t.done
}
