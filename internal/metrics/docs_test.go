package metrics_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet/internal/metrics"
)

var update = flag.Bool("update", false, "rewrite docs/metrics.md")

const manual = "../../docs/metrics.md"

const head = `# Metrics

Served as ` + "`/metrics`" + ` on the private listener (` + "`private.listen`" + ` in docs/config.md) of a control
plane, and of a POP that runs as its own process. The metrics of the Go runtime
(` + "`go_…`" + `) and of the process (` + "`process_…`" + `) come beside these.

This page is written from internal/metrics/names.go:
` + "`go test ./internal/metrics -run Manual -update`" + `.

| metric | kind | labels | meaning |
| --- | --- | --- | --- |
`

func TestManual_IsFresh(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	b.WriteString(head)
	for _, d := range metrics.All() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.Name, d.Kind, strings.Join(d.Labels, ", "), d.Help)
	}
	if *update {
		if err := os.WriteFile(manual, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(manual)
	if err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("docs/metrics.md is stale (%v); run: go test ./internal/metrics -run Manual -update", err)
	}
}
