package bustest

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/bus"
)

// When stop returns no handler runs, and none starts.
func stopWaits(t *testing.T, w *world) {
	t.Helper()
	var serving, listening atomic.Int32
	began, release := make(chan struct{}, 100), make(chan struct{})
	work := func(inside *atomic.Int32) {
		inside.Add(1)
		began <- struct{}{}
		<-release
		inside.Add(-1)
	}
	stopServe := w.serve(t, bus.ControlHandlers{
		Call: func(context.Context, string, bus.Call, []byte) ([]byte, error) {
			work(&serving)
			return nil, nil
		},
		Heartbeat: func(string, []byte) { work(&serving) },
	})
	a := w.agent("a")
	if err := a.Follow([]string{"b"}); err != nil {
		t.Fatal(err)
	}
	stopListen, err := a.Listen(func(bus.Channel, string, []byte) { work(&listening) })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.context(t))
	var calls sync.WaitGroup
	calls.Go(func() { _, _ = w.agent("b").Do(ctx, bus.CallPull, nil) })
	if err := w.Push(ctx, bus.ChannelHead, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.agent("b").Beat(ctx, nil); err != nil {
		t.Fatal(err)
	}
	// A call, a push, and the heartbeat at the control plane and the POP.
	eventually(t, "the start of four handlers", func() bool { return len(began) == 4 })
	var stops sync.WaitGroup
	for _, end := range []struct {
		stop   func()
		inside *atomic.Int32
	}{{stopServe, &serving}, {stopListen, &listening}} {
		stops.Go(func() {
			end.stop()
			if n := end.inside.Load(); n != 0 {
				t.Errorf("%d handlers run when stop returns", n)
			}
		})
	}
	// Long enough for a stop that does not wait to be caught.
	<-time.After(50 * time.Millisecond)
	close(release)
	stops.Wait()
	cancel()
	calls.Wait()
}

// Agents and control planes end and begin again, under the same names.
func endsComeAndGo(t *testing.T, w *world) {
	t.Helper()
	ctx := w.context(t)
	for round := range 3 {
		text := strconv.Itoa(round)
		stop := w.serve(t, bus.ControlHandlers{Call: echo})
		a := w.agent("a")
		if got, err := a.Do(ctx, bus.CallPull, []byte(text)); err != nil || string(got) != "a pull "+text {
			t.Fatalf("round %d: the answer is %q (error: %v)", round, got, err)
		}
		e := w.listen(t, a)
		if err := w.Push(ctx, bus.ChannelHead, []byte(text)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a push", func() bool { return len(e.on(bus.ChannelHead)) > 0 })
		if got := e.on(bus.ChannelHead); len(got) != 1 || got[0].msg != text {
			t.Fatalf("round %d: the agent heard %v", round, got)
		}
		e.stop()
		stop()
		if err := w.Push(ctx, bus.ChannelHead, []byte("to nobody")); err != nil {
			t.Errorf("a push that nobody hears is an error: %v", err)
		}
		if _, err := a.Do(ctx, bus.CallPull, nil); err == nil {
			t.Error("a call is answered after the control plane stopped")
		}
	}
}

// Many POPs at once: each gets its own answers, and the beats of whom it
// follows.
func manyPOPs(t *testing.T, w *world) {
	t.Helper()
	const pops, calls = 40, 20
	var beats atomic.Int64
	w.serve(t, bus.ControlHandlers{Call: echo, Heartbeat: func(_ string, msg []byte) {
		if string(msg) != greeting {
			beats.Add(1)
		}
	}})
	agents, ears := make([]bus.Agent, pops), make([]*ear, pops)
	for i := range agents {
		agents[i] = w.agent("pop-" + strconv.Itoa(i))
		ears[i] = w.listen(t, agents[i])
	}
	const followed = 5
	for i := range agents {
		others := map[string]bus.Agent{}
		for k := range followed {
			n := (i + k + 1) % pops
			others["pop-"+strconv.Itoa(n)] = agents[n]
		}
		w.follow(t, agents[i], ears[i], others)
	}
	ctx := w.context(t)
	var wg sync.WaitGroup
	for i, a := range agents {
		wg.Go(func() {
			for n := range calls {
				want := fmt.Sprintf("pop-%d evidence %d", i, n)
				got, err := a.Do(ctx, bus.CallEvidence, []byte(strconv.Itoa(n)))
				if err != nil || string(got) != want {
					t.Errorf("the answer is %q (error: %v), not %q", got, err, want)
					return
				}
			}
			if err := a.Beat(ctx, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	eventually(t, "heartbeats of all", func() bool { return beats.Load() == pops })
	for i, e := range ears {
		eventually(t, fmt.Sprintf("heartbeats of the followed at POP %d", i),
			func() bool { return len(e.on(bus.ChannelHeartbeat)) == followed })
	}
}

// Everything starts, works and stops at once; nothing hangs or outlives stop.
func concurrentStartStop(t *testing.T, w *world) {
	t.Helper()
	ctx, cancel := context.WithCancel(w.context(t))
	var talkers, others sync.WaitGroup
	talker := w.agent("talker")
	others.Go(func() {
		tick := time.NewTicker(100 * time.Microsecond) // steady, without crowding out all else
		defer tick.Stop()
		for ctx.Err() == nil {
			_ = w.Push(ctx, bus.ChannelHead, []byte("head"))
			_ = talker.Beat(ctx, nil)
			<-tick.C
		}
	})
	for i := range 4 {
		a := w.agent("pop-" + strconv.Itoa(i))
		if err := a.Follow([]string{"talker"}); err != nil {
			t.Fatal(err)
		}
		talkers.Go(func() {
			var after atomic.Int32
			for range 15 {
				after.Store(0)
				stopServe, err := w.Serve(bus.ControlHandlers{Call: echo, Heartbeat: func(string, []byte) {}})
				if err != nil {
					t.Error(err)
					return
				}
				stopListen, err := a.Listen(func(bus.Channel, string, []byte) {
					if after.Load() != 0 {
						t.Error("a handler runs after stop")
					}
				})
				if err != nil {
					t.Error(err)
					stopServe()
					return
				}
				stopListen()
				after.Store(1)
				stopServe()
			}
		})
	}
	talkers.Wait()
	cancel()
	others.Wait()
}
