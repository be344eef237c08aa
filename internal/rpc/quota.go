package rpc

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/freshet-vod/freshet"
)

// The errors of an account that has had its share (contract §3.3).
const (
	quotaExceededRefresh kind = 500 + iota
	quotaExceededPreload
	preloadQueueFull
)

// limitTable words them. There is one code for purges and prefetches: it is the
// only one that the vendor documents for both.
func limitTable(k kind) (row, bool) {
	switch k { //nolint:exhaustive // the kinds of this group
	case quotaExceededRefresh:
		return row{"QuotaExceeded.Refresh", http.StatusBadRequest, "You've exceeded the prescribed refresh limits."}, true
	case quotaExceededPreload:
		return row{"QuotaExceeded.Refresh", http.StatusBadRequest, "You've exceeded the prescribed preload limits."}, true
	case preloadQueueFull:
		return row{"PreloadQueueFull", http.StatusForbidden, "Preload queue is full, please try again later!"}, true
	}
	return row{}, false
}

// spent returns the kind of an error of the core that says so.
func spent(e *freshet.Error) (kind, bool) {
	switch {
	case errors.Is(e, freshet.ErrQueueFull):
		return preloadQueueFull, true
	case errors.Is(e, freshet.ErrQuotaExceeded) && e.Field == string(freshet.QuotaPreloads):
		return quotaExceededPreload, true
	case errors.Is(e, freshet.ErrQuotaExceeded):
		return quotaExceededRefresh, true
	}
	return 0, false
}

// quotaOperations are about what accounts may do (contract §4.6).
func (s *server) quotaOperations() operations {
	return operations{
		"DescribeVodRefreshQuota": {run: s.describeVodRefreshQuota},
	}
}

// quotaAnswer has texts only, and one name in lower case: it is what the SDKs
// read.
type quotaAnswer struct {
	URLQuota      string `json:"UrlQuota" xml:"UrlQuota"`
	URLRemain     string `json:"UrlRemain" xml:"UrlRemain"`
	DirQuota      string `json:"DirQuota" xml:"DirQuota"`
	DirRemain     string `json:"DirRemain" xml:"DirRemain"`
	PreloadQuota  string `json:"PreloadQuota" xml:"PreloadQuota"`
	PreloadRemain string `json:"PreloadRemain" xml:"PreloadRemain"`
	BlockQuota    string `json:"BlockQuota" xml:"BlockQuota"`
	BlockRemain   string `json:"blockRemain" xml:"blockRemain"`
	RequestID     string `json:"RequestId" xml:"RequestId"`
}

// describeVodRefreshQuota tells an account's quota for today, and what is left
// of it (contract §4.6).
func (s *server) describeVodRefreshQuota(ctx context.Context, c *call) (any, error) {
	unlimited := freshet.Share{Quota: freshet.UnlimitedQuota, Left: freshet.UnlimitedQuota}
	q := freshet.Quota{URLs: unlimited, Directories: unlimited, Preloads: unlimited}
	if s.Limits != nil {
		var err error
		if q, err = s.Limits.Quota(ctx, c.identity.Account); err != nil {
			return nil, err
		}
	}
	text := strconv.Itoa
	return quotaAnswer{
		URLQuota: text(q.URLs.Quota), URLRemain: text(q.URLs.Left),
		DirQuota: text(q.Directories.Quota), DirRemain: text(q.Directories.Left),
		PreloadQuota: text(q.Preloads.Quota), PreloadRemain: text(q.Preloads.Left),
		BlockQuota: text(unlimited.Quota), BlockRemain: text(unlimited.Left), // there is no such operation to count
		RequestID: c.requestID,
	}, nil
}

// perCall returns how many URLs the caller may name in one
// RefreshVodObjectCaches and one PreloadVodObjectCaches.
func (s *server) perCall(c *call) (refresh, preload int) {
	refresh, preload = maxFiles, s.MaxPreload
	if s.Limits == nil {
		return refresh, preload
	}
	r, p := s.Limits.PerCall(c.identity.Account)
	if r > 0 {
		refresh = min(r, maxFiles)
	}
	if p > 0 {
		preload = min(p, maxFiles)
	}
	return refresh, preload
}
