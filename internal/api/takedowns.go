package api

import (
	"context"
	"net/http"
	"strings"
	"unicode"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/policy"
)

// Takedowns tells which media are, or were, taken down.
type Takedowns interface {
	// Takedowns returns those of the account, newest first: the active ones, or
	// all.
	Takedowns(ctx context.Context, account string, active bool) ([]freshet.TakedownRecord, error)
}

// The actions of takedowns.
const (
	actionTakedown  = "freshet:Takedown"
	actionReinstate = "freshet:Reinstate"
)

// TakedownRequest is the body of POST /v1/takedowns.
type TakedownRequest struct {
	Media  []string `json:"media"`
	Status int      `json:"status,omitempty"` // that viewers get: 451, which is the default, or 404
	Reason string   `json:"reason,omitempty"` // for the record; viewers are not told
}

// ReinstateRequest is the body of POST /v1/takedowns/undo.
type ReinstateRequest struct {
	Media []string `json:"media"`
}

// TakedownList is the answer of GET /v1/takedowns.
type TakedownList struct {
	Takedowns []freshet.TakedownRecord `json:"takedowns"`
}

func (s *server) takedown(c *call) error {
	var r TakedownRequest
	if err := c.decode(&r); err != nil {
		return err
	}
	switch {
	case r.Status == 0:
		r.Status = freshet.StatusLegal
	case r.Status != freshet.StatusLegal && r.Status != freshet.StatusNotFound:
		return freshet.Invalid("status", "status must be %d or %d.", freshet.StatusLegal, freshet.StatusNotFound)
	}
	if len(r.Reason) > freshet.MaxReason || strings.ContainsFunc(r.Reason, unicode.IsControl) {
		return freshet.Invalid("reason", "reason may hold %d bytes and no control characters.", freshet.MaxReason)
	}
	return s.deny(c, freshet.Takedown, actionTakedown, r.Media, freshet.Denial{Status: r.Status, Reason: r.Reason, By: c.caller.KeyID})
}

func (s *server) reinstate(c *call) error {
	var r ReinstateRequest
	if err := c.decode(&r); err != nil {
		return err
	}
	return s.deny(c, freshet.Reinstate, actionReinstate, r.Media, freshet.Denial{By: c.caller.KeyID})
}

func (s *server) reinstateOne(c *call) error {
	return s.deny(c, freshet.Reinstate, actionReinstate, []string{c.r.PathValue("id")}, freshet.Denial{By: c.caller.KeyID})
}

// deny submits a takedown, or its end.
func (s *server) deny(c *call, kind freshet.TaskType, action string, media []string, d freshet.Denial) error {
	if len(media) == 0 {
		return freshet.Invalid("media", "Name media.")
	}
	c.entry.Note(string(kind) + " " + strings.Join(media, " "))
	sub := freshet.Submission{
		Account: c.caller.Account, Type: kind, Filter: freshet.Filter{Everything: true}, Native: true, Denial: &d,
		Nonce: c.caller.Nonce, NonceExpires: c.caller.NonceExpires,
	}
	var err error
	if sub.Media, err = mediaIDs(media); err != nil {
		return err
	}
	for _, id := range sub.Media {
		if !c.may(action, policy.Media(id)) {
			sub.Forbidden = append(sub.Forbidden, id)
		}
	}
	receipt, err := s.Engine.Submit(c.r.Context(), sub)
	if err != nil {
		return err
	}
	if receipt.JobID == "" {
		return nothingToDo(receipt)
	}
	c.w.Header().Set("Location", "/v1/jobs/"+receipt.JobID)
	return c.reply(http.StatusAccepted, receipt)
}

func (s *server) listTakedowns(c *call) error {
	all := c.query.Get("all")
	if all != "" && all != "true" && all != "false" {
		return freshet.Invalid("all", "all must be true or false.")
	}
	records, err := s.Takedowns.Takedowns(c.r.Context(), c.caller.Account, all != "true")
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, TakedownList{list(records)})
}
