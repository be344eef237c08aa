package api

import (
	"errors"
	"unicode/utf8"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/strictjson"
)

// checkKeys refuses what the decoder takes silently: a key that stands twice
// in one object, where the later one wins, also if the two differ in case
// only; and text that is not UTF-8, which it alters. Either could widen a
// purge behind the caller's back. What would cost more than it says is refused
// too. What is not JSON at all is left to the decoder, which words it better.
func checkKeys(body []byte) error {
	if !utf8.Valid(body) {
		return freshet.Errorf(freshet.CodeInvalid, "The body is not JSON: it is not valid UTF-8.")
	}
	e, bad := errors.AsType[*strictjson.Error](strictjson.Check(body, strictjson.Limits{}))
	switch {
	case !bad:
		return nil
	case e.Twice:
		return freshet.Invalid(e.Key, "The key %q is given twice.", e.Key)
	case e.Key == "":
		return freshet.Errorf(freshet.CodeInvalid, "The body %s.", e.Problem)
	}
	return freshet.Invalid(e.Key, "The key %q %s.", e.Key, e.Problem)
}
