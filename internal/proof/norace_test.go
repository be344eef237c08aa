//go:build !race

package proof_test

func buildFlags() []string { return nil }
