// Package metrics counts what the parts of Freshet do and shows it to
// Prometheus. Every name stands in names.go, and in docs/metrics.md, which is
// written from there.
//
// It must not know who works for whom: package engine calls it through an
// interface of its own, caches give it their counts, and package app joins them.
// If a figure here is wrong, an alert sleeps while POPs fall behind.
package metrics
