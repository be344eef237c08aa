package engine_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/wire"
)

// firstAgent is an agent of the first release. What it says was recorded from
// one, and it understands version 1 of the wire only.
type firstAgent struct {
	t   *testing.T
	end bus.Agent

	mu         sync.Mutex // guards what follows
	entries    map[freshet.Position]*freshet.Entry
	topologies []freshet.Topology
	strange    map[bus.Channel]int // messages that it passed over, as it does on channels that it does not know
}

func newFirstAgent(w *world, id string) *firstAgent {
	w.t.Helper()
	a := &firstAgent{
		t: w.t, end: w.bus.Agent(id), entries: map[freshet.Position]*freshet.Entry{}, strange: map[bus.Channel]int{},
	}
	stop, err := a.end.Listen(a.hear)
	must(w.t, err)
	w.t.Cleanup(stop)
	return a
}

// asFirst decodes a message as the first release did.
func asFirst[T any](decode func([]byte) (T, error), msg []byte) (T, error) {
	if len(msg) > 1 && msg[1] != 1 {
		var none T
		return none, fmt.Errorf("version %d is unknown (this program knows version 1)", msg[1])
	}
	return decode(msg)
}

func (a *firstAgent) hear(ch bus.Channel, pop string, msg []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var err error
	switch ch {
	case bus.ChannelPurge, bus.ChannelPrefetch:
		var b wire.EntryBatch
		b, err = asFirst(wire.DecodeEntries, msg)
		a.take(b)
	case bus.ChannelHead:
		_, err = asFirst(wire.DecodeHeads, msg)
	case "topology":
		var topology freshet.Topology
		topology, err = asFirst(wire.DecodeTopology, msg)
		a.topologies = append(a.topologies, topology)
	case bus.ChannelHeartbeat:
		_, err = asFirst(wire.DecodeHeartbeat, msg)
	case bus.ChannelTopology2, bus.ChannelTopology3: // which it did not know
		a.strange[ch]++
	}
	if err != nil {
		a.t.Errorf("channel %s %s: %v", ch, pop, err)
	}
}

func (a *firstAgent) take(b wire.EntryBatch) {
	for _, e := range b.Entries {
		a.entries[e.At] = e
	}
}

func (a *firstAgent) with(fn func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fn()
}

// recording returns what an agent of the first release sent.
func recording(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "v1", name+".hex"))
	must(t, err)
	msg, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	must(t, err)
	if len(msg) < 3 || msg[1] != 1 {
		t.Fatalf("the recording of %s is of another version", name)
	}
	return msg
}

// eventually tries something until it holds.
func eventually(t *testing.T, what string, try func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); !try(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// An agent one release older is told everything in its own version, and what
// it reports completes its deliveries. All its messages are recorded bytes.
func TestVersions_AnAgentOfTheFirstReleaseCompletesItsDeliveries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *engine.Options) {
		o.POPs = append(o.POPs, freshet.POP{ID: "a", Remote: true})
		o.GreetFor = time.Minute // the recorded heartbeat must do
	})
	ctx := t.Context()
	must(t, w.PutDomain(ctx, freshet.Domain{Account: account, Name: domain, Origin: "http://127.0.0.1:9", Verify: freshet.VerifyProbe}))
	a := newFirstAgent(w, "a")

	// It knows positions up to 4.90: the log begins after them, which is where
	// the recorded evidence has them.
	eventually(t, "the heartbeat was taken in", func() bool {
		must(t, a.end.Beat(ctx, recording(t, "heartbeat")))
		pops, err := w.POPs(ctx)
		must(t, err)
		return pops[0].State == "up" && pops[0].Release == "v0.1.0"
	})
	purge, prefetch := w.submit(freshet.Purge, "m1"), w.submit(freshet.Prefetch, "m2")
	purgeAt, prefetchAt := purge.Rows[0].Entries[0], prefetch.Rows[0].Entries[0]
	if purgeAt != (freshet.Position{Epoch: 5, Pos: 1}) || prefetchAt != (freshet.Position{Epoch: 5, Pos: 2}) {
		t.Fatalf("the entries are at %s and %s, which the recorded evidence does not speak of", purgeAt, prefetchAt)
	}

	answer, err := a.end.Do(ctx, bus.CallTopology, recording(t, "topology"))
	must(t, err)
	topology, err := asFirst(wire.DecodeTopology, answer)
	must(t, err)
	if p, ok := topology.POP("a"); !ok || p.URL != "http://10.0.0.8:8081" || topology.Domains[0].Name != domain {
		t.Errorf("it is told %+v", topology)
	}
	for _, name := range []string{"pull-purge", "pull-prefetch"} {
		eventually(t, name+" had an answer", func() bool {
			answer, err := a.end.Do(ctx, bus.CallPull, recording(t, name))
			must(t, err)
			batch, err := asFirst(wire.DecodeEntries, answer)
			must(t, err)
			a.with(func() { a.take(batch) })
			return len(batch.Entries) > 0
		})
	}
	a.with(func() {
		if a.entries[purgeAt].Len() != 3 || a.entries[prefetchAt].Len() != 3 {
			t.Errorf("it is told of %+v", a.entries)
		}
	})

	for _, name := range []string{"evidence-purge", "evidence-prefetch", "evidence-purge"} { // the last is a repeat
		_, err := a.end.Do(ctx, bus.CallEvidence, recording(t, name))
		must(t, err)
	}
	w.until(purge.ID, "complete", status(freshet.TaskComplete))
	w.until(prefetch.ID, "complete", status(freshet.TaskComplete))
	w.refolded(purge.ID)
	w.refolded(prefetch.ID)
	tasks, err := w.RowTasks(ctx, account, purge.Rows[0])
	must(t, err)
	report, err := w.TaskReport(ctx, account, tasks[0].ID)
	must(t, err)
	if d := report.Deliveries[0]; d.Outcome != freshet.OutcomeDone || d.Verified != freshet.VerifiedInspect || d.Rounds != 0 || d.WindowMs != 0 || d.Before == nil {
		t.Errorf("its evidence reads %+v", d)
	}
}

// A change is pushed in both versions, each on its channel; the older agent
// passes over the one that it does not know.
func TestVersions_ATopologyIsPushedInEach(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a", "b")
	eventually(t, "the engine ran", func() bool { return w.Ready() == nil })
	old := newFirstAgent(w, "a")
	newest := make(chan []byte, 8)
	stop, err := w.bus.Agent("b").Listen(func(ch bus.Channel, _ string, msg []byte) {
		if ch == bus.ChannelTopology3 {
			newest <- msg
		}
	})
	must(t, err)
	defer stop()
	d := freshet.Domain{Account: account, Name: domain, Origin: "http://127.0.0.1:9", Verify: freshet.VerifyAck}
	must(t, w.PutDomain(t.Context(), d))
	var msg []byte
	eventually(t, "the newer agent was told", func() bool {
		select {
		case msg = <-newest:
			return true
		default:
			return false
		}
	})
	got, err := wire.DecodeTopology(msg)
	must(t, err)
	if got.Version != w.Topology().Version || len(got.Domains) != 1 || got.Domains[0].Verify != freshet.VerifyAck {
		t.Errorf("the newer agent is told %+v", got)
	}
	eventually(t, "the older agent was told", func() bool {
		told := false
		old.with(func() {
			for _, topology := range old.topologies {
				told = told || topology.Version == got.Version && len(topology.Domains) == 1
			}
			told = told && old.strange[bus.ChannelTopology2] > 0
		})
		return told
	})
}

// An agent is answered in the version in which it asks, and one of a later
// release in the newest that this one knows.
func TestVersions_TopologyIsAnsweredAsItIsAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a")
	eventually(t, "the engine ran", func() bool { return w.Ready() == nil })
	must(t, w.PutDomain(t.Context(), freshet.Domain{Account: account, Name: domain, Origin: "http://127.0.0.1:9", Verify: freshet.VerifyAck}))
	later := wire.EncodeTopology(freshet.Topology{})
	later[1] = byte(wire.Newest) + 1
	for name, tc := range map[string]struct {
		req  []byte
		want wire.Version
	}{
		"nothing":       {nil, wire.Version1},
		"first release": {recording(t, "topology"), wire.Version1},
		"version 1":     {wire.EncodeTopologyAs(wire.Version1, freshet.Topology{}), wire.Version1},
		"version 2":     {wire.EncodeTopologyAs(wire.Version2, freshet.Topology{}), wire.Version2},
		"this one":      {wire.EncodeTopology(freshet.Topology{}), wire.Version3},
		"a later one":   {later, wire.Newest},
	} {
		msg, err := w.pops["a"].agent.Do(t.Context(), bus.CallTopology, tc.req)
		must(t, err)
		got, err := wire.DecodeTopology(msg)
		must(t, err)
		if v := wire.Version(msg[1]); v != tc.want || (got.Domains[0].Verify == freshet.VerifyAck) != (v >= wire.Version2) {
			t.Errorf("%s: answered in version %d: %+v", name, v, got)
		}
	}
}

// What a POP reports of rounds and windows is what a user is shown.
func TestTaskReport_TellsRoundsAndWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a")
	job := w.submit(freshet.Purge, "m1")
	ev := w.pops["a"].message(job.Rows[0].Entries[0], 1, freshet.OutcomeDone)
	for i := range ev.Entries[0].Facts {
		f := &ev.Entries[0].Facts[i]
		f.Rounds, f.Window = i+1, time.Duration(i)*17*time.Millisecond
	}
	must(t, w.pops["a"].send(ev))
	w.until(job.ID, "complete", status(freshet.TaskComplete))
	tasks, err := w.RowTasks(t.Context(), account, job.Rows[0])
	must(t, err)
	for i, task := range tasks {
		report, err := w.TaskReport(t.Context(), account, task.ID)
		must(t, err)
		if d := report.Deliveries[0]; d.Rounds != i+1 || d.WindowMs != int64(i)*17 {
			t.Errorf("task %d: %+v", i, d)
		}
	}
	w.refolded(job.ID)
}
