package plan_test

import (
	"bytes"
	"compress/gzip"
	"math/rand/v2"
)

// pack compresses b, n times in a row.
func pack(b []byte, n int) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	for range n {
		_, _ = z.Write(b)
	}
	_ = z.Close()
	return out.Bytes()
}

// noise is n bytes in which there is nothing to compress.
func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return pack(b, 1)
}

// emptyBlocks is n bytes of gzip that hold nothing: blocks of 14 bytes, each with
// a Huffman code of its own that costs a decompressor a microsecond.
func emptyBlocks(n int) []byte {
	out := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}
	acc, have := uint64(0), 0
	put := func(v uint64, width int) {
		acc |= v << have
		for have += width; have >= 8; have -= 8 {
			out = append(out, byte(acc))
			acc >>= 8
		}
	}
	for len(out) < n {
		put(0b100, 3) // not the last block; a code of its own
		put(0, 5)     // 257 literals
		put(0, 5)     // one distance
		put(14, 4)    // 18 lengths of the code of lengths, in their order:
		for _, symbol := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1} {
			if symbol == 18 || symbol == 1 {
				put(1, 3)
				continue
			}
			put(0, 3)
		}
		put(1, 1) // 138 literals that do not occur, and 118 more
		put(138-11, 7)
		put(1, 1)
		put(118-11, 7)
		put(0, 1) // the end of the block has a code of one bit,
		put(0, 1) // and so has the distance
		put(0, 1) // the end
	}
	return out
}
