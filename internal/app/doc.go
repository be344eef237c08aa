// Package app wires the parts into processes: a control plane with the POPs
// of its configuration, or one POP on its own.
//
// It knows everybody and decides nothing: construction runs top to bottom in
// the order of dependency, everything fallible happens in New, and Run only
// serves. Commands and end-to-end tests call it. If it is wrong, nothing
// starts, or something is left behind when it stops.
package app
