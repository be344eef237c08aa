package rpc

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/strictjson"
	"github.com/freshet-vod/freshet/internal/vod"
)

// text returns a parameter without the blanks around it.
func (c *call) text(name string) string { return strings.TrimSpace(c.params.Get(name)) }

// items splits a comma list: blanks trimmed, empty items dropped, each item
// once, in order (contract §1.2). It stops after limit+1 items.
func items(list string, limit int) []string {
	var out []string
	seen := make(map[string]bool)
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item == "" || seen[item] {
			continue
		}
		seen[item] = true
		out = append(out, item)
		if len(out) > limit {
			break
		}
	}
	return out
}

// enums reads a comma list of values of a closed list, without regard to case
// (contract §4.1 U7).
func enums[T ~string](c *call, name string, values []T) ([]T, error) {
	limit := 4 * len(values) // spellings of one value count apart
	list := items(c.params.Get(name), limit)
	if len(list) > limit {
		return nil, invalid(name)
	}
	var out []T
	for _, item := range list {
		v, ok := freshet.ParseOne(item, values)
		if !ok {
			return nil, invalid(name)
		}
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out, nil
}

// enum reads one value of a closed list; "" if it is absent.
func enum[T ~string](c *call, name string, values ...T) (T, error) {
	s := c.text(name)
	if s == "" {
		return "", nil
	}
	v, ok := freshet.ParseOne(s, values)
	if !ok {
		return "", invalid(name)
	}
	return v, nil
}

// decodeJSON decodes a parameter that is JSON, with lists of no more than most
// elements: what it takes in memory is many times its length.
func decodeJSON(text string, into any, most int) error {
	if err := strictjson.Check([]byte(text), strictjson.Limits{Elements: most}); err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), into)
}

// boolean reads a switch; absent is false.
func (c *call) boolean(name string) (bool, error) {
	switch c.params.Get(name) {
	case "", "false", "False", "FALSE":
		return false, nil
	case "true", "True", "TRUE":
		return true, nil
	}
	return false, invalid(name)
}

// integer reads a decimal number in 1..hi; absent is def.
func (c *call) integer(name string, def, hi int) (int, error) {
	s := c.params.Get(name)
	if s == "" {
		return def, nil
	}
	n, err := strconv.ParseUint(s, 10, 31) // no sign, no blanks
	if err != nil || n < 1 || int(n) > hi {
		return 0, invalid(name)
	}
	return int(n), nil
}

// time reads a time; absent is zero.
func (c *call) time(name string) (time.Time, error) {
	s := c.text(name)
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(vod.TimeLayout, s)
	if err != nil {
		return time.Time{}, invalid(name)
	}
	return t, nil
}
