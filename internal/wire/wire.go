// Package wire encodes what travels between the control plane and the POPs,
// and what the store keeps for years: log entries, heads, heartbeats and
// evidence.
//
// Every message begins with a kind byte and a version byte; a decoder accepts
// every version that was ever released and refuses others by name. What is for
// a program of the release before is encoded in its version. Decoders never panic and never allocate more than a small multiple of their input's
// declared limits, whatever the input (they are fuzzed). The package knows
// only the words of package freshet. The engine, the agent and the stores call
// it. If it is wrong, evidence becomes unreadable.
package wire
