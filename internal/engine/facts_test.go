package engine_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/wire"
)

// message makes evidence of a POP about all items of an entry.
func (p *popPlayed) message(at freshet.Position, number uint64, o freshet.Outcome) freshet.Evidence {
	ev := freshet.Evidence{POP: p.id, Stream: p.stream, Number: number, Incarnation: "i", Entries: []freshet.EntryFacts{{At: at}}}
	for i := range p.entry(at).Len() {
		f := freshet.Fact{Item: i, Outcome: o, Attempts: 1, ExecutedAt: time.Now()}
		if o == freshet.OutcomeFailed {
			f.Reason = freshet.ReasonRefused
		}
		ev.Entries[0].Facts = append(ev.Entries[0].Facts, f)
	}
	return ev
}

// together sends messages at a time, so that they share a commit.
func (w *world) together(send ...func() error) []error {
	errs := make([]error, len(send))
	done := make(chan struct{})
	for i, s := range send {
		go func() {
			errs[i] = s()
			done <- struct{}{}
		}()
	}
	for range send {
		<-done
	}
	return errs
}

func TestP7_FailureAfterSuccessInOneCommit(t *testing.T) {
	t.Parallel()
	// Where a message comes in its commit is left to chance, which the number
	// of POPs and rounds makes small.
	w := newWorld(t, func(o *engine.Options) { o.CollectLinger = 200 * time.Millisecond }, "a", "b", "c", "d", "e")
	for round := range uint64(2) {
		job := w.submit(freshet.Purge, "m1")
		at := job.Rows[0].Entries[0]
		a := w.pops["a"]
		must(t, a.send(a.message(at, 2*round+1, freshet.OutcomeDone))) // a is one bit now
		send := []func() error{func() error { return a.send(a.message(at, 2*round+2, freshet.OutcomeFailed)) }}
		for _, id := range []string{"b", "c", "d", "e"} {
			p := w.pops[id]
			send = append(send, func() error { return p.send(p.message(at, round+1, freshet.OutcomeDone)) })
		}
		for _, err := range w.together(send...) {
			must(t, err)
		}
		w.until(job.ID, "failed", status(freshet.TaskFailed))
		w.refolded(job.ID)
	}
}

// failing is a store whose log cannot be read for a moment.
type failing struct {
	store.Log

	broken atomic.Bool
}

func (f *failing) Entry(ctx context.Context, at freshet.Position) (*freshet.Entry, error) {
	if f.broken.Load() {
		return nil, errors.New("disk fault")
	}
	return f.Log.Entry(ctx, at)
}

func TestP2_EvidenceThatWasStoredButNotFoldedIsNotLost(t *testing.T) {
	t.Parallel()
	fault := &failing{}
	w := newWorld(t, func(o *engine.Options) { fault.Log, o.Store.Log = o.Store.Log, fault }, "a", "b")
	job := w.submit(freshet.Purge, "m1")
	at := job.Rows[0].Entries[0]
	a, b := w.pops["a"], w.pops["b"]
	a.say(at, freshet.OutcomeDone)
	b.say(at, freshet.OutcomeFailed)
	w.until(job.ID, "failed", status(freshet.TaskFailed)) // closed
	fault.broken.Store(true)
	good := b.message(at, 2, freshet.OutcomeDone)
	if err := b.send(good); err == nil {
		t.Fatal("evidence was acknowledged and not folded")
	}
	fault.broken.Store(false)
	must(t, b.send(good)) // again, as an agent does
	w.until(job.ID, "complete", status(freshet.TaskComplete))
	w.refolded(job.ID)
}

func TestEvidenceThatCannotBeStoredHoldsUpNobodyElses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *engine.Options) { o.CollectLinger = 200 * time.Millisecond }, "a", "b")
	job := w.submit(freshet.Purge, "m1")
	at := job.Rows[0].Entries[0]
	a, b := w.pops["a"], w.pops["b"]
	bad := b.message(at, math.MaxUint64, freshet.OutcomeDone)
	good := a.message(at, 1, freshet.OutcomeDone)
	errs := w.together(func() error { return a.send(good) }, func() error { return b.send(bad) })
	if errs[0] != nil || errs[1] == nil {
		t.Fatalf("good: %v, bad: %v", errs[0], errs[1])
	}
	w.until(job.ID, "refreshing", status(freshet.TaskRefreshing))
}

func TestP5_NothingIsPlannedBeforeThePOPsSayWhatTheyKnow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *engine.Options) { o.GreetFor = time.Minute }, "a", "b")
	r, err := w.Submit(t.Context(), freshet.Submission{Account: account, Type: freshet.Purge, Media: []string{"m1"}, Native: true})
	must(t, err)
	known := freshet.Position{Epoch: 1, Pos: 5000}
	deadline := time.Now().Add(10 * time.Second)
	for i := 0; ; i++ {
		// a knows nothing special; b was there before the store was restored.
		must(t, w.pops["a"].agent.Beat(t.Context(), wire.EncodeHeartbeat(freshet.Heartbeat{POP: "a"})))
		job, err := w.WaitPlanned(t.Context(), account, r.JobID, "", 20*time.Millisecond)
		must(t, err)
		if job.Rows[0].State.Final() {
			if i < 5 || !known.Before(job.Rows[0].Entries[0]) {
				t.Fatalf("planned at %v, in round %d", job.Rows[0].Entries, i)
			}
			return
		}
		if i >= 5 {
			must(t, w.pops["b"].agent.Beat(t.Context(), wire.EncodeHeartbeat(freshet.Heartbeat{POP: "b", Known: known})))
		}
		if time.Now().After(deadline) {
			t.Fatal("never planned")
		}
	}
}

func TestTopology_IsNewerThanWhatAnAgentHas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a")
	for w.Ready() != nil {
		runtime.Gosched()
	}
	ahead := uint64(time.Now().Add(365 * 24 * time.Hour).UnixMilli())
	for _, has := range []uint64{0, ahead, ahead + 10} {
		answer, err := w.pops["a"].agent.Do(t.Context(), bus.CallTopology, wire.EncodeTopology(freshet.Topology{Version: has}))
		must(t, err)
		got, err := wire.DecodeTopology(answer)
		must(t, err)
		if got.Version <= has || w.Topology().Version != got.Version {
			t.Errorf("version %d for an agent that has %d", got.Version, has)
		}
	}
	_, err := w.pops["a"].agent.Do(t.Context(), bus.CallTopology, wire.EncodeTopology(freshet.Topology{Version: math.MaxUint64}))
	must(t, err)
	if v := w.Topology().Version; v > ahead+100 {
		t.Errorf("a broken agent took the version to %d", v)
	}
}

// forgetful is a store that cannot save states for a moment.
type forgetful struct {
	store.States

	broken atomic.Bool
	failed atomic.Int64
}

func (f *forgetful) SaveStates(ctx context.Context, states []store.State, folded store.EvidenceCursor) error {
	if f.broken.Load() {
		f.failed.Add(1)
		return errors.New("disk fault")
	}
	return f.States.SaveStates(ctx, states, folded)
}

func TestP7_StatesThatCouldNotBeSavedAreSavedLater(t *testing.T) {
	t.Parallel()
	fault := &forgetful{}
	w := newWorld(t, func(o *engine.Options) { fault.States, o.Store.States = o.Store.States, fault }, "a")
	job := w.submit(freshet.Purge, "m1")
	at := job.Rows[0].Entries[0]
	a := w.pops["a"]
	fault.broken.Store(true)
	must(t, a.send(a.message(at, 1, freshet.OutcomeDone))) // it is stored and folded, which is what counts
	w.until(job.ID, "complete", status(freshet.TaskComplete))
	eventually(t, "an attempt to save", func() bool { return fault.failed.Load() > 0 })
	fault.broken.Store(false)
	eventually(t, "the state", func() bool {
		s, ok, err := w.db.State(t.Context(), at)
		must(t, err)
		return ok && s.Closed
	})
	w.refolded(job.ID)
}

func TestAcknowledgement_WaitsForNobodyWhoCannotAnswer(t *testing.T) {
	t.Parallel()
	// With a linger of an hour, only the count of who owes something ends it.
	w := newWorld(t, func(o *engine.Options) { o.CollectLinger = time.Hour }, "a", "b", "down")
	must(t, w.SetPOP(t.Context(), "down", true))
	job := w.submit(freshet.Purge, "m1")
	at := job.Rows[0].Entries[0]
	a, b := w.pops["a"], w.pops["b"]
	for _, err := range w.together(
		func() error { return a.send(a.message(at, 1, freshet.OutcomeDone)) },
		func() error { return b.send(b.message(at, 1, freshet.OutcomeDone)) },
	) {
		must(t, err)
	}
	w.until(job.ID, "complete", status(freshet.TaskComplete))
}
