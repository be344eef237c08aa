package api

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/freshet-vod/freshet"
)

// checkKeys refuses what the decoder takes silently: a key that stands twice
// in one object, where the later one wins, also if the two differ in case
// only; and text that is not UTF-8, which it alters. Either could widen a
// purge behind the caller's back. What is not JSON at all is left to the
// decoder, which words it better.
func checkKeys(body []byte) error {
	if !utf8.Valid(body) {
		return freshet.Errorf(freshet.CodeInvalid, "The body is not JSON: it is not valid UTF-8.")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	// One set of keys per open object, nil for an open list.
	var open []map[string]bool
	isKey := false // of an object, the next token is a key
	for {
		token, err := d.Token()
		if err != nil {
			return nil //nolint:nilerr // the end, or a fault that the decoder will find too
		}
		switch token {
		case json.Delim('{'):
			open, isKey = append(open, map[string]bool{}), true
			continue
		case json.Delim('['):
			open, isKey = append(open, nil), false
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		default:
			if name, ok := token.(string); ok && isKey {
				// Lowering first folds the few letters that only rise to another.
				folded := strings.ToUpper(strings.ToLower(name))
				keys := open[len(open)-1]
				if keys[folded] {
					return freshet.Invalid(clip(name), "The key %q is given twice.", clip(name))
				}
				keys[folded], isKey = true, false
				continue
			}
		}
		isKey = len(open) > 0 && open[len(open)-1] != nil
	}
}
