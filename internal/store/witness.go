package store

import "context"

// Witness is told of every statement that a store runs for a call, with how many
// rows it yielded or changed. It is how one sees that two calls take the same
// way through the store (promise P8): what a statement is asked about is left
// out, what is asked and how much is found is not. It may be called by several
// goroutines at once, and must not call the store.
type Witness func(statement string, rows int)

// witnessKey is the key of a context's Witness.
type witnessKey struct{}

// WithWitness returns a context whose reads and writes w is told of.
func WithWitness(ctx context.Context, w Witness) context.Context {
	return context.WithValue(ctx, witnessKey{}, w)
}

// WitnessOf returns the Witness of a context, nil if there is none.
func WitnessOf(ctx context.Context) Witness {
	w, _ := ctx.Value(witnessKey{}).(Witness)
	return w
}
