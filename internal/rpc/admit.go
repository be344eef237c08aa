package rpc

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/audit"
	"github.com/freshet-vod/freshet/internal/policy"
)

// Limits bounds what accounts do.
type Limits interface {
	// Take counts a call. If that is one too many, wait is when the next would
	// be let in, and tell says that the refusal is to be written down.
	Take(account, operation string) (wait time.Duration, tell bool)
	// PerCall returns how many URLs an account may name in one
	// RefreshVodObjectCaches and one PreloadVodObjectCaches; 0: nothing of its
	// own.
	PerCall(account string) (refresh, preload int)
	// Quota returns an account's quota for today.
	Quota(ctx context.Context, account string) (freshet.Quota, error)
}

// admitted runs an operation for a caller who is known: first comes the
// throttle (contract §3.1), and a write is written down whatever becomes of
// it.
func (s *server) admitted(ctx context.Context, c *call, op operation) (any, error) {
	if s.Limits != nil {
		if wait, tell := s.Limits.Take(c.identity.Account, c.action); wait > 0 {
			refusal := &fault{kind: throttled, retry: wait}
			if op.write && tell {
				_, entry := s.Audit.Begin(ctx, s.record(c))
				_ = s.end(ctx, c, entry, refusal) // the caller hears of the refusal
			}
			return nil, refusal
		}
	}
	if !op.write {
		return permitted(ctx, c, op)
	}
	if s.Room != nil && !op.frees {
		if err := s.Room(); err != nil { // before it is written down: the audit trail takes room, too
			return nil, err
		}
	}
	ctx, entry := s.Audit.Begin(ctx, s.record(c))
	answer, err := permitted(ctx, c, op)
	if lost := s.end(ctx, c, entry, err); lost != nil {
		return nil, lost
	}
	return answer, err
}

// permitted runs an operation if the caller may.
func permitted(ctx context.Context, c *call, op operation) (any, error) {
	if !op.perResource && !c.may(policy.Account()) {
		return nil, refused()
	}
	return op.run(ctx, c)
}

// end completes a call's audit record. What it returns is to be answered
// instead of a success that left none.
func (s *server) end(ctx context.Context, c *call, entry *audit.Entry, err error) error {
	code := ""
	if err != nil {
		code = table(faultOf(err).kind).code
	}
	lost := entry.End(ctx, code)
	if lost == nil {
		return nil
	}
	s.Log.ErrorContext(ctx, "audit record could not be written",
		slog.String("request_id", c.requestID), slog.String("account", c.identity.Account), slog.String("action", c.action), slog.Any("error", lost))
	if err != nil {
		return nil //nolint:nilerr // the caller hears of that
	}
	return lost
}

// record is what is known of a call before it runs.
func (s *server) record(c *call) freshet.AuditRecord {
	return freshet.AuditRecord{
		Account: c.identity.Account, KeyID: c.identity.KeyID, Address: audit.Address(c.identity.Facts.SourceIP, c.http.RemoteAddr), UserAgent: c.http.UserAgent(),
		Action: c.action, Object: objectOf(c), RequestID: c.requestID,
	}
}

// objectOf tells what a call is about: the first of the parameters that name
// something. Others are left out, since they may hold what is nobody's
// business: user data, keys, URLs of callbacks.
func objectOf(c *call) string {
	for _, name := range [...]string{
		"MediaIds", "ObjectPath", "VideoIds", "VideoId", "ReferenceIds", "ReferenceId", "MediaId", "DomainName", "RegisterMetadatas", "AppId",
	} {
		value, ok := c.params.Lookup(name)
		switch {
		case !ok || value == "":
			continue
		case name == "ObjectPath":
			value = barePaths(value)
		case name == "RegisterMetadatas":
			value = fileURLs(value)
		}
		for _, more := range [...]string{"TaskType", "ObjectType", "JobIds"} {
			if v := c.params.Get(more); v != "" {
				value = v + " " + value
			}
		}
		return value
	}
	return ""
}

// fileURLs returns the files of a RegisterMedia, as far as they can be read.
func fileURLs(metadatas string) string {
	var items []struct{ FileURL string }
	if decodeJSON(metadatas, &items, maxRegister) != nil {
		items = make([]struct{ FileURL string }, 1) // the vendor takes a bare object, too
		if decodeJSON(metadatas, &items[0], maxRegister) != nil {
			return ""
		}
	}
	lines := make([]string, len(items))
	for i := range items {
		lines[i] = items[i].FileURL
	}
	return barePaths(strings.Join(lines, "\n"))
}

// barePaths drops the queries of a list of URLs, as far as a record shows
// them.
func barePaths(list string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(list, "\n") {
		if b.Len() > freshet.MaxAuditObject {
			break
		}
		if line = audit.Bare(line); line != "" {
			b.WriteString(line)
			b.WriteByte(' ')
		}
	}
	return strings.TrimSuffix(b.String(), " ")
}
