package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// Memory is a journal that forgets with the process. It starts no goroutines
// and touches no file, which suits tests with a clock of their own, and agents
// whose cache forgets with the process too. Its methods may be called
// concurrently.
type Memory struct {
	mu       sync.Mutex // guards what follows
	state    []byte     // encoded, so that callers share nothing with it
	topology []byte
	kept     map[freshet.Position][]byte
	spool    map[uint64][]byte

	denied     map[string]freshet.DeniedURL
	deniedUpTo *freshet.Position // nil: no list was ever saved
}

var _ store.Journal = (*Memory)(nil)

// NewMemory makes an empty Memory.
func NewMemory() *Memory {
	return &Memory{
		kept: map[freshet.Position][]byte{}, spool: map[uint64][]byte{}, denied: map[string]freshet.DeniedURL{},
	}
}

// LoadAgent implements [store.Journal].
func (m *Memory) LoadAgent(ctx context.Context) (store.AgentState, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var st store.AgentState
	if err := ctx.Err(); err != nil || m.state == nil {
		return st, false, err
	}
	if err := json.Unmarshal(m.state, &st); err != nil {
		return st, false, fmt.Errorf("unpacking state: %w", err)
	}
	return st, true, nil
}

// Commit implements [store.Journal].
func (m *Memory) Commit(ctx context.Context, s store.Step) error {
	if err := check(s); err != nil {
		return err
	}
	var state []byte
	if s.State != nil {
		var err error
		if state, err = json.Marshal(s.State); err != nil {
			return fmt.Errorf("packing state: %w", err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if state != nil {
		m.state = state
	}
	for _, e := range s.Keep {
		m.kept[e.At] = encodeEntry(e)
	}
	for _, at := range s.Drop {
		delete(m.kept, at)
	}
	for _, msg := range s.Evidence {
		m.spool[msg.Number] = bytes.Clone(msg.Message)
	}
	return nil
}

// Kept implements [store.Journal].
func (m *Memory) Kept(ctx context.Context) ([]*freshet.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var list []*freshet.Entry
	for _, at := range slices.SortedFunc(maps.Keys(m.kept), freshet.Position.Compare) {
		e, err := decodeEntry(m.kept[at])
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// Spooled implements [store.Journal].
func (m *Memory) Spooled(ctx context.Context, above uint64, limit int) ([]store.SpooledMessage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var list []store.SpooledMessage
	for _, n := range slices.Sorted(maps.Keys(m.spool)) {
		if n > above && len(list) < limit {
			list = append(list, store.SpooledMessage{Number: n, Message: bytes.Clone(m.spool[n])})
		}
	}
	return list, nil
}

// Unspool implements [store.Journal].
func (m *Memory) Unspool(ctx context.Context, upTo uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	maps.DeleteFunc(m.spool, func(n uint64, _ []byte) bool { return n <= upTo })
	return nil
}

// SaveTopology implements [store.Journal].
func (m *Memory) SaveTopology(ctx context.Context, topology []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	m.topology = append([]byte{}, topology...)
	return nil
}

// LoadTopology implements [store.Journal]. It is nil if none was saved.
func (m *Memory) LoadTopology(ctx context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.topology), ctx.Err()
}
