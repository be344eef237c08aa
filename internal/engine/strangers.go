package engine

import (
	"context"
	"log/slog"
	"sync"

	"github.com/freshet-vod/freshet"
)

// mostStrangers bounds what is remembered of names that anybody with the token
// can make up.
const mostStrangers = 1000

// strangers says in the log, once for each name, that a POP is not set up as
// the operator thinks. Heartbeats come every second, so each alone says
// nothing.
type strangers struct {
	mu   sync.Mutex // guards what follows
	told map[string]bool
	past map[string][2]string // the incarnations that a POP had last
}

// unknown tells of a POP that is not declared.
func (s *strangers) unknown(ctx context.Context, log *slog.Logger, pop string) {
	if s.first("unknown " + pop) {
		log.LogAttrs(ctx, slog.LevelWarn,
			"a POP that the configuration does not name sends heartbeats: add it to pops, or mend its pop.id", slog.String("pop", pop))
	}
}

// twins tells of two processes that run as one POP: the content that one of
// them names in its heartbeats gives way to another and comes back, which a
// POP alone never does. Only one of the two gets each purge's evidence counted.
func (s *strangers) twins(ctx context.Context, log *slog.Logger, h freshet.Heartbeat) {
	if h.Incarnation == "" || !s.returned(h.POP, h.Incarnation) || !s.first("twins "+h.POP) {
		return
	}
	log.LogAttrs(ctx, slog.LevelError,
		"two processes run as one POP, and what one of them purged is not known of the other: give each its own pop.id", slog.String("pop", h.POP))
}

func (s *strangers) returned(pop, incarnation string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.past == nil {
		s.past = map[string][2]string{} // as many as POPs are declared
	}
	had := s.past[pop]
	if had[0] == incarnation {
		return false
	}
	s.past[pop] = [2]string{incarnation, had[0]}
	return had[1] == incarnation
}

func (s *strangers) first(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told == nil {
		s.told = map[string]bool{}
	}
	if s.told[what] || len(s.told) >= mostStrangers {
		return false
	}
	s.told[what] = true
	return true
}
