package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api"
)

// JobRequest asks for a purge or prefetch: of Media, narrowed by Filters, or
// of URLs, Prefixes, Tags and Regexes.
type JobRequest = api.JobRequest

// JobPage is a page of jobs, newest first.
type JobPage = api.JobPage

// TaskPage is a page of a job's tasks.
type TaskPage = api.TaskPage

// MediaPage is a page of media, in order of ID.
type MediaPage = api.MediaPage

// Submit asks for work. When it returns a receipt, the job is durable; media
// that do not exist are listed there, and it is a CodeNotFound error if none
// does. Repeating a call whose answer was lost makes a second job, which is
// harmless but does the work again.
func (c *Client) Submit(ctx context.Context, r JobRequest) (freshet.Receipt, error) {
	var out freshet.Receipt
	err := c.call(ctx, http.MethodPost, "/v1/jobs", nil, r, &out)
	if err == nil && out.JobID == "" && len(out.NonExistent)+len(out.Forbidden) == 0 {
		// Somebody else's JSON, such as a proxy's, must not pass for a job.
		err = freshet.Errorf(freshet.CodeInternal, "The server's answer is not understood: it has neither a job nor media that do not exist.")
	}
	return out, err
}

// Plan returns what Submit would do, and does nothing.
func (c *Client) Plan(ctx context.Context, r JobRequest) (freshet.DryRun, error) {
	var out freshet.DryRun
	err := c.call(ctx, http.MethodPost, "/v1/plan", nil, r, &out)
	return out, err
}

// Job returns a job with its progress.
func (c *Client) Job(ctx context.Context, id string) (*freshet.JobReport, error) {
	out := new(freshet.JobReport)
	if err := c.call(ctx, http.MethodGet, "/v1/jobs/"+url.PathEscape(id), nil, nil, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Jobs returns jobs created before a time, or the newest with the zero time.
// Limit 0 means the server's default.
func (c *Client) Jobs(ctx context.Context, before time.Time, limit int) (JobPage, error) {
	q := page(limit)
	if !before.IsZero() {
		q.Set("before", before.UTC().Format(time.RFC3339Nano))
	}
	var out JobPage
	err := c.call(ctx, http.MethodGet, "/v1/jobs", q, nil, &out)
	return out, err
}

// FailedJobs returns those jobs of a page of which a media could not be planned
// or a task has failed. The work for a page is bounded: it may hold fewer jobs
// than limit, even none, and not be the last.
func (c *Client) FailedJobs(ctx context.Context, before time.Time, limit int) (JobPage, error) {
	q := page(limit)
	q.Set("failed", "true")
	if !before.IsZero() {
		q.Set("before", before.UTC().Format(time.RFC3339Nano))
	}
	var out JobPage
	err := c.call(ctx, http.MethodGet, "/v1/jobs", q, nil, &out)
	return out, err
}

// JobTasks returns tasks of a job in the order of its plan, from an offset.
func (c *Client) JobTasks(ctx context.Context, id string, offset int) (TaskPage, error) {
	q := url.Values{}
	if offset > 0 {
		q.Set("offset", strconv.Itoa(offset))
	}
	var out TaskPage
	err := c.call(ctx, http.MethodGet, "/v1/jobs/"+url.PathEscape(id)+"/tasks", q, nil, &out)
	return out, err
}

// Task returns a task with what every POP said of it.
func (c *Client) Task(ctx context.Context, id uint64) (*freshet.TaskReport, error) {
	out := new(freshet.TaskReport)
	if err := c.call(ctx, http.MethodGet, "/v1/tasks/"+strconv.FormatUint(id, 10), nil, nil, out); err != nil {
		return nil, err
	}
	return out, nil
}

// ListMedia returns media with IDs greater than after. Limit 0 means the
// server's default.
func (c *Client) ListMedia(ctx context.Context, after string, limit int) (MediaPage, error) {
	q := page(limit)
	if after != "" {
		q.Set("after", after)
	}
	var out MediaPage
	err := c.call(ctx, http.MethodGet, "/v1/media", q, nil, &out)
	return out, err
}

// Media returns one media with its streams.
func (c *Client) Media(ctx context.Context, id string) (*freshet.Media, error) {
	out := new(freshet.Media)
	if err := c.call(ctx, http.MethodGet, "/v1/media/"+url.PathEscape(id), nil, nil, out); err != nil {
		return nil, err
	}
	return out, nil
}

// POPs returns every point of presence.
func (c *Client) POPs(ctx context.Context) ([]freshet.POPStatus, error) {
	var out api.POPList
	err := c.call(ctx, http.MethodGet, "/v1/pops", nil, nil, &out)
	return out.POPs, err
}

// SetPOP marks a POP down (excused: it takes no traffic from viewers or child
// POPs) or up again, or has load balancers send it nobody. A POP that gets
// traffic, or of which that cannot be seen, is a CodeConflict error unless it is
// said to be cut off.
func (c *Client) SetPOP(ctx context.Context, id string, change freshet.POPChange) (freshet.POPStatus, error) {
	var out freshet.POPStatus
	err := c.call(ctx, http.MethodPost, "/v1/pops/"+url.PathEscape(id), nil, change, &out)
	return out, err
}

// AddPOP makes a one-time token with which a POP enrols: a new one, a declared
// one, or one whose credential was revoked or lost. No parents leave those that
// it has; a ttl of 0 is an hour.
func (c *Client) AddPOP(ctx context.Context, id string, parents []string, ttl time.Duration) (freshet.Invitation, error) {
	in := api.POPRequest{ID: id, Parents: parents}
	if ttl != 0 {
		in.TTL = ttl.String()
	}
	var out freshet.Invitation
	err := c.call(ctx, http.MethodPost, "/v1/pops", nil, in, &out)
	return out, err
}

// RevokePOP ends a POP's credential and its live connection. It stays a member,
// and what it owes stays owed, until it enrols again or is removed.
func (c *Client) RevokePOP(ctx context.Context, id string) (freshet.POPStatus, error) {
	var out freshet.POPStatus
	err := c.call(ctx, http.MethodPost, "/v1/pops/"+url.PathEscape(id)+"/revoke", nil, struct{}{}, &out)
	return out, err
}

// RemovePOP revokes a POP that was added and ends its membership. One that may
// get traffic is a CodeConflict error unless it is said to be cut off.
func (c *Client) RemovePOP(ctx context.Context, id string, cutOff bool) error {
	q := url.Values{}
	if cutOff {
		q.Set("cut_off", "true")
	}
	return c.call(ctx, http.MethodDelete, "/v1/pops/"+url.PathEscape(id), q, nil, &struct{}{})
}

func page(limit int) url.Values {
	q := url.Values{}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	return q
}
