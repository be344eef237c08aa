package callback

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/vod"
)

// Planned returns the events that become true when a row is planned, whether
// or not anybody wants to be told. media is nil if it was deleted meanwhile.
func Planned(job *freshet.Job, row freshet.Row, media *freshet.Media) []store.Event {
	if row.Media == "" { // by URL, prefix or tag
		return nil
	}
	e := store.Event{Type: vod.EventSubmitted, App: vod.DefaultApp, Media: row.Media, Job: job.ID, Row: row.Index}
	own := ""
	if media != nil {
		own = media.UserData
		if media.AppID != "" {
			e.App = media.AppID
		}
	}
	e.URL, e.Way = vod.Receiver(job.UserData, own)
	e.Way = strings.ToUpper(e.Way)
	return []store.Event{e}
}

// finished is the event MediaRefreshFinished, in the form that the Standard
// Webhooks convention proposes.
type finished struct {
	Type      string       `json:"type"`
	Timestamp time.Time    `json:"timestamp"`
	Data      finishedData `json:"data"`
}

type finishedData struct {
	Job      string             `json:"job"`
	Task     freshet.TaskType   `json:"type"`
	State    string             `json:"state"` // complete, or failed: somewhere, something
	Native   bool               `json:"native"`
	Created  time.Time          `json:"created"`
	UserData string             `json:"user_data,omitempty"`
	Tally    freshet.Tally      `json:"tally"`
	POPs     []freshet.POPTally `json:"pops"`
	Rows     []finishedRow      `json:"rows"`
}

type finishedRow struct {
	Media   string           `json:"media"`
	State   freshet.RowState `json:"state"`
	Fault   string           `json:"fault,omitempty"`
	Message string           `json:"message,omitempty"`
	Tally   freshet.Tally    `json:"tally"`
}

// Finished returns the body of MediaRefreshFinished for a job that ended.
func Finished(report *freshet.JobReport, at time.Time) []byte {
	f := finished{Type: store.FinishEvent, Timestamp: at.UTC(), Data: finishedData{
		Job: report.ID, Task: report.Type, State: "complete", Native: report.Native, Created: report.Created, UserData: report.UserData,
		Tally: report.Tally, POPs: append([]freshet.POPTally{}, report.POPs...), Rows: make([]finishedRow, len(report.Rows)),
	}}
	for i := range report.Rows {
		row := &report.Rows[i]
		f.Data.Rows[i] = finishedRow{Media: row.Media, State: row.State, Fault: row.Fault, Message: row.Message, Tally: row.Tally}
		if row.State == freshet.RowFailed {
			f.Data.State = "failed"
		}
	}
	if report.Tally.Failed > 0 {
		f.Data.State = "failed"
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(f); err != nil {
		panic("callback: encoding an event: " + err.Error()) // strings, numbers and times of this century
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
