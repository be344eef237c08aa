package rpc_test

import (
	"encoding/json"
	"testing"
)

// body is every member that an answer may have; nil means absent.
type body struct {
	RequestID, HostID, Code, Message                       *string
	MediaRefreshJobID, NonExistMediaIDs, ForbiddenMediaIDs *string
	RefreshTaskID, PreloadTaskID                           *string
	MediaRefreshJobs                                       []jobRow
	Tasks                                                  *struct{ Task []taskRow }
	PageNumber, PageSize, TotalCount                       *int
}

type jobRow struct {
	MediaRefreshJobID, MediaID, TaskType, FilterPolicy, Status string
	SuccessPlayURLs, TaskIDs, UserData, GmtCreate, GmtModified string
	ErrorCode, ErrorMessage                                    *string
}

type taskRow struct {
	TaskID, ObjectPath, ObjectType, Process, Status, CreationTime, Description string
}

func (a answer) json(t *testing.T) body {
	t.Helper()
	if ct := a.header.Get("Content-Type"); ct != "application/json;charset=utf-8" {
		t.Errorf("content type %q", ct)
	}
	var b body
	if err := json.Unmarshal([]byte(a.body), &b); err != nil {
		t.Fatalf("answer %q: %v", a.body, err)
	}
	if b.RequestID == nil || *b.RequestID != a.header.Get("X-Acs-Request-Id") || len(*b.RequestID) != 36 {
		t.Errorf("request ID %v, header %q", b.RequestID, a.header.Get("X-Acs-Request-Id"))
	}
	return b
}

// ok decodes a good answer.
func (a answer) ok(t *testing.T) body {
	t.Helper()
	b := a.json(t)
	if a.status != 200 || b.Code != nil {
		t.Fatalf("status %d, body %s", a.status, a.body)
	}
	return b
}

// refused checks an error answer.
func (a answer) refused(t *testing.T, status int, code, message string) {
	t.Helper()
	b := a.json(t)
	if b.Code == nil || b.Message == nil || b.HostID == nil {
		t.Fatalf("not an error: %d %s", a.status, a.body)
	}
	if a.status != status || *b.Code != code || message != "" && *b.Message != message {
		t.Errorf("%d %s %q, want %d %s %q", a.status, *b.Code, *b.Message, status, code, message)
	}
}

func missingText(name string) string {
	return `The input parameter "` + name + `" that is mandatory for processing this request is not supplied.`
}

func invalidText(name string) string { return `The specified parameter "` + name + `" is not valid.` }
