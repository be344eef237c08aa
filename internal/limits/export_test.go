package limits

// MaxBuckets is the bound of a Throttle's memory.
const MaxBuckets = maxBuckets

// Buckets tells how many buckets are kept.
func (t *Throttle) Buckets() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.buckets)
}
