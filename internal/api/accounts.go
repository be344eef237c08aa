package api

import (
	"context"
	"net/http"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// Accounts keeps accounts.
type Accounts interface {
	// Accounts returns every account, in order of name.
	Accounts(ctx context.Context) ([]store.Account, error)
	// CreateAccount makes an account.
	CreateAccount(ctx context.Context, name string) (store.Account, error)
	// SetAccount disables or enables an account.
	SetAccount(ctx context.Context, name string, disabled bool) (store.Account, error)
}

// Account is a tenant as it is shown.
type Account struct {
	Name     string    `json:"name"`
	Disabled bool      `json:"disabled"`
	Created  time.Time `json:"created"`
}

// AccountList is the answer of GET /v1/accounts.
type AccountList struct {
	Accounts []Account `json:"accounts"`
}

// AccountRequest is the body of POST /v1/accounts.
type AccountRequest struct {
	Name string `json:"name"`
}

// AccountChange is the body of POST /v1/accounts/{id}.
type AccountChange struct {
	Disabled *bool `json:"disabled"`
}

func (s *server) listAccounts(c *call) error {
	accounts, err := s.Accounts.Accounts(c.r.Context())
	if err != nil {
		return err
	}
	answer := AccountList{Accounts: make([]Account, 0, len(accounts))}
	for _, a := range accounts {
		answer.Accounts = append(answer.Accounts, Account(a))
	}
	return c.reply(http.StatusOK, answer)
}

func (s *server) createAccount(c *call) error {
	var req AccountRequest
	if err := c.decode(&req); err != nil {
		return err
	}
	c.entry.Note(req.Name)
	a, err := s.Accounts.CreateAccount(c.r.Context(), req.Name)
	if err != nil {
		return err
	}
	return c.reply(http.StatusCreated, Account(a))
}

func (s *server) setAccount(c *call) error {
	var change AccountChange
	if err := c.decode(&change); err != nil {
		return err
	}
	name := c.r.PathValue("id")
	switch {
	case change.Disabled == nil:
		return freshet.Invalid("disabled", "disabled must be true or false.")
	case *change.Disabled && name == s.Operator:
		return freshet.Invalid("disabled", "The operator's own account cannot be disabled: nobody could enable it.")
	}
	a, err := s.Accounts.SetAccount(c.r.Context(), name, *change.Disabled)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, Account(a))
}
