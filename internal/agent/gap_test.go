package agent_test

import (
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/membus"
	"github.com/freshet-vod/freshet/internal/wire"
)

// recording returns what a control plane of the first release sent.
func recording(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "v1", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	msg, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil || len(msg) < 3 || msg[1] != 1 {
		t.Fatalf("the recording of %s is of another version: %v", name, err)
	}
	return msg
}

// firstControl is a control plane of the first release: everything that it says
// was recorded from one, and it understands version 1 of the wire only.
type firstControl struct {
	t     *testing.T
	mu    sync.Mutex // guards what follows
	facts map[delivery]freshet.Fact
	beat  freshet.Heartbeat
}

func (c *firstControl) call(_ context.Context, pop string, call bus.Call, req []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch call { //nolint:exhaustive // the first release had no other
	case bus.CallTopology:
		_, _ = understood(wire.Version1, wire.DecodeTopology, req) // it was answered whether or not this was understood
		return recording(c.t, "topology"), nil
	case bus.CallPull:
		q, err := understood(wire.Version1, wire.DecodePull, req)
		switch {
		case err != nil:
			c.t.Errorf("a pull request: %v", err)
			return nil, err
		case q.Subject == freshet.SubjectPrefetch:
			return recording(c.t, "pulled-prefetch-end"), nil
		case q.After.IsZero():
			return recording(c.t, "pulled-purge"), nil
		}
		return recording(c.t, "pulled-purge-end"), nil
	case bus.CallEvidence:
		ev, err := understood(wire.Version1, wire.DecodeEvidence, req)
		if err != nil {
			c.t.Errorf("evidence: %v", err)
		}
		for _, e := range ev.Entries {
			for _, f := range e.Facts {
				c.facts[delivery{pop, e.At, f.Item}] = f
			}
		}
		return nil, err
	}
	c.t.Errorf("the call %s did not exist", call)
	return nil, nil
}

func (c *firstControl) heard(_ string, msg []byte) {
	h, err := understood(wire.Version1, wire.DecodeHeartbeat, msg)
	if err != nil {
		c.t.Errorf("a heartbeat: %v", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beat = h
}

// An agent that is newer than its control plane, which is not the order to
// upgrade in, works with it all the same.
func TestVersions_AControlPlaneOfTheFirstReleaseIsUnderstood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &control{tb: t, bus: membus.New()}
		old := &firstControl{t: t, facts: map[delivery]freshet.Fact{}}
		stop, err := c.bus.Control().Serve(bus.ControlHandlers{Call: old.call, Heartbeat: old.heard})
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		push := func(ch bus.Channel, name string) {
			if err := c.bus.Control().Push(t.Context(), ch, recording(t, name)); err != nil {
				t.Fatal(err)
			}
		}
		s := newSite(t, c, "a")
		s.cache.put(u1)
		s.start("", 0)
		defer s.kill()
		push(bus.ChannelHead, "heads")
		pass(2 * time.Second)
		push(bus.ChannelTopology, "topology") // again, as after a change
		push(bus.ChannelPurge, "pushed-purge")
		push(bus.ChannelPrefetch, "pushed-prefetch")
		push(bus.ChannelHead, "heads-later")
		pass(3 * time.Second)
		at := func(pos uint64, item int) freshet.Fact {
			old.mu.Lock()
			defer old.mu.Unlock()
			return old.facts[delivery{"a", freshet.Position{Epoch: 1, Pos: pos}, item}]
		}
		if f := at(2, 0); f.Outcome != freshet.OutcomeDone || f.Verified != freshet.VerifiedInspect || !f.Before.Stored() {
			t.Errorf("the purge is reported as %+v", f)
		}
		if f := at(2, 1); f.Outcome != freshet.OutcomeAlready {
			t.Errorf("the purge of what was not stored is reported as %+v", f)
		}
		if f := at(3, 0); f.Outcome != freshet.OutcomeDone || !f.After.Stored() {
			t.Errorf("the prefetch is reported as %+v", f)
		}
		if want := (freshet.Position{Epoch: 1, Pos: 2}); old.beat.Watermark != want || !old.beat.Ready || old.beat.Owed != 0 || s.disk.spooled() != 0 {
			t.Errorf("ends with %+v and %d messages spooled", old.beat, s.disk.spooled())
		}
	})
}

// release replaces the control plane by one of another release, whose
// topologies begin at a version of their own.
func (w *world) release(speaks wire.Version, topology uint64) {
	w.with(func() { w.speaks, w.topology.Version = speaks, topology })
}

// pushTopology pushes as a control plane of this release does: the older
// version first, so that the order helps nobody.
func (w *world) pushTopology() {
	w.t.Helper()
	w.push(w.t.Context(), bus.ChannelTopology, wire.EncodeTopologyAs(wire.Version1, w.topology))
	pass(time.Millisecond)
	for v, ch := range map[wire.Version]bus.Channel{wire.Version2: bus.ChannelTopology2, wire.Version3: bus.ChannelTopology3} {
		if w.speaks >= v {
			w.push(w.t.Context(), ch, wire.EncodeTopologyAs(v, w.topology))
		}
	}
}

// refilled purges an object that an old fill stores again once, so that it
// takes two rounds, and returns what became of it.
func (w *world) refilled(meanwhile func()) freshet.Fact {
	w.t.Helper()
	w.sites["a"].cache.with(func() { w.sites["a"].cache.slipIn = 1 })
	e := w.append(purge(u1))
	pass(time.Second)
	if meanwhile != nil {
		meanwhile()
	}
	return w.want(w.t, "a", e, 0, freshet.OutcomeDone, freshet.ReasonNone)
}

// The agent says no more than the control plane understands, and everything
// that it does: through an upgrade, and back.
func TestVersions_TheAgentSpeaksAsItsControlPlaneDoes(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		w.release(wire.Version1, 10)
		w.sites["a"].start("", 0)
		pass(2 * time.Second)
		if f := w.refilled(nil); f.Rounds != 0 || f.Attempts != 2 {
			t.Fatalf("a control plane of the first release reads %+v", f)
		}
		pass(3 * time.Second) // what was stored is cleared from the spool a little later
		// What is spooled meanwhile is of that version, too: an agent that is put
		// back to the first release would send it as it is.
		w.weather.turn(faults{Cut: true})
		w.append(purge(u2))
		pass(time.Second)
		spooled, err := w.sites["a"].disk.Spooled(t.Context(), 0, 10)
		if err != nil || len(spooled) != 1 || spooled[0].Message[1] != 1 {
			t.Fatalf("spooled is %v (%v)", spooled, err)
		}
		w.weather.turn(faults{})
		w.release(wire.Version2, 20)
		pass(time.Minute) // it asks now and then
		if f := w.refilled(nil); f.Rounds != 2 || f.Window < time.Millisecond {
			t.Fatalf("after the upgrade it reads %+v", f)
		}
		// What is spooled while nobody listens is for the one that was there before.
		w.weather.turn(faults{Cut: true})
		f := w.refilled(func() {
			if n := w.sites["a"].disk.spooled(); n == 0 {
				t.Fatal("nothing is spooled: the test shows nothing")
			}
			// A clock set back, too: this one cannot read what version the agent has
			// as long as it is told in version 2.
			w.release(wire.Version1, 15)
			w.weather.turn(faults{})
			pass(2 * time.Minute)
		})
		if f.Rounds != 0 || f.Attempts != 2 || w.sites["a"].disk.spooled() != 0 {
			t.Fatalf("after going back it reads %+v", f)
		}
		w.with(func() {
			if w.asked != 20 {
				t.Errorf("it is told that the agent has topology %d, not 20", w.asked)
			}
		})
	})
}

// A pushed topology in the newer version replaces the same in the older one,
// and never the other way round; and a restart forgets nothing of it.
func TestVersions_TheFullerTopologyHolds(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		w.topology.Domains = []freshet.Domain{{Account: "a", Name: "vod.example.com", Verify: freshet.VerifyAck}}
		w.release(wire.Version1, 10)
		s.start("", 0)
		pass(2 * time.Second)
		verified := func(want freshet.Verified) freshet.Fact {
			t.Helper()
			e := w.append(purge(u1))
			pass(time.Second)
			f := w.want(t, "a", e, 0, freshet.OutcomeAlready, freshet.ReasonNone)
			if f.Verified != want {
				t.Fatalf("verified by %s, want %s", f.Verified, want)
			}
			return f
		}
		verified(freshet.VerifiedInspect) // version 1 cannot say otherwise
		w.release(wire.Version2, 11)
		w.pushTopology()
		pass(time.Second)
		if f := verified(freshet.VerifiedAnswer); f.Rounds != 1 {
			t.Fatalf("evidence is in the older version still: %+v", f)
		}
		w.with(func() { w.topology.Version = 12 })
		w.pushTopology()
		pass(time.Second)
		verified(freshet.VerifiedAnswer)
		// 12 came in the newer version only: the older channel is not listened to
		// any more.
		if got := s.topologies; !slices.Equal(got, []uint64{10, 11, 11, 12}) {
			t.Errorf("told of the topologies %v", got)
		}
		s.kill()
		w.weather.turn(faults{Cut: true}) // nobody answers, but the log is pushed
		s.start("", 0)
		pass(time.Second)
		e := w.append(purge(u1))
		pass(time.Second)
		w.weather.turn(faults{})
		pass(time.Minute)
		if f := w.want(t, "a", e, 0, freshet.OutcomeAlready, freshet.ReasonNone); f.Verified != freshet.VerifiedAnswer || f.Rounds != 1 {
			t.Errorf("after a restart: %+v", f)
		}
	})
}
