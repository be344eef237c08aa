package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api"
	"github.com/freshet-vod/freshet/internal/catalog"
	"github.com/freshet-vod/freshet/internal/catalog/jsonl"
)

const (
	// importChunk is how much of a file goes into one request. A request is
	// signed as a whole, so it is held in memory at both ends.
	importChunk = 4 << 20
	importTries = 6
)

// ImportFault is a line that was refused.
type ImportFault = catalog.Fault

// ImportSummary counts the lines of an import.
type ImportSummary = catalog.Summary

// Import sends media, one JSON value a line, until the end of r, in requests
// of a few megabytes. Each refused line is told to report, in order; the others are
// taken in. If it returns an error, what the summary counts was taken in, and
// running the whole again is harmless.
func (c *Client) Import(ctx context.Context, r io.Reader, report func(ImportFault)) (ImportSummary, error) {
	lines := jsonl.NewReader(r)
	im := importer{c: c, report: report}
	for {
		l, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return im.sum, im.flush(ctx)
		}
		if err != nil {
			return im.sum, errors.Join(freshet.Errorf(freshet.CodeInvalid, "The media cannot be read: %w.", err), im.flush(ctx))
		}
		if len(im.chunk)+len(l.Bytes) > importChunk || l.TooLong {
			if err := im.flush(ctx); err != nil {
				return im.sum, err
			}
		}
		if l.TooLong {
			im.sum.Refused++
			report(ImportFault{Line: l.Number, Error: fmt.Sprintf("the line is longer than %d bytes", jsonl.MaxLine)})
			continue
		}
		im.chunk = append(append(im.chunk, l.Bytes...), '\n')
		im.numbers = append(im.numbers, l.Number)
	}
}

// importer collects lines for one request.
type importer struct {
	c       *Client
	report  func(ImportFault)
	sum     ImportSummary
	chunk   []byte
	numbers []int // of the lines of chunk in the whole
}

// flush sends what was collected. A server that has too many imports at work
// is asked again after the pause that it names.
func (im *importer) flush(ctx context.Context) error {
	if len(im.chunk) == 0 {
		return nil
	}
	for try := 1; ; try++ {
		err := im.send(ctx)
		if e, ok := errors.AsType[*freshet.Error](err); !ok || e.Code != freshet.CodeLimited || try == importTries {
			im.chunk, im.numbers = im.chunk[:0], im.numbers[:0]
			return err
		} else if err := pause(ctx, max(e.RetryAfter, 100*time.Millisecond)); err != nil {
			return err
		}
	}
}

func (im *importer) send(ctx context.Context) error {
	resp, err := im.c.do(ctx, http.MethodPost, "/v1/media", nil, body{"application/x-ndjson", slices.Clone(im.chunk)})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer := bufio.NewScanner(io.LimitReader(resp.Body, maxAnswer))
	answer.Buffer(nil, 1<<20)
	for answer.Scan() {
		var l struct {
			api.ImportSummary
			ImportFault
			Imported *int `json:"imported"` // on the last line only
		}
		if err := json.Unmarshal(bytes.TrimSpace(answer.Bytes()), &l); err != nil {
			return freshet.Errorf(freshet.CodeInternal, "The server's answer is not understood: %w.", err)
		}
		if l.Imported == nil {
			im.sum.Refused++
			if i := l.Line - 1; i >= 0 && i < len(im.numbers) {
				l.Line = im.numbers[i]
			}
			im.report(l.ImportFault)
			continue
		}
		im.sum.Imported += *l.Imported
		if l.Problem != nil {
			return problemError(*l.Problem, "")
		}
		return nil
	}
	if err := answer.Err(); err != nil {
		return im.c.unreachable(ctx, err)
	}
	return im.c.unreachable(ctx, io.ErrUnexpectedEOF)
}
