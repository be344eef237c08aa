package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/freshet-vod/freshet"
)

// faults collects everything that is wrong, so that one run shows it all.
type faults struct {
	file  string
	where map[string]place // of each key that was set, by its path
	list  []fault
}

// place is where a value came from: a line and column of the file, or a
// variable of the environment.
type place struct {
	line, column int
	variable     string
}

type fault struct {
	place
	key, problem string
}

func newFaults(file string) *faults { return &faults{file: file, where: map[string]place{}} }

// at records a fault at a place, unless one of that very key is recorded: a
// value that could not be read is not missing or out of range as well.
func (f *faults) at(p place, key, format string, args ...any) {
	if key != "" && slices.ContainsFunc(f.list, func(x fault) bool { return x.key == key }) {
		return
	}
	f.list = append(f.list, fault{place: p, key: key, problem: fmt.Sprintf(format, args...)})
}

// add records a fault of a key, at the place of the key or of the nearest one
// around it.
func (f *faults) add(key, format string, args ...any) {
	around := key
	for around != "" {
		if _, ok := f.where[around]; ok {
			break
		}
		around = around[:max(strings.LastIndexAny(around, ".["), 0)]
	}
	f.at(f.where[around], key, format, args...)
}

// err returns all faults as one error, in the order of the file.
func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	slices.SortStableFunc(f.list, func(a, b fault) int {
		if a.line != b.line {
			return a.line - b.line
		}
		return a.column - b.column
	})
	e := &freshet.Error{Code: freshet.CodeInvalid, Field: f.list[0].key}
	lines := make([]string, 0, len(f.list))
	for _, x := range f.list {
		line := x.problem
		if x.key != "" {
			line = x.key + ": " + line
		}
		e.Sub = append(e.Sub, freshet.Sub{Line: x.line, ID: x.key, Message: x.problem})
		lines = append(lines, f.origin(x.place)+line)
	}
	e.Message = strings.Join(lines, "\n")
	return e
}

func (f *faults) origin(p place) string {
	switch {
	case p.variable != "":
		return p.variable + ": "
	case p.line > 0:
		return fmt.Sprintf("%s:%d:%d: ", f.file, p.line, p.column)
	case f.file != "":
		return f.file + ": "
	}
	return ""
}
