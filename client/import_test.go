package client_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/catalog/jsonl"
)

// TestImport_ALargeFileIsCutAndCountedAsAWhole sends a file that needs several
// requests, the first of which is put off.
func TestImport_ALargeFileIsCutAndCountedAsAWhole(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	f, c := dial(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if requests.Add(1) == 1 {
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	const lines = 9000
	title := strings.Repeat("t", 1000)
	var file strings.Builder
	for i := 1; i <= lines; i++ {
		switch i {
		case 4, 8001:
			fmt.Fprintf(&file, "{\"MediaId\":\"bad-%d\",\"X\":1}\n", i)
		case 6000:
			file.WriteString(strings.Repeat("x", jsonl.MaxLine+1) + "\n")
		case 6001:
			file.WriteString("\r\n")
		default:
			fmt.Fprintf(&file, "{\"MediaId\":\"n-%d\",\"Title\":%q,\"Streams\":[]}\n", i, title)
		}
	}
	var faults []string
	sum, err := c.Import(t.Context(), strings.NewReader(file.String()), func(f client.ImportFault) {
		faults = append(faults, fmt.Sprintf("%d %s", f.Line, f.ID))
	})
	if err != nil || sum != (client.ImportSummary{Imported: lines - 4, Refused: 3}) {
		t.Errorf("got %+v, %v", sum, err)
	}
	if d := cmp.Diff([]string{"4 bad-4", "6000 ", "8001 bad-8001"}, faults); d != "" {
		t.Error(d)
	}
	if len(f.MediaSet) != lines-4+2 || requests.Load() < 4 {
		t.Errorf("%d media after %d requests", len(f.MediaSet), requests.Load())
	}
}

func TestImport_AnImportThatBreaksOffIsAnError(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"cut short":       `{"line":1,"error":"x"}` + "\n",
		"told as problem": `{"imported":500,"refused":0,"problem":{"code":"internal","detail":"x"}}` + "\n",
		"odd":             "<html>\n",
	} {
		_, c := dial(t, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) })
		})
		if _, err := c.Import(t.Context(), strings.NewReader("{}\n"), func(client.ImportFault) {}); err == nil {
			t.Errorf("%s is taken for a success", name)
		}
	}
}
