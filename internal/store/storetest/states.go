package storetest

import (
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

func runStates(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"StatesAreKeptAndReplaced":       statesKept,
		"UnknownEntryIsRefusedInWhole":   statesUnknown,
		"OpenListsWhatIsNotClosed":       statesOpen,
		"P7_ForgettingLeavesFactsAlone":  statesForget,
		"DeadlinesAreKeptInOrder":        deadlinesKept,
		"AnEntryMayOpenAgain":            statesReopen,
		"TheCursorIsThatOfTheLastSaving": statesCursor,
	})
}

func statesKept(t *testing.T, s Everything) {
	e := purge("a", "j", 0, 3)
	logged(t, s, "a", "j", e)
	_, found, err := s.State(t.Context(), e.At)
	ok(t, err)
	same(t, found, false)
	for _, want := range []store.State{
		{At: e.At, Fold: []byte{1, 0, 2}},
		{At: e.At, Closed: true, Failed: 2, Fold: nil},
	} {
		ok(t, s.SaveStates(t.Context(), []store.State{want}, store.EvidenceCursor{}))
		got, found, err := s.State(t.Context(), e.At)
		ok(t, err)
		same(t, found, true)
		same(t, got, want)
	}
	_, found, err = s.State(t.Context(), freshet.Position{Epoch: 7, Pos: 7})
	ok(t, err)
	same(t, found, false)
}

func statesUnknown(t *testing.T, s Everything) {
	e := purge("a", "j", 0, 3)
	logged(t, s, "a", "j", e)
	beyond := freshet.Position{Epoch: e.At.Epoch, Pos: e.At.Pos + 1}
	err := s.SaveStates(t.Context(), []store.State{{At: e.At, Closed: true}, {At: beyond}}, store.EvidenceCursor{Day: "2026-01-01"})
	wantCode(t, err, freshet.CodeNotFound)
	_, found, err := s.State(t.Context(), e.At)
	ok(t, err)
	same(t, found, false)
	folded, err := s.Folded(t.Context())
	ok(t, err)
	same(t, folded, store.EvidenceCursor{})
}

func statesOpen(t *testing.T, s Everything) {
	enrol(t, s, "p1")
	e1, e2, e3 := purge("a", "j", 0, 3), prefetch("a", "j", 0, 2), purge("a", "j", 0, 1)
	logged(t, s, "a", "j", e1, e2, e3)
	ok(t, s.Append(t.Context(), day0(), membership(freshet.MemberDown, "p1")))
	list := func(after freshet.Position, limit int) []freshet.Position {
		got, err := s.Open(t.Context(), after, limit)
		ok(t, err)
		return positions(got)
	}
	same(t, list(freshet.Position{}, 9), []freshet.Position{e1.At, e2.At, e3.At})
	same(t, list(e1.At, 1), []freshet.Position{e2.At})
	ok(t, s.SaveStates(t.Context(), []store.State{{At: e2.At, Closed: true}, {At: e3.At}}, store.EvidenceCursor{}))
	same(t, list(freshet.Position{}, 9), []freshet.Position{e1.At, e3.At})
	got, err := s.Open(t.Context(), freshet.Position{}, 1)
	ok(t, err)
	same(t, got, []*freshet.Entry{e1})
}

func statesReopen(t *testing.T, s Everything) {
	e := purge("a", "j", 0, 3)
	logged(t, s, "a", "j", e)
	ok(t, s.SaveStates(t.Context(), []store.State{{At: e.At, Closed: true, Failed: 3}}, store.EvidenceCursor{}))
	ok(t, s.SaveStates(t.Context(), []store.State{{At: e.At}}, store.EvidenceCursor{}))
	got, err := s.Open(t.Context(), freshet.Position{}, 9)
	ok(t, err)
	same(t, len(got), 1)
	h := heads(t, s, store.TaskQuery{Account: "a"})
	same(t, []any{h[0].Closed, h[0].Failed}, []any{false, 0})
}

func statesCursor(t *testing.T, s Everything) {
	for _, c := range []store.EvidenceCursor{{Day: "2026-03-14", Row: 7}, {Day: "2026-03-15", Row: 1}, {}} {
		ok(t, s.SaveStates(t.Context(), nil, c))
		got, err := s.Folded(t.Context())
		ok(t, err)
		same(t, got, c)
	}
}

func statesForget(t *testing.T, s Everything) {
	e := purge("a", "j", 0, 3)
	logged(t, s, "a", "j", e)
	ok(t, s.SaveStates(t.Context(), []store.State{{At: e.At, Closed: true, Failed: 1, Fold: []byte("x")}}, store.EvidenceCursor{Day: "2026-03-14", Row: 3}))
	d := store.Deadline{POP: "p1", Lo: e.At, Hi: e.At, At: day0()}
	ok(t, s.SaveDeadline(t.Context(), d))
	ok(t, s.ForgetStates(t.Context()))
	_, found, err := s.State(t.Context(), e.At)
	ok(t, err)
	same(t, found, false)
	folded, err := s.Folded(t.Context())
	ok(t, err)
	same(t, folded, store.EvidenceCursor{})
	open, err := s.Open(t.Context(), freshet.Position{}, 9)
	ok(t, err)
	same(t, open, []*freshet.Entry{e})
	same(t, heads(t, s, store.TaskQuery{Account: "a"})[0].Closed, false)
	deadlines, err := s.Deadlines(t.Context())
	ok(t, err)
	same(t, deadlines, []store.Deadline{d})
}

func deadlinesKept(t *testing.T, s Everything) {
	var want []store.Deadline
	for i := range 4 {
		d := store.Deadline{
			POP: "p1", Lo: freshet.Position{Epoch: 1, Pos: 1}, Hi: freshet.Position{Epoch: 4_000_000_000, Pos: 1 << 63},
			At: day0().Add(time.Duration(i) * time.Hour),
		}
		want = append(want, d)
		ok(t, s.SaveDeadline(t.Context(), d))
		ok(t, s.SaveDeadline(t.Context(), d)) // the same fact twice is one
	}
	got, err := s.Deadlines(t.Context())
	ok(t, err)
	same(t, got, want)
}
