//go:build race

package proof_test

// buildFlags build the binary under test with the race detector when the
// tests have it.
func buildFlags() []string { return []string{"-race"} }
