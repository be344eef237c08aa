// Package mediaquery reads the search expressions of SearchMedia (contract
// §4.13) into values that a store can carry out.
//
// It knows the grammar, the fields, and what may be asked of each; it must not
// know who asks, nor how media are stored. The vendor's API calls it with what
// callers wrote, and hands the result to the store. If it reads an expression
// otherwise than it is written, a search shows media that nobody asked for;
// never another account's: the account is not part of an expression.
package mediaquery

import "time"

// Field is what a condition is about.
type Field int

// The fields of contract §4.13 that a condition may name.
const (
	ID       Field = iota // VideoId, AudioId: texts
	CateID                // numbers
	Storage               // StorageLocation: texts, as App and Status
	App                   // AppId
	Status                //
	Title                 // texts that the field contains, as Tags and Description
	Tags                  //
	Comment               // Description
	Size                  // a range, as Duration
	Duration              //
	Created               // CreationTime: a range of times, as Modified
	Modified              // ModificationTime
	fixed                 // the same for every media; only while an expression is read
)

// Contains reports whether a condition on the field asks for parts of it.
func (f Field) Contains() bool { return f == Title || f == Tags || f == Comment }

// Cond is a condition. One of Texts, Numbers and Range is set, by the field.
type Cond struct {
	Field   Field
	Texts   []string // one of them; of a field that is searched for parts, exactly one
	Numbers []int64  // one of them
	Range   Range
}

// Range is a range of numbers, or of times as Unix milliseconds. A limit that
// is missing is infinite.
type Range struct {
	Lo, Hi         float64
	OpenLo, OpenHi bool // the limit itself is outside
}

// Query is an expression in disjunctive form: a media is found if all
// conditions of one of the alternatives hold. Without alternatives nothing is
// found; an alternative without conditions finds everything.
type Query struct {
	Any [][]Cond
}

// All finds everything.
func All() Query { return Query{Any: [][]Cond{nil}} }

// Error is a fault in an expression.
type Error struct {
	At      string // the word where it was seen
	Problem string
}

// Error implements error.
func (e *Error) Error() string { return "near " + e.At + ": " + e.Problem }

// The bounds of an expression. Those of contract §4.13 are the number of IDs;
// the others keep the cost of a search in proportion (P10).
const (
	MaxLength       = 8 << 10 // bytes
	MaxValues       = 100     // of one condition
	maxDepth        = 16      // of parentheses
	maxConditions   = 100
	maxAlternatives = 64
	maxText         = 128 // characters of a text that is searched for
)

// The values of fields that are the same for every media here.
const (
	MediaSource      = "general"
	PreprocessStatus = "UnPreprocess"
)

// spec is what may be asked of a field.
type spec struct {
	field                  Field
	exact, in, rang, times bool
	numbers                bool
	constant               string // of a fixed field
}

// specOf finds a field by its name in lower case.
func specOf(name string) (spec, bool) {
	switch name {
	case "videoid", "audioid", "mediaid":
		return spec{field: ID, exact: true, in: true}, true
	case "cateid":
		return spec{field: CateID, exact: true, in: true, numbers: true}, true
	case "storagelocation":
		return spec{field: Storage, exact: true, in: true}, true
	case "appid":
		return spec{field: App, exact: true, in: true}, true
	case "status":
		return spec{field: Status, exact: true, in: true}, true
	case "title":
		return spec{field: Title, exact: true, in: true}, true
	case "tags":
		return spec{field: Tags, exact: true, in: true}, true
	case "description":
		return spec{field: Comment, exact: true, in: true}, true
	case "size":
		return spec{field: Size, rang: true}, true
	case "duration":
		return spec{field: Duration, rang: true}, true
	case "creationtime":
		return spec{field: Created, rang: true, times: true}, true
	case "modificationtime":
		return spec{field: Modified, rang: true, times: true}, true
	case "mediasource":
		return spec{field: fixed, exact: true, in: true, constant: MediaSource}, true
	case "preprocessstatus":
		return spec{field: fixed, exact: true, in: true, constant: PreprocessStatus}, true
	}
	return spec{}, false
}

// readTime reads a time of the form 2006-01-02T15:04:05Z as Unix milliseconds.
func readTime(s string) (float64, bool) {
	t, err := time.Parse("2006-01-02T15:04:05Z", s)
	return float64(t.UnixMilli()), err == nil
}
