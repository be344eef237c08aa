// Package faulty is a TCP proxy that does to connections what networks do:
// delay, loss of a direction, resets, half-open connections, black holes,
// refusals, answers that break off. Of NATS it understands the frames, and
// repeats, swaps and drops whole messages.
//
// It must not know what is said over the connections, nor of agents and
// caches. Tests and proofs put it between two programs; the product never
// imports it. If it does less than it says, the proofs prove nothing; if it
// does more (changes a byte, loses one in the middle and goes on), they find
// faults that no network makes.
package faulty
