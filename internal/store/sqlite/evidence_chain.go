package sqlite

import (
	"cmp"
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
func addNumber(spans []span, n int64) []span { return addSpan(spans, span{lo: n, hi: n}) }

// addSpan adds a run of numbers to spans.
func addSpan(spans []span, add span) []span {
	lo, _ := slices.BinarySearchFunc(spans, add.lo, func(s span, n int64) int { return cmp.Compare(s.hi, n-1) })
	hi := lo
	for ; hi < len(spans) && spans[hi].lo <= add.hi+1; hi++ {
		add.lo, add.hi = min(add.lo, spans[hi].lo), max(add.hi, spans[hi].hi)
	}
	return slices.Replace(spans, lo, hi, add)
}

func hasNumber(spans []span, n int64) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return s.lo <= n && n <= s.hi })
}
