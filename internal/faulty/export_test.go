package faulty

import "math/rand/v2"

// Chunk is a chunk, for tests.
type Chunk struct {
	Data    string
	Message bool
}

// Split cuts a stream that comes in pieces, and returns the chunks and whether
// the stream was understood to its end.
func Split(pieces ...[]byte) (out []Chunk, understood bool) {
	s := &splitter{}
	var all []chunk
	for _, b := range pieces {
		all = append(all, s.add(b)...)
	}
	for _, c := range append(all, s.rest()...) {
		out = append(out, Chunk{string(c.data), c.message})
	}
	return out, !s.raw
}

// Mix sends chunks through a mixer. Nothing waits for longer than it must.
func Mix(seed uint64, f Flow, chunks []Chunk) []string {
	m := &mixer{dice: rand.New(rand.NewPCG(seed, 0))}
	var out []string
	add := func(list [][]byte) {
		for _, b := range list {
			out = append(out, string(b))
		}
	}
	for _, c := range chunks {
		add(m.add(chunk{[]byte(c.Data), c.Message}, f).out)
	}
	add(m.rest())
	return out
}
