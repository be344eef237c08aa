// Package auth establishes who calls: access keys, request signatures of the
// vendor's two schemes (contract §1.4, §1.5), HTTP Basic for the native API,
// and the memory of nonces that makes a recorded request worthless.
//
// The signature functions are pure; [Auth] adds keys, the clock and the nonce
// memory. The package must not know operations, envelopes or error codes of
// any interface: it tells what is wrong as a [Fault], and the interfaces word
// it. The vendor's API, the native API and the Go client call it. If it is
// wrong, strangers purge the caches, or nobody can.
package auth
