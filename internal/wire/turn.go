package wire

import "time"

// Turn is how a POP that is to make its whole cache revalidate asks for its
// turn, and how it is answered. A question says nothing.
type Turn struct {
	Granted bool
	// For is how long the turn lasts or, if it is another's, about how long that
	// one does.
	For time.Duration // in whole milliseconds
}

// EncodeTurn encodes a turn.
func EncodeTurn(t Turn) []byte {
	var w writer
	w.bool(t.Granted)
	w.varint(t.For.Milliseconds())
	return seal(kindTurn, Version3, w.b, compression.fast)
}

// DecodeTurn decodes a turn.
func DecodeTurn(b []byte) (Turn, error) {
	r, err := unseal(kindTurn, b)
	if err != nil {
		return Turn{}, err
	}
	t := Turn{Granted: r.bool(), For: r.length()}
	if err := finish(kindTurn, r); err != nil {
		return Turn{}, err
	}
	return t, nil
}
