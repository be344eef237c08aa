package strictjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet/internal/cost"
	"github.com/freshet-vod/freshet/internal/strictjson"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	many := func(n int, f func(i int) string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = f(i)
		}
		return strings.Join(parts, ",")
	}
	key := func(i int) string { return `"` + strings.Repeat("k", 1+i/26) + string(rune('a'+i%26)) + `":1` }
	for in, want := range map[string]string{
		``:  "",
		`1`: "",
		`{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}`: "",
		`{"a":"a","b":"a"}`:                         "",
		`{"a":"\"a\":","b":"\\"}`:                   "",
		`{"a":1,"a":2}`:                             "a: is given twice",
		`{"a":1,"A":2}`:                             "A: is given twice",
		`{"Title":1,"T\u0069tle":2}`:                "Title: is given twice",
		`{"k":1,"` + "\u212a" + `":2}`:              "\u212a: is given twice", // KELVIN SIGN, which the decoder takes for a k
		`{"s":1,"` + "\u017f" + `":2}`:              "\u017f: is given twice",
		`{"x":[{"a":{"b":1,"c":{},"b":2}}]}`:        "b: is given twice",
		`{"a":{"a":1},"b":[],"a":1}`:                "a: is given twice",
		`{"` + strings.Repeat("ä", 99) + `":1,"` + strings.Repeat("ä", 99) + `":1}`: strings.Repeat("ä", 40) + "…: is given twice",
		`{` + many(100, key) + `,"Kz":1}`:                                           "Kz: is given twice",
		`{` + many(1000, key) + `}`:                                                 "",
		`{"x":{` + many(1001, key) + `}}`:                                           "x: holds more keys than the limit of 1000",
		`{"x":[` + many(10_000, func(int) string { return "1" }) + `]}`:             "",
		`{"x":[` + many(10_001, func(int) string { return "1" }) + `]}`:             "x: holds a list longer than the limit of 10000",
		strings.Repeat("[", 32) + strings.Repeat("]", 32):                           "",
		`{"x":` + strings.Repeat("[", 32):                                           "x: is nested deeper than the limit of 32",
		strings.Repeat(`{"a":`, 33):                                                 "a: is nested deeper than the limit of 32",
		// Broken: the decoder says what is wrong.
		`{"a":1,"a`: "", `{"a\`: "", `}`: "", `]]]`: "", `{{`: "", `{"a"`: "", `,`: "", `{"a":1}}{"b":1,"b":1}`: "", "{\"\xff\":1,\"\xff\":1}": "�: is given twice",
	} {
		err := strictjson.Check([]byte(in), strictjson.Limits{})
		if got := message(err); got != want {
			t.Errorf("%.80q: got %q, want %q", in, got, want)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestP10_HostileValuesCostLittle: a megabyte of whatever is dearest.
func TestP10_HostileValuesCostLittle(t *testing.T) { //nolint:paralleltest // it counts what the process spends
	const size = 1 << 20
	for name, unit := range map[string]string{
		"lists": "[", "objects": `{"a":`, "closed ones": "[],", "objects of two": `{"a":1,"b":1},`, "keys": `"a":1,`, "quotes": `"`, "escapes": `\"`, "escaped keys": `{"\u0061":1},`,
	} {
		t.Run(name, func(t *testing.T) {
			in := []byte("[" + strings.Repeat(unit, size/len(unit)))
			cost.Refusal(t, func() { _ = strictjson.Check(in, strictjson.Limits{Elements: size}) })
		})
	}
}

// FuzzCheck: whatever the decoder takes has its keys once, where it has been
// checked, and nothing that is decoded differs from what stands there.
func FuzzCheck(f *testing.F) {
	f.Add(`{"a":1,"A":2,"b":[{"c":"\u0063"}]}`)
	f.Add(`{"a":{"a":"}"},"b":"\\","c":[[]]}`)
	f.Fuzz(func(t *testing.T, in string) {
		err := strictjson.Check([]byte(in), strictjson.Limits{})
		d := json.NewDecoder(strings.NewReader(in))
		d.UseNumber()
		if !json.Valid([]byte(in)) {
			return
		}
		twice, deep := repeated(d)
		if err == nil && twice || err != nil && !twice && !deep {
			t.Errorf("%q: %v, twice is %v", in, err, twice)
		}
	})
}

// repeated reads the tokens of one value as the decoder does.
func repeated(d *json.Decoder) (twice, large bool) {
	var open []map[string]bool
	key := false
	for n := 0; ; n++ {
		token, err := d.Token()
		if err != nil {
			return twice, large || n > 1000
		}
		switch token {
		case json.Delim('{'):
			open, key = append(open, map[string]bool{}), true
			large = large || len(open) > 32
			continue
		case json.Delim('['):
			open, key = append(open, nil), false
			large = large || len(open) > 32
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		default:
			if name, ok := token.(string); ok && key {
				for k := range open[len(open)-1] {
					twice = twice || strings.EqualFold(k, name)
				}
				open[len(open)-1][name], key = true, false
				continue
			}
		}
		key = len(open) > 0 && open[len(open)-1] != nil
	}
}
