package sqlite

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

// jobVersion is the first byte of a packed job.
const jobVersion = 1

// Flags of a packed job.
const (
	flagPrefetch = 1 << iota
	flagNative
	flagFilter
	flagDirect
	flagTakedown
	flagReinstate
	flagDenial
	flagTrace
)

var errCutShort = errors.New("packed job is cut short")

// encodeJob packs what the job's own columns do not hold. Rows are all
// accepted: only their media and times are kept.
func encodeJob(j *freshet.Job) ([]byte, error) {
	var flags byte
	switch j.Type {
	case freshet.Prefetch:
		flags |= flagPrefetch
	case freshet.Takedown:
		flags |= flagTakedown
	case freshet.Reinstate:
		flags |= flagReinstate
	case freshet.Purge:
	}
	if j.Native {
		flags |= flagNative
	}
	filter, err := json.Marshal(j.Filter)
	if err != nil {
		return nil, fmt.Errorf("packing job: %w", err)
	}
	if string(filter) != "{}" {
		flags |= flagFilter
	}
	b := make([]byte, 0, 64+len(j.UserData)+len(j.Policy)+len(filter)+40*len(j.Rows))
	b = append(b, jobVersion, 0)
	b = appendString(b, j.UserData)
	b = appendString(b, j.Policy)
	b = binary.AppendVarint(b, millis(j.FinishBy))
	if flags&flagFilter != 0 {
		b = appendString(b, string(filter))
	}
	if j.Direct != nil {
		flags |= flagDirect
		direct, err := json.Marshal(j.Direct)
		if err != nil {
			return nil, fmt.Errorf("packing job: %w", err)
		}
		b = appendString(b, string(direct))
	}
	if j.Denial != nil {
		flags |= flagDenial
		denial, err := json.Marshal(j.Denial)
		if err != nil {
			return nil, fmt.Errorf("packing job: %w", err)
		}
		b = appendString(b, string(denial))
	}
	if !j.Trace.IsZero() {
		flags |= flagTrace
		b = append(b, packTrace(j.Trace)...)
	}
	b = binary.AppendUvarint(b, uint64(len(j.Rows)))
	created := millis(j.Created)
	for i := range j.Rows {
		b = appendString(b, j.Rows[i].Media)
		b = binary.AppendVarint(b, millis(j.Rows[i].Modified)-created)
	}
	b[1] = flags
	return b, nil
}

// decodeJob unpacks a job. Account, ID and times that depend on the job's
// creation are the caller's to fill in: see fillJob.
func decodeJob(b []byte) (*freshet.Job, error) {
	if len(b) < 2 {
		return nil, errCutShort
	}
	if b[0] != jobVersion {
		return nil, fmt.Errorf("packed job has version %d, this release knows %d", b[0], jobVersion)
	}
	flags := b[1]
	r := unpacker{b: b[2:]}
	j := &freshet.Job{Type: freshet.Purge, Native: flags&flagNative != 0}
	switch {
	case flags&flagPrefetch != 0:
		j.Type = freshet.Prefetch
	case flags&flagTakedown != 0:
		j.Type = freshet.Takedown
	case flags&flagReinstate != 0:
		j.Type = freshet.Reinstate
	}
	j.UserData = r.string()
	j.Policy = r.string()
	j.FinishBy = fromMillis(r.varint())
	if flags&flagFilter != 0 {
		r.json(&j.Filter)
	}
	if flags&flagDirect != 0 {
		j.Direct = &freshet.Direct{}
		r.json(j.Direct)
	}
	if flags&flagDenial != 0 {
		j.Denial = &freshet.Denial{}
		r.json(j.Denial)
	}
	if flags&flagTrace != 0 {
		j.Trace = unpackTrace(r.take(traceLen))
	}
	n := r.uvarint()
	if r.err == nil && n > uint64(len(r.b)) { // a row is at least two bytes
		r.err = errCutShort
	}
	if r.err != nil {
		return nil, r.err
	}
	j.Rows = make([]freshet.Row, n)
	for i := range j.Rows {
		media, modified := r.string(), r.varint()
		j.Rows[i] = freshet.Row{
			Index: i, Media: media, State: freshet.RowAccepted, Modified: time.UnixMilli(modified),
		}
	}
	return j, r.err
}

// fillJob sets what decodeJob leaves open.
func fillJob(j *freshet.Job, id []byte, account string, created int64) {
	j.ID, j.Account, j.Created = jobID(id), account, fromMillis(created)
	for i := range j.Rows {
		j.Rows[i].Job = j.ID
		j.Rows[i].Modified = fromMillis(created + j.Rows[i].Modified.UnixMilli())
	}
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// unpacker reads a packed job. After the first fault it yields zeroes.
type unpacker struct {
	b   []byte
	err error
}

func (r *unpacker) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	return skip(r, v, n)
}

func (r *unpacker) varint() int64 {
	v, n := binary.Varint(r.b)
	return skip(r, v, n)
}

func skip[T any](r *unpacker, v T, n int) T {
	var zero T
	if r.err != nil || n <= 0 {
		if r.err == nil {
			r.err = errCutShort
		}
		return zero
	}
	r.b = r.b[n:]
	return v
}

func (r *unpacker) string() string {
	n := r.uvarint()
	if r.err == nil && n > uint64(len(r.b)) {
		r.err = errCutShort
	}
	if r.err != nil {
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *unpacker) take(n int) []byte {
	if r.err == nil && n > len(r.b) {
		r.err = errCutShort
	}
	if r.err != nil {
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *unpacker) json(v any) {
	s := r.string()
	if r.err == nil {
		r.err = json.Unmarshal([]byte(s), v)
	}
}

// jobKey is how a job ID is kept: the usual 16 hex digits in 8 bytes, anything
// else as text behind a zero byte, which keeps the two apart by length or
// start and the index on IDs a third of the size.
func jobKey(id string) []byte {
	if len(id) == 16 && strings.ToLower(id) == id {
		if b, err := hex.DecodeString(id); err == nil {
			return append(make([]byte, 0, 9), append([]byte{1}, b...)...)
		}
	}
	return append([]byte{0}, id...)
}

// jobID is the reverse of jobKey.
func jobID(key []byte) string {
	switch {
	case len(key) == 0:
		return ""
	case key[0] == 1:
		return hex.EncodeToString(key[1:])
	}
	return string(key[1:])
}

// millis is how a time is kept; 0 is the zero Time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// traceLen is the length of a trace as it is kept.
const traceLen = 24

// packTrace returns nothing for what nobody traces.
func packTrace(t freshet.Trace) []byte {
	if t.IsZero() {
		return []byte{}
	}
	return append(t.ID[:], t.Span[:]...)
}

// unpackTrace takes what is no trace for none: nobody's work depends on it.
func unpackTrace(b []byte) (t freshet.Trace) {
	if len(b) == traceLen {
		copy(t.ID[:], b)
		copy(t.Span[:], b[len(t.ID):])
	}
	return t
}
