package cache_test

import (
	"context"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

func TestP4_SettlePurgesWhatAFillInFlightStored(t *testing.T) {
	t.Parallel()
	m := newModel(nil)
	m.get(film)
	m.fills[film] = append(m.fills[film], m.tick())
	r := cache.Settle(t.Context(), m, orderOf(1, film, "http://h/none"), freshet.VerifyInspect)
	if r[0].Outcome != freshet.OutcomeDone || r[0].Rounds != 2 || r[0].Verified < freshet.VerifiedInspect || r[0].After.Stored() {
		t.Errorf("the object with a fill: %+v", r[0])
	}
	if r[1].Outcome != freshet.OutcomeAlready || r[1].Rounds != 1 {
		t.Errorf("the absent object: %+v", r[1])
	}
	if _, ok := m.stored[film]; ok {
		t.Error("the old body is stored")
	}
}

func TestP4_SettleFailsWhatIsStoredAgainAndAgain(t *testing.T) {
	t.Parallel()
	m := newModel(nil)
	for range 2 * cache.MaxRounds {
		m.fills[film] = append(m.fills[film], m.now)
	}
	r := cache.Settle(t.Context(), m, orderOf(1, film), freshet.VerifyInspect)[0]
	if r.Outcome != freshet.OutcomeFailed || r.Reason != freshet.ReasonMismatch || r.Rounds != cache.MaxRounds || m.purges != cache.MaxRounds {
		t.Errorf("%+v after %d purges", r, m.purges)
	}
}

func TestSettle_KeepsWhatWasFetchedAfterThePurge(t *testing.T) {
	t.Parallel()
	m := newModel(nil)
	m.get(film)
	o := &between{model: m, then: func() { m.get(film) }}
	r := cache.Settle(t.Context(), o, orderOf(1, film), freshet.VerifyInspect)[0]
	if r.Outcome != freshet.OutcomeDone || r.Rounds != 1 || !r.After.Stored() || m.purges != 1 {
		t.Errorf("%+v after %d purges", r, m.purges)
	}
}

func TestSettle_TakesTheCachesWordOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	m := newModel(nil)
	m.get(film)
	m.fills[film] = append(m.fills[film], m.now)
	r := cache.Settle(t.Context(), m, orderOf(1, film), freshet.VerifyAck)[0]
	if r.Outcome != freshet.OutcomeDone || r.Verified != freshet.VerifiedAnswer || r.Rounds != 1 {
		t.Errorf("%+v", r)
	}
	m.refuse = true
	if r := cache.Settle(t.Context(), m, orderOf(2, film), freshet.VerifyInspect)[0]; r.Outcome != freshet.OutcomeFailed || r.Verified != freshet.VerifiedNone {
		t.Errorf("a cache that is away: %+v", r)
	}
}

// between is a model where something happens between a purge and the look
// afterwards.
type between struct {
	*model

	then func()
}

func (b *between) Purge(ctx context.Context, o cache.Order) []cache.Result {
	defer b.then()
	return b.model.Purge(ctx, o)
}
