package freshet_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
)

func position() *rapid.Generator[freshet.Position] {
	return rapid.Custom(func(t *rapid.T) freshet.Position {
		return freshet.Position{Epoch: rapid.Uint32().Draw(t, "epoch"), Pos: rapid.Uint64().Draw(t, "pos")}
	})
}

func TestPosition_TextAndOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, q := position().Draw(t, "p"), position().Draw(t, "q")
		if back, err := freshet.ParsePosition(p.String()); err != nil || back != p {
			t.Fatalf("%v reads as %v (%v)", p, back, err)
		}
		before := p.Epoch < q.Epoch || p.Epoch == q.Epoch && p.Pos < q.Pos
		if p.Before(q) != before || p.Compare(q) != -q.Compare(p) || (p.Compare(q) == 0) != (p == q) {
			t.Fatalf("order of %v and %v", p, q)
		}
		if freshet.Later(p, q).Before(freshet.Earlier(p, q)) || p != q && freshet.Later(p, q) == freshet.Earlier(p, q) {
			t.Fatalf("later and earlier of %v and %v", p, q)
		}
	})
	for _, bad := range []string{"", "1", "1.", ".1", "1.2.3", "-1.2", "+1.2", " 1.2", "1.2 ", "4294967296.1", "1.18446744073709551616", "1.0x2"} {
		if p, err := freshet.ParsePosition(bad); err == nil {
			t.Errorf("%q reads as %v", bad, p)
		}
	}
}

func TestCompareStreams_OrderOfReports(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	want := []freshet.Stream{
		{Definition: "FD", Format: "mp4", URL: "1"},
		{Definition: "FD", Format: "m3u8", URL: "2"},
		{Definition: "LD", Format: "m3u8", URL: "3", Created: day.Add(time.Hour)},
		{Definition: "LD", Format: "m3u8", URL: "4", Created: day, Modified: day},
		{Definition: "LD", Format: "m3u8", URL: "5", Created: day, JobID: "b"},
		{Definition: "LD", Format: "m3u8", URL: "6", Created: day, JobID: "a"},
		{Definition: "4K", Format: "ts", URL: "7"},
		{Definition: "AUTO", Format: "m3u8", URL: "8"},
		{Definition: "new", Format: "m3u8", URL: "9"},
	}
	rapid.Check(t, func(t *rapid.T) {
		got := rapid.Permutation(want).Draw(t, "order")
		slices.SortFunc(got, freshet.CompareStreams)
		if !slices.Equal(got, want) {
			t.Fatalf("%+v", got)
		}
	})
	if !want[2].Newer(want[3]) || want[3].Newer(want[2]) || want[3].Newer(want[3]) {
		t.Error("the stream that was made last is not the newest")
	}
}

func TestEntry_TasksAndSubjects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		e       freshet.Entry
		tasks   int
		subject string
		kind    string
	}{
		{freshet.Entry{Kind: freshet.EntryPurge, Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: []string{"a", "b"}}}, 2, freshet.SubjectPurge, "file"},
		{freshet.Entry{Kind: freshet.EntryPrefetch, Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: []string{"a"}}}, 1, freshet.SubjectPrefetch, "preload"},
		{freshet.Entry{Kind: freshet.EntryPurge, Selector: freshet.Selector{Kind: freshet.SelectPrefix, Pattern: "p"}}, 1, freshet.SubjectPurge, "directory"},
		{freshet.Entry{Kind: freshet.EntryPurge, Selector: freshet.Selector{Kind: freshet.SelectTag, Pattern: "t"}}, 1, freshet.SubjectPurge, "tag"},
		{freshet.Entry{Kind: freshet.EntryMembership}, 0, freshet.SubjectPurge, ""},
	} {
		if c.e.Len() != c.tasks || c.e.Subject() != c.subject || c.kind != "" && c.e.ObjectType() != c.kind {
			t.Errorf("%+v: %d tasks on %s, %s", c.e, c.e.Len(), c.e.Subject(), c.e.ObjectType())
		}
	}
	e := freshet.Entry{Targets: []string{"a", "b"}}
	if e.TargetIndex("b") != 1 || e.TargetIndex("c") != -1 {
		t.Error("target index")
	}
}

func TestError_CodesOfStrangersAndCauses(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk on fire")
	err := fmt.Errorf("saving: %w", freshet.Errorf(freshet.CodeUnavailable, "The store cannot write: %w", cause))
	if freshet.ErrorCode(err) != freshet.CodeUnavailable || !freshet.Retryable(err) || !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
	if freshet.ErrorCode(cause) != freshet.CodeInternal || freshet.Retryable(cause) || freshet.ErrorCode(nil) != "" {
		t.Error("a stranger is internal, and nil nothing")
	}
	if e := freshet.Invalid("limit", "must be %d at most", 5); e.Field != "limit" || e.Message != "must be 5 at most" || e.Code != freshet.CodeInvalid {
		t.Errorf("%+v", e)
	}
}

func TestClosedLists_HaveNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for i := range 7 {
		seen["outcome "+freshet.Outcome(i).String()] = true
	}
	for i := range 13 {
		seen["reason "+freshet.Reason(i).String()] = true
	}
	for i := range 5 {
		seen["verified "+freshet.Verified(i).String()] = true
	}
	if len(seen) != 25 || seen["outcome unknown"] || seen["reason unknown"] || seen["verified unknown"] {
		t.Errorf("%d names: %v", len(seen), seen)
	}
	if freshet.Outcome(99).String() != "unknown" || freshet.Reason(99).String() != "unknown" || freshet.Verified(99).String() != "unknown" {
		t.Error("a number of a later release has no name")
	}
}
