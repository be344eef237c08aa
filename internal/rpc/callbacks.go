package rpc

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/vod"
)

// The limits of a callback rule (contract §4.7).
const (
	maxAuthKey  = 32
	maxAppID    = 64
	maxMNSField = 256
)

// callbackOperations are about where events go (contract §4.7 to §4.9).
func (s *server) callbackOperations() operations {
	if s.Callbacks == nil {
		return nil
	}
	return operations{
		"SetMessageCallback":    {write: true, run: s.setMessageCallback},
		"GetMessageCallback":    {run: s.getMessageCallback},
		"DeleteMessageCallback": {write: true, frees: true, run: s.deleteMessageCallback},
	}
}

type requestIDAnswer struct {
	RequestID string `json:"RequestId" xml:"RequestId"`
}

// setMessageCallback replaces the rule of an application (contract §4.7).
func (s *server) setMessageCallback(ctx context.Context, c *call) (any, error) {
	rule, err := readRule(c)
	if err != nil {
		return nil, err
	}
	rule.Account, rule.Modified = c.identity.Account, time.Now().UTC().Truncate(time.Millisecond)
	if err := s.Auth.Remember(ctx, c.identity.Nonce, c.identity.NonceExpires); err != nil {
		return nil, err
	}
	if err := s.Callbacks.PutCallbackRule(ctx, rule); err != nil {
		return nil, err
	}
	return requestIDAnswer{c.requestID}, nil
}

// readRule reads and checks the parameters in the order of contract §4.7's
// table. What is absent takes its default, whatever the rule was before.
func readRule(c *call) (store.CallbackRule, error) {
	var r store.CallbackRule
	var err error
	if r.Type, err = readCallbackType(c); err != nil {
		return r, err
	}
	if r.Type == store.ByHTTP {
		if r.URL = c.text("CallbackURL"); r.URL == "" {
			return r, missing("CallbackURL")
		}
		if err := vod.CheckCallbackURL(r.URL); err != nil {
			return r, &fault{kind: invalidParameter, name: "CallbackURL", cause: err}
		}
	}
	if r.Events, err = readEvents(c); err != nil {
		return r, err
	}
	if r.Type == store.ByHTTP {
		if r.Auth, r.AuthKey, err = readCallbackAuth(c); err != nil {
			return r, err
		}
	} else {
		if r.MNSEndpoint, err = readMNS(c, "MnsEndpoint"); err != nil {
			return r, err
		}
		if r.MNSQueue, err = readMNS(c, "MnsQueueName"); err != nil {
			return r, err
		}
	}
	r.App, err = readApp(c)
	return r, err
}

// readCallbackType reads HTTP (the default) or MNS, which newer documents call
// by the name of the product it became.
func readCallbackType(c *call) (string, error) {
	const renamed = "Simple Message Queue(formerly MNS)"
	switch t := strings.ReplaceAll(c.text("CallbackType"), " (", "("); {
	case t == "", strings.EqualFold(t, store.ByHTTP):
		return store.ByHTTP, nil
	case strings.EqualFold(t, store.ByMNS), strings.EqualFold(t, renamed):
		return store.ByMNS, nil
	}
	return "", invalid("CallbackType")
}

func readEvents(c *call) ([]string, error) {
	list, err := enums(c, "EventTypeList", append(vod.Events(), vod.AllEvents))
	if err != nil {
		return nil, err
	}
	if slices.Contains(list, vod.AllEvents) {
		return []string{store.AllEvents}, nil
	}
	return list, nil
}

// readCallbackAuth reads AuthSwitch and AuthKey. A switch without a key would
// promise signatures that nobody makes.
func readCallbackAuth(c *call) (on bool, key string, err error) {
	const wordOn, wordOff = "on", "off"
	word, err := enum(c, "AuthSwitch", wordOn, wordOff)
	if err != nil {
		return false, "", err
	}
	key = c.params.Get("AuthKey")
	switch {
	case key == "" && word == wordOn:
		return false, "", missing("AuthKey")
	case key != "" && !validAuthKey(key):
		return false, "", invalid("AuthKey")
	}
	return word == wordOn, key, nil
}

// validAuthKey holds for at most 32 visible characters with upper case, lower
// case and digits among them.
func validAuthKey(key string) bool {
	var upper, lower, digit bool
	for _, r := range key {
		if r <= ' ' || r > '~' {
			return false
		}
		upper, lower, digit = upper || unicode.IsUpper(r), lower || unicode.IsLower(r), digit || unicode.IsDigit(r)
	}
	return len(key) <= maxAuthKey && upper && lower && digit
}

func readMNS(c *call, name string) (string, error) {
	v := c.text(name)
	switch {
	case v == "":
		return "", missing(name)
	case len(v) > maxMNSField, strings.ContainsFunc(v, func(r rune) bool { return unicode.IsSpace(r) || !vod.AllowedInXML(r) }):
		return "", invalid(name)
	}
	return v, nil
}

// readApp reads the application that a rule belongs to.
func readApp(c *call) (string, error) {
	app := c.text("AppId")
	if app == "" {
		return vod.DefaultApp, nil
	}
	odd := func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_'
	}
	if len(app) > maxAppID || strings.ContainsFunc(app, odd) {
		return "", invalid("AppId")
	}
	return app, nil
}

type getCallbackAnswer struct {
	Rule      callbackAnswer `json:"MessageCallback" xml:"MessageCallback"`
	RequestID string         `json:"RequestId" xml:"RequestId"`
}

// callbackAnswer is a rule; of an application without one only its ID.
type callbackAnswer struct {
	App         string  `json:"AppId" xml:"AppId"`
	Type        string  `json:"CallbackType,omitempty" xml:"CallbackType,omitempty"`
	URL         string  `json:"CallbackURL,omitempty" xml:"CallbackURL,omitempty"`
	Events      *string `json:"EventTypeList,omitempty" xml:"EventTypeList,omitempty"`
	AuthSwitch  string  `json:"AuthSwitch,omitempty" xml:"AuthSwitch,omitempty"`
	AuthKey     string  `json:"AuthKey,omitempty" xml:"AuthKey,omitempty"`
	MNSEndpoint string  `json:"MnsEndpoint,omitempty" xml:"MnsEndpoint,omitempty"`
	MNSQueue    string  `json:"MnsQueueName,omitempty" xml:"MnsQueueName,omitempty"`
}

// getMessageCallback shows the rule of an application (contract §4.8), with its
// key: it is the caller's own, and the vendor shows it.
func (s *server) getMessageCallback(ctx context.Context, c *call) (any, error) {
	app, err := readApp(c)
	if err != nil {
		return nil, err
	}
	rule, ok, err := s.Callbacks.CallbackRule(ctx, c.identity.Account, app)
	if err != nil {
		return nil, err
	}
	answer := getCallbackAnswer{Rule: callbackAnswer{App: app}, RequestID: c.requestID}
	if !ok {
		return answer, nil
	}
	events := strings.Join(rule.Events, ",")
	answer.Rule.Type, answer.Rule.Events = rule.Type, &events
	if rule.Type == store.ByMNS {
		answer.Rule.MNSEndpoint, answer.Rule.MNSQueue = rule.MNSEndpoint, rule.MNSQueue
		return answer, nil
	}
	answer.Rule.URL, answer.Rule.AuthSwitch, answer.Rule.AuthKey = rule.URL, "off", rule.AuthKey
	if rule.Auth {
		answer.Rule.AuthSwitch = "on"
	}
	return answer, nil
}

// deleteMessageCallback deletes the rule of an application, if there is one
// (contract §4.9).
func (s *server) deleteMessageCallback(ctx context.Context, c *call) (any, error) {
	app, err := readApp(c)
	if err != nil {
		return nil, err
	}
	if err := s.Auth.Remember(ctx, c.identity.Nonce, c.identity.NonceExpires); err != nil {
		return nil, err
	}
	if err := s.Callbacks.DeleteCallbackRule(ctx, time.Now(), c.identity.Account, app); err != nil {
		return nil, err
	}
	return requestIDAnswer{c.requestID}, nil
}
