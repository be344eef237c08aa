package catalog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/catalog"
	"github.com/freshet-vod/freshet/internal/catalog/jsonl"
	"github.com/freshet-vod/freshet/internal/cost"
)

var update = flag.Bool("update", false, "write what is answered instead of comparing with it")

// TestImport_HostileLines imports what stands in testdata/hostile: each .jsonl is
// answered as its .want says, one line for each that is refused, and the others
// are taken in.
func TestImport_HostileLines(t *testing.T) {
	t.Parallel()
	all, err := filepath.Glob("testdata/hostile/*.jsonl")
	if err != nil || len(all) < 15 {
		t.Fatalf("found %d files, %v", len(all), err)
	}
	for _, file := range all {
		name := strings.TrimSuffix(filepath.Base(file), ".jsonl")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var s memory
			sum, faults, err := run(t, &s, bytes.NewReader(in))
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			e := json.NewEncoder(&got)
			e.SetEscapeHTML(false)
			for _, f := range faults {
				_ = e.Encode(f)
			}
			var ids []string
			for _, m := range s.media {
				ids = append(ids, m.ID)
			}
			slices.Sort(ids)
			fmt.Fprintf(&got, "imported %d: %s\nrefused %d\n", sum.Imported, strings.Join(ids, " "), sum.Refused)
			want := strings.TrimSuffix(file, ".jsonl") + ".want"
			if *update {
				if err := os.WriteFile(want, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(text) {
				t.Errorf("got\n%s\nwant\n%s", got.String(), text)
			}
		})
	}
}

// hostileLines are lines that nobody would keep in a file, each with what is said
// of it.
func hostileLines() map[string]struct{ line, id, want string } {
	const mib = 1 << 20
	streams := func(n int, s string) string {
		return `{"MediaId":"m","Streams":[` + strings.TrimSuffix(strings.Repeat(s+",", n), ",") + `]}`
	}
	fill := func(before, unit, after string) string {
		return before + strings.Repeat(unit, (mib-len(before)-len(after))/len(unit)) + after
	}
	return map[string]struct{ line, id, want string }{
		"10,000 streams":       {streams(10_000, goodStream)[:mib-1], "", "the line is not JSON"},
		"streams of nothing":   {fill(`{"MediaId":"m","Streams":[`, "{},", "{}]}"), "m", "Streams: holds a list longer than the limit of 10000"},
		"2,000 small streams":  {streams(2000, "{}"), "m", "Streams: holds 2000 streams; allowed are 1000"},
		"tags":                 {fill(`{"MediaId":"m","Streams":[],"Tags":[`, `"",`, `""]}`), "m", "Tags: holds a list longer than the limit of 10000"},
		"tags as one text":     {fill(`{"MediaId":"m","Streams":[],"Tags":"`, `a,`, `a"}`), "m", "Tags: holds more than 16 tags"},
		"snapshots":            {fill(`{"MediaId":"m","Streams":[],"Snapshots":[`, `"",`, `""]}`), "m", "Snapshots: holds a list longer than the limit of 10000"},
		"a title of 1 MB":      {fill(`{"MediaId":"m","Streams":[],"Title":"`, "x", `"}`), "m", "Title: holds control characters or more than 1024 bytes"},
		"a title of escapes":   {fill(`{"MediaId":"m","Streams":[],"Title":"`, `\u00e4`, `"}`), "m", "Title: holds control characters or more than 1024 bytes"},
		"user data of 1 MB":    {fill(`{"MediaId":"m","Streams":[],"UserData":"`, "x", `"}`), "m", "UserData: holds control characters or more than 16384 bytes"},
		"an ID of 1 MB":        {fill(`{"Streams":[],"MediaId":"`, "x", `"}`), "", `MediaId: "xxxx`},
		"a URL of 1 MB":        {fill(`{"MediaId":"m","Streams":[{"Format":"m3u8","Definition":"HD","StreamType":"video","PlayURL":"http://vod.example.com/`, "x", `"}]}`), "m", "Streams[0].PlayURL: URL is longer than 4096 bytes"},
		"a number of 1 MB":     {fill(`{"MediaId":"m","Streams":[],"Size":1`, "0", `}`), "m", "Size: found number"},
		"a duration of 1 MB":   {fill(`{"MediaId":"m","Streams":[],"Duration":"1`, "0", `"}`), "m", `Duration: "1000`},
		"nested lists":         {fill(`{"MediaId":"m","Streams":[],"X":`, "[", ``), "", "X: is nested deeper than the limit of 32"},
		"nested objects":       {fill(`{"MediaId":"m","Streams":[],"X":`, `{"a":`, ``), "", "a: is nested deeper than the limit of 32"},
		"nested and closed":    {`{"MediaId":"m","Streams":[],"X":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, "m", "X: is nested deeper than the limit of 32"},
		"keys":                 {`{"MediaId":"m","Streams":[]` + manyKeys(mib) + `}`, "m", "the line: holds more keys than the limit of 1000"},
		"keys of a vendor":     {`{"VideoBase":{"VideoId":"v"` + manyKeys(mib) + `}}`, "v", "VideoBase: holds more keys than the limit of 1000"},
		"streams of a vendor":  {fill(`{"VideoBase":{"VideoId":"v"},"PlayInfoList":{"PlayInfo":[`, "{},", "{}]}}"), "v", "PlayInfo: holds a list longer than the limit of 10000"},
		"unknown keys of 1 MB": {fill(`{"MediaId":"m","Streams":[],"`, "k", `":1}`), "m", "kkkk…: is longer than the limit of 1024 bytes for a key"},
		"blanks":               {"{" + strings.Repeat(" ", mib-3) + "}", "", `MediaId: "" is not`},
		"one byte over":        {`{"MediaId":"` + strings.Repeat("x", mib), "", "the line is longer than 1048576 bytes"},
		"NULs":                 {strings.Repeat("\x00", mib), "", "the line is not JSON"},
		"quotes without end":   {fill(`{"MediaId":"m","Title":"`, `\"`, ``), "", "the line is not JSON"},
		"encryption of 1 MB":   {fill(`{"MediaId":"m","Streams":[{"Format":"m3u8","Definition":"HD","StreamType":"video","PlayURL":"http://vod.example.com/","Encrypt":"`, "x", `"}]}`), "m", "Streams[0].Encrypt: is not true, false, 0 or 1"},
		"a definition of 1 MB": {fill(`{"MediaId":"m","Streams":[{"Format":"m3u8","StreamType":"video","PlayURL":"http://vod.example.com/","Definition":"`, "x", `"}]}`), "m", "Streams[0].Definition: \"xxx"},
		"a time of 1 MB":       {fill(`{"MediaId":"m","Streams":[],"CreationTime":"`, "2", `"}`), "m", "CreationTime: \"222"},
	}
}

func manyKeys(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size-100; i++ {
		fmt.Fprintf(&b, `,"k%d":0`, i)
	}
	return b.String()
}

// TestP10_HostileLinesCostLittle: each is refused within the bounds of a refusal,
// with an answer that a person can read, and its neighbours are taken in.
func TestP10_HostileLinesCostLittle(t *testing.T) { //nolint:paralleltest // it counts what the process spends
	for name, c := range hostileLines() {
		t.Run(name, func(t *testing.T) {
			in := line("before") + c.line + "\n" + line("after")
			var s memory
			var sum catalog.Summary
			var faults []catalog.Fault
			var err error
			cost.Refusal(t, func() {
				s = memory{}
				sum, faults, err = run(t, &s, strings.NewReader(in))
			})
			if err != nil || sum != (catalog.Summary{Imported: 2, Refused: 1}) || len(faults) != 1 {
				t.Fatalf("got %v, %v", sum, err)
			}
			if f := faults[0]; f.Line != 2 || f.ID != c.id || !strings.Contains(f.Error, c.want) || len(f.Error) > 1000 {
				t.Errorf("got %d %q %.300q, want %q %q", f.Line, f.ID, f.Error, c.id, c.want)
			}
		})
	}
}

// endless is a line without end, which counts what is read of it.
type endless struct{ left, read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	for i := range p[:n] {
		p[i] = 'x'
	}
	e.left -= n
	e.read += n
	return n, nil
}

// discard keeps nothing.
type discard struct{}

func (discard) PutMedia(context.Context, time.Time, []*freshet.Media) error { return nil }

// TestP10_ALineOf100MBIsNeverHeld: it takes no more memory than the longest line
// that may be, whatever stands behind it.
func TestP10_ALineOf100MBIsNeverHeld(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	in := &endless{left: 100 << 20}
	var sum catalog.Summary
	var faults []catalog.Fault
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	im := catalog.Import{Account: "a", Domains: domains(), Store: discard{}, Report: func(f catalog.Fault) error {
		faults = append(faults, f)
		return nil
	}}
	sum, err := im.Run(t.Context(), io.MultiReader(strings.NewReader(line("before")), in, strings.NewReader("\n"+line("after"))))
	runtime.ReadMemStats(&after)
	if err != nil || sum != (catalog.Summary{Imported: 2, Refused: 1}) || faults[0].Line != 2 || !strings.Contains(faults[0].Error, fmt.Sprint(jsonl.MaxLine)) {
		t.Errorf("got %v, %v, %v", sum, faults, err)
	}
	used := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d MiB of a line, %d KiB allocated", in.read>>20, used>>10)
	if used > cost.RefusalBytes {
		t.Errorf("it allocated %d KiB, the limit is %d", used>>10, cost.RefusalBytes>>10)
	}
}
