package api

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/vod"
)

// Callbacks keeps what is told to receivers outside, and the webhook of each
// account; a store is one.
type Callbacks interface {
	ListCallbacks(ctx context.Context, q store.CallbackQuery) ([]store.Callback, error)
	RetryCallback(ctx context.Context, now time.Time, account, id string) error
	Webhook(ctx context.Context, account string) (store.Webhook, bool, error)
	PutWebhook(ctx context.Context, w store.Webhook) error
	DeleteWebhook(ctx context.Context, now time.Time, account string) error
}

// secretOverlap is how long a webhook's secret goes on to sign beside the one
// that replaced it.
const secretOverlap = 24 * time.Hour

// Callback is something that was told to a receiver, or is to be.
type Callback struct {
	ID    string `json:"id"`
	Event string `json:"event"`
	// State is waiting, delivered or failed (given up).
	State    string    `json:"state"`
	URL      string    `json:"url"`
	App      string    `json:"app,omitempty"`   // whose rule it follows; empty with the account's webhook
	Media    string    `json:"media,omitempty"` // what it is about, as job
	Job      string    `json:"job,omitempty"`
	Created  time.Time `json:"created"`
	Attempts int       `json:"attempts"`         // since it was queued, or retried
	Tried    time.Time `json:"tried,omitzero"`   // when the last one ended
	Next     time.Time `json:"next,omitzero"`    // when the next one is due
	Error    string    `json:"error,omitempty"`  // of the last one that failed
	Calling  bool      `json:"calling,omitzero"` // an attempt is under way
}

// CallbackList is a page of GET /v1/callbacks. Next, if set, is the value of
// `before` for the next page.
type CallbackList struct {
	Callbacks []Callback `json:"callbacks"`
	Next      string     `json:"next,omitempty"`
}

// Webhook is the receiver of an account. Secret is told once, when it is made.
type Webhook struct {
	URL    string `json:"url"`
	Secret string `json:"secret,omitempty"`
	// PreviousEnds is when the secret before this one ends to sign too.
	PreviousEnds time.Time `json:"previous_ends,omitzero"`
	Created      time.Time `json:"created"`
	Modified     time.Time `json:"modified"`
}

// WebhookChange is the body of POST /v1/webhook.
type WebhookChange struct {
	URL string `json:"url"`
}

func (s *server) listCallbacks(c *call) error {
	limit, err := limitOf(c.query)
	if err != nil {
		return err
	}
	q := store.CallbackQuery{Account: c.caller.Account, Before: c.query.Get("before"), Limit: limit}
	switch c.query.Get("failed") {
	case "", "false":
	case "true":
		q.Failed = true
	default:
		return freshet.Invalid("failed", "failed must be true or false.")
	}
	list, err := s.Callbacks.ListCallbacks(c.r.Context(), q)
	if err != nil {
		return err
	}
	answer := CallbackList{Callbacks: make([]Callback, 0, len(list))}
	for i := range list {
		answer.Callbacks = append(answer.Callbacks, shownCallback(&list[i]))
	}
	if len(list) == limit {
		answer.Next = list[len(list)-1].ID
	}
	return c.reply(http.StatusOK, answer)
}

func shownCallback(c *store.Callback) Callback {
	out := Callback{
		ID: c.ID, Event: c.Event, URL: c.URL, App: c.App, Media: c.Media, Job: c.Job,
		Created: c.Created, Attempts: c.Attempts, Tried: c.Tried, Error: c.Error,
	}
	switch c.State {
	case store.CallbackWaiting:
		out.State = "waiting"
		if out.Calling = c.Worker != ""; !out.Calling {
			out.Next = c.Due
		}
	case store.CallbackDelivered:
		out.State = "delivered"
	case store.CallbackFailed:
		out.State = "failed"
	}
	return out
}

func (s *server) retryCallback(c *call) error {
	id := c.r.PathValue("id")
	c.entry.Note(id)
	if err := s.Callbacks.RetryCallback(c.r.Context(), time.Now(), c.caller.Account, clip(id)); err != nil {
		return err
	}
	return c.reply(http.StatusOK, struct{}{})
}

func shownWebhook(w store.Webhook, now time.Time) Webhook {
	out := Webhook{URL: w.URL, Created: w.Created, Modified: w.Modified}
	if now.Before(w.PreviousEnds) {
		out.PreviousEnds = w.PreviousEnds
	}
	return out
}

func noWebhook() error {
	return freshet.Errorf(freshet.CodeNotFound, "The account has no webhook.")
}

func (s *server) showWebhook(c *call) error {
	w, ok, err := s.Callbacks.Webhook(c.r.Context(), c.caller.Account)
	if err != nil {
		return err
	}
	if !ok {
		return noWebhook()
	}
	return c.reply(http.StatusOK, shownWebhook(w, time.Now()))
}

// putWebhook makes the account's webhook, with a secret that is told once, or
// gives it another URL and leaves the secret.
func (s *server) putWebhook(c *call) error {
	var change WebhookChange
	if err := c.decode(&change); err != nil {
		return err
	}
	if err := vod.CheckCallbackURL(change.URL); err != nil {
		return freshet.Invalid("url", "url is %s.", err)
	}
	w, ok, err := s.Callbacks.Webhook(c.r.Context(), c.caller.Account)
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	if !ok {
		w = store.Webhook{Account: c.caller.Account, Secret: newWebhookSecret(), Created: now}
	}
	w.URL, w.Modified = change.URL, now
	if err := s.Callbacks.PutWebhook(c.r.Context(), w); err != nil {
		return err
	}
	answer := shownWebhook(w, now)
	if ok {
		return c.reply(http.StatusOK, answer)
	}
	answer.Secret = w.Secret
	return c.reply(http.StatusCreated, answer)
}

// rotateWebhook replaces the secret. The one before signs too for a day.
func (s *server) rotateWebhook(c *call) error {
	w, ok, err := s.Callbacks.Webhook(c.r.Context(), c.caller.Account)
	if err != nil {
		return err
	}
	if !ok {
		return noWebhook()
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	w.Previous, w.PreviousEnds = w.Secret, now.Add(secretOverlap)
	w.Secret, w.Modified = newWebhookSecret(), now
	if err := s.Callbacks.PutWebhook(c.r.Context(), w); err != nil {
		return err
	}
	answer := shownWebhook(w, now)
	answer.Secret = w.Secret
	return c.reply(http.StatusOK, answer)
}

func (s *server) deleteWebhook(c *call) error {
	if err := s.Callbacks.DeleteWebhook(c.r.Context(), time.Now(), c.caller.Account); err != nil {
		return err
	}
	return c.reply(http.StatusOK, struct{}{})
}

// newWebhookSecret makes a secret in the form of the Standard Webhooks
// convention.
func newWebhookSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return "whsec_" + base64.StdEncoding.EncodeToString(b[:])
}
