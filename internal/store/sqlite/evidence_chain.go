package sqlite

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/freshet-vod/freshet/internal/store"
)

// link is the next link of the chain: SHA-256 over the previous one and all
// that is stored of a message. Whoever changes, drops or inserts a message
// must recompute every later link, and a copy of any one of them tells.
func link(prev []byte, m *store.Received, facts []byte, added []dictPart) []byte {
	var b []byte
	b = append(b, prev...)
	for _, s := range []string{m.POP, m.Incarnation, string(facts)} {
		b = appendString(b, s)
	}
	b = binary.AppendUvarint(b, m.Stream)
	b = binary.AppendUvarint(b, m.Number)
	b = binary.AppendVarint(b, millis(m.ReceivedAt))
	for _, d := range added {
		b = binary.AppendUvarint(b, uint64(d.at.Epoch))
		b = binary.AppendUvarint(b, d.at.Pos)
		b = appendString(b, string(d.part))
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// span is a run of message numbers, both ends included.
type span struct{ lo, hi int64 }

// addNumber adds a message's number to spans, which stay sorted and apart.
func addNumber(spans []span, n int64) []span {
	i, _ := slices.BinarySearchFunc(spans, n, func(s span, n int64) int {
		switch {
		case s.hi < n-1:
			return -1
		case s.lo > n+1:
			return 1
		}
		return 0
	})
	if i == len(spans) || spans[i].lo > n+1 {
		return slices.Insert(spans, i, span{lo: n, hi: n})
	}
	spans[i].lo, spans[i].hi = min(spans[i].lo, n), max(spans[i].hi, n)
	if i+1 < len(spans) && spans[i+1].lo <= spans[i].hi+1 {
		spans[i].hi = max(spans[i].hi, spans[i+1].hi)
		spans = slices.Delete(spans, i+1, i+2)
	}
	return spans
}

func hasNumber(spans []span, n int64) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return s.lo <= n && n <= s.hi })
}
