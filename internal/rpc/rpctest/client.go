package rpctest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Client is one of the vendor's SDKs in one of its modes, able to call any
// operation by its name. It is not safe for concurrent use, nor are two of the
// newer SDK's: they share HTTP clients without a lock.
type Client interface {
	// Name tells the SDK and the mode.
	Name() string
	// Has tells whether the SDK knows the operation.
	Has(action string) bool
	// Sees tells whether the SDK's answer to the operation has the field; path
	// is as in [Answer.Field].
	Sees(action, path string) bool
	// Decodes tells whether the SDK can read an error in this mode.
	Decodes() bool
	// Call makes a call and returns what the SDK decoded.
	Call(action string, params map[string]string) (Answer, *Failure)
	// As returns the client with other credentials, nil if the SDK knows none
	// of this kind.
	As(c Credentials) Client
}

// Credentials are an access key, a temporary one with its session token, or a
// bearer token alone.
type Credentials struct{ KeyID, Secret, Token, Bearer string }

// Clients returns the Go SDKs in all their modes, for an endpoint HOST:PORT that
// speaks plain HTTP.
func Clients(endpoint, keyID, secret string) []Client {
	a := access{endpoint: endpoint, keyID: keyID, secret: secret}
	return []Client{
		oldSDK{access: a, format: "JSON"},
		oldSDK{access: a, format: "XML"},
		newSDK{access: a},
		newSDK{access: a, v1: true},
		newSDK{access: a, form: true},
	}
}

// Answer is a good answer as an SDK decoded it.
type Answer map[string]any

// Field returns a field as text, "" if it is not there. A path joins names of
// members with dots; "[2]" behind a name takes that element, "#" in the place of
// a name tells the number of elements: "Tasks.Task[0].Status", "Tasks.Task.#".
func (a Answer) Field(path string) string {
	var at any = map[string]any(a)
	for step := range strings.SplitSeq(path, ".") {
		name, index, isElement := strings.Cut(strings.TrimSuffix(step, "]"), "[")
		if name == "#" {
			list, _ := at.([]any)
			return strconv.Itoa(len(list))
		}
		m, _ := at.(map[string]any)
		at = m[name]
		if isElement {
			i, err := strconv.Atoi(index)
			list, _ := at.([]any)
			if err != nil || i >= len(list) {
				return ""
			}
			at = list[i]
		}
	}
	switch v := at.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	default:
		return fmt.Sprintf("%T", v)
	}
}

// decoded turns what an SDK made of an answer into an [Answer].
func decoded(v any) (Answer, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var a Answer
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber() // a float64 would round long numbers
	if err := d.Decode(&a); err != nil {
		return nil, err
	}
	return a, nil
}

// hasField tells whether a type that JSON is decoded into has a field.
func hasField(t reflect.Type, path string) bool {
	for step := range strings.SplitSeq(path, ".") {
		name, _, _ := strings.Cut(step, "[")
		if name == "#" {
			return true
		}
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return false
		}
		found := false
		for f := range t.Fields() {
			tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if tag == name {
				t, found = f.Type, true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}
