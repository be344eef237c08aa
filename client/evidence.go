package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/freshet-vod/freshet"
)

// maxLine bounds one line of an export: a URL, two copies and some words.
const maxLine = 1 << 20

// ExportEvidence writes evidence to w as JSON Lines, one
// [freshet.EvidenceLine] each, and returns how many. An export that was cut
// short is an error: what was written by then is not all there is. An account
// other than the caller's is for the operator's.
func (c *Client) ExportEvidence(ctx context.Context, f freshet.EvidenceFilter, w io.Writer) (int, error) {
	q := url.Values{}
	for name, value := range map[string]string{"account": f.Account, "media": f.Media, "pop": f.POP} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"since": f.Since, "until": f.Until} {
		if !at.IsZero() {
			q.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	resp, err := c.do(ctx, http.MethodGet, "/v1/evidence", q, body{})
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n := 0
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if bytes.HasPrefix(lines.Bytes(), []byte(`{"end":`)) {
			var last struct{ Lines int }
			if err := json.Unmarshal(lines.Bytes(), &last); err != nil || last.Lines != n {
				return n, freshet.Errorf(freshet.CodeInternal, "The server's answer is not understood: it speaks of %d lines and sent %d.", last.Lines, n)
			}
			return n, nil
		}
		if _, err := w.Write(append(lines.Bytes(), '\n')); err != nil {
			return n, err
		}
		n++
	}
	if err := lines.Err(); err != nil {
		return n, c.unreachable(ctx, err)
	}
	return n, c.unreachable(ctx, errors.New("the export was cut short"))
}
