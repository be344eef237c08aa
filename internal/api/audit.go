package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/audit"
)

// audited runs a handler that may write, and writes down who asked for it and
// what became of it.
func (s *server) audited(ctx context.Context, rt route, c *call) error {
	ctx, c.entry = s.Audit.Begin(ctx, freshet.AuditRecord{
		Account: c.caller.Account, KeyID: c.caller.KeyID, Address: audit.Address(c.caller.Facts.SourceIP, c.r.RemoteAddr), UserAgent: c.r.UserAgent(),
		Action: rt.pattern, Object: c.r.PathValue("id"), RequestID: c.id,
	})
	c.r = c.r.WithContext(ctx)
	code := string(freshet.CodeInternal) // should the handler panic
	defer func() {
		if err := c.entry.End(ctx, code); err != nil {
			s.Log.LogAttrs(ctx, slog.LevelError, "audit record could not be written",
				slog.String("request_id", c.id), slog.String("account", c.caller.Account), slog.String("action", rt.pattern), slog.Any("error", err))
		}
	}()
	err := s.permitted(ctx, rt, c)
	code = string(freshet.ErrorCode(err))
	return err
}

// mayWrite tells whether a route is one of those whose calls are written down.
func (rt route) mayWrite() bool {
	method, _, _ := strings.Cut(rt.pattern, " ")
	return !rt.reads && method != http.MethodGet && method != http.MethodHead
}

// noteJob tells the audit record what a job request is about.
func (c *call) noteJob(r *JobRequest) {
	words := append([]string{string(r.Type)}, r.Media...)
	for _, list := range [...][]string{r.URLs, r.Prefixes} {
		for _, u := range list {
			words = append(words, audit.Bare(u))
		}
	}
	for _, tag := range r.Tags {
		words = append(words, "tag:"+tag)
	}
	c.entry.Note(strings.Join(words, " "))
}

// listAudit answers with a page of the audit trail. The operator's account
// sees every account's records, others see their own.
func (s *server) listAudit(c *call) error {
	q := freshet.AuditQuery{Account: c.query.Get("account"), Action: c.query.Get("action")}
	switch {
	case c.caller.Account == s.Operator:
	case q.Account == "":
		q.Account = c.caller.Account
	case q.Account != c.caller.Account:
		return freshet.Errorf(freshet.CodeForbidden, "Only the operator's account %s may see what others did.", s.Operator).Of(freshet.KindOperator)
	}
	var err error
	if q.Limit, err = limitOf(c.query); err != nil {
		return err
	}
	if q.Since, err = timeOf(c.query, "since"); err != nil {
		return err
	}
	if q.Failed, err = boolOf(c.query, "failed"); err != nil {
		return err
	}
	if q.Oldest, err = boolOf(c.query, "oldest_first"); err != nil {
		return err
	}
	if q.After, err = idOf(c.query, "after"); err != nil {
		return err
	}
	if q.Before, err = idOf(c.query, "before"); err != nil {
		return err
	}
	switch {
	case q.Oldest && q.Before != 0:
		return freshet.Invalid("before", "before belongs to a list with the newest first; use after.")
	case !q.Oldest && q.After != 0:
		return freshet.Invalid("after", "after belongs to a list with oldest_first=true; use before.")
	}
	page, err := s.Audit.Page(c.r.Context(), q)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, page)
}
