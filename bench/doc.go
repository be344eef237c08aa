// Package bench measures the figures of docs/benchmarks.md. It has benchmarks
// only; `make bench` runs them and prints what is written there.
package bench
