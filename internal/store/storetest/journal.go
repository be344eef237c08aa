package storetest

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// RunJournal runs the suite of an agent's journal. open opens an empty one for
// one test.
func RunJournal(t *testing.T, open func(t *testing.T) store.Journal) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, store.Journal){
		"AFreshJournalIsEmpty":     journalEmpty,
		"StateIsKept":              journalState,
		"AStepIsOneTransaction":    journalStep,
		"NilFieldsChangeNothing":   journalNil,
		"KeptEntriesAreWhole":      journalKept,
		"TheSpoolIsInOrder":        journalSpool,
		"TheTopologyIsKept":        journalTopology,
		"NonsenseIsRefusedInWhole": journalNonsense,
		"ConcurrentUseIsSafe":      journalConcurrent,
		"CallersKeepTheirBytes":    journalOwnership,
		"TheDenyListIsKept":        runDenyList,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// RunDurableJournal runs the tests of what must survive a restart.
func RunDurableJournal(t *testing.T, reopen func(t *testing.T) store.Journal) {
	t.Helper()
	state, step := journalSample()
	ok(t, reopen(t).Commit(t.Context(), step))
	ok(t, reopen(t).SaveTopology(t.Context(), []byte("topology")))
	denied := []freshet.DeniedURL{{URL: "http://a/", At: at(3), Status: 451}}
	ok(t, reopen(t).SaveDenied(t.Context(), store.DenyChange{Replace: true, UpTo: at(4), Deny: denied}))
	j := reopen(t)
	list, upTo, have, err := j.LoadDenied(t.Context())
	ok(t, err)
	same(t, []any{list, upTo, have}, []any{denied, at(4), true})
	got, found, err := j.LoadAgent(t.Context())
	ok(t, err)
	same(t, found, true)
	same(t, got, state)
	kept, err := j.Kept(t.Context())
	ok(t, err)
	same(t, kept, step.Keep)
	spooled, err := j.Spooled(t.Context(), 0, 9)
	ok(t, err)
	same(t, spooled, step.Evidence)
	topology, err := j.LoadTopology(t.Context())
	ok(t, err)
	same(t, topology, []byte("topology"))
}

func journalSample() (store.AgentState, store.Step) {
	state := store.AgentState{
		Watermark:  at(7),
		Cursors:    []freshet.Cursor{{Subject: freshet.SubjectPurge, At: at(9)}, {Subject: freshet.SubjectPrefetch, At: at(4)}},
		Exceptions: []freshet.Exception{{At: at(3), Items: []int{0, 5}}, {At: at(5)}},
		Known:      freshet.Position{Epoch: math.MaxUint32, Pos: math.MaxUint64}, KnownTask: math.MaxUint64,
		Stream: 1_763_821_000_123_456_789, LastNumber: 12, Incarnation: "inc",
	}
	first, second := purge("a", "j1", 0, 30), prefetch("a", "j1", 1, 2)
	first.At, first.FirstTask, first.Targets = at(8), 1_000_000_000, []string{"p1", "p2"}
	second.At, second.LastPurge, second.Targets = at(9), at(8), []string{"p1"}
	return state, store.Step{
		State: &state, Keep: []*freshet.Entry{first, second},
		Evidence: []store.SpooledMessage{{Number: 11, Message: []byte{0, 1}}, {Number: 12, Message: []byte("x")}},
	}
}

func journalEmpty(t *testing.T, j store.Journal) {
	_, found, err := j.LoadAgent(t.Context())
	ok(t, err)
	same(t, found, false)
	kept, err := j.Kept(t.Context())
	ok(t, err)
	spooled, err := j.Spooled(t.Context(), 0, 9)
	ok(t, err)
	topology, err := j.LoadTopology(t.Context())
	ok(t, err)
	same(t, len(kept)+len(spooled)+len(topology), 0)
	ok(t, j.Unspool(t.Context(), 9))
}

func journalState(t *testing.T, j store.Journal) {
	want, step := journalSample()
	ok(t, j.Commit(t.Context(), step))
	want.Watermark, want.Exceptions = at(9), nil
	ok(t, j.Commit(t.Context(), store.Step{State: &want}))
	got, found, err := j.LoadAgent(t.Context())
	ok(t, err)
	same(t, found, true)
	same(t, got, want)
}

func journalStep(t *testing.T, j store.Journal) {
	_, step := journalSample()
	ok(t, j.Commit(t.Context(), step))
	next := prefetch("a", "j2", 0, 1)
	next.At = at(20)
	ok(t, j.Commit(t.Context(), store.Step{
		Keep: []*freshet.Entry{next}, Drop: []freshet.Position{at(8), at(99), {Epoch: 1, Pos: math.MaxUint64}},
		Evidence: []store.SpooledMessage{{Number: 13, Message: []byte("y")}},
	}))
	kept, err := j.Kept(t.Context())
	ok(t, err)
	same(t, positions(kept), []freshet.Position{at(9), at(20)})
	spooled, err := j.Spooled(t.Context(), 11, 9)
	ok(t, err)
	same(t, len(spooled), 2)
}

func journalNil(t *testing.T, j store.Journal) {
	want, step := journalSample()
	ok(t, j.Commit(t.Context(), step))
	ok(t, j.Commit(t.Context(), store.Step{}))
	got, _, err := j.LoadAgent(t.Context())
	ok(t, err)
	same(t, got, want)
	kept, err := j.Kept(t.Context())
	ok(t, err)
	same(t, len(kept), 2)
}

func journalKept(t *testing.T, j store.Journal) {
	_, step := journalSample()
	later := *step.Keep[0]
	later.At = freshet.Position{Epoch: 2, Pos: 1}
	ok(t, j.Commit(t.Context(), store.Step{Keep: []*freshet.Entry{&later, step.Keep[1], step.Keep[0]}}))
	ok(t, j.Commit(t.Context(), store.Step{Keep: []*freshet.Entry{step.Keep[0]}})) // again is once
	kept, err := j.Kept(t.Context())
	ok(t, err)
	same(t, kept, []*freshet.Entry{step.Keep[0], step.Keep[1], &later})
}

func journalSpool(t *testing.T, j store.Journal) {
	for i := range uint64(10) {
		ok(t, j.Commit(t.Context(), store.Step{Evidence: []store.SpooledMessage{{Number: i + 1, Message: fmt.Append(nil, i+1)}}}))
	}
	numbers := func(above uint64, limit int) []uint64 {
		got, err := j.Spooled(t.Context(), above, limit)
		ok(t, err)
		var out []uint64
		for _, m := range got {
			same(t, string(m.Message), fmt.Sprint(m.Number))
			out = append(out, m.Number)
		}
		return out
	}
	same(t, numbers(0, 3), []uint64{1, 2, 3})
	same(t, numbers(8, 9), []uint64{9, 10})
	same(t, numbers(math.MaxUint64, 9), []uint64(nil))
	ok(t, j.Unspool(t.Context(), 7))
	same(t, numbers(0, 9), []uint64{8, 9, 10})
	ok(t, j.Unspool(t.Context(), math.MaxUint64))
	same(t, numbers(0, 9), []uint64(nil))
}

func journalTopology(t *testing.T, j store.Journal) {
	for _, want := range []string{"one", "two"} {
		ok(t, j.SaveTopology(t.Context(), []byte(want)))
		got, err := j.LoadTopology(t.Context())
		ok(t, err)
		same(t, string(got), want)
	}
}

func journalNonsense(t *testing.T, j store.Journal) {
	state, step := journalSample()
	step.State = &state
	step.Evidence = append(step.Evidence, store.SpooledMessage{Number: math.MaxUint64})
	wantCode(t, j.Commit(t.Context(), step), freshet.CodeInvalid)
	_, found, err := j.LoadAgent(t.Context())
	ok(t, err)
	same(t, found, false)
}

func journalConcurrent(t *testing.T, j store.Journal) {
	var wg sync.WaitGroup
	errs := make(chan error, 200)
	for i := range uint64(50) {
		state, _ := journalSample()
		wg.Go(func() {
			errs <- j.Commit(t.Context(), store.Step{State: &state, Evidence: []store.SpooledMessage{{Number: i + 1, Message: []byte("m")}}})
		})
		wg.Go(func() { _, err := j.Spooled(t.Context(), 0, 100); errs <- err })
		wg.Go(func() { _, err := j.Kept(t.Context()); errs <- err })
		wg.Go(func() { errs <- j.SaveTopology(t.Context(), []byte("t")) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		ok(t, err)
	}
	got, err := j.Spooled(t.Context(), 0, 100)
	ok(t, err)
	same(t, len(got), 50)
}

func journalOwnership(t *testing.T, j store.Journal) {
	msg, topology := []byte("message"), []byte("topology")
	state, step := journalSample()
	step.State, step.Evidence = &state, []store.SpooledMessage{{Number: 1, Message: msg}}
	ok(t, j.Commit(t.Context(), step))
	ok(t, j.SaveTopology(t.Context(), topology))
	clear(msg)
	clear(topology)
	state.Exceptions[0].Items[0] = 77
	step.Keep[0].Selector.URLs[0] = "changed"
	spooled, err := j.Spooled(t.Context(), 0, 1)
	ok(t, err)
	same(t, string(spooled[0].Message), "message")
	got, err := j.LoadTopology(t.Context())
	ok(t, err)
	same(t, string(got), "topology")
	agent, _, err := j.LoadAgent(t.Context())
	ok(t, err)
	same(t, agent.Exceptions[0].Items, []int{0, 5})
	kept, err := j.Kept(t.Context())
	ok(t, err)
	if kept[0].Selector.URLs[0] == "changed" {
		t.Fatal("the journal shares an entry with its caller")
	}
}
