package wire

import (
	"time"

	"github.com/freshet-vod/freshet"
)

// maxLength bounds a length of time on the wire, in milliseconds: what is longer
// cannot be told in nanoseconds.
const maxLength = int64(1<<63-1) / int64(time.Millisecond)

// length reads a length of time in milliseconds.
func (r *reader) length() time.Duration {
	return time.Duration(max(min(r.varint(), maxLength), 0)) * time.Millisecond
}

// maxNames bounds the names of checks in a report: they are kept in memory for
// each POP, and shown.
const maxNames = 32

// names reads a list of short texts.
func (r *reader) names() []string {
	n := r.count(1)
	if n > maxNames {
		r.failf("report names more than %d checks", maxNames)
		return nil
	}
	var list []string
	for range n {
		list = append(list, r.short())
	}
	return list
}

// EncodeReport encodes a report.
func EncodeReport(p freshet.Report) []byte {
	var w writer
	w.uvarint(p.Topology)
	w.strs(p.Obstacles)
	w.bool(p.Silent)
	w.bool(p.Permit)
	w.bool(p.Revalidates)
	w.bool(p.Traffic.Known)
	w.varint(p.Traffic.Quiet.Milliseconds())
	return seal(kindReport, Version3, w.b, compression.fast)
}

// DecodeReport decodes a report. Empty lists come back as nil.
func DecodeReport(b []byte) (freshet.Report, error) {
	r, err := unseal(kindReport, b)
	if err != nil {
		return freshet.Report{}, err
	}
	p := freshet.Report{
		Topology: r.uvarint(), Obstacles: r.names(), Silent: r.bool(), Permit: r.bool(), Revalidates: r.bool(),
		Traffic: freshet.Traffic{Known: r.bool(), Quiet: r.length()},
	}
	if err := finish(kindReport, r); err != nil {
		return freshet.Report{}, err
	}
	return p, nil
}
