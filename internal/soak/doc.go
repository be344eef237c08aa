// Package soak holds the proof that nothing grows: a control plane and POPs that
// come and go, at work for as long as one likes. It has tests only; the short
// form runs with all others, the long one with FRESHET_SOAK=1 (make soak), for
// FRESHET_SOAK_TIME (20m).
//
// It is apart from package proof because it looks at its own process, in which
// nothing else may run.
package soak
