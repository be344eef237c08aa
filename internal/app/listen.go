package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/freshet-vod/freshet"
)

// listen binds an address now, so that a taken port is an error of New and
// port 0 has a number before anything is told about it. setting is where a user
// chooses the address.
func listen(ctx context.Context, what, setting, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, freshet.Errorf(freshet.CodeConflict,
				"The address %s for %s is taken: end what listens there, or set another one with %s.", addr, what, setting)
		}
		return nil, fmt.Errorf("listening for %s, an address set with %s: %w", what, setting, err)
	}
	return l, nil
}

// streamsEnd is when requests still in hand are told to end, after the process
// was told to stop: streams of events never end by themselves, and everything
// else is done long before.
const streamsEnd = time.Second

// site is a listener with what it serves.
type site struct {
	listener net.Listener
	server   *http.Server
	cut      context.CancelFunc // ends the context of requests in hand
}

// newSite makes a site. Viewers may take as long as they like to read a film,
// so nothing bounds the writing; a header must come within ten seconds, and an
// idle connection ends after two minutes. The end of ctx is not that of requests
// in hand: stop gives them their time.
func newSite(ctx context.Context, l net.Listener, h http.Handler, maxHeader int, log *slog.Logger) *site {
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	return &site{listener: l, cut: cut, server: &http.Server{
		Handler: h, MaxHeaderBytes: maxHeader, BaseContext: func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
}

// run serves until ctx ends.
func (s *site) run(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve(s.listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		// Stop taking requests at once; stop gives those in hand their time.
		_ = s.listener.Close()
		if err := <-ended; err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}

// stop lets requests in hand finish until ctx ends, then cuts them off.
func (s *site) stop(ctx context.Context) error {
	defer s.cut()
	late := time.AfterFunc(streamsEnd, s.cut)
	defer late.Stop()
	err := s.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return s.server.Close()
	}
	return err
}
