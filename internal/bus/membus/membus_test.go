package membus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/bustest"
	"github.com/freshet-vod/freshet/internal/bus/membus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) (bus.Control, func(string) bus.Agent) {
	t.Helper()
	b := membus.New()
	return b.Control(), b.Agent
}

func TestBus(t *testing.T) {
	t.Parallel()
	bustest.Run(t, open)
}

func TestBusInBubbles(t *testing.T) {
	t.Parallel()
	bustest.RunIn(t, synctest.Test, open)
}

// A bubble that follows another must not meet anything of the first.
func TestBusInOneBubbleAfterTheOther(t *testing.T) {
	t.Parallel()
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			b := membus.New()
			b.SetFaults(func(membus.Message) membus.Fate { return membus.Fate{Delay: time.Hour} })
			stop, err := b.Agent("a").Listen(func(bus.Channel, string, []byte) { t.Error("a message outlived its listener") })
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Control().Push(t.Context(), bus.ChannelHead, nil); err != nil {
				t.Error(err)
			}
			stop()
			<-time.After(2 * time.Hour)
		})
	}
}

// hear listens as a POP and returns what came, each with the time since begin.
func hear(t *testing.T, b *membus.Bus, pop string) func() []string {
	t.Helper()
	begin := time.Now()
	var mu sync.Mutex
	var got []string
	a := b.Agent(pop)
	if err := a.Follow([]string{"shield"}); err != nil {
		t.Fatal(err)
	}
	stop, err := a.Listen(func(_ bus.Channel, from string, msg []byte) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, fmt.Sprintf("%s%s@%s", from, msg, time.Since(begin)))
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(got)
	}
}

func TestFaults_LoseDelayRepeatAndReorderPushes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := membus.New()
		b.SetFaults(func(m membus.Message) membus.Fate {
			if m.Direction != membus.ToAgent || m.Channel != bus.ChannelPurge || m.POP != "a" {
				return membus.Fate{}
			}
			switch string(m.Body) {
			case "lost":
				return membus.Fate{Drop: true}
			case "late":
				return membus.Fate{Delay: 2 * time.Second}
			case "twice":
				return membus.Fate{Copies: 1}
			case "again":
				return membus.Fate{Copies: 2, Apart: 800 * time.Millisecond}
			}
			return membus.Fate{}
		})
		a, other := hear(t, b, "a"), hear(t, b, "other")
		for _, msg := range []string{"lost", "late", "twice", "again", "plain"} {
			if err := b.Control().Push(t.Context(), bus.ChannelPurge, []byte(msg)); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(time.Minute)
		if got, want := a(), []string{"twice@0s", "twice@0s", "again@0s", "plain@0s", "again@800ms", "again@1.6s", "late@2s"}; !slices.Equal(got, want) {
			t.Errorf("the agent heard %v, not %v", got, want)
		}
		if got, want := other(), []string{"lost@0s", "late@0s", "twice@0s", "again@0s", "plain@0s"}; !slices.Equal(got, want) {
			t.Errorf("the other agent heard %v, not %v", got, want)
		}
		b.SetFaults(nil)
		if err := b.Control().Push(t.Context(), bus.ChannelPurge, []byte("lost")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := a(); len(got) != 8 {
			t.Errorf("without faults the agent heard %v", got)
		}
	})
}

func TestFaults_LoseHeartbeatsOneWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := membus.New()
		var atControl []string
		stop, err := b.Control().Serve(bus.ControlHandlers{Heartbeat: func(pop string, msg []byte) {
			atControl = append(atControl, pop+string(msg))
		}})
		if err != nil {
			t.Fatal(err)
		}
		child, sibling := hear(t, b, "child"), hear(t, b, "sibling")
		b.SetFaults(func(m membus.Message) membus.Fate {
			return membus.Fate{Drop: m.Direction == membus.ToPeer && m.POP == "child"}
		})
		if err := b.Agent("shield").Beat(t.Context(), []byte("1")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stop()
		if !slices.Equal(atControl, []string{"shield1"}) || !slices.Equal(sibling(), []string{"shield1@0s"}) || len(child()) > 0 {
			t.Errorf("control plane %v, sibling %v, child %v", atControl, sibling(), child())
		}
	})
}

func TestFaults_CallsFailGetLostAndAreRepeated(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fate    membus.Fate
		at      membus.Direction
		handled int
		failed  bool
		expired bool
		after   time.Duration
	}{
		"nothing":           {membus.Fate{}, membus.Request, 1, false, false, 0},
		"request fails":     {membus.Fate{Fail: true}, membus.Request, 0, true, false, 0},
		"request is lost":   {membus.Fate{Drop: true}, membus.Request, 0, false, true, time.Minute},
		"request is late":   {membus.Fate{Delay: time.Second}, membus.Request, 1, false, false, time.Second},
		"request is copied": {membus.Fate{Copies: 2}, membus.Request, 3, false, false, 0},
		"answer fails":      {membus.Fate{Fail: true}, membus.Answer, 1, true, false, 0},
		"answer is lost":    {membus.Fate{Drop: true}, membus.Answer, 1, false, true, time.Minute},
		"answer is late":    {membus.Fate{Delay: time.Second}, membus.Answer, 1, false, false, time.Second},
		"answer is copied":  {membus.Fate{Copies: 2}, membus.Answer, 1, false, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := membus.New()
				b.SetFaults(func(m membus.Message) membus.Fate {
					if m.Direction == tc.at && m.Call == bus.CallEvidence && m.POP == "a" {
						return tc.fate
					}
					return membus.Fate{}
				})
				handled := 0
				stop, err := b.Control().Serve(bus.ControlHandlers{
					Call: func(context.Context, string, bus.Call, []byte) ([]byte, error) {
						handled++
						return []byte("stored"), nil
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				begin := time.Now()
				got, err := b.Agent("a").Do(ctx, bus.CallEvidence, nil)
				took := time.Since(begin)
				synctest.Wait()
				stop()
				switch {
				case tc.failed:
					if !freshet.Retryable(err) {
						t.Errorf("the call ends with %v", err)
					}
				case tc.expired:
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("the call ends with %v", err)
					}
				case err != nil || string(got) != "stored":
					t.Errorf("the answer is %q (error: %v)", got, err)
				}
				if handled != tc.handled || took != tc.after {
					t.Errorf("it was handled %d times, not %d, and took %s, not %s", handled, tc.handled, took, tc.after)
				}
			})
		})
	}
}

// Several control nodes share the calls, and keep them in order per POP; each
// hears all heartbeats.
func TestSeveralControlNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := membus.New()
		var calls, beats [3]int
		nodeOf := map[string]int{}
		for i := range 3 {
			stop, err := b.Control().Serve(bus.ControlHandlers{
				Call: func(_ context.Context, pop string, _ bus.Call, _ []byte) ([]byte, error) {
					calls[i]++
					if before, ok := nodeOf[pop]; ok && before != i {
						t.Errorf("calls of %s go to nodes %d and %d", pop, before, i)
					}
					nodeOf[pop] = i
					return nil, nil
				},
				Heartbeat: func(string, []byte) { beats[i]++ },
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(stop)
		}
		for i := range 60 {
			a := b.Agent("pop-" + strconv.Itoa(i%30))
			if _, err := a.Do(t.Context(), bus.CallPull, nil); err != nil {
				t.Error(err)
			}
		}
		if err := b.Agent("a").Beat(t.Context(), nil); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if calls[0]+calls[1]+calls[2] != 60 || slices.Contains(calls[:], 0) {
			t.Errorf("60 calls were spread as %v", calls)
		}
		if beats != [3]int{1, 1, 1} {
			t.Errorf("a heartbeat arrived %v times", beats)
		}
	})
}
