package rpc

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/freshet-vod/freshet"
)

type jobsAnswer struct {
	RequestID string `json:"RequestId" xml:"RequestId"`
	// A plain array, and repeated elements without a wrapper: anything else
	// breaks SDKs (contract §2.1).
	Jobs []jobRow `json:"MediaRefreshJobs" xml:"MediaRefreshJobs"`
}

type jobRow struct {
	JobID        string `json:"MediaRefreshJobId" xml:"MediaRefreshJobId"`
	MediaID      string `json:"MediaId" xml:"MediaId"`
	TaskType     string `json:"TaskType" xml:"TaskType"`
	FilterPolicy string `json:"FilterPolicy" xml:"FilterPolicy"`
	Status       string `json:"Status" xml:"Status"`
	PlayURLs     string `json:"SuccessPlayUrls" xml:"SuccessPlayUrls"`
	TaskIDs      string `json:"TaskIds" xml:"TaskIds"`
	ErrorCode    string `json:"ErrorCode,omitempty" xml:"ErrorCode,omitempty"`
	ErrorMessage string `json:"ErrorMessage,omitempty" xml:"ErrorMessage,omitempty"`
	UserData     string `json:"UserData" xml:"UserData"`
	Created      string `json:"GmtCreate" xml:"GmtCreate"`
	Modified     string `json:"GmtModified" xml:"GmtModified"`
}

// The values of a row's Status. The vendor knows no "processing": it shows
// only when planning takes longer than the call may wait (contract §4.1 U8).
const (
	statusSuccess    = "success"
	statusFail       = "fail"
	statusProcessing = "processing"
)

// getMediaRefreshJobs shows the rows of a job (contract §4.2).
func (s *server) getMediaRefreshJobs(ctx context.Context, c *call) (any, error) {
	id, media := c.text("MediaRefreshJobId"), c.text("MediaId")
	if id == "" {
		return nil, missing("MediaRefreshJobId")
	}
	answer := jobsAnswer{RequestID: c.requestID, Jobs: []jobRow{}}
	account := c.identity.Account
	job, err := s.Engine.WaitPlanned(ctx, account, id, media, s.WaitPlanned)
	if freshet.ErrorCode(err) == freshet.CodeNotFound {
		return answer, nil // unknown, or another account's: the same to the caller
	}
	if err != nil {
		return nil, err
	}
	domains, err := s.Engine.Domains(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("reading domains: %w", err)
	}
	for i := range job.Rows {
		r := &job.Rows[i]
		if r.Media == "" || media != "" && r.Media != media {
			continue
		}
		shown, err := s.showRow(ctx, account, job, r, domains)
		if err != nil {
			return nil, err
		}
		answer.Jobs = append(answer.Jobs, shown)
	}
	return answer, nil
}

func (s *server) showRow(ctx context.Context, account string, job *freshet.Job, r *freshet.Row, domains []freshet.Domain) (jobRow, error) {
	out := jobRow{
		JobID: job.ID, MediaID: r.Media, TaskType: wordRefresh, FilterPolicy: job.Policy, Status: statusProcessing,
		UserData: job.UserData, Created: stamp(job.Created), Modified: stamp(r.Modified),
	}
	if job.Type == freshet.Prefetch {
		out.TaskType = wordPreload
	}
	if out.FilterPolicy == "" { // a job of the native API
		out.FilterPolicy = filterPolicy(job.Filter)
	}
	if r.Modified.IsZero() {
		out.Modified = out.Created
	}
	switch r.State {
	case freshet.RowAccepted, freshet.RowPlanning:
		return out, nil
	case freshet.RowPlanned:
		out.Status = statusSuccess
	case freshet.RowFailed:
		out.Status, out.ErrorCode, out.ErrorMessage = statusFail, r.Fault, r.Message
	}
	tasks, err := s.Engine.RowTasks(ctx, account, *r)
	if err != nil {
		return out, fmt.Errorf("reading the tasks of a row: %w", err)
	}
	out.PlayURLs, out.TaskIDs = lists(tasks, domains)
	return out, nil
}

// lists writes tasks as two comma lists of which position i belongs to
// position i; a comma inside a URL is escaped (contract §4.1 U11).
func lists(tasks []freshet.RowTask, domains []freshet.Domain) (urls, ids string) {
	var u, n strings.Builder
	var scratch [20]byte
	for i, t := range tasks {
		if i > 0 {
			u.WriteByte(',')
			n.WriteByte(',')
		}
		u.WriteString(strings.ReplaceAll(shownURL(t.URL, domains), ",", "%2C"))
		n.Write(strconv.AppendUint(scratch[:0], t.ID, 10))
	}
	return u.String(), n.String()
}

// shownURL is a canonical URL as viewers of its domain spell it: https if the
// domain has TLS (contract §4.1 U15).
func shownURL(canonical string, domains []freshet.Domain) string {
	host, path := freshet.SplitURL(canonical)
	if d, ok := freshet.FindDomain(domains, host); ok && d.TLS {
		return "https://" + host + path
	}
	return canonical
}
