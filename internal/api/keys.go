package api

import (
	"net/http"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// Key is an access key as it is shown. Secret is told once, when it is made.
type Key struct {
	ID       string    `json:"id"`
	Secret   string    `json:"secret,omitempty"`
	Disabled bool      `json:"disabled"`
	Created  time.Time `json:"created"`
}

// KeyList is the answer of GET /v1/keys.
type KeyList struct {
	Keys []Key `json:"keys"`
}

// KeyChange is the body of POST /v1/keys/{id}.
type KeyChange struct {
	Disabled bool `json:"disabled"`
}

func shown(k store.Key) Key { return Key{ID: k.ID, Disabled: k.Disabled, Created: k.Created} }

func (s *server) listKeys(c *call) error {
	keys, err := s.Keys.ListKeys(c.r.Context(), c.caller.Account)
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
	if len(c.body) > 0 {
		if err := c.decode(&struct{}{}); err != nil {
			return err
		}
	}
	k, err := s.Keys.CreateKey(c.r.Context(), c.caller.Account)
	if err != nil {
		return err
	}
	c.entry.Note(k.ID)
	answer := shown(k)
	answer.Secret = k.Secret
	return c.reply(http.StatusCreated, answer)
}

func (s *server) disableKey(c *call) error {
	var change KeyChange
	if err := c.decode(&change); err != nil {
		return err
	}
	if !change.Disabled {
		return freshet.Invalid("disabled", "disabled must be true: a disabled key is not used again; create a new one.")
	}
	id := c.r.PathValue("id")
	if err := s.Keys.DisableKey(c.r.Context(), c.caller.Account, id); err != nil {
		return err
	}
	keys, err := s.Keys.ListKeys(c.r.Context(), c.caller.Account)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.ID == id {
			return c.reply(http.StatusOK, shown(k))
		}
	}
	return freshet.Errorf(freshet.CodeNotFound, "There is no access key %q.", clip(id))
}
