package vod

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// The limits of UserData (contract §3.4, §5.2, §5.4). The whole is bounded too:
// it is stored with the job and repeated for each of its media.
const (
	MaxUserData    = 16 << 10
	MaxExtend      = 512
	MaxCallbackURL = 256
)

// UserData is what a caller asks for along with a job, or a media.
type UserData struct {
	// CallbackURL is where this one's events go instead of where the rule of
	// the application says; "" for there.
	CallbackURL string
	// CallbackType is the way for CallbackURL: "http" or "mns", in lower case.
	CallbackType string
	// Extend is passed through to the events: the string that was given, or
	// the compact text of the object.
	Extend string
}

// The values of UserData.CallbackType.
const (
	CallbackHTTP = "http"
	CallbackMNS  = "mns"
)

// ParseUserData reads and checks UserData; "" is empty UserData.
func ParseUserData(text string) (UserData, error) {
	var u UserData
	if text == "" {
		return u, nil
	}
	if len(text) > MaxUserData {
		return u, fmt.Errorf("longer than %d bytes", MaxUserData)
	}
	for _, r := range text {
		if !AllowedInXML(r) {
			return u, fmt.Errorf("holds the control character %U, which an XML answer cannot carry", r)
		}
	}
	members, err := object([]byte(text))
	if err != nil {
		return u, err
	}
	if err := u.readCallback(members["MessageCallback"]); err != nil {
		return u, err
	}
	return u, u.readExtend(members["Extend"])
}

// AllowedInXML holds for the characters of XML 1.0 (§2.2 there).
func AllowedInXML(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' ||
		r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000
}

// object decodes a JSON object into its members.
func object(text []byte) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return nil, errors.New("not a JSON object")
	}
	return members, nil
}

func absent(raw json.RawMessage) bool { return len(raw) == 0 || bytes.Equal(raw, []byte("null")) }

// inner returns the text of a member that is an object, or a string: older
// documents wrap objects into strings.
func inner(raw json.RawMessage) (text []byte, isString bool, err error) {
	switch raw[0] {
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return []byte(s), true, err
	case '{':
		return raw, false, nil
	}
	return nil, false, errors.New("neither an object nor a string")
}

func (u *UserData) readCallback(raw json.RawMessage) error {
	if absent(raw) {
		return nil
	}
	text, _, err := inner(raw)
	if err != nil {
		return fmt.Errorf("reading MessageCallback: %w", err)
	}
	members, err := object(text)
	if err != nil {
		return fmt.Errorf("reading MessageCallback: %w", err)
	}
	u.CallbackType = CallbackHTTP
	if raw := members["CallbackType"]; !absent(raw) {
		if err := json.Unmarshal(raw, &u.CallbackType); err != nil {
			return errors.New("CallbackType is not a string")
		}
		u.CallbackType = strings.ToLower(strings.TrimSpace(u.CallbackType))
	}
	if u.CallbackType != CallbackHTTP && u.CallbackType != CallbackMNS {
		return errors.New("CallbackType is neither http nor mns")
	}
	if absent(members["CallbackURL"]) {
		return nil
	}
	if err := json.Unmarshal(members["CallbackURL"], &u.CallbackURL); err != nil {
		return errors.New("CallbackURL is not a string")
	}
	if err := CheckCallbackURL(u.CallbackURL); err != nil {
		return fmt.Errorf("CallbackURL is %w", err)
	}
	return nil
}

// CheckCallbackURL checks the form of one URL to which events may be sent
// (contract §5.2). Where it leads is looked at when it is called.
func CheckCallbackURL(target string) error {
	if len(target) > MaxCallbackURL {
		return fmt.Errorf("longer than %d bytes", MaxCallbackURL)
	}
	u, err := url.Parse(target)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return errors.New("not an http or https URL")
	case u.User != nil:
		return errors.New("a URL with a user in it")
	case strings.ContainsAny(u.Host, " ,;\"<>\\^`{|}"), strings.Contains(target, ",http://"), strings.Contains(target, ",https://"):
		return errors.New("not exactly one URL")
	}
	return nil
}

// readExtend bounds the text that callbacks will carry.
func (u *UserData) readExtend(raw json.RawMessage) error {
	if absent(raw) {
		return nil
	}
	text, isString, err := inner(raw)
	if err != nil {
		return fmt.Errorf("reading Extend: %w", err)
	}
	if !isString {
		var b bytes.Buffer
		if err := json.Compact(&b, text); err != nil {
			return fmt.Errorf("reading Extend: %w", err)
		}
		text = b.Bytes()
	}
	if len(text) > MaxExtend {
		return fmt.Errorf("member Extend is longer than %d bytes", MaxExtend)
	}
	u.Extend = string(text)
	return nil
}
