package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// Key is an access key as it is shown. Secret is told once, when it is made.
type Key struct {
	ID       string    `json:"id"`
	Account  string    `json:"account"`
	Secret   string    `json:"secret,omitempty"`
	Disabled bool      `json:"disabled"`
	Policy   bool      `json:"policy"` // it has one
	Created  time.Time `json:"created"`
	// LastUsed is about when it was used last, to the minute; zero: never.
	LastUsed time.Time `json:"last_used,omitzero"`
}

// KeyList is the answer of GET /v1/keys.
type KeyList struct {
	Keys []Key `json:"keys"`
}

// KeyRequest is the body of POST /v1/keys.
type KeyRequest struct {
	Account string          `json:"account,omitempty"` // empty: the caller's
	Policy  json.RawMessage `json:"policy,omitempty"`  // none: it may do everything in its account
}

// KeyChange is the body of POST /v1/keys/{id}.
type KeyChange struct {
	Disabled *bool `json:"disabled"`
}

// KeyPolicy is the answer of GET /v1/keys/{id}/policy; null: none.
type KeyPolicy struct {
	Policy json.RawMessage `json:"policy"`
}

func shown(k store.Key) Key {
	return Key{ID: k.ID, Account: k.Account, Disabled: k.Disabled, Policy: k.Policy != "", Created: k.Created, LastUsed: k.Used}
}

// keysOf is the account whose keys the caller may touch: its own, or any ("") if
// it is the operator.
func (s *server) keysOf(c *call) string {
	if c.caller.Account == s.Operator {
		return ""
	}
	return c.caller.Account
}

// accountOf returns the account that a request names, or the caller's.
func (s *server) accountOf(c *call, named string) (string, error) {
	if named == "" || named == c.caller.Account {
		return c.caller.Account, nil
	}
	if c.caller.Account != s.Operator {
		return "", freshet.Errorf(freshet.CodeForbidden, "Only the operator's account %s may name another account.", s.Operator).Of(freshet.KindOperator)
	}
	return named, nil
}

func (s *server) listKeys(c *call) error {
	account, err := s.accountOf(c, c.query.Get("account"))
	if err != nil {
		return err
	}
	keys, err := s.Keys.ListKeys(c.r.Context(), account)
	if err != nil {
		return err
	}
	answer := KeyList{Keys: make([]Key, 0, len(keys))}
	for _, k := range keys {
		answer.Keys = append(answer.Keys, shown(k))
	}
	return c.reply(http.StatusOK, answer)
}

func (s *server) createKey(c *call) error {
	var req KeyRequest
	if len(c.body) > 0 {
		if err := c.decode(&req); err != nil {
			return err
		}
	}
	account, err := s.accountOf(c, req.Account)
	if err != nil {
		return err
	}
	k, err := s.Keys.CreateKey(c.r.Context(), account, document(req.Policy))
	if err != nil {
		return err
	}
	c.entry.Note(k.ID)
	answer := shown(k)
	answer.Secret = k.Secret
	return c.reply(http.StatusCreated, answer)
}

// document is a policy as it is stored; "" for none.
func document(raw json.RawMessage) string {
	if raw = bytes.TrimSpace(raw); string(raw) == "null" {
		return ""
	}
	return string(raw)
}

func (s *server) setKey(c *call) error {
	var change KeyChange
	if err := c.decode(&change); err != nil {
		return err
	}
	if change.Disabled == nil {
		return freshet.Invalid("disabled", "disabled must be true or false.")
	}
	k, err := s.Keys.ChangeKey(c.r.Context(), s.keysOf(c), c.r.PathValue("id"), func(k *store.Key) { k.Disabled = *change.Disabled })
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, shown(k))
}

func (s *server) deleteKey(c *call) error {
	if err := s.Keys.DeleteKey(c.r.Context(), s.keysOf(c), c.r.PathValue("id")); err != nil {
		return err
	}
	return c.reply(http.StatusOK, struct{}{})
}

func (s *server) keyPolicy(c *call) error {
	k, err := s.Keys.Key(c.r.Context(), s.keysOf(c), c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.replyPolicy(k)
}

func (s *server) setKeyPolicy(c *call) error {
	if len(c.body) == 0 {
		return freshet.Invalid("policy", "The body must be a policy; DELETE removes it.")
	}
	return s.changePolicy(c, string(c.body))
}

func (s *server) removeKeyPolicy(c *call) error { return s.changePolicy(c, "") }

func (s *server) changePolicy(c *call, document string) error {
	k, err := s.Keys.ChangeKey(c.r.Context(), s.keysOf(c), c.r.PathValue("id"), func(k *store.Key) { k.Policy = document })
	if err != nil {
		return err
	}
	return c.replyPolicy(k)
}

func (c *call) replyPolicy(k store.Key) error {
	if k.Policy == "" {
		return c.reply(http.StatusOK, KeyPolicy{})
	}
	return c.reply(http.StatusOK, KeyPolicy{Policy: json.RawMessage(k.Policy)})
}

// TokenRequest is the body of POST /v1/keys/{id}/tokens.
type TokenRequest struct {
	Duration string          `json:"duration"`         // such as "1h"
	Policy   json.RawMessage `json:"policy,omitempty"` // narrows what the key may
}

// Token is a temporary credential. It is told once.
type Token struct {
	AccessKeyID     string    `json:"access_key_id"`
	AccessKeySecret string    `json:"access_key_secret"`
	SecurityToken   string    `json:"security_token"`
	Expires         time.Time `json:"expires"`
}

func (s *server) issueToken(c *call) error {
	var req TokenRequest
	if err := c.decode(&req); err != nil {
		return err
	}
	lasts, err := time.ParseDuration(req.Duration)
	if err != nil {
		return freshet.Invalid("duration", "duration must be a duration such as 1h.")
	}
	t, err := s.Keys.IssueToken(c.r.Context(), s.keysOf(c), c.r.PathValue("id"), lasts, document(req.Policy))
	if err != nil {
		return err
	}
	return c.reply(http.StatusCreated, Token(t))
}
