package apitest

import (
	"context"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
)

// auditStore is the store behind the audit trail. Its writes are no
// transactions, so records come apart from what they are about.
type auditStore struct{ f *Fake }

func (a auditStore) PutAudit(_ context.Context, rec *freshet.AuditRecord) error {
	a.f.mu.Lock()
	defer a.f.mu.Unlock()
	rec.ID = uint64(len(a.f.AuditList)) + 1
	a.f.AuditList = append(a.f.AuditList, *rec)
	return nil
}

func (a auditStore) AmendAudit(_ context.Context, rec *freshet.AuditRecord) error {
	a.f.mu.Lock()
	defer a.f.mu.Unlock()
	a.f.AuditList[rec.ID-1] = *rec
	return nil
}

func (a auditStore) AuditPage(_ context.Context, q freshet.AuditQuery) (freshet.AuditPage, error) {
	a.f.mu.Lock()
	defer a.f.mu.Unlock()
	records := slices.Clone(a.f.AuditList)
	if !q.Oldest {
		slices.Reverse(records)
	}
	page := freshet.AuditPage{Records: []freshet.AuditRecord{}}
	for _, r := range records {
		switch {
		case r.ID <= q.After, q.Before != 0 && r.ID >= q.Before, r.Time.Before(q.Since),
			q.Account != "" && r.Account != q.Account, q.Action != "" && r.Action != q.Action,
			q.Failed && r.Outcome == freshet.AuditOK:
		case len(page.Records) == q.Limit:
			page.Next = page.Records[q.Limit-1].ID
			return page, nil
		default:
			page.Records = append(page.Records, r)
		}
	}
	return page, nil
}

func (a auditStore) PruneAudit(context.Context, time.Time) (int, error) { return 0, nil }
