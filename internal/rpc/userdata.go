package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
)

// The limits of UserData (contract §3.4, §5.2, §5.4). The whole is bounded too:
// it is stored with the job and repeated for each of its media.
const (
	maxUserData    = 16 << 10
	maxExtend      = 512
	maxCallbackURL = 256
)

// checkUserData checks the text that a caller gives along with a job. It is
// stored and repeated unchanged.
func checkUserData(text string) error {
	if text == "" {
		return nil
	}
	if len(text) > maxUserData {
		return fmt.Errorf("longer than %d bytes", maxUserData)
	}
	for _, r := range text {
		if !allowedInXML(r) {
			return fmt.Errorf("holds the control character %U, which an XML answer cannot carry", r)
		}
	}
	members, err := object([]byte(text))
	if err != nil {
		return err
	}
	if err := checkCallback(members["MessageCallback"]); err != nil {
		return err
	}
	return checkExtend(members["Extend"])
}

// allowedInXML holds for the characters of XML 1.0 (§2.2 there).
func allowedInXML(r rune) bool {
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

func checkCallback(raw json.RawMessage) error {
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
	if absent(members["CallbackURL"]) {
		return nil
	}
	var target string
	if err := json.Unmarshal(members["CallbackURL"], &target); err != nil {
		return errors.New("CallbackURL is not a string")
	}
	if len(target) > maxCallbackURL {
		return fmt.Errorf("CallbackURL is longer than %d bytes", maxCallbackURL)
	}
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return errors.New("CallbackURL is not an http or https URL")
	}
	return nil
}

// checkExtend bounds the text that callbacks will carry: the string itself, or
// the object in compact form.
func checkExtend(raw json.RawMessage) error {
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
	if len(text) > maxExtend {
		return fmt.Errorf("member Extend is longer than %d bytes", maxExtend)
	}
	return nil
}
