package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// fieldError is a fault of one field of a stream.
type fieldError struct{ field, problem string }

// Error implements error.
func (e *fieldError) Error() string { return e.field + ": " + e.problem }

func unknown[T ~string](field, value string, known []T) error {
	if value == "" {
		return &fieldError{field, "is missing"}
	}
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	return &fieldError{field, fmt.Sprintf("%q is unknown; known are %s", clip(value), strings.Join(names, ", "))}
}

// explain turns the JSON decoder's errors into words for people who wrote the
// line and not the program; at is where in the line it happened.
func explain(at string, err error) error {
	join := func(field string) string {
		return strings.Trim(at+"."+field, ".")
	}
	if f, ok := errors.AsType[*fieldError](err); ok {
		return &fieldError{join(f.field), f.problem}
	}
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		where := join(t.Field)
		if where == "" {
			where = "the line"
		}
		return &fieldError{where, fmt.Sprintf("found %s, expected %s", clip(t.Value), jsonKind(t.Type.Kind().String()))}
	}
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("the line is not JSON: %s at byte %d", s.Error(), s.Offset)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the line is not JSON: it ends early")
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		if name = clip(strings.Trim(name, `"`)); name == "" {
			name = `""`
		}
		return fmt.Errorf("%s: unknown key", join(name))
	}
	if at == "" {
		return err
	}
	return fmt.Errorf("%s: %w", at, err)
}

// jsonKind says what JSON calls a kind of Go.
func jsonKind(kind string) string {
	switch {
	case kind == "struct" || kind == "map":
		return "object"
	case kind == "slice":
		return "list"
	case strings.HasPrefix(kind, "int"):
		return "whole number"
	}
	return kind
}

// clip keeps what is echoed to the caller short.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// text is a string that may be written as a number: exports differ on
// bitrates.
type text string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *text) UnmarshalJSON(b []byte) error {
	var n json.Number
	if json.Unmarshal(b, &n) == nil { // a number, or a string that holds one
		*t = text(n)
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return &fieldError{"Bitrate, Duration, Fps, JobType or NarrowBandType", "is neither text nor a number"}
	}
	*t = text(s)
	return nil
}

// flag is a truth value that may be written as 0 or 1, as the vendor does.
type flag bool

// UnmarshalJSON implements [json.Unmarshaler].
func (f *flag) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "true", "1":
		*f = true
	case "false", "0", "null":
		*f = false
	default:
		return &fieldError{"Encrypt", "is not true, false, 0 or 1"}
	}
	return nil
}
