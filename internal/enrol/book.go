package enrol

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// Book holds the records of all POPs in memory, as the store has them. The
// bus asks it for every connection.
type Book struct {
	store    store.POPs
	declared map[string]freshet.POP

	mu      sync.RWMutex // guards records; writers are serialised by the Desk
	records map[string]store.POP
}

// OpenBook reads the records. declared are the POPs of the configuration, whose
// parents count before those of a record.
func OpenBook(ctx context.Context, s store.POPs, declared []freshet.POP) (*Book, error) {
	list, err := s.ListPOPs(ctx)
	if err != nil {
		return nil, err
	}
	b := &Book{store: s, declared: map[string]freshet.POP{}, records: map[string]store.POP{}}
	for _, p := range declared {
		b.declared[p.ID] = p
	}
	for _, p := range list {
		b.records[p.ID] = p
	}
	return b, nil
}

// record returns a POP's record, a zero one if there is none.
func (b *Book) record(pop string) store.POP {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.records[pop]
}

func (b *Book) keep(p store.POP) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records[p.ID] = p
}

// remote tells whether a POP is, or may become, one that runs elsewhere. One
// that is neither declared nor added is let in by no proof of its own.
func (b *Book) remote(p store.POP) bool {
	if d, ok := b.declared[p.ID]; ok {
		return d.Remote
	}
	return p.Added
}

// Key returns the public key by which a POP proves who it is; empty if no
// credential of it holds.
func (b *Book) Key(pop string) string {
	p := b.record(pop)
	if !p.Revoked.IsZero() || !b.remote(p) {
		return ""
	}
	return p.Key
}

// Shared tells whether a POP may use the token that all POPs share: not one
// that has a credential, nor one that was revoked, nor one that runs inside
// this process. A name that nobody knows may: it is told that it is unknown.
func (b *Book) Shared(pop string) bool {
	if d, ok := b.declared[pop]; ok && !d.Remote {
		return false
	}
	p := b.record(pop)
	return p.Key == "" && p.Revoked.IsZero()
}

// Invited tells whether token is the last one-time token of a POP. It may be
// expired or spent: who holds it is told so when it is shown.
func (b *Book) Invited(pop, token string) bool {
	p := b.record(pop)
	return p.Token != (store.Digest{}) && p.Token.Equal(digestOf(token)) && b.remote(p)
}

// parentsOf returns where a POP fills from, if it is declared or added.
func (b *Book) parentsOf(pop string) (parents []string, known bool) {
	if p, ok := b.declared[pop]; ok {
		return p.Parents, true
	}
	p := b.record(pop)
	return p.Parents, p.Added
}

// added returns the IDs of POPs that were added and are not declared, in order.
func (b *Book) added() []string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var list []string
	for _, id := range slices.Sorted(maps.Keys(b.records)) {
		if _, ok := b.declared[id]; !ok && b.records[id].Added {
			list = append(list, id)
		}
	}
	return list
}

// joined tells whether an added POP has enrolled: only then it is a member,
// for before it nothing can be stored there, and nothing should wait for it.
func joined(p store.POP) bool { return p.Added && p.Key != "" }

func member(p store.POP) freshet.POP {
	return freshet.POP{ID: p.ID, Parents: p.Parents, Remote: true}
}

// Members returns the POPs that were added and have joined, for the engine's
// start. A parent that was taken out of the configuration since, or that makes
// a cycle with it now, is left out, loudly: everything else would stop the
// whole place, and `freshet pop add` mends it.
func (b *Book) Members(ctx context.Context, log *slog.Logger) []freshet.POP {
	edges := map[string][]string{}
	for id, p := range b.declared {
		edges[id] = p.Parents
	}
	var list []freshet.POP
	all := b.added()
	for _, id := range all {
		edges[id] = nil
	}
	for _, id := range all {
		p := b.record(id)
		m := member(p)
		m.Parents = slices.DeleteFunc(slices.Clone(p.Parents), func(parent string) bool {
			_, known := edges[parent]
			if known && path(edges, parent, id) == nil {
				return false
			}
			log.LogAttrs(ctx, slog.LevelError, "a parent of an added POP is declared no more, or fills from it: the POP does without until it is added again with other parents",
				slog.String("pop", id), slog.String("parent", parent))
			return true
		})
		edges[id] = m.Parents
		if joined(p) {
			list = append(list, m)
		}
	}
	return list
}

// path returns a way from one POP to another along parents, both ends
// included; nil if there is none.
func path(parents map[string][]string, from, to string) []string {
	seen := map[string]bool{}
	var walk func(id string) []string
	walk = func(id string) []string {
		if id == to {
			return []string{id}
		}
		if seen[id] {
			return nil
		}
		seen[id] = true
		for _, p := range parents[id] {
			if rest := walk(p); rest != nil {
				return append([]string{id}, rest...)
			}
		}
		return nil
	}
	return walk(from)
}

// checkParents refuses parents that do not exist, and cycles.
func (b *Book) checkParents(id string, parents []string) error {
	edges := map[string][]string{}
	for d := range b.declared {
		edges[d], _ = b.parentsOf(d)
	}
	for _, a := range b.added() {
		edges[a], _ = b.parentsOf(a)
	}
	for i, p := range parents {
		if _, ok := edges[p]; !ok && p != id {
			return freshet.Invalid("parents", "There is no POP %q to fill from: add it first.", clip(p))
		}
		if slices.Index(parents, p) < i {
			return freshet.Invalid("parents", "The parent %s is listed twice.", p)
		}
		if loop := path(edges, p, id); loop != nil {
			return freshet.Invalid("parents", "The parent %s would make a cycle: %s.", p, strings.Join(append([]string{id}, loop...), " → "))
		}
	}
	return nil
}

// childrenOf returns the POPs that fill from one, in order.
func (b *Book) childrenOf(id string) []string {
	var list []string
	for _, other := range append(slices.Collect(maps.Keys(b.declared)), b.added()...) {
		if parents, _ := b.parentsOf(other); slices.Contains(parents, id) {
			list = append(list, other)
		}
	}
	slices.Sort(list)
	return list
}

// describe sets how a POP proves who it is.
func (b *Book) describe(s *freshet.POPStatus, sharedToken bool, now time.Time) {
	p := b.record(s.ID)
	d, declared := b.declared[s.ID]
	switch {
	case declared && !d.Remote:
		s.Access = freshet.AccessProcess
		return
	case !p.Revoked.IsZero():
		s.Access, s.AccessSince = freshet.AccessRevoked, p.Revoked
	case p.Key != "":
		s.Access, s.AccessSince = freshet.AccessCredential, p.Since
	case sharedToken:
		s.Access = freshet.AccessShared
	case p.Token != (store.Digest{}) && now.Before(p.Expires):
		s.Access = freshet.AccessAwaiting
	default:
		s.Access = freshet.AccessNone
	}
	if p.Token != (store.Digest{}) && p.Spent == "" {
		s.TokenExpires = p.Expires
	}
}

// maxShown bounds what is repeated of a caller's input.
const maxShown = 80

func clip(s string) string {
	if len(s) > maxShown {
		return s[:maxShown] + "…"
	}
	return s
}
