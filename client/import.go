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
	// importPatience bounds how long a server may let one request wait.
	importPatience = 30 * time.Second
)

// ImportFault is a line that was refused.
type ImportFault = catalog.Fault

// ImportSummary counts the lines of an import.
type ImportSummary = catalog.Summary

// ImportOptions says which lines of a file to send, and who hears of what.
type ImportOptions struct {
	// From is the first line to send, from 1; those before it are passed over.
	// 0 sends all.
	From int
	// Report hears of each refused line, in order; may be nil.
	Report func(ImportFault)
	// Waiting hears why a request is sent again after a pause; may be nil.
	Waiting func(error)
}

// ImportResult is how far an import came.
type ImportResult struct {
	ImportSummary
	// Next is the line from which to go on: all before it were taken in or
	// refused.
	Next int `json:"next"`
}

// Import is ImportLines for the whole of r.
func (c *Client) Import(ctx context.Context, r io.Reader, report func(ImportFault)) (ImportSummary, error) {
	res, err := c.ImportLines(ctx, r, ImportOptions{Report: report})
	return res.ImportSummary, err
}

// ImportLines sends media, one JSON value a line, until the end of r, in requests
// of a few megabytes. Refused lines are told, the others are taken in. A server
// that has too many imports at work is asked again, and so is one that does not
// answer any more once lines were taken in, for half a minute. If it returns an
// error, go on from the line Next; sending lines again is harmless.
func (c *Client) ImportLines(ctx context.Context, r io.Reader, o ImportOptions) (ImportResult, error) {
	lines := jsonl.NewReader(r)
	im := importer{c: c, o: o, res: ImportResult{Next: max(o.From, 1)}}
	for {
		l, err := lines.Next()
		switch {
		case errors.Is(err, io.EOF):
			err = im.flush(ctx)
			return im.res, err
		case err != nil:
			err = errors.Join(freshet.Errorf(freshet.CodeInvalid, "The media cannot be read: %w.", err), im.flush(ctx))
			return im.res, err
		case l.Number < o.From:
			if l.Number&0xfff == 0 && ctx.Err() != nil {
				return im.res, ctx.Err()
			}
			continue
		}
		if len(im.chunk)+len(l.Bytes) > importChunk || l.TooLong {
			if err := im.flush(ctx); err != nil {
				return im.res, err
			}
		}
		if l.TooLong {
			im.refuse(ImportFault{Line: l.Number, Error: fmt.Sprintf("the line is longer than %d bytes", jsonl.MaxLine)})
			im.res.Next = l.Number + 1
			continue
		}
		im.chunk = append(append(im.chunk, l.Bytes...), '\n')
		im.numbers = append(im.numbers, l.Number)
	}
}

// importer collects lines for one request.
type importer struct {
	c       *Client
	o       ImportOptions
	res     ImportResult
	chunk   []byte
	numbers []int // of the lines of chunk in the whole
}

func (im *importer) refuse(f ImportFault) {
	im.res.Refused++
	if im.o.Report != nil {
		im.o.Report(f)
	}
}

// flush sends what was collected, again and again if that may help.
func (im *importer) flush(ctx context.Context) error {
	if len(im.chunk) == 0 {
		return nil
	}
	for try := 0; ; try++ {
		err := im.send(ctx)
		if err == nil {
			im.res.Next = im.numbers[len(im.numbers)-1] + 1
			im.chunk, im.numbers = im.chunk[:0], im.numbers[:0]
			return nil
		}
		e, ok := errors.AsType[*freshet.Error](err)
		again := ok && (e.Code == freshet.CodeLimited || e.Code == freshet.CodeUnavailable && im.res.Imported > 0)
		if !again || try+1 >= importTries || e.RetryAfter > importPatience {
			return err
		}
		if im.o.Waiting != nil {
			im.o.Waiting(err)
		}
		delay := max(e.RetryAfter, 100*time.Millisecond)
		if e.Code == freshet.CodeUnavailable {
			delay = max(delay, time.Second<<try)
		}
		if err := pause(ctx, delay); err != nil {
			return err
		}
	}
}

// send sends one request. Refused lines are told, and all are counted, only
// once the whole answer is there: without it the request is sent again.
func (im *importer) send(ctx context.Context) error {
	resp, err := im.c.once(ctx, http.MethodPost, "/v1/media", nil, body{"application/x-ndjson", slices.Clone(im.chunk)})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer := bufio.NewScanner(io.LimitReader(resp.Body, maxAnswer))
	answer.Buffer(nil, 1<<20)
	var refused []ImportFault
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
			if i := l.Line - 1; i >= 0 && i < len(im.numbers) {
				l.Line = im.numbers[i]
			}
			refused = append(refused, l.ImportFault)
			continue
		}
		if l.Problem != nil {
			return problemError(*l.Problem, "")
		}
		for _, f := range refused {
			im.refuse(f)
		}
		im.res.Imported += *l.Imported
		return nil
	}
	if err := answer.Err(); err != nil {
		return im.c.unreachable(ctx, err)
	}
	return im.c.unreachable(ctx, io.ErrUnexpectedEOF)
}
