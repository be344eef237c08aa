package freshet

// Trace is the place of a job, or of an entry of the log, in a distributed
// trace, in the words of W3C Trace Context: what comes of it becomes a child of
// Span. The zero value says that nobody records it, which costs nothing
// anywhere.
type Trace struct {
	ID   [16]byte
	Span [8]byte
}

// IsZero reports whether nobody records the trace.
func (t Trace) IsZero() bool { return t == Trace{} }
