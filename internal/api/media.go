package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/catalog"
	"github.com/freshet-vod/freshet/internal/policy"
)

// MediaPage is the answer of GET /v1/media.
type MediaPage struct {
	Media []*freshet.Media `json:"media"`
	// Next is the value of after that yields the next page, if there is one.
	Next string `json:"next,omitempty"`
}

// ImportSummary is the last line of the answer to POST /v1/media. The lines
// before it are those that were refused. Problem is set if the import broke
// off; what it counts was taken in all the same.
type ImportSummary struct {
	catalog.Summary
	Problem *Problem `json:"problem,omitempty"`
}

func (s *server) listMedia(c *call) error {
	limit, err := limitOf(c.query)
	if err != nil {
		return err
	}
	media, err := s.Media.ListMedia(c.r.Context(), c.caller.Account, c.query.Get("after"), limit)
	if err != nil {
		return err
	}
	page := MediaPage{Media: list(media)}
	if len(media) == limit {
		page.Next = media[limit-1].ID
	}
	return c.reply(http.StatusOK, page)
}

func (s *server) showMedia(c *call) error {
	if !c.may("freshet:GetMedia", policy.Media(c.r.PathValue("id"))) {
		return refused("freshet:GetMedia")
	}
	media, err := s.Media.Media(c.r.Context(), c.caller.Account, []string{c.r.PathValue("id")})
	if err != nil {
		return err
	}
	if len(media) == 0 {
		return freshet.Errorf(freshet.CodeNotFound, "There is no media %q.", clip(c.r.PathValue("id")))
	}
	return c.reply(http.StatusOK, media[0])
}

func (s *server) importMedia(c *call) error {
	switch t, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";"); strings.TrimSpace(t) {
	case "", "application/jsonl", "application/x-ndjson", "application/octet-stream", "text/plain",
		"application/x-www-form-urlencoded": // what curl says if nobody tells it
	default:
		return freshet.Invalid("Content-Type", "The body must be JSON Lines (application/x-ndjson).")
	}
	domains, err := s.Domains.Domains(c.r.Context(), c.caller.Account)
	if err != nil {
		return err
	}
	lines := json.NewEncoder(c.w)
	begin := func() {
		if !c.w.begun {
			c.w.Header().Set("Content-Type", "application/x-ndjson")
			c.w.WriteHeader(http.StatusOK)
		}
	}
	im := catalog.Import{
		Account: c.caller.Account, Domains: domains, Store: s.Media,
		Report: func(f catalog.Fault) error {
			begin()
			return lines.Encode(f)
		},
	}
	var sum ImportSummary
	sum.Summary, err = im.Run(c.r.Context(), bytes.NewReader(c.body))
	if err != nil {
		if !c.w.begun && sum.Imported == 0 {
			return err
		}
		p, _ := c.problem(err)
		sum.Problem = &p
	}
	begin()
	if encodeErr := lines.Encode(sum); encodeErr != nil || sum.Problem == nil {
		return nil //nolint:nilerr // the client went away; nobody is there to be told
	}
	return toldError{err}
}
