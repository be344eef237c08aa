package vod

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

// MaxBody bounds the body of an event in bytes.
const MaxBody = 1 << 20

// Submitted is the event SubmitMediaRefreshComplete in the making: the URLs of
// one media were submitted (contract §5.1).
type Submitted struct {
	Job     *freshet.Job
	Row     freshet.Row // final
	Tasks   []freshet.RowTask
	Domains []freshet.Domain
}

// Body returns the event's JSON. Made of the same facts it is the same. Lists
// that would make it longer than MaxBody are left out: GetMediaRefreshJobs has
// them.
func (s Submitted) Body() []byte {
	// What the job was submitted with was checked then; should the rules have
	// become stricter since, the event is told without it.
	data, _ := ParseUserData(s.Job.UserData)
	body := struct {
		URLs         string `json:"SuccessPlayUrls,omitempty"`
		Status       string `json:"Status"`
		MediaID      string `json:"MediaId"`
		FilterPolicy string `json:"FilterPolicy"`
		TaskIDs      string `json:"TaskIds,omitempty"`
		EventType    string `json:"EventType"`
		EventTime    string `json:"EventTime"`
		JobID        string `json:"MediaRefreshJobId"`
		TaskType     string `json:"TaskType"`
		Extend       string `json:"Extend,omitempty"`
		ErrorCode    string `json:"ErrorCode,omitempty"`
		ErrorMessage string `json:"ErrorMessage,omitempty"`
	}{
		Status: StatusSuccess, MediaID: s.Row.Media, FilterPolicy: Policy(s.Job), EventType: EventSubmitted,
		EventTime: Stamp(s.Row.Modified), JobID: s.Job.ID, TaskType: TaskType(s.Job.Type), Extend: data.Extend,
	}
	if s.Row.State == freshet.RowFailed {
		body.Status, body.ErrorCode, body.ErrorMessage = StatusFail, s.Row.Fault, s.Row.Message
	}
	bare := encode(body)
	body.URLs, body.TaskIDs = Lists(s.Tasks, s.Domains)
	if full := encode(body); len(full) <= MaxBody {
		return full
	}
	return bare
}

// Deleted is the event DeleteMediaComplete in the making (contract §5.5).
type Deleted struct {
	Media     string
	MediaType string // video, audio, image or attached
	Type      string // DeleteAll, DeleteMezzanine or DeleteStream
	Jobs      []string
	Extend    string // of the UserData that came with the media
	At        time.Time
}

// The values of Deleted.Type.
const (
	DeleteAll       = "all"
	DeleteMezzanine = "mezzanine"
	DeleteStream    = "stream" // of Jobs
)

// Body returns the event's JSON.
func (d Deleted) Body() []byte {
	return encode(struct {
		EventType  string `json:"EventType"`
		EventTime  string `json:"EventTime"`
		Status     string `json:"Status"`
		MediaType  string `json:"MediaType"`
		DeleteType string `json:"DeleteType"`
		MediaID    string `json:"MediaId"`
		JobIDs     string `json:"JobIds,omitempty"`
		Extend     string `json:"Extend,omitempty"`
	}{EventDeleted, Stamp(d.At), StatusSuccess, d.MediaType, d.Type, d.Media, strings.Join(d.Jobs, ","), d.Extend})
}

// encode writes JSON as receivers like to read it: a & stays one.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("vod: encoding an event: " + err.Error()) // strings only
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// Receiver tells where the events of something go that was given these
// UserData, the first of which counts most: a URL instead of the rule's, and
// the way, CallbackHTTP or CallbackMNS; both "" if none of them says (contract
// §5.4).
func Receiver(userData ...string) (target, way string) {
	for _, text := range userData {
		if u, err := ParseUserData(text); err == nil && u.CallbackType != "" {
			return u.CallbackURL, u.CallbackType
		}
	}
	return "", ""
}
