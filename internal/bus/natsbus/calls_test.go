package natsbus_test

import (
	"context"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/natsbus"
	"github.com/freshet-vod/freshet/internal/faulty"
)

// TestDo_ALostConnectionEndsTheCallAtOnce: an answer cannot find the way to
// another connection, so nobody waits for it.
func TestDo_ALostConnectionEndsTheCallAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, "127.0.0.1:0")
	came := make(chan struct{}, 2)
	release := make(chan struct{})
	stop, err := newControl(t, s).Serve(bus.ControlHandlers{
		Call: func(ctx context.Context, _ string, _ bus.Call, req []byte) ([]byte, error) {
			if string(req) == "quick" {
				return req, nil
			}
			came <- struct{}{}
			select {
			case <-release:
			case <-ctx.Done():
			}
			return req, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	proxy, err := faulty.New(t.Context(), faulty.Options{Target: s.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	a := connect(t, natsbus.ConnectOptions{URL: "nats://" + proxy.Addr(), Token: token, POP: "edge"})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	lost := make(chan error, 2)
	for _, call := range []bus.Call{bus.CallPull, bus.CallEvidence} {
		go func() {
			_, err := a.Do(ctx, call, []byte("slow"))
			lost <- err
		}()
		<-came
	}
	proxy.Reset()
	for range 2 {
		if err := <-lost; freshet.ErrorCode(err) != freshet.CodeUnavailable || ctx.Err() != nil {
			t.Errorf("the call ended with: %v", err)
		}
	}
	close(release)
	eventually(t, "a call over the next connection", func() bool {
		b, err := a.Do(ctx, bus.CallPull, []byte("quick"))
		return err == nil && string(b) == "quick"
	})
}
