package storetest

import (
	"testing"

	"github.com/freshet-vod/freshet/internal/store"
)

func runDuties(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){"AreKeptUntilNothingIsLeft": dutiesKept})
}

func dutiesKept(t *testing.T, s Everything) {
	a := store.Duty{POP: "a", Permit: true}
	b := store.Duty{POP: "b", Drained: day0(), Permit: true}
	for _, d := range []store.Duty{b, {POP: "c"}, {POP: "a", Drained: day0()}, a} {
		ok(t, s.SaveDuty(t.Context(), d))
	}
	list, err := s.ListDuties(t.Context())
	ok(t, err)
	same(t, list, []store.Duty{a, b})
	ok(t, s.SaveDuty(t.Context(), store.Duty{POP: "b"}))
	list, err = s.ListDuties(t.Context())
	ok(t, err)
	same(t, list, []store.Duty{a})
}
