package wire

import "github.com/freshet-vod/freshet"

// PullRequest asks for entries of a subject after a position.
type PullRequest struct {
	Subject string
	After   freshet.Position
	Limit   int
}

// EncodePull encodes a pull request, to be answered in the newest version.
func EncodePull(q PullRequest) []byte { return EncodePullAs(Newest, q) }

// EncodePullAs encodes a pull request to a control plane that knows v at most:
// it answers with entries of the version in which it is asked.
func EncodePullAs(v Version, q PullRequest) []byte {
	var w writer
	w.str(q.Subject)
	w.position(q.After)
	w.varint(int64(q.Limit))
	return seal(kindPull, Version3.orFirst(v), w.b, compression.fast)
}

// DecodePull decodes a pull request.
func DecodePull(b []byte) (PullRequest, error) {
	r, err := unseal(kindPull, b)
	if err != nil {
		return PullRequest{}, err
	}
	q := PullRequest{Subject: r.short(), After: r.position(), Limit: r.int()}
	if err := finish(kindPull, r); err != nil {
		return PullRequest{}, err
	}
	return q, nil
}

// EncodeHeads encodes the last position of each subject.
func EncodeHeads(heads []freshet.Cursor) []byte {
	var w writer
	w.cursors(heads)
	return seal(kindHeads, Version1, w.b, compression.fast)
}

// DecodeHeads decodes heads.
func DecodeHeads(b []byte) ([]freshet.Cursor, error) {
	r, err := unseal(kindHeads, b)
	if err != nil {
		return nil, err
	}
	heads := r.cursors()
	if err := finish(kindHeads, r); err != nil {
		return nil, err
	}
	return heads, nil
}

// maxCursors bounds the subjects of a message; there are two.
const maxCursors = 1 << 10

func (w *writer) cursors(list []freshet.Cursor) {
	w.count(len(list))
	for _, c := range list {
		w.str(c.Subject)
		w.position(c.At)
	}
}

func (r *reader) cursors() []freshet.Cursor {
	n := r.count(3)
	if n > maxCursors {
		r.failf("message holds more than %d cursors", maxCursors)
		return nil
	}
	if n == 0 {
		return nil
	}
	list := make([]freshet.Cursor, n)
	for i := range list {
		list[i] = freshet.Cursor{Subject: r.short(), At: r.position()}
	}
	return list
}
