package plan

import (
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
)

// An entry holds so many URLs at most. Larger ones pack better; smaller ones
// keep a message of the bus, and the work that one POP repeats after a crash,
// within bounds.
const (
	entryURLs  = 2000
	entryBytes = 128 << 10
)

// Entries packs the plan of a row into entries of the log: one for each domain
// (and group of a job by URL) and each 2,000 URLs or 128 KiB of them, then one for
// each prefix and each tag. The URLs of one domain keep their order; domains follow each other in
// the order in which they first occur, so that the number of entries depends
// on the number of URLs and not on how often hosts alternate.
//
// A takedown has the same entries twice: first those that deny, then those that
// purge, so that no POP can fill again what it purged. A job that ends one has
// those that allow.
//
// An entry for a tag concerns every domain of the account that is online; it
// names the domain only if there is a single one.
func (p *Planner) Entries(job *freshet.Job, row freshet.Row, planned freshet.PlannedRow, now time.Time) []*freshet.Entry {
	k := packer{job: job, row: row, now: now, hosts: onlineHosts(p.domains(job.Account)), open: map[bundleKey]*bundle{}}
	for _, u := range planned.URLs {
		if selectorKind(u.Kind) == freshet.SelectExact {
			k.exact(u)
		}
	}
	out := k.flush()
	if job.Type == freshet.Takedown {
		return append(denials(job, out), out...)
	}
	for _, u := range planned.URLs {
		if kind := selectorKind(u.Kind); kind != freshet.SelectExact {
			out = append(out, k.pattern(kind, u))
		}
	}
	return out
}

// denials returns entries that deny what others purge.
func denials(job *freshet.Job, purges []*freshet.Entry) []*freshet.Entry {
	out := make([]*freshet.Entry, len(purges), 2*len(purges))
	for i, p := range purges {
		e := *p
		e.Kind, e.Status = freshet.EntryDeny, freshet.StatusLegal
		e.Selector.URLs = slices.Clone(p.Selector.URLs)
		if job.Denial != nil && job.Denial.Status != 0 {
			e.Status = job.Denial.Status
		}
		out[i] = &e
	}
	return out
}

// packer fills entries.
type packer struct {
	job   *freshet.Job
	row   freshet.Row
	now   time.Time
	hosts []string
	open  map[bundleKey]*bundle
	order []*bundle
}

// bundleKey is what the URLs of one entry have in common.
type bundleKey struct {
	host  string
	group int
	typ   string
	head  string
}

// bundle is the entries of one domain and group.
type bundle struct {
	entries []*freshet.Entry
	bytes   int // in the last of them
}

func (k *packer) exact(p freshet.PlannedURL) {
	u := p.URL
	host, _ := freshet.SplitURL(u)
	key := bundleKey{host: host, group: p.Group, typ: typeOf(p.Kind), head: p.Header}
	b := k.open[key]
	if b == nil {
		b = &bundle{}
		k.open[key] = b
		k.order = append(k.order, b)
	}
	var last *freshet.Entry
	if n := len(b.entries); n > 0 {
		last = b.entries[n-1]
	}
	if last == nil || len(last.Selector.URLs) >= entryURLs || b.bytes+len(u) > entryBytes {
		last = k.entry(host, p, freshet.Selector{Kind: freshet.SelectExact})
		b.entries, b.bytes = append(b.entries, last), 0
	}
	last.Selector.URLs = append(last.Selector.URLs, u)
	b.bytes += len(u)
}

func (k *packer) flush() []*freshet.Entry {
	var out []*freshet.Entry
	for _, b := range k.order {
		out = append(out, b.entries...)
	}
	return out
}

func (k *packer) pattern(kind freshet.SelectorKind, p freshet.PlannedURL) *freshet.Entry {
	pattern := p.URL
	if kind == freshet.SelectTag {
		domain := ""
		if len(k.hosts) == 1 {
			domain = k.hosts[0]
		}
		return k.entry(domain, p, freshet.Selector{Kind: kind, Pattern: pattern, Hosts: k.hosts})
	}
	host, _ := freshet.SplitURL(pattern)
	return k.entry(host, p, freshet.Selector{Kind: kind, Pattern: pattern, Hosts: []string{host}})
}

func (k *packer) entry(domain string, p freshet.PlannedURL, sel freshet.Selector) *freshet.Entry {
	e := &freshet.Entry{
		Kind: freshet.EntryPurge, Account: k.job.Account, Job: k.job.ID, Row: k.row.Index,
		Domain: domain, Selector: sel, Created: k.now,
	}
	e.Type = typeOf(p.Kind)
	e.Soft = sel.Kind != freshet.SelectExact && k.job.Direct != nil && k.job.Direct.Soft
	if p.Group > 0 {
		e.Group = k.job.Direct.Groups[p.Group-1].ID
	}
	if p.Kind == kindNoMatch {
		e.Among = []string{} // it is for the record; no cache gets it
	}
	switch k.job.Type {
	case freshet.Prefetch:
		e.Kind, e.FinishBy, e.Header = freshet.EntryPrefetch, k.job.FinishBy, p.Header
	case freshet.Reinstate:
		e.Kind = freshet.EntryAllow
	case freshet.Purge, freshet.Takedown:
	}
	return e
}
