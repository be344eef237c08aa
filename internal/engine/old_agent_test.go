package engine_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/wire"
)

// recorded returns a message as an agent of the first release sent it.
func recorded(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "wire", "testdata", "v1", name+".hex"))
	must(t, err)
	msg, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	must(t, err)
	return msg
}

// version1 fails unless an agent that knows version 1 of the wire only can
// read a message: its second byte says so.
func version1(t *testing.T, what string, msg []byte) {
	t.Helper()
	if len(msg) < 3 || msg[1] != 1 {
		t.Errorf("the %s is of version %d: an agent one release older cannot read it", what, msg[1])
	}
}

// TestOldAgent_WorksWithThisEngine replays what an agent of the first release
// sends, byte for byte: its heartbeat, its questions, its evidence.
func TestOldAgent_WorksWithThisEngine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *engine.Options) {
		o.POPs = append(o.POPs, freshet.POP{ID: "shield"}, freshet.POP{ID: "edge-1", Parents: []string{"shield"}, Remote: true})
		o.GreetFor = time.Minute // nothing is planned before the recorded heartbeat has raised the epoch
	})
	ctx, old := t.Context(), w.bus.Agent("edge-1")
	pushed := make(chan []byte, 64)
	stop, err := old.Listen(func(ch bus.Channel, pop string, msg []byte) {
		if pop == "" && ch != bus.ChannelTopology2 && ch != bus.ChannelTopology3 { // which it does not know, and passes over
			select {
			case pushed <- msg:
			default: // enough were seen
			}
		}
	})
	must(t, err)
	defer stop()

	// It was of an earlier life of the log: the heartbeat raises the epoch.
	beat := recorded(t, "heartbeat")
	said, err := wire.DecodeHeartbeat(beat)
	must(t, err)
	until := time.Now().Add(10 * time.Second)
	for heard := false; !heard; {
		must(t, old.Beat(ctx, beat)) // one may get lost
		must(t, w.bus.Agent("shield").Beat(ctx, wire.EncodeHeartbeat(freshet.Heartbeat{POP: "shield"})))
		pops, err := w.POPs(ctx)
		must(t, err)
		for _, p := range pops {
			heard = heard || p.ID == "edge-1" && p.State == "up" && p.Release == said.Release && p.URL == said.URL && p.Exceptions == len(said.Exceptions)
		}
		if time.Now().After(until) {
			t.Fatalf("the heartbeat is not taken in: %+v", pops)
		}
	}

	job := w.submit(freshet.Purge, "m1")
	at := job.Rows[0].Entries[0]
	if !said.Known.Before(at) {
		t.Errorf("position %s was handed out before, to an agent that knows %s", at, said.Known)
	}
	ahead := w.submit(freshet.Prefetch, "m2")
	asked, err := wire.DecodePull(recorded(t, "pull"))
	must(t, err)
	var batch wire.EntryBatch
	for len(batch.Entries) == 0 && time.Now().Before(until) { // what is not pushed yet is not told
		answer, err := old.Do(ctx, bus.CallPull, recorded(t, "pull"))
		must(t, err)
		version1(t, "answer to a pull", answer)
		batch, err = wire.DecodeEntries(answer)
		must(t, err)
		if batch.Subject != asked.Subject || batch.Prev != asked.After {
			t.Fatalf("asked for %+v, told of %s after %s", asked, batch.Subject, batch.Prev)
		}
	}
	if len(batch.Entries) == 0 || batch.Entries[0].At != ahead.Rows[0].Entries[0] {
		t.Errorf("asked for %+v, told %+v", asked, batch.Entries)
	}

	answer, err := old.Do(ctx, bus.CallTopology, recorded(t, "topology"))
	must(t, err)
	version1(t, "answer to the topology call", answer)
	topology, err := wire.DecodeTopology(answer)
	must(t, err)
	if p, ok := topology.POP("edge-1"); !ok || len(p.Parents) != 1 || p.Parents[0] != "shield" || len(topology.Domains) != 1 {
		t.Errorf("it is told %+v", topology)
	}

	// Evidence of the other life is taken, so that the agent may forget it, and
	// proves nothing here; taken again, too.
	for range 2 {
		_, err = old.Do(ctx, bus.CallEvidence, recorded(t, "evidence"))
		must(t, err)
	}
	w.until(job.ID, "pending", status(freshet.TaskPending))
	// Its evidence of this life is the same message with other positions.
	ev, err := wire.DecodeEvidence(recorded(t, "evidence"))
	must(t, err)
	ev.Number++
	ev.Entries = ev.Entries[:1]
	ev.Entries[0].At, ev.Entries[0].Facts = at, ev.Entries[0].Facts[:3]
	_, err = old.Do(ctx, bus.CallEvidence, wire.EncodeEvidenceAs(wire.Version1, ev))
	must(t, err)
	w.until(job.ID, "refreshing", status(freshet.TaskRefreshing))
	for len(pushed) > 0 {
		version1(t, "pushed message", <-pushed)
	}
}
