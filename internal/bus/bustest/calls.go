package bustest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
)

// keeper keeps strings that handlers saw.
type keeper struct {
	mu   sync.Mutex
	seen []string
}

func (k *keeper) add(s string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seen = append(k.seen, s)
}

func (k *keeper) list() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.seen)
}

// echo answers with what it was asked.
func echo(_ context.Context, pop string, call bus.Call, req []byte) ([]byte, error) {
	return []byte(pop + " " + string(call) + " " + string(req)), nil
}

func callsAreAnswered(t *testing.T, w *world) {
	t.Helper()
	w.serve(t, bus.ControlHandlers{Call: echo})
	ctx := w.context(t)
	for _, pop := range []string{"a", "b"} {
		for _, call := range []bus.Call{bus.CallPull, bus.CallTopology, bus.CallEvidence} {
			got, err := w.agent(pop).Do(ctx, call, []byte("please"))
			if want := pop + " " + string(call) + " please"; err != nil || string(got) != want {
				t.Errorf("the answer is %q (error: %v), not %q", got, err, want)
			}
		}
	}
}

func callsFail(t *testing.T, w *world) {
	t.Helper()
	w.serve(t, bus.ControlHandlers{Call: func(context.Context, string, bus.Call, []byte) ([]byte, error) {
		return []byte("half an answer"), errSecret
	}})
	got, err := w.agent("a").Do(w.context(t), bus.CallEvidence, nil)
	if err == nil || got != nil {
		t.Fatalf("a failed call is answered with %q", got)
	}
	if strings.Contains(err.Error(), "swordfish") {
		t.Errorf("the cause of the failure travels: %v", err)
	}
	if !freshet.Retryable(err) {
		t.Errorf("the caller cannot see that trying again may help: %v", err)
	}
}

func callsEnd(t *testing.T, w *world) {
	t.Helper()
	entered, release := make(chan struct{}), make(chan struct{})
	w.serve(t, bus.ControlHandlers{Call: func(context.Context, string, bus.Call, []byte) ([]byte, error) {
		close(entered)
		<-release
		return nil, nil
	}})
	ctx, cancel := context.WithCancel(w.context(t))
	result := make(chan error, 1)
	go func() {
		_, err := w.agent("a").Do(ctx, bus.CallPull, nil)
		result <- err
	}()
	closed(t, "the call", entered)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call ends with %v", err)
	}
	close(release)
	if _, err := w.agent("a").Do(ctx, bus.CallPull, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a call under a cancelled context ends with %v", err)
	}
}

func callsWithoutControl(t *testing.T, w *world) {
	t.Helper()
	if _, err := w.agent("a").Do(w.context(t), bus.CallPull, nil); !freshet.Retryable(err) {
		t.Errorf("a call that nobody answers ends with %v", err)
	}
}

// Calls of one kind of one POP reach the handler one after the other, in the
// order in which they were sent, even if the caller has given up by then.
func callsKeepOrder(t *testing.T, w *world) {
	t.Helper()
	entered, release := make(chan struct{}), make(chan struct{})
	var seen keeper
	w.serve(t, bus.ControlHandlers{Call: func(_ context.Context, _ string, _ bus.Call, req []byte) ([]byte, error) {
		if string(req) == "0" {
			close(entered)
			<-release
		}
		seen.add(string(req))
		return nil, nil
	}})
	a, ctx := w.agent("a"), w.context(t)
	first := make(chan error, 1)
	go func() {
		_, err := a.Do(ctx, bus.CallEvidence, []byte("0"))
		first <- err
	}()
	closed(t, "the first call", entered)
	const n = 10
	for i := 1; i < n; i++ {
		brief, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		if _, err := a.Do(brief, bus.CallEvidence, []byte(strconv.Itoa(i))); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("call %d behind a call in progress ends with %v", i, err)
		}
		cancel()
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	eventually(t, "the last call", func() bool { return len(seen.list()) == n })
	for i, got := range seen.list() {
		if got != strconv.Itoa(i) {
			t.Fatalf("the order is %v", seen.list())
		}
	}
}

// Handlers for different POPs, and different calls of one POP, run at the same
// time: each here returns only when all are running.
func popsAreIndependent(t *testing.T, w *world) {
	t.Helper()
	var all sync.WaitGroup
	all.Add(4)
	w.serve(t, bus.ControlHandlers{Call: func(context.Context, string, bus.Call, []byte) ([]byte, error) {
		all.Done()
		all.Wait()
		return nil, nil
	}})
	ctx := w.context(t)
	var wg sync.WaitGroup
	for _, pop := range []string{"a", "b"} {
		for _, call := range []bus.Call{bus.CallPull, bus.CallEvidence} {
			wg.Go(func() {
				if _, err := w.agent(pop).Do(ctx, call, nil); err != nil {
					t.Errorf("%s of %s: %v", call, pop, err)
				}
			})
		}
	}
	wg.Wait()
}

func largeMessages(t *testing.T, w *world) {
	t.Helper()
	most := bytes.Repeat([]byte("0123456789abcdef"), bus.MaxMessage/16)
	more := append(slices.Clone(most), 'x')
	var beats keeper
	w.serve(t, bus.ControlHandlers{
		Call: func(_ context.Context, _ string, call bus.Call, req []byte) ([]byte, error) {
			if call == bus.CallPull {
				return more, nil
			}
			return req, nil
		},
		Heartbeat: func(_ string, msg []byte) { beats.add(string(msg)) },
	})
	ctx, a, e := w.context(t), w.agent("a"), w.listen(t, w.agent("b"))
	if got, err := a.Do(ctx, bus.CallEvidence, most); err != nil || !bytes.Equal(got, most) {
		t.Errorf("the largest call is answered with %d bytes (error: %v)", len(got), err)
	}
	if err := w.Push(ctx, bus.ChannelPurge, most); err != nil {
		t.Error(err)
	}
	if err := a.Beat(ctx, most); err != nil {
		t.Error(err)
	}
	eventually(t, "the largest push", func() bool { return len(e.on(bus.ChannelPurge)) == 1 })
	eventually(t, "the largest heartbeat", func() bool { return len(beats.list()) == 1 })
	if e.on(bus.ChannelPurge)[0].msg != string(most) || beats.list()[0] != string(most) {
		t.Error("the largest message changed under way")
	}
	_, err := a.Do(ctx, bus.CallEvidence, more)
	for what, err := range map[string]error{
		"call": err, "push": w.Push(ctx, bus.ChannelPurge, more), "heartbeat": a.Beat(ctx, more),
	} {
		if freshet.ErrorCode(err) != freshet.CodeTooLarge {
			t.Errorf("a %s over the limit ends with %v", what, err)
		}
	}
	if _, err := a.Do(ctx, bus.CallPull, nil); !freshet.Retryable(err) {
		t.Errorf("a call whose answer is over the limit ends with %v", err)
	}
}
