package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/freshet-vod/freshet/client"
)

// importLines yields n lines of about a kilobyte, one after the other. IDs
// repeat after a thousand, so that whoever keeps media keeps no more with more
// lines.
type importLines struct {
	at, n int
	rest  bytes.Buffer
}

// Read implements [io.Reader].
func (l *importLines) Read(p []byte) (int, error) {
	for l.rest.Len() < len(p) && l.at < l.n {
		l.at++
		id := fmt.Sprintf("n-%d", l.at%1000)
		if l.at > l.n-3 {
			id = fmt.Sprintf("last-%d", l.n-l.at)
		}
		fmt.Fprintf(&l.rest, "{\"MediaId\":%q,\"Title\":\"%0900d\",\"Streams\":[]}\n", id, l.at)
	}
	return l.rest.Read(p)
}

// TestImport_GoesOnWhereItBrokeOff: a request that got lost is sent again; when
// the user gives up, they are told the line from which to go on, and nothing is
// missing afterwards.
func TestImport_GoesOnWhereItBrokeOff(t *testing.T) {
	t.Parallel()
	var requests, lost atomic.Int32
	var down atomic.Bool
	f, c := dial(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if down.Load() || requests.Add(1) == 2 {
				lost.Add(1)
				panic(http.ErrAbortHandler) // the connection breaks
			}
			next.ServeHTTP(w, r)
		})
	})
	const lines = 10_000
	res, err := c.ImportLines(t.Context(), &importLines{n: lines}, client.ImportOptions{})
	if err != nil || res.Imported != lines || res.Next != lines+1 || lost.Load() != 1 {
		t.Fatalf("a request that got lost: %+v, %v after %d losses", res, err, lost.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	began := requests.Load()
	src := &importLines{n: lines}
	res, err = c.ImportLines(ctx, io.TeeReader(src, writerFunc(func() { down.Store(requests.Load() > began) })), client.ImportOptions{
		Waiting: func(error) { cancel() }, // Ctrl-C
	})
	if !errors.Is(err, context.Canceled) || res.Imported == 0 || res.Next != res.Imported+1 || res.Next > lines {
		t.Fatalf("broken off: %+v, %v", res, err)
	}
	down.Store(false)
	f.Update(func() {
		for i := range 3 {
			delete(f.MediaSet, fmt.Sprintf("last-%d", i))
		}
	})
	rest, err := c.ImportLines(t.Context(), &importLines{n: lines}, client.ImportOptions{From: res.Next})
	if err != nil || rest.Imported != lines-res.Imported {
		t.Fatalf("the rest: %+v, %v", rest, err)
	}
	f.Update(func() {
		for i := range 3 {
			if f.MediaSet[fmt.Sprintf("last-%d", i)] == nil {
				t.Errorf("last-%d is missing", i)
			}
		}
	})
}

type writerFunc func()

// Write implements [io.Writer].
func (f writerFunc) Write(p []byte) (int, error) { f(); return len(p), nil }

// TestP10_AnImportTakesNoMoreMemoryForMoreLines looks at the heap of client and
// server during each request.
func TestP10_AnImportTakesNoMoreMemoryForMoreLines(t *testing.T) { //nolint:paralleltest // the heap is everybody's
	few, many := 8_000, 32_000
	if os.Getenv("FRESHET_SOAK") != "" {
		few, many = 100_000, 400_000
	}
	peak := func(lines int) (most uint64) {
		_, c := dial(t, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r)
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			})
		})
		if sum, err := c.Import(t.Context(), &importLines{n: lines}, nil); err != nil || sum.Imported != lines {
			t.Fatal(sum, err)
		}
		return most
	}
	peak(few) // whatever is made once
	small := peak(few)
	if large := peak(many); large > small+small/2+8<<20 {
		t.Errorf("%d lines take %d KiB, %d lines %d", many, large>>10, few, small>>10)
	}
}
