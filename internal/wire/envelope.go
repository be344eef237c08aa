package wire

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// kind is the first byte of a message. The numbers never change.
type kind byte

const (
	kindEntries   kind = 1
	kindPull      kind = 2
	kindHeads     kind = 3
	kindHeartbeat kind = 4
	kindTopology  kind = 5
	kindEvidence  kind = 6
	kindSelector  kind = 7
	kindFacts     kind = 8
	kindDict      kind = 9
	kindDenyPull  kind = 10
	kindDenyPage  kind = 11
	kindReport    kind = 12
	kindTurn      kind = 13
)

func (k kind) String() string {
	names := [...]string{
		"", "entries", "pull request", "heads", "heartbeat", "topology", "evidence",
		"selector", "facts", "dictionary", "deny list request", "deny list", "report", "turn",
	}
	if k == 0 || int(k) >= len(names) {
		return fmt.Sprintf("unknown kind %d", byte(k))
	}
	return names[k]
}

// Version is the second byte of a message: how its kind is laid out. A change
// of layout takes the next number of all kinds, and its decoder joins the
// older ones; none is removed, because the store keeps such messages for years.
// Kinds that do not change stay at their number, but for the topology, which
// takes every new one: it is what tells one program how another speaks.
type Version byte

// The versions.
const (
	Version1 Version = 1 // of the first release
	Version2 Version = 2 // evidence tells rounds and windows; domains tell how their objects are checked
	Version3 Version = 3 // entries deny and allow, and tell where the log begins and in which trace they are; the deny list can be asked for; domains tell how URLs are signed, and whether the origin is guarded; POPs report, are drained, are told what to do in silence, and take turns
)

// Newest is the version in which messages are encoded unless another is asked
// for.
const Newest = Version3

// VersionOf returns the version in which a message is written, or the newest
// that this program knows if it is a later one. What is too short to say is
// taken for the first. Of a topology it is the version that its sender and this
// program both speak.
func VersionOf(msg []byte) Version {
	if len(msg) < 2 {
		return Version1
	}
	return min(max(Version(msg[1]), Version1), Newest)
}

// newest is the version in which messages of a kind are written.
func (k kind) newest() Version {
	switch k {
	case kindTopology, kindEntries, kindPull, kindDenyPull, kindDenyPage, kindReport, kindTurn:
		return Version3
	case kindEvidence, kindFacts:
		return Version2
	case kindHeads, kindHeartbeat, kindSelector, kindDict:
	}
	return Version1
}

// The third byte of a message tells how the rest is written.
const (
	formPlain = 0
	formZstd  = 1
)

// MaxUnpacked bounds a message after decompression, in bytes. It is ten times
// what the bus carries: front-coded URLs and columns of facts rarely shrink by
// more, so that only a forged message meets the limit.
const MaxUnpacked = 8 << 20

// The lengths from which compression is tried. What is stored for years gains
// when a few dozen bytes go; below, the head of a compressed block eats the
// gain. What goes over the bus gains only if it takes fewer packets, and costs
// the time of a hundred agents, each of which unpacks it.
const (
	worthKeeping = 96
	worthSending = 1200
)

type compressors struct {
	fast, small *zstd.Encoder
	decoder     *zstd.Decoder
}

// compression is made while the program starts, and warmed up, because the
// compressors hand out their workers over channels: made inside one
// testing/synctest bubble they could not be used outside it. Workers get their
// large tables when they first work.
var compression = newCompressors() //nolint:gochecknoglobals // holds no state between calls, and is dear to make

func newCompressors() compressors {
	// Two workers of each kind: a message takes microseconds, and each worker
	// keeps some megabytes.
	encoder := func(level zstd.EncoderLevel) *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(2),
			zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
		if err != nil {
			panic("wire: options of the compressor: " + err.Error())
		}
		e.EncodeAll(nil, nil)
		return e
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(MaxUnpacked),
		zstd.WithDecoderLowmem(true))
	if err != nil {
		panic("wire: options of the decompressor: " + err.Error())
	}
	return compressors{fast: encoder(zstd.SpeedDefault), small: encoder(zstd.SpeedBetterCompression), decoder: d}
}

// seal puts the head of a message before its body, which it compresses if
// that makes it shorter. A body over MaxUnpacked stays as it is: no decoder
// would unpack it, and callers that split what is longer than the bus carries
// see that it is.
func seal(k kind, v Version, body []byte, e *zstd.Encoder) []byte {
	head := []byte{byte(k), byte(v), formPlain}
	least := worthKeeping
	if e == compression.fast {
		least = worthSending
	}
	if len(body) >= least && len(body) <= MaxUnpacked {
		msg := append(make([]byte, 0, len(head)+len(body)), byte(k), byte(v), formZstd)
		if msg = e.EncodeAll(body, msg); len(msg) < len(head)+len(body) {
			return msg
		}
	}
	return append(head, body...)
}

// unseal checks the head of a message of the wanted kind and returns a reader
// of its body.
func unseal(want kind, msg []byte) (*reader, error) {
	if len(msg) < 3 {
		return nil, fmt.Errorf("decode %s: %w", want, errShort)
	}
	if k := kind(msg[0]); k != want {
		return nil, fmt.Errorf("decode %s: message is of another kind (%s)", want, k)
	}
	v := Version(msg[1])
	if v < Version1 || v > want.newest() {
		return nil, fmt.Errorf("decode %s: version %d is unknown (this program knows 1 to %d)", want, v, want.newest())
	}
	switch msg[2] {
	case formPlain:
		return &reader{b: msg[3:], v: v}, nil
	case formZstd:
		body, err := compression.decoder.DecodeAll(msg[3:], nil)
		if err != nil {
			return nil, fmt.Errorf("decode %s: decompress: %w", want, err)
		}
		return &reader{b: body, v: v}, nil
	}
	return nil, fmt.Errorf("decode %s: form %d is unknown", want, msg[2])
}

// finish returns the fault of a decoder, if any, with the message's kind.
func finish(k kind, r *reader) error {
	if err := r.end(); err != nil {
		return fmt.Errorf("decode %s: %w", k, err)
	}
	return nil
}
