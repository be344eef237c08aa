package app_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
)

// judge compares all that an account has with the model.
func (m *mix) judge(c *mixClient, s *app.Server) {
	a := c.account
	a.mu.Lock()
	audited := maps.Clone(a.audited)
	a.mu.Unlock()
	m.judgeQuota(c)
	m.judgeTasks(c)
	m.judgeMedia(c, s)
	for of, to := range a.callback {
		c.checkCallback(of, to)
	}
	domains := c.call("DescribeVodUserDomains", "PageSize", "50")
	if got, want := domains.total(), 1+len(a.domains); got != want {
		c.t.Errorf("%s has %d domains, want %d", a.name, got, want)
	}
	for job, rows := range a.jobs {
		if list, _ := c.call("GetMediaRefreshJobs", "MediaRefreshJobId", job).body["MediaRefreshJobs"].([]any); len(list) != rows {
			c.t.Errorf("job %s of %s has %d rows, want %d", job, a.name, len(list), rows)
		}
	}
	m.judgeAudit(c, s, audited)
	c.t.Logf("%s: used %v, tasks %v, %d jobs, %d media, %d domains, %d refusals, writes %v", a.name, a.used, a.tasks, len(a.jobs), len(a.media), len(a.domains), len(a.refusals), audited)
}

// judgeQuota: what is left is the quota without what was accepted, and whatever
// was refused would not have fitted.
func (m *mix) judgeQuota(c *mixClient) {
	a, got := c.account, c.call("DescribeVodRefreshQuota")
	for name, q := range map[string]struct {
		kind  freshet.QuotaKind
		limit int
	}{"Url": {freshet.QuotaURLs, mixURLs}, "Dir": {freshet.QuotaDirectories, mixDirs}, "Preload": {freshet.QuotaPreloads, mixPreloads}} {
		if left := got.text(name + "Remain"); left != strconv.Itoa(q.limit-a.used[q.kind]) || a.used[q.kind] > q.limit {
			c.t.Errorf("%s of %s: %d of %d are used, and %s left", name, a.name, a.used[q.kind], q.limit, left)
		}
		for _, r := range a.refusals {
			if r.kind == q.kind && a.used[q.kind]+r.n <= q.limit {
				c.t.Errorf("%s of %s: %d were refused, and %d of %d are used", name, a.name, r.n, a.used[q.kind], q.limit)
			}
		}
	}
}

// judgeTasks: every accepted object is one task that is listed, found by its ID,
// and the account's own.
func (m *mix) judgeTasks(c *mixClient) {
	a := c.account
	total := 0
	for _, n := range a.tasks {
		total += n
	}
	late := time.Now().Add(20 * time.Second) // what was accepted last may still be planned
	for c.call("DescribeVodRefreshTasks").total() < total && time.Now().Before(late) {
	}
	for typ, want := range a.tasks {
		if got := c.call("DescribeVodRefreshTasks", "ObjectType", typ).total(); got != want {
			c.t.Errorf("%s has %d tasks of type %s, want %d", a.name, got, typ, want)
		}
	}
	if got := c.call("DescribeVodRefreshTasks").total(); got != total {
		c.t.Errorf("%s has %d tasks, want %d", a.name, got, total)
	}
	ids := slices.Clone(a.taskIDs)
	slices.Sort(ids)
	ids = slices.Compact(ids) // files of one second share theirs
	found := 0
	for list := range slices.Chunk(ids, 50) {
		answer := c.call("DescribeVodRefreshTasks", "TaskId", strings.Join(list, ","), "PageSize", "50")
		found += answer.total()
		tasks, _ := answer.body["Tasks"].(map[string]any)
		items, _ := tasks["Task"].([]any)
		for _, item := range items {
			task, _ := item.(map[string]any)
			if path, _ := task["ObjectPath"].(string); !strings.HasPrefix(path, "http://"+a.host+"/") {
				c.t.Errorf("%s sees a task of %s", a.name, path)
			}
		}
	}
	if want := total - a.native; found != want {
		c.t.Errorf("%d tasks of %s are found by their IDs, want %d", found, a.name, want)
	}
}

// judgeMedia: the catalog holds the film and what was registered and not
// deleted.
func (m *mix) judgeMedia(c *mixClient, s *app.Server) {
	a := c.account
	want := []string{a.film}
	for id := range a.media {
		want = append(want, id)
	}
	slices.Sort(want)
	var got []string
	native := caller(c.t, s, a.key, a.secret)
	for after := ""; ; {
		page, err := native.ListMedia(c.t.Context(), after, 0)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, media := range page.Media {
			got = append(got, media.ID)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if n, _ := c.call("SearchMedia", "PageSize", "1").body["Total"].(float64); int(n) != len(want) {
		c.t.Errorf("%s finds %v media, want %d", a.name, n, len(want))
	}
	if !slices.Equal(got, want) {
		c.t.Errorf("%s has the media %v, want %v", a.name, got, want)
	}
}

// judgeAudit: each call of a write left one record with the code that was
// answered.
func (m *mix) judgeAudit(c *mixClient, s *app.Server, want map[[2]string]int) {
	a := c.account
	native := caller(c.t, s, a.key, a.secret)
	got := map[[2]string]int{}
	q := freshet.AuditQuery{Account: a.name, Oldest: true, Limit: 500}
	for {
		page, err := native.Audit(c.t.Context(), q)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, r := range page.Records {
			if r.Account != a.name || r.KeyID != a.key {
				c.t.Errorf("%s sees %+v", a.name, r)
			}
			if !strings.Contains(r.Action, " ") { // of the vendor's API
				got[[2]string{r.Action, r.Outcome}]++
			}
		}
		if q.After = page.Next; q.After == 0 {
			break
		}
	}
	for k, n := range want {
		if got[k] != n {
			c.t.Errorf("%d calls of %s by %s were answered %q, and %d are in the audit trail", n, k[0], a.name, k[1], got[k])
		}
	}
	if len(got) != len(want) {
		c.t.Errorf("the audit trail of %s has %v, want %v", a.name, got, want)
	}
	if a.name != config.DefaultAccount {
		if _, err := native.Audit(c.t.Context(), freshet.AuditQuery{Account: config.DefaultAccount}); freshet.ErrorCode(err) != freshet.CodeForbidden {
			c.t.Errorf("%s reads the trail of the operator: %v", a.name, err)
		}
	}
}
