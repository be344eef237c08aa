package agent_test

import (
	"context"
	"maps"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

var _ cache.Denier = (*handle)(nil)

func (h *handle) Deny(ctx context.Context, urls []freshet.DeniedURL) []cache.Result {
	out := make([]cache.Result, len(urls))
	if !h.k.before("deny") || !wait(ctx, h.delay) {
		return fill(out, cache.Result{Outcome: freshet.OutcomeCancelled})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.k.isDead() {
		return fill(out, cache.Result{Outcome: freshet.OutcomeCancelled})
	}
	for i, u := range urls {
		if reason := h.fault("deny", u.URL, u.At); reason != freshet.ReasonNone || h.chance(h.transient) {
			if reason == freshet.ReasonNone {
				reason = freshet.ReasonTimeout
			}
			out[i] = cache.Failed(reason, "as the test wants")
			continue
		}
		h.deny(u)
		out[i] = cache.Result{Outcome: freshet.OutcomeDone}
	}
	if !h.k.after("deny") {
		return fill(out, cache.Result{Outcome: freshet.OutcomeCancelled})
	}
	return out
}

func (h *handle) Allow(_ context.Context, urls []string) []cache.Result {
	out := make([]cache.Result, len(urls))
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.k.isDead() {
		return fill(out, cache.Result{Outcome: freshet.OutcomeCancelled})
	}
	for _, u := range urls {
		delete(h.denied, u)
	}
	return fill(out, cache.Result{Outcome: freshet.OutcomeDone})
}

func (h *handle) SetDenied(_ context.Context, urls []freshet.DeniedURL) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.k.isDead() {
		return errKilled
	}
	h.denied = nil
	for _, u := range urls {
		h.deny(u)
	}
	return nil
}

func (m *modelCache) deny(u freshet.DeniedURL) {
	if m.denied == nil {
		m.denied = map[string]int{}
	}
	m.denied[u.URL] = u.Status
}

// refuses returns what the cache refuses, and how.
func (m *modelCache) refuses() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.denied)
}

// forgets takes the list from the cache, as a restart of most caches does.
func (m *modelCache) forgets() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.denied = nil
}

func deny(urls ...string) *freshet.Entry {
	e := purge(urls...)
	e.Kind, e.Status = freshet.EntryDeny, freshet.StatusLegal
	return e
}

func allow(urls ...string) *freshet.Entry {
	e := purge(urls...)
	e.Kind = freshet.EntryAllow
	return e
}
