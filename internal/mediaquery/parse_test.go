package mediaquery_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet/internal/mediaquery"
)

func at(text string) float64 {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return float64(t.UnixMilli())
}

func TestContract_4_13_Match(t *testing.T) {
	t.Parallel()
	type conds = []mediaquery.Cond
	title := func(s string) mediaquery.Cond { return mediaquery.Cond{Field: mediaquery.Title, Texts: []string{s}} }
	cate := func(n ...int64) mediaquery.Cond { return mediaquery.Cond{Field: mediaquery.CateID, Numbers: n} }
	status := func(s ...string) mediaquery.Cond { return mediaquery.Cond{Field: mediaquery.Status, Texts: s} }
	inf := math.Inf(1)
	for text, want := range map[string][]conds{
		"":                           {nil},
		"  ":                         {nil},
		"CateId = 10000123":          {{cate(10000123)}},
		"cateid='7'":                 {{cate(7)}},
		"CateId in (1, 2,-3)":        {{cate(1, 2, -3)}},
		"Title='it\\'s \\\\ and or'": {{title(`it's \ and or`)}},
		`Title = "a(b"`:              {{title("a(b")}},
		"Title in ('a','b')":         {{title("a")}, {title("b")}},
		"Status in ('Normal','Blocked') and Title = '中文'": {{status("Normal", "Blocked"), title("中文")}},
		"(Title = 'a' or Tags = 'b') AND CateId = 1": {
			{title("a"), cate(1)}, {mediaquery.Cond{Field: mediaquery.Tags, Texts: []string{"b"}}, cate(1)},
		},
		"((CateId=1 and Title='x') or (CateId=2))": {{cate(1), title("x")}, {cate(2)}},
		"(CateId=1)":                   {{cate(1)}},
		"VideoId in ('a','b')":         {{{Field: mediaquery.ID, Texts: []string{"a", "b"}}}},
		"AudioId = 'a'":                {{{Field: mediaquery.ID, Texts: []string{"a"}}}},
		"StorageLocation = bucket.oss": {{{Field: mediaquery.Storage, Texts: []string{"bucket.oss"}}}},
		"AppId in ('app-1')":           {{{Field: mediaquery.App, Texts: []string{"app-1"}}}},
		"Description = 'd'":            {{{Field: mediaquery.Comment, Texts: []string{"d"}}}},
		"Size = [1024, 2048)":          {{{Field: mediaquery.Size, Range: mediaquery.Range{Lo: 1024, Hi: 2048, OpenHi: true}}}},
		"Duration=(0.5,60.25]":         {{{Field: mediaquery.Duration, Range: mediaquery.Range{Lo: 0.5, Hi: 60.25, OpenLo: true}}}},
		"Size = (,5]":                  {{{Field: mediaquery.Size, Range: mediaquery.Range{Lo: -inf, Hi: 5, OpenLo: true}}}},
		"CreationTime = ('2017-01-01T08:00:00Z','2017-02-01T08:00:00Z')": {{{Field: mediaquery.Created, Range: mediaquery.Range{
			Lo: at("2017-01-01T08:00:00Z"), Hi: at("2017-02-01T08:00:00Z"), OpenLo: true, OpenHi: true,
		}}}},
		"ModificationTime = ['2017-01-01T08:00:00Z',]": {{{Field: mediaquery.Modified, Range: mediaquery.Range{Lo: at("2017-01-01T08:00:00Z"), Hi: inf}}}},
		"MediaSource in ('general','live')":            {{}},
		"PreprocessStatus in ('Preprocessing')":        nil,
		"MediaSource = 'live' and CateId = 1":          nil,
		"(MediaSource = 'live' or CateId = 1)":         {{cate(1)}},
	} {
		got, err := mediaquery.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if d := cmp.Diff(want, got.Any); d != "" && len(want)+len(got.Any) > 0 && fmt.Sprint(want) != fmt.Sprint(got.Any) {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
	}
}

func TestContract_4_13_MatchFaults(t *testing.T) {
	t.Parallel()
	for text, at := range map[string]string{
		"CateId":                   "end",
		"CateId = ":                "end",
		"CateId == 1":              "=",
		"CateId = x":               "CateId",
		"CateId = 1.5":             "CateId",
		"CateId = 1 or CateId = 2": "or", // without parentheses
		"CateId = 1 CateId = 2":    "CateId",
		"CateId = 1 and":           "end",
		"and":                      "and",
		"(CateId = 1":              "end",
		"CateId = 1)":              ")",
		"()":                       ")",
		"CateId in 1":              "1",
		"CateId in (1":             "end",
		"CateId in (1 2)":          "2",
		"CateId in ()":             ")",
		"CateId = [1,2]":           "CateId",
		"Title = 'a":               "a",
		"Title like 'a'":           "like",
		"Color = 'red'":            "Color",
		"Size = 5":                 "Size",
		"Size in (1,2)":            "Size",
		"Size = [1 2]":             "2",
		"Size = [1,2":              "end",
		"Size = [a,2]":             "Size",
		"Size = [1,NaN]":           "Size",
		"CreationTime = (1,2)":     "CreationTime",
		"CreationTime = '2017'":    "CreationTime",
		"'Title' = 'a'":            "Title",
		"Title = ('a','b')":        "Title",
		strings.Repeat("(", 18) + "CateId=1" + strings.Repeat(")", 18): "(",
		"Title = '" + strings.Repeat("x", 129) + "'":                   "Title",
		"CateId in (1" + strings.Repeat(",1", 100) + ")":               "1",
		"CateId=1" + strings.Repeat(" and CateId=1", 100):              "CateId",
		"(CateId=1" + strings.Repeat(" or CateId=1", 64) + ")":         "or",
		strings.Repeat("(CateId=1 or CateId=2) and ", 7) + "CateId=1":  "or",
		"Title in ('1'" + strings.Repeat(",'1'", 64) + ")":             "or",
		strings.Repeat(" ", mediaquery.MaxLength) + "CateId=1":         "Match",
	} {
		_, err := mediaquery.Parse(text)
		e, ok := errors.AsType[*mediaquery.Error](err)
		if !ok || e.At != at || e.Problem == "" || !strings.Contains(err.Error(), at) {
			t.Errorf("%.60s: %v, want a fault near %s", text, err, at)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("(Title in ('a','b') or CateId = 5) and Size = [1,2)")
	f.Add("CreationTime = ('2017-01-01T08:00:00Z',)")
	f.Add(`Tags = 'a\'b' and MediaSource in (general)`)
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // the API refuses it before
		}
		q, err := mediaquery.Parse(text)
		if err != nil {
			if e, ok := errors.AsType[*mediaquery.Error](err); !ok || e.At == "" {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if len(q.Any) > 64 {
			t.Errorf("%d alternatives", len(q.Any))
		}
		for _, all := range q.Any {
			for _, c := range all {
				if c.Field.Contains() && len(c.Texts) != 1 || c.Field == mediaquery.CateID && len(c.Numbers) == 0 || math.IsNaN(c.Range.Lo) {
					t.Errorf("%q: %+v", text, c)
				}
			}
		}
	})
}
