// Package fault is the one table of what can go wrong for somebody: each error
// of the native and of the vendor's API, each fault of a row, each reason of a
// delivery, each exit code and each warning in a log, with what it means and
// what to do about it. docs/errors.md is made from it.
//
// It must not know who meets an error, nor how it is written: the interfaces
// ask it. Tests hold that nothing which can be met is missing. If it is wrong,
// somebody in trouble is sent the wrong way.
package fault

import (
	"errors"
	"slices"

	"github.com/freshet-vod/freshet"
)

// Face is where an error is met.
type Face string

// The faces, in the order of docs/errors.md.
const (
	Native   Face = "native"   // problems of the native API and what the client and the command line say
	Vendor   Face = "vendor"   // errors of the vendor's API
	Row      Face = "row"      // of a media that could not be planned
	Delivery Face = "delivery" // reasons of deliveries
	Exit     Face = "exit"     // exit codes of the command line
	Log      Face = "log"      // warnings and errors in the logs
)

// Entry is one line of the table.
type Entry struct {
	Face   Face
	Code   string // as it is met
	Status int    // of HTTP, or the exit code; 0: there is none
	Means  string // a sentence
	Remedy string // what to do, in sentences; "" in logs only: nothing need be done
}

// page is where the anchors of [Entry.Type] are.
const page = "https://github.com/freshet-vod/freshet/blob/main/docs/errors.md"

// Type returns the URI that names the error in RFC 9457 problems, and leads to
// what is said of it.
func (e Entry) Type() string { return page + "#" + e.Code }

// All returns the table, face by face.
func All() []Entry {
	var all []Entry
	for _, face := range []struct {
		name Face
		list []Entry
	}{{Native, native()}, {Vendor, vendor()}, {Row, rows()}, {Delivery, deliveries()}, {Exit, exits()}, {Log, logs()}} {
		for _, e := range face.list {
			e.Face = face.name
			all = append(all, e)
		}
	}
	return all
}

// Find returns the line of a code.
func Find(face Face, code string) (Entry, bool) {
	all := All()
	i := slices.IndexFunc(all, func(e Entry) bool { return e.Face == face && e.Code == code })
	if i < 0 {
		return Entry{}, false
	}
	return all[i], true
}

// Of returns what the native API says of an error: the line of its kind, or of
// its code. Whatever is no [freshet.Error] is an internal one. The Remedy is the
// error's own if it has one.
func Of(err error) Entry {
	e, ok := errors.AsType[*freshet.Error](err)
	if !ok {
		e = &freshet.Error{Code: freshet.CodeInternal}
	}
	line, known := find(native(), string(e.Kind))
	if !known {
		line, known = find(native(), string(e.Code))
	}
	if !known { // a code of a newer server
		line, _ = find(native(), string(freshet.CodeInternal))
	}
	line.Face = Native
	if e.Remedy != "" {
		line.Remedy = e.Remedy
	}
	return line
}

func find(list []Entry, code string) (Entry, bool) {
	i := slices.IndexFunc(list, func(e Entry) bool { return code != "" && e.Code == code })
	if i < 0 {
		return Entry{}, false
	}
	return list[i], true
}
