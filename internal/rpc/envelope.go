package rpc

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"math"
	"net/http"
	"strconv"
	"time"
)

// The content types, compared literally by SDKs: no blank after the semicolon
// (contract §2.3).
const (
	typeJSON = "application/json;charset=utf-8"
	typeXML  = "text/xml;charset=utf-8"
)

// errorBody is the body of an error in both formats (contract §2.2). All
// members are strings: the old Go SDK panics on anything else.
type errorBody struct {
	RequestID string `json:"RequestId" xml:"RequestId"`
	HostID    string `json:"HostId" xml:"HostId"`
	Code      string `json:"Code" xml:"Code"`
	Message   string `json:"Message" xml:"Message"`
}

// writeFault answers a fault in the format that the call asked for.
func (s *server) writeFault(w http.ResponseWriter, c *call, f *fault) {
	host := s.HostID
	if host == "" {
		host = c.http.Host
	}
	if f.kind == throttled {
		// The SDKs read one or the other (contract §2.4).
		ms := strconv.FormatInt(max(1, f.retry.Round(time.Millisecond).Milliseconds()), 10)
		w.Header().Set("X-Acs-Retry-After", ms)
		w.Header().Set("X-Ratelimit-User-Api", "Remain:0,TimeLeft:"+ms)
	}
	if f.kind == serviceUnavailable && f.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.retry.Seconds()))))
	}
	line := table(f.kind)
	write(w, c, line.status, "Error", errorBody{
		RequestID: c.requestID, HostID: host, Code: line.code, Message: f.message(),
	})
}

// write sends an answer: body as JSON, or as XML under the element root.
func write(w http.ResponseWriter, c *call, status int, root string, body any) {
	var b bytes.Buffer
	var err error
	h := w.Header()
	if c.xml {
		h.Set("Content-Type", typeXML)
		b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>`)
		err = xml.NewEncoder(&b).EncodeElement(body, xml.StartElement{Name: xml.Name{Local: root}})
	} else {
		h.Set("Content-Type", typeJSON)
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false) // URLs stay readable
		err = e.Encode(body)
		b.Truncate(max(0, b.Len()-1)) // Encode adds a newline
	}
	if err != nil {
		// Bodies are plain structs of strings and numbers; this cannot happen
		// short of a mistake in their types.
		panic("rpc: encoding an answer: " + err.Error())
	}
	h.Set("X-Acs-Request-Id", c.requestID)
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // if the client is gone, nobody is left to tell
}
