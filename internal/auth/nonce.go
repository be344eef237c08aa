package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
)

// fingerprint names (access key, nonce) in 8 bytes. It is keyed with the
// secret: nobody else can search for collisions, and it is the same after a
// restart. It is never 0.
func fingerprint(keyID, secret, nonce string) uint64 {
	b := make([]byte, 0, len(keyID)+len(secret)+len(nonce)+2)
	b = append(b, secret...)
	b = append(b, 0)
	b = append(b, keyID...)
	b = append(b, 0)
	b = append(b, nonce...)
	sum := sha256.Sum256(b)
	return max(1, binary.BigEndian.Uint64(sum[:8]))
}

// memory remembers fingerprints for at least its span: in two sets, the older
// of which is dropped as a whole when the younger is one span old. It costs
// about 18 bytes for each.
type memory struct {
	span  time.Duration
	limit int // per set
	// forget says what happens at the limit: the older set is dropped early
	// (true), or new requests are refused (false).
	forget bool

	mu      sync.Mutex // guards what follows
	young   map[uint64]struct{}
	old     map[uint64]struct{}
	rotated time.Time
}

func newMemory(span time.Duration, limit int, forget bool, now time.Time) *memory {
	return &memory{span: span, limit: limit, forget: forget, young: map[uint64]struct{}{}, rotated: now}
}

// add remembers f. It fails if f was there, or if there is no room.
func (m *memory) add(f uint64, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if age := now.Sub(m.rotated); age >= m.span {
		m.rotate(now)
		if age >= 2*m.span { // nothing came for so long that both sets are stale
			m.old = nil
		}
	}
	if _, ok := m.young[f]; ok {
		return &Fault{Kind: NonceUsed}
	}
	if _, ok := m.old[f]; ok {
		return &Fault{Kind: NonceUsed}
	}
	if len(m.young) >= m.limit {
		if !m.forget {
			return &freshet.Error{
				Code:       freshet.CodeLimited,
				Kind:       freshet.KindNonces,
				Message:    "Too many requests of late: the server cannot remember more nonces at the moment.",
				RetryAfter: m.rotated.Add(m.span).Sub(now),
			}
		}
		m.rotate(now)
	}
	m.young[f] = struct{}{}
	return nil
}

func (m *memory) rotate(now time.Time) {
	m.old, m.young, m.rotated = m.young, make(map[uint64]struct{}), now
}
