package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"github.com/freshet-vod/freshet"
)

// Evidence tells what the POPs said.
type Evidence interface {
	// ExportEvidence yields the evidence of an account, in the order in which
	// it was stored.
	ExportEvidence(ctx context.Context, f freshet.EvidenceFilter) iter.Seq2[freshet.EvidenceLine, error]
}

// The type of a body of JSON Lines.
const typeLines = "application/jsonl"

// exportWrite bounds the time in which a client must take a piece of an export.
const exportWrite = time.Minute

// exportEvidence answers with JSON Lines: one fact a line. The last line says
// that it is the last; without it the answer was cut short.
func (s *server) exportEvidence(c *call) error {
	account := cmp.Or(c.query.Get("account"), c.caller.Account)
	if account != c.caller.Account && c.caller.Account != s.Operator {
		return freshet.Errorf(freshet.CodeForbidden, "Only the operator's account %s may export the evidence of others.", s.Operator).Of(freshet.KindOperator)
	}
	f := freshet.EvidenceFilter{Account: account, Media: c.query.Get("media"), POP: c.query.Get("pop")}
	var err error
	if f.Since, err = timeOf(c.query, "since"); err != nil {
		return err
	}
	if f.Until, err = timeOf(c.query, "until"); err != nil {
		return err
	}
	ctx := c.r.Context()
	lines := 0
	out := json.NewEncoder(c.w)
	rc := http.NewResponseController(c.w)
	begin := func() {
		c.w.Header().Set("Content-Type", typeLines)
		c.w.WriteHeader(http.StatusOK)
	}
	for line, err := range s.Evidence.ExportEvidence(ctx, f) {
		if err != nil {
			return s.cutShort(c, err)
		}
		if lines == 0 {
			begin()
		}
		if lines%256 == 0 {
			_ = rc.SetWriteDeadline(time.Now().Add(exportWrite)) // where it cannot be set there is none
		}
		lines++
		if err := out.Encode(line); err != nil {
			return nil
		}
	}
	if lines == 0 {
		begin()
	}
	_, _ = fmt.Fprintf(c.w, "{\"end\":true,\"lines\":%d}\n", lines) // the client's connection is the client's
	return nil
}

// cutShort ends an export by a fault: as a problem if nothing was sent yet,
// otherwise by breaking the connection off, so that no client takes what it has
// for all there is.
func (s *server) cutShort(c *call, err error) error {
	if !c.w.begun {
		return err
	}
	s.Log.ErrorContext(c.r.Context(), "an export was cut short", slog.String("request_id", c.id), slog.String("account", c.caller.Account), slog.Any("error", err))
	panic(http.ErrAbortHandler)
}
