package rpc

import (
	"context"
	"fmt"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/vod"
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
		JobID: job.ID, MediaID: r.Media, TaskType: vod.TaskType(job.Type), FilterPolicy: vod.Policy(job), Status: vod.StatusProcessing,
		UserData: job.UserData, Created: vod.Stamp(job.Created), Modified: vod.Stamp(r.Modified),
	}
	if r.Modified.IsZero() {
		out.Modified = out.Created
	}
	switch r.State {
	case freshet.RowAccepted, freshet.RowPlanning:
		return out, nil
	case freshet.RowPlanned:
		out.Status = vod.StatusSuccess
	case freshet.RowFailed:
		out.Status, out.ErrorCode, out.ErrorMessage = vod.StatusFail, r.Fault, r.Message
	}
	tasks, err := s.Engine.RowTasks(ctx, account, *r)
	if err != nil {
		return out, fmt.Errorf("reading the tasks of a row: %w", err)
	}
	out.PlayURLs, out.TaskIDs = vod.Lists(tasks, domains)
	return out, nil
}
