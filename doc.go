// Package freshet holds the words of Freshet: media, streams, domains, POPs,
// jobs, tasks, log entries, evidence and errors, and pure functions on them.
//
// It does no I/O, logs nothing, and imports nothing else of this module;
// every other package imports it. Reading its documentation is reading the
// product's glossary. If a word is wrong here, it is wrong on the wire, in the
// store and in the user's terminal.
package freshet
