package rpc

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/vod"
)

// The limits of DescribeVodRefreshTasks (contract §4.5, §12).
const (
	taskWindow      = 3 * 24 * time.Hour
	maxTaskIDs      = 100
	defaultPageSize = 20
	maxPageSize     = 50
	maxPageNumber   = 10_000_000
)

type tasksAnswer struct {
	RequestID  string   `json:"RequestId" xml:"RequestId"`
	PageNumber int      `json:"PageNumber" xml:"PageNumber"`
	PageSize   int      `json:"PageSize" xml:"PageSize"`
	TotalCount int      `json:"TotalCount" xml:"TotalCount"`
	Tasks      taskList `json:"Tasks" xml:"Tasks"`
}

// taskList is the wrapper that SDKs expect here, and here only.
type taskList struct {
	Task []taskRow `json:"Task" xml:"Task"`
}

type taskRow struct {
	TaskID      string `json:"TaskId" xml:"TaskId"`
	ObjectPath  string `json:"ObjectPath" xml:"ObjectPath"`
	ObjectType  string `json:"ObjectType" xml:"ObjectType"`
	Process     string `json:"Process" xml:"Process"`
	Status      string `json:"Status" xml:"Status"`
	Created     string `json:"CreationTime" xml:"CreationTime"`
	Description string `json:"Description" xml:"Description"`
}

// describeVodRefreshTasks finds tasks and shows their progress (contract
// §4.5).
func (s *server) describeVodRefreshTasks(ctx context.Context, c *call) (any, error) {
	filter, page, err := readTaskFilter(c, time.Now())
	if err != nil {
		return nil, err
	}
	filter.Account = c.identity.Account
	domains, err := s.Engine.Domains(ctx, filter.Account)
	if err != nil {
		return nil, fmt.Errorf("reading domains: %w", err)
	}
	if d, ok := freshet.FindDomain(domains, filter.Domain); ok {
		filter.Domain = d.Name // an alias was given
	}
	found, err := s.findTasks(ctx, filter, domains)
	if err != nil {
		return nil, err
	}
	answer := tasksAnswer{
		RequestID: c.requestID, PageNumber: page, PageSize: filter.Limit, TotalCount: found.Total,
		Tasks: taskList{Task: make([]taskRow, 0, len(found.Tasks))},
	}
	for i := range found.Tasks {
		answer.Tasks.Task = append(answer.Tasks.Task, showTask(&found.Tasks[i], domains))
	}
	return answer, nil
}

// findTasks asks the engine, for each spelling of the URL in the filter until
// one is found.
func (s *server) findTasks(ctx context.Context, f freshet.TaskFilter, domains []freshet.Domain) (freshet.TaskPage, error) {
	if f.URL == "" {
		return s.Engine.FindTasks(ctx, f)
	}
	for _, u := range spellings(f.URL, domains) {
		f.URL = u
		page, err := s.Engine.FindTasks(ctx, f)
		if err != nil || page.Total > 0 {
			return page, err
		}
	}
	return freshet.TaskPage{}, nil
}

// spellings returns the canonical URLs that a caller may mean by path: without
// a scheme it is http; a comma may be written as our lists write it (contract
// §4.1 U11). What is no URL names nothing.
func spellings(path string, domains []freshet.Domain) []string {
	if !strings.Contains(path, "://") {
		path = "http://" + path
	}
	var out []string
	for _, p := range [...]string{path, strings.NewReplacer("%2C", ",", "%2c", ",").Replace(path), strings.ReplaceAll(path, ",", "%2C")} {
		u, _, err := freshet.Address(p, domains)
		if err != nil {
			u, err = freshet.Canonical(p, nil)
		}
		if err == nil && (len(out) == 0 || out[len(out)-1] != u) {
			out = append(out, u)
		}
	}
	return out
}

// readTaskFilter reads and checks the parameters in the order of contract
// §4.5's table.
func readTaskFilter(c *call, now time.Time) (f freshet.TaskFilter, page int, err error) {
	for _, id := range items(c.params.Get("TaskId"), maxTaskIDs) {
		n, err := strconv.ParseUint(id, 10, 64)
		if err != nil {
			return f, 0, &fault{kind: taskIDMalformed, cause: err}
		}
		f.IDs = append(f.IDs, n)
	}
	if len(f.IDs) > maxTaskIDs {
		return f, 0, invalid("TaskId")
	}
	f.URL = c.text("ObjectPath")
	f.Domain = strings.ToLower(c.text("DomainName"))
	f.ObjectType, err = enum(c, "ObjectType", "file", "directory", "preload", "regex", "ignoreparams", "tag")
	if err != nil {
		return f, 0, err
	}
	if f.ObjectType == "" && (f.Domain != "" || c.text("Status") != "") {
		return f, 0, missing("ObjectType")
	}
	// Pending exists in answers only.
	f.Status, err = enum(c, "Status", freshet.TaskComplete, freshet.TaskRefreshing, freshet.TaskFailed)
	if err != nil {
		return f, 0, err
	}
	if err := readSpan(c, &f, now); err != nil {
		return f, 0, err
	}
	if page, err = c.integer("PageNumber", 1, maxPageNumber); err != nil {
		return f, 0, err
	}
	if f.Limit, err = c.integer("PageSize", defaultPageSize, maxPageSize); err != nil {
		return f, 0, err
	}
	f.Offset = (page - 1) * f.Limit
	return f, page, nil
}

// readSpan reads the time span, which never reaches back further than records
// are kept. Times on the wire are cut to the second, so a task that is shown
// with the end of the span lies within it.
func readSpan(c *call, f *freshet.TaskFilter, now time.Time) error {
	since, err := c.time("StartTime")
	if err != nil {
		return err
	}
	until, err := c.time("EndTime")
	if err != nil {
		return err
	}
	if !until.IsZero() {
		if until.Before(since) {
			return invalid("EndTime")
		}
		f.Until = until.Add(time.Second - time.Millisecond)
	}
	f.Since = now.Add(-taskWindow)
	if since.After(f.Since) {
		f.Since = since
	}
	return nil
}

func showTask(t *freshet.Task, domains []freshet.Domain) taskRow {
	out := taskRow{
		TaskID:     strconv.FormatUint(t.ID, 10),
		ObjectPath: vod.ShownURL(t.URL, domains),
		ObjectType: t.ObjectType,
		Process:    process(t),
		Status:     string(t.Status),
		Created:    vod.Stamp(t.Created),
	}
	if t.Status == freshet.TaskFailed {
		out.Description = reasonWords(t)
		if t.Description != "" {
			out.Description += ": " + t.Description
		}
		if t.Reason == freshet.ReasonUnsupported {
			out.Description += "; a cache there cannot do this"
		}
	}
	return out
}

// reasonWords says why a task failed in the words that the vendor documents
// (contract §4.5), with one more of their kind for 4xx.
func reasonWords(t *freshet.Task) string {
	switch {
	case t.Reason == freshet.ReasonOrigin5xx:
		return "Origin Return StatusCode 5XX"
	case t.Reason == freshet.ReasonOrigin4xx:
		return "Origin Return StatusCode 4XX"
	case t.Reason == freshet.ReasonTimeout && t.ObjectType == "preload":
		return "Origin Timeout"
	}
	return "Internal Error"
}

// process is the progress as text (contract §6.2): whole per cent or two
// decimals, rounded down; 100% is kept for Complete.
func process(t *freshet.Task) string {
	if t.Status == freshet.TaskComplete {
		return "100%"
	}
	if t.Status == freshet.TaskPending || t.Targets <= 0 {
		return "0%"
	}
	hundredths := min(int64(t.Final)*10000/int64(t.Targets), 9999)
	if hundredths%100 == 0 {
		return strconv.FormatInt(hundredths/100, 10) + "%"
	}
	return fmt.Sprintf("%d.%02d%%", hundredths/100, hundredths%100)
}
