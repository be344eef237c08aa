// Package bustest is the suite that every bus passes: what the engine and the
// agents rely on, and nothing that a network could not keep.
//
// It must not know any particular bus. The tests of bus/membus and bus/natsbus
// call it. If it is too weak, tests of the core on membus say nothing about
// the product, which runs on natsbus.
package bustest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/bus"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// Open makes a fresh bus: its control end, and a function that makes the end
// of a POP. What it opens it closes with t.Cleanup.
type Open func(t *testing.T) (bus.Control, func(pop string) bus.Agent)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	t.Helper()
	RunIn(t, func(t *testing.T, test func(*testing.T)) {
		t.Helper()
		test(t)
	}, open)
}

// RunIn runs the suite with every test inside a frame, such as synctest.Test.
func RunIn(t *testing.T, frame func(*testing.T, func(*testing.T)), open Open) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *world){
		"PushReachesAllListeners":            pushReachesAll,
		"PushKeepsOrderPerChannel":           pushKeepsOrder,
		"PushIsNotHeldUp":                    pushIsNotHeldUp,
		"SendersMayReuseTheirBuffers":        sendersMayReuse,
		"CallsAreAnswered":                   callsAreAnswered,
		"CallsFail":                          callsFail,
		"CallsEndWithTheirContext":           callsEnd,
		"CallsWithoutControlFail":            callsWithoutControl,
		"CallsKeepOrderPerPOPAndCall":        callsKeepOrder,
		"POPsDoNotWaitForEachOther":          popsAreIndependent,
		"HeartbeatsReachControlAndFollowers": heartbeats,
		"FollowingChanges":                   followingChanges,
		"StopWaitsForHandlers":               stopWaits,
		"EndsComeAndGo":                      endsComeAndGo,
		"LargeMessages":                      largeMessages,
		"ManyPOPs":                           manyPOPs,
		"ConcurrentStartAndStop":             concurrentStartStop,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			frame(t, func(t *testing.T) {
				t.Helper()
				control, agent := open(t)
				test(t, &world{Control: control, agent: agent})
			})
		})
	}
}

// world is a bus under test.
type world struct {
	bus.Control
	agent func(pop string) bus.Agent
}

// context returns a context that ends when patience does.
func (w *world) context(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// serve starts the control plane's handlers, until the test ends or stop is
// called.
func (w *world) serve(t *testing.T, h bus.ControlHandlers) (stop func()) {
	t.Helper()
	stop, err := w.Serve(h)
	if err != nil {
		t.Fatalf("serve: %v", err)
	}
	stop = sync.OnceFunc(stop)
	t.Cleanup(stop)
	return stop
}

// listen starts a listener that keeps what it gets.
func (w *world) listen(t *testing.T, a bus.Agent) *ear {
	t.Helper()
	e := &ear{}
	stop, err := a.Listen(e.hear)
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	e.stop = sync.OnceFunc(stop)
	t.Cleanup(e.stop)
	return e
}

// follow makes a POP follow others and waits until it hears each of them.
func (w *world) follow(t *testing.T, a bus.Agent, e *ear, others map[string]bus.Agent) {
	t.Helper()
	names := slices.Sorted(maps.Keys(others))
	if err := a.Follow(names); err != nil {
		t.Fatalf("follow: %v", err)
	}
	for _, name := range names {
		eventually(t, "a heartbeat of "+name, func() bool {
			if err := others[name].Beat(w.context(t), []byte(greeting)); err != nil {
				t.Fatal(err)
			}
			return slices.Contains(e.everything(), heard{bus.ChannelHeartbeat, name, greeting})
		})
	}
}

// greeting is a heartbeat by which a listener learns that it is connected.
const greeting = "greeting"

// heard is one message that a listener got.
type heard struct {
	ch  bus.Channel
	pop string
	msg string
}

// ear keeps what a listener gets.
type ear struct {
	stop func()
	mu   sync.Mutex
	all  []heard
}

func (e *ear) hear(ch bus.Channel, pop string, msg []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, heard{ch, pop, string(msg)})
}

func (e *ear) everything() []heard {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.all)
}

// on returns the messages of a channel, without greetings.
func (e *ear) on(ch bus.Channel) []heard {
	var list []heard
	for _, h := range e.everything() {
		if h.ch == ch && h.msg != greeting {
			list = append(list, h)
		}
	}
	return list
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(patience)
	defer end.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("%s did not happen within %s", what, patience)
		}
	}
}

// closed waits until a channel is closed.
func closed(t *testing.T, what string, ch <-chan struct{}) {
	t.Helper()
	end := time.NewTimer(patience)
	defer end.Stop()
	select {
	case <-ch:
	case <-end.C:
		t.Fatalf("%s did not happen within %s", what, patience)
	}
}

// numbered checks that messages are 0, 1, 2 and so on.
func numbered(list []heard) error {
	for i, h := range list {
		if h.msg != strconv.Itoa(i) {
			return fmt.Errorf("message %d is %q", i, h.msg)
		}
	}
	return nil
}

var errSecret = errors.New("the password is swordfish")

func channels() []bus.Channel {
	return []bus.Channel{bus.ChannelPurge, bus.ChannelPrefetch, bus.ChannelHead, bus.ChannelTopology, bus.ChannelTopology2, bus.ChannelTopology3}
}
