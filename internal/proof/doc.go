// Package proof holds the promises that need whole processes: they are
// started, killed, traced and looked at from outside. It has tests only; the
// short forms run with all others, the long ones with FRESHET_SOAK=1 (make
// soak).
package proof
