package fault_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet/internal/fault"
)

var update = flag.Bool("update", false, "rewrite docs/errors.md")

const manual = "../../docs/errors.md"

func TestManual_IsFresh(t *testing.T) {
	t.Parallel()
	want := write()
	if *update {
		if err := os.WriteFile(manual, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(manual)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/errors.md is stale (%v); run: go test ./internal/fault -run Manual -update", err)
	}
}

// chapters are the page's, face by face.
func chapters() map[fault.Face]string {
	return map[fault.Face]string{
		fault.Native: `## The native API, the client and the command line

Problems (RFC 9457) have a ` + "`code`" + `, of nine; a ` + "`type`" + `, whose end after ` + "`#`" + ` is the first column here; and a ` + "`remedy`" + `, the last one. The
command line prints the message, then what to do. What is said of a code holds where no line of its own is more exact.

| | status | meaning | what to do |
| --- | --- | --- | --- |
`,
		fault.Vendor: `
## The vendor's API

The texts are the vendor's, spelling included; … stands for what is named.

| Code | status | Message | what to do |
| --- | --- | --- | --- |
`,
		fault.Row: `
## Media that could not be planned

A job is accepted before its media are looked at. What is wrong with one of them stands in its row: ` + "`fault`" + ` in the native API,
` + "`ErrorCode`" + ` in GetMediaRefreshJobs. The row's ` + "`problems`" + ` name single URLs that the plan does not cover, each with its reason.

| fault | meaning | what to do |
| --- | --- | --- |
`,
		fault.Delivery: `
## Deliveries that failed

Why a POP could not do a task: ` + "`reason`" + ` in ` + "`freshet task ID`" + `, in the evidence and in the metric ` + "`freshet_deliveries_total`" + `.

| reason | meaning | what to do |
| --- | --- | --- |
`,
		fault.Exit: `
## Exit codes

| code | meaning | what to do |
| --- | --- | --- |
`,
		fault.Log: `
## In the logs

Warnings and errors of servers and POPs, by their ` + "`msg`" + `. What mends itself has no last column.

| message | meaning | what to do |
| --- | --- | --- |
`,
	}
}

func write() []byte {
	var b bytes.Buffer
	b.WriteString(`# Errors

<!-- Made from the table in internal/fault; do not edit. -->

Every error that you can meet, what it means and what to do about it. Search for the code, or for the text.

`)
	heads, last := chapters(), fault.Face("")
	for _, e := range fault.All() {
		if e.Face != last {
			b.WriteString(heads[e.Face])
			last = e.Face
		}
		code := "`" + e.Code + "`"
		if strings.Contains(e.Code, "`") {
			code = "`` " + e.Code + " ``"
		}
		cells := []string{code}
		switch e.Face {
		case fault.Native:
			cells = []string{`<a id="` + e.Code + `"></a>` + code, strconv.Itoa(e.Status)}
		case fault.Vendor:
			cells = append(cells, strconv.Itoa(e.Status))
		case fault.Row, fault.Delivery, fault.Exit, fault.Log:
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.Join(cells, " | "), e.Means, e.Remedy)
	}
	return b.Bytes()
}
