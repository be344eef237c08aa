// Package rpctest runs the vendor's own Go SDKs against a server: what a
// program that was written for the vendor sees when only its endpoint is
// changed.
//
// It is for tests. It must not know how the server is made: the handler's own
// tests run it over a scripted engine, the end-to-end tests over a whole
// server. If it passes while a real program fails, it is too lenient.
package rpctest

import (
	"strings"
	"testing"
	"time"
)

// Fixtures say what the server knows.
type Fixtures struct {
	Media   string   // a playable media
	URLs    []string // what a plain Refresh of Media reports, in order
	Missing string   // a media that does not exist
	Format  string   // a format of which Media has no stream; "" = not checked
	// Settled waits until every task is final, if that is not at once. It may
	// be nil.
	Settled func(t *testing.T)
}

// patience bounds every wait for the server.
const patience = 20 * time.Second

// Run runs the whole suite with each SDK. endpoint is host:port of a server
// that speaks plain HTTP. Nothing in it is parallel: the new SDK shares HTTP
// clients between calls without a lock, and the race detector says so.
func Run(t *testing.T, endpoint, keyID, secret string, f Fixtures) {
	t.Helper()
	access := access{endpoint: endpoint, keyID: keyID, secret: secret}
	for _, sdk := range []kit{
		oldSDK{access: access, format: "JSON"},
		oldSDK{access: access, format: "XML"},
		newSDK{access: access},
		newSDK{access: access, v1: true},
	} {
		t.Run(sdk.name(), func(t *testing.T) {
			s := suite{sdk: sdk, fixtures: f, access: access}
			t.Run("PurgeIsFollowedToItsTasks", s.purge)
			t.Run("PrefetchKeepsFiltersAndUserData", s.prefetch)
			t.Run("UnknownMediaAreListed", s.unknown)
			t.Run("UnknownJobsAreEmpty", s.noJob)
			t.Run("FaultsAreDecoded", s.faults)
			t.Run("CredentialFaultsAreDecoded", s.credentials)
		})
	}
}

// access is where and as whom a client calls.
type access struct {
	endpoint, keyID, secret string
	token                   string // session token of temporary credentials
	bearer                  string // bearer token, instead of all others
}

// as returns the access with other credentials.
func (a access) as(c Credentials) access {
	a.keyID, a.secret, a.token, a.bearer = c.KeyID, c.Secret, c.Token, c.Bearer
	return a
}

// kit is one SDK in one of its modes. Failures are what it made of an error
// answer.
type kit interface {
	name() string
	with(access) kit
	refresh(params map[string]string) (Refresh, *Failure)
	jobs(params map[string]string) (Jobs, *Failure)
	tasks(params map[string]string) (Tasks, *Failure)
}

// Failure is an error as an SDK shows it.
type Failure struct {
	Status                            int
	Code, Message, RequestID, Comment string
}

// Refresh is the answer of RefreshMediaPlayUrls as an SDK decoded it.
type Refresh struct {
	RequestID         string `json:"RequestId"`
	MediaRefreshJobID string `json:"MediaRefreshJobId"`
	NonExistMediaIDs  string `json:"NonExistMediaIds"`
	ForbiddenMediaIDs string `json:"ForbiddenMediaIds"`
}

// Jobs is the answer of GetMediaRefreshJobs.
type Jobs struct {
	RequestID        string `json:"RequestId"`
	MediaRefreshJobs []Job
}

// Job is one row of [Jobs].
type Job struct {
	MediaRefreshJobID string `json:"MediaRefreshJobId"`
	MediaID           string `json:"MediaId"`
	TaskType          string
	FilterPolicy      string
	Status            string
	SuccessPlayURLs   string `json:"SuccessPlayUrls"`
	TaskIDs           string `json:"TaskIds"`
	ErrorCode         string
	ErrorMessage      string
	UserData          string
	GmtCreate         string
	GmtModified       string
}

// Tasks is the answer of DescribeVodRefreshTasks.
type Tasks struct {
	RequestID                        string `json:"RequestId"`
	PageNumber, PageSize, TotalCount int64
	Tasks                            struct{ Task []Task }
}

// Task is one row of [Tasks].
type Task struct {
	TaskID       string `json:"TaskId"`
	ObjectPath   string
	ObjectType   string
	Process      string
	Status       string
	CreationTime string
	Description  string
}

type suite struct {
	sdk      kit
	fixtures Fixtures
	access   access
}

// row submits a call for the one media and returns its row when it is final.
func (s suite) row(t *testing.T, params map[string]string) Job {
	t.Helper()
	r, fail := s.sdk.refresh(params)
	if fail != nil {
		t.Fatalf("refresh: %+v", *fail)
	}
	if len(r.MediaRefreshJobID) != 16 || len(r.RequestID) != 36 || r.NonExistMediaIDs != "" || r.ForbiddenMediaIDs != "" {
		t.Fatalf("refresh: %+v", r)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		j, fail := s.sdk.jobs(map[string]string{"MediaRefreshJobId": r.MediaRefreshJobID, "MediaId": s.fixtures.Media})
		if fail != nil {
			t.Fatalf("jobs: %+v", *fail)
		}
		if len(j.MediaRefreshJobs) != 1 {
			t.Fatalf("jobs: %+v", j)
		}
		row := j.MediaRefreshJobs[0]
		if row.Status != "processing" {
			if row.MediaRefreshJobID != r.MediaRefreshJobID || row.MediaID != s.fixtures.Media {
				t.Errorf("row %+v is not of job %s", row, r.MediaRefreshJobID)
			}
			return row
		}
	}
	t.Fatal("the row was never planned")
	return Job{}
}

func (s suite) purge(t *testing.T) {
	row := s.row(t, map[string]string{"MediaIds": s.fixtures.Media, "TaskType": "Refresh"})
	if row.Status != "success" || row.TaskType != "Refresh" || row.ErrorCode != "" || row.FilterPolicy != `{"ResultType":"Single","SliceFlag":false}` {
		t.Errorf("row %+v", row)
	}
	if want := strings.Join(s.fixtures.URLs, ","); row.SuccessPlayURLs != want {
		t.Errorf("URLs %s, want %s", row.SuccessPlayURLs, want)
	}
	for _, at := range []string{row.GmtCreate, row.GmtModified} {
		if _, err := time.Parse("2006-01-02T15:04:05Z", at); err != nil || len(at) != 20 {
			t.Errorf("time %q", at)
		}
	}
	ids := strings.Split(row.TaskIDs, ",")
	if len(ids) != len(s.fixtures.URLs) {
		t.Fatalf("%d task IDs for %d URLs", len(ids), len(s.fixtures.URLs))
	}
	if s.fixtures.Settled != nil {
		s.fixtures.Settled(t)
	}
	for i, id := range ids {
		s.complete(t, id, s.fixtures.URLs[i])
	}
}

// complete waits until a task is Complete.
func (s suite) complete(t *testing.T, id, url string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var task Task
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		found, fail := s.sdk.tasks(map[string]string{"TaskId": id})
		if fail != nil {
			t.Fatalf("tasks: %+v", *fail)
		}
		if found.TotalCount != 1 || found.PageNumber != 1 || found.PageSize != 20 || len(found.Tasks.Task) != 1 {
			t.Fatalf("tasks: %+v", found)
		}
		task = found.Tasks.Task[0]
		if task.TaskID != id || strings.ReplaceAll(task.ObjectPath, ",", "%2C") != url || task.ObjectType != "file" {
			t.Fatalf("task %+v, want %s %s", task, id, url)
		}
		if task.Status == "Complete" {
			if task.Process != "100%" {
				t.Errorf("Process %s of a task that is Complete", task.Process)
			}
			return
		}
	}
	t.Errorf("task %+v never was Complete", task)
}

func (s suite) prefetch(t *testing.T) {
	const data = `{"Extend":{"localId":"a b*c~d+e","test":"中文/&="}}`
	row := s.row(t, map[string]string{
		"MediaIds": " " + s.fixtures.Media + " ,," + s.fixtures.Media, "TaskType": "Preload", "Definitions": "hd, SD,LD,FD,2K,4K,OD,AUTO,SQ,HQ",
		"ResultType": "Multiple", "SliceFlag": "true", "SliceCount": "2", "UserData": data,
	})
	policy := `{"Definitions":"HD,SD,LD,FD,2K,4K,OD,AUTO,SQ,HQ","ResultType":"Multiple","SliceFlag":true,"SliceCount":2}`
	if row.Status != "success" || row.TaskType != "Preload" || row.FilterPolicy != policy || row.UserData != data {
		t.Errorf("row %+v", row)
	}
	if s.fixtures.Format == "" {
		return
	}
	row = s.row(t, map[string]string{"MediaIds": s.fixtures.Media, "TaskType": "Preload", "Formats": s.fixtures.Format})
	if row.Status != "fail" || row.ErrorCode != "InvalidVideo.NoneStream" || row.SuccessPlayURLs != "" || row.TaskIDs != "" {
		t.Errorf("row without a stream %+v", row)
	}
}

func (s suite) unknown(t *testing.T) {
	r, fail := s.sdk.refresh(map[string]string{"MediaIds": s.fixtures.Missing, "TaskType": "Refresh"})
	if fail != nil || r.MediaRefreshJobID != "" || r.NonExistMediaIDs != s.fixtures.Missing || r.RequestID == "" {
		t.Errorf("%+v, %+v", r, fail)
	}
	r, fail = s.sdk.refresh(map[string]string{"MediaIds": s.fixtures.Missing + ", " + s.fixtures.Media, "TaskType": "Refresh"})
	if fail != nil || r.MediaRefreshJobID == "" || r.NonExistMediaIDs != s.fixtures.Missing {
		t.Errorf("%+v, %+v", r, fail)
	}
}

func (s suite) noJob(t *testing.T) {
	j, fail := s.sdk.jobs(map[string]string{"MediaRefreshJobId": "ffffffffffffffff"})
	if fail != nil || len(j.MediaRefreshJobs) != 0 || j.RequestID == "" {
		t.Errorf("%+v, %+v", j, fail)
	}
	found, fail := s.sdk.tasks(map[string]string{"TaskId": "1", "PageSize": "50", "PageNumber": "3"})
	if fail != nil || found.TotalCount != 0 || found.PageSize != 50 || found.PageNumber != 3 || len(found.Tasks.Task) != 0 {
		t.Errorf("%+v, %+v", found, fail)
	}
}
