package bustest

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/freshet-vod/freshet/internal/bus"
)

func pushReachesAll(t *testing.T, w *world) {
	t.Helper()
	ears := []*ear{w.listen(t, w.agent("a")), w.listen(t, w.agent("b")), w.listen(t, w.agent("c-3_x"))}
	ctx := w.context(t)
	for _, ch := range channels() {
		if err := w.Push(ctx, ch, []byte("on "+string(ch))); err != nil {
			t.Fatal(err)
		}
	}
	for i, e := range ears {
		for _, ch := range channels() {
			eventually(t, fmt.Sprintf("push on %s to agent %d", ch, i), func() bool { return len(e.on(ch)) > 0 })
			if got, want := e.on(ch), (heard{ch: ch, msg: "on " + string(ch)}); len(got) != 1 || got[0] != want {
				t.Errorf("agent %d got %v, not %v", i, got, want)
			}
		}
	}
}

func pushKeepsOrder(t *testing.T, w *world) {
	t.Helper()
	ears := []*ear{w.listen(t, w.agent("a")), w.listen(t, w.agent("b"))}
	ctx := w.context(t)
	const n = 300
	for i := range n {
		for _, ch := range []bus.Channel{bus.ChannelPurge, bus.ChannelPrefetch} {
			if err := w.Push(ctx, ch, []byte(strconv.Itoa(i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, e := range ears {
		for _, ch := range []bus.Channel{bus.ChannelPurge, bus.ChannelPrefetch} {
			eventually(t, "the last push", func() bool { return len(e.on(ch)) == n })
			if err := numbered(e.on(ch)); err != nil {
				t.Errorf("%s is out of order: %v", ch, err)
			}
		}
	}
}

// A listener that hangs holds up neither the sender, nor other agents, nor its
// own other channels; what it cannot take is lost.
func pushIsNotHeldUp(t *testing.T, w *world) {
	t.Helper()
	release, other := make(chan struct{}), make(chan struct{}, 1)
	stop, err := w.agent("slow").Listen(func(ch bus.Channel, _ string, _ []byte) {
		if ch == bus.ChannelPurge {
			<-release
			return
		}
		select {
		case other <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	quick := w.listen(t, w.agent("quick"))
	ctx := w.context(t)
	for i := range 3000 {
		if err := w.Push(ctx, bus.ChannelPurge, []byte(strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Push(ctx, bus.ChannelHead, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a push past a slow agent", func() bool { return len(quick.on(bus.ChannelPurge)) > 0 })
	eventually(t, "a push past a slow channel", func() bool { return len(other) > 0 })
	close(release)
	stop()
}

func sendersMayReuse(t *testing.T, w *world) {
	t.Helper()
	var beats keeper
	w.serve(t, bus.ControlHandlers{Heartbeat: func(_ string, msg []byte) {
		if string(msg) != greeting {
			beats.add(string(msg))
		}
	}})
	a, b := w.agent("a"), w.agent("b")
	e := w.listen(t, a)
	w.follow(t, a, e, map[string]bus.Agent{"b": b})
	ctx, buf := w.context(t), []byte("first")
	if err := w.Push(ctx, bus.ChannelHead, buf); err != nil {
		t.Fatal(err)
	}
	if err := b.Beat(ctx, buf); err != nil {
		t.Fatal(err)
	}
	copy(buf, "XXXXX")
	eventually(t, "a push", func() bool { return len(e.on(bus.ChannelHead)) == 1 })
	eventually(t, "a heartbeat to a POP", func() bool { return len(e.on(bus.ChannelHeartbeat)) == 1 })
	eventually(t, "a heartbeat to the control plane", func() bool { return len(beats.list()) == 1 })
	for _, got := range []string{e.on(bus.ChannelHead)[0].msg, e.on(bus.ChannelHeartbeat)[0].msg, beats.list()[0]} {
		if got != "first" {
			t.Errorf("a message changed under way to %q", got)
		}
	}
}

// A heartbeat reaches the control plane and the POPs that follow its sender,
// in order; nobody else, and not the sender.
func heartbeats(t *testing.T, w *world) {
	t.Helper()
	var beats keeper
	w.serve(t, bus.ControlHandlers{Heartbeat: func(pop string, msg []byte) {
		if string(msg) != greeting {
			beats.add(pop + " " + string(msg))
		}
	}})
	a, b, c := w.agent("a"), w.agent("b"), w.agent("c")
	earA, earB, earC := w.listen(t, a), w.listen(t, b), w.listen(t, c)
	w.follow(t, b, earB, map[string]bus.Agent{"a": a})
	w.follow(t, c, earC, map[string]bus.Agent{"b": b})
	if err := a.Follow([]string{"a"}); err != nil {
		t.Fatal(err)
	}
	ctx := w.context(t)
	const n = 100
	for i := range n {
		if err := a.Beat(ctx, []byte(strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "heartbeats at the control plane", func() bool { return len(beats.list()) == n })
	for i, got := range beats.list() {
		if want := "a " + strconv.Itoa(i); got != want {
			t.Fatalf("heartbeat %d at the control plane is %q", i, got)
		}
	}
	eventually(t, "heartbeats at another POP", func() bool { return len(earB.on(bus.ChannelHeartbeat)) == n })
	list := earB.on(bus.ChannelHeartbeat)
	if err := numbered(list); err != nil {
		t.Error(err)
	}
	for _, h := range list {
		if h.pop != "a" {
			t.Fatalf("the sender of a heartbeat is %q", h.pop)
		}
	}
	if got := earA.on(bus.ChannelHeartbeat); len(got) > 0 {
		t.Errorf("a POP hears its own heartbeats: %v", got)
	}
	if got := earC.on(bus.ChannelHeartbeat); len(got) > 0 {
		t.Errorf("a POP hears heartbeats of one that it does not follow: %v", got)
	}
}

// Who is followed can change while listening, and before it; who stays is
// heard without a gap.
func followingChanges(t *testing.T, w *world) {
	t.Helper()
	me, stays, goes, comes := w.agent("me"), w.agent("stays"), w.agent("goes"), w.agent("comes")
	if err := me.Follow([]string{"stays", "goes"}); err != nil {
		t.Fatal(err)
	}
	e := w.listen(t, me)
	w.follow(t, me, e, map[string]bus.Agent{"stays": stays, "goes": goes})
	ctx := w.context(t)
	const n = 50
	for i := range n {
		if i == n/2 {
			w.follow(t, me, e, map[string]bus.Agent{"stays": stays, "comes": comes})
		}
		if err := stays.Beat(ctx, []byte(strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := goes.Beat(ctx, []byte("unheard")); err != nil {
		t.Fatal(err)
	}
	if err := comes.Beat(ctx, []byte("heard")); err != nil {
		t.Fatal(err)
	}
	from := func(pop string) []heard {
		return slices.DeleteFunc(e.on(bus.ChannelHeartbeat), func(h heard) bool { return h.pop != pop })
	}
	eventually(t, "the heartbeats of who stayed and who came", func() bool {
		return len(from("stays")) == n && len(from("comes")) == 1
	})
	if err := numbered(from("stays")); err != nil {
		t.Error(err)
	}
	if got := from("goes"); len(got) > 0 {
		t.Errorf("a POP hears one that it follows no more: %v", got)
	}
	// A new listener follows the same POPs.
	e.stop()
	again := w.listen(t, me)
	eventually(t, "a heartbeat at the new listener", func() bool {
		if err := comes.Beat(ctx, []byte("again")); err != nil {
			t.Fatal(err)
		}
		return len(again.on(bus.ChannelHeartbeat)) > 0
	})
}
