package enrol

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// messageVersion is the version of both messages below. A POP of one release
// enrols with a control plane of the next: what is added is optional, and what
// a reader does not know it ignores.
const messageVersion = 1

// Fault is why a token was not exchanged, told to whoever holds it.
type Fault string

// The faults.
const (
	FaultNone    Fault = ""
	FaultExpired Fault = "expired"
	FaultSpent   Fault = "spent"   // it was exchanged for another key
	FaultUnknown Fault = "unknown" // it was replaced or revoked a moment ago
	FaultInvalid Fault = "invalid" // the request is not understood
)

// Request is what a POP sends to enrol.
type Request struct {
	Version int    `json:"version"`
	Token   string `json:"token"` // the whole one-time token
	Key     string `json:"key"`   // the public key that is to be its credential
}

// Answer is what it gets.
type Answer struct {
	Version int    `json:"version"`
	Fault   Fault  `json:"fault,omitempty"`
	PeerKey []byte `json:"peer_key,omitempty"` // by which built-in caches prove to each other who they are
}

// EncodeRequest returns the message of a request.
func EncodeRequest(r Request) ([]byte, error) {
	r.Version = messageVersion
	return json.Marshal(r)
}

// DecodeRequest reads a request of this version or a later one.
func DecodeRequest(msg []byte) (Request, error) {
	var r Request
	err := decode(msg, "request", &r)
	if err == nil && r.Version < 1 {
		err = fmt.Errorf("enrolment request: version %d is unknown", r.Version)
	}
	return r, err
}

// EncodeAnswer returns the message of an answer.
func EncodeAnswer(a Answer) ([]byte, error) {
	a.Version = messageVersion
	return json.Marshal(a)
}

// DecodeAnswer reads an answer of this version or a later one.
func DecodeAnswer(msg []byte) (Answer, error) {
	var a Answer
	err := decode(msg, "answer", &a)
	if err == nil && (a.Version < 1 || a.Fault == FaultNone && len(a.PeerKey) == 0) {
		err = fmt.Errorf("enrolment answer: version %d with neither a fault nor a key", a.Version)
	}
	return a, err
}

// maxMessage bounds a message in bytes, far above any real one.
const maxMessage = 4 << 10

func decode(msg []byte, what string, v any) error {
	if len(msg) > maxMessage {
		return fmt.Errorf("enrolment %s: %d bytes are too many", what, len(msg))
	}
	d := json.NewDecoder(bytes.NewReader(msg))
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("enrolment %s: %w", what, err)
	}
	return nil
}
