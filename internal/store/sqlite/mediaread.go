package sqlite

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/freshet-vod/freshet"
)

var errMediaShort = errors.New("packed media is cut short")

// minStream is the least that a packed stream takes, in bytes.
const minStream = 13

// decodeMedia unpacks a body, also one of the first releases. Account, ID and
// Updated are the caller's to fill in. It is on the path of every call about
// one media: the texts share one copy of the body.
func decodeMedia(b []byte) (*freshet.Media, error) {
	m := &freshet.Media{}
	switch {
	case len(b) == 0:
		return nil, errMediaShort
	case b[0] == '{':
		if err := json.Unmarshal(b, m); err != nil {
			return nil, fmt.Errorf("unpacking media: %w", err)
		}
		return m, nil
	case b[0] != mediaVersion:
		return nil, fmt.Errorf("packed media has version %d, this release knows %d", b[0], mediaVersion)
	}
	r := mediaReader{b: b[1:], s: string(b[1:])}
	statuses, texts := packedStatuses(), mediaTexts(m)
	m.Status = readWord(&r, statuses[:])
	r.texts(texts[:])
	m.Tags, m.Snapshots = r.list(), r.list()
	m.CateID = r.varint()
	m.Duration = math.Float64frombits(r.uvarint())
	m.Size = r.varint()
	created := r.varint()
	m.Created, m.Modified = fromMillis(created), fromMillis(created+r.varint())
	if n := r.count(minStream); n > 0 {
		m.Streams = make([]freshet.Stream, n)
	}
	prev := ""
	for i := range m.Streams {
		r.stream(&m.Streams[i], prev, created)
		prev = m.Streams[i].URL
	}
	if r.err == nil && r.at != len(r.b) {
		r.err = errors.New("packed media goes on after its end")
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, nil
}

// mediaReader reads a packed media. After the first fault it yields zeroes.
type mediaReader struct {
	b   []byte
	s   string // the same bytes
	at  int
	err error
}

func (r *mediaReader) fail() {
	if r.err == nil {
		r.err = errMediaShort
	}
	r.at = len(r.b)
}

func (r *mediaReader) stream(s *freshet.Stream, prev string, created int64) {
	formats, definitions, types, texts := packedFormats(), packedDefinitions(), packedTypes(), streamTexts(s)
	s.Format = readWord(r, formats[:])
	s.Definition = readWord(r, definitions[:])
	s.Type = readWord(r, types[:])
	s.JobID = r.str()
	same := r.uvarint()
	if same > uint64(len(prev)) {
		r.fail()
		return
	}
	s.URL = prev[:same] + r.str()
	r.texts(texts[:])
	s.Created, s.Modified = r.since(created), r.since(created)
	s.Size = r.varint()
	s.Width, s.Height = int(r.varint()), int(r.varint())
	rest := r.varint()
	s.Encrypted, s.BitDepth = rest&1 != 0, int(rest>>1)
}

// texts reads what appendTexts wrote.
func (r *mediaReader) texts(into []*string) {
	for flags := r.uvarint(); flags != 0; flags &= flags - 1 {
		i := bits.TrailingZeros64(flags)
		if i >= len(into) {
			r.fail()
			return
		}
		*into[i] = r.str()
	}
}

func (r *mediaReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b[r.at:])
	if n <= 0 {
		r.fail()
		return 0
	}
	r.at += n
	return v
}

func (r *mediaReader) varint() int64 { return unzigzag(r.uvarint()) }

func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// count reads how many things follow that take at least size bytes each.
func (r *mediaReader) count(size int) int {
	n := r.uvarint()
	if n > uint64((len(r.b)-r.at)/size) { //nolint:gosec // not negative
		r.fail()
		return 0
	}
	return int(n) //nolint:gosec // no more than a length
}

func (r *mediaReader) str() string {
	n := r.count(1)
	s := r.s[r.at : r.at+n]
	r.at += n
	return s
}

func (r *mediaReader) list() []string {
	n := r.count(1)
	if n == 0 {
		return nil
	}
	out := make([]string, n)
	for i := range out {
		out[i] = r.str()
	}
	return out
}

// since reads what appendSince wrote.
func (r *mediaReader) since(base int64) time.Time {
	v := r.uvarint()
	if v == 0 {
		return time.Time{}
	}
	return time.UnixMilli(base + unzigzag(v-1)).UTC()
}

// readWord reads what appendWord wrote.
func readWord[T ~string](r *mediaReader, list []T) T {
	i := int(r.uvarint()) //nolint:gosec // compared with a length at once
	switch {
	case i == 0:
		return T(r.str())
	case i < 0 || i > len(list):
		r.fail()
		return ""
	}
	return list[i-1]
}
