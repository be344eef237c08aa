package bench_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/catalog"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// envImport says how many media BenchmarkImport takes in each round; few if it is
// not set.
const envImport = "FRESHET_BENCH_IMPORT"

// envCount returns the number in a variable of the environment.
func envCount(b *testing.B, name string, otherwise, least int) int {
	b.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least {
		b.Fatalf("%s is %q, not a number of at least %d", name, text, least)
	}
	return n
}

// scattered is an ID that says nothing of its number: the IDs of real catalogs
// are random, and each touches another page of an index.
func scattered(i int) string {
	return fmt.Sprintf("%016x%016x", uint64(i)*0x9E3779B97F4A7C15, uint64(i))
}

// importLine writes one media with two to four streams, as a catalog exports it.
func importLine(b *bytes.Buffer, i int) {
	w := titleWords()
	id := scattered(i)
	fmt.Fprintf(b, `{"MediaId":"%s","Title":"%s %s %s %07d","MediaType":"video","Status":"Normal","AppId":"app-1000000","CateId":%d,`+
		`"Tags":"%s,import","Duration":"%d.5","CreationTime":"%s","CoverURL":"https://img.example.com/%s.jpg","Streams":[`,
		id, w[i%12], w[i/12%12], w[i/144%12], i, 1+i%5000, w[i%12], i%7200, time.Unix(1_700_000_000+int64(i)*7, 0).UTC().Format(time.RFC3339), id)
	for k, d := range []string{"LD", "SD", "HD", "2K"}[:2+i%3] {
		if k > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, `{"JobId":"%032x","Format":"m3u8","Definition":"%s","StreamType":"video","PlayURL":"http://vod.example.com/%s/%s/%08x.m3u8",`+
			`"CreationTime":"2026-01-02T03:04:05Z","Size":%d,"Bitrate":"%d.25","Duration":"%d.5","Fps":"25","Width":%d,"Height":%d}`,
			i*8+k, d, id, d, i*8+k, 1_000_000*(k+1)+i, 800*(k+1), i%7200, 640*(k+1), 360*(k+1))
	}
	b.WriteString("]}\n")
}

// BenchmarkImport compares taking a file of media in with decoding the JSON of
// the same file and doing nothing with it.
func BenchmarkImport(b *testing.B) {
	db, err := sqlite.Open(b.Context(), sqlite.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	domains := []freshet.Domain{{Account: "default", Name: "vod.example.com", Origin: "http://127.0.0.1:9"}}
	path := filepath.Join(b.TempDir(), "media.jsonl")
	n, at := envCount(b, envImport, 4000, 1000), 0
	var bare, whole, bareCPU, wholeCPU time.Duration
	var own processors
	for b.Loop() {
		var buf bytes.Buffer
		for range n {
			importLine(&buf, at)
			at++
		}
		if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
			b.Fatal(err)
		}
		before := own.used()
		bare += decodeOnly(b, path)
		bareCPU += own.used() - before
		f, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		before = own.used()
		began := time.Now()
		im := catalog.Import{Account: "default", Domains: domains, Store: db, Report: func(f catalog.Fault) error { return fmt.Errorf("%+v", f) }}
		sum, err := im.Run(b.Context(), f)
		if err != nil || sum.Imported != n {
			b.Fatal(sum, err)
		}
		whole += time.Since(began)
		wholeCPU += own.used() - before
		_ = f.Close()
	}
	b.ReportMetric(float64(at)/bare.Seconds(), "decoded/s")
	b.ReportMetric(float64(at)/whole.Seconds(), "imported/s")
	b.ReportMetric(bare.Seconds()/whole.Seconds(), "ratio")
	b.ReportMetric(bareCPU.Seconds()/wholeCPU.Seconds(), "cpu-ratio")
	b.ReportMetric(float64(wholeCPU.Microseconds())/float64(at), "cpu-µs/media")
	b.ReportMetric(0, "ns/op")
}

func decodeOnly(b *testing.B, path string) time.Duration {
	b.Helper()
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	began := time.Now()
	d := json.NewDecoder(bufio.NewReaderSize(f, 1<<16))
	for {
		var v map[string]any
		if err := d.Decode(&v); err == io.EOF {
			return time.Since(began)
		} else if err != nil {
			b.Fatal(err)
		}
	}
}
