package api

import (
	"net/http"
	"time"

	"github.com/freshet-vod/freshet"
)

// POPList is the answer of GET /v1/pops.
type POPList struct {
	POPs []freshet.POPStatus `json:"pops"`
}

// POPRequest is the body of POST /v1/pops.
type POPRequest struct {
	ID      string   `json:"id"`
	Parents []string `json:"parents,omitempty"` // none: those that it has
	TTL     string   `json:"ttl,omitempty"`     // of the token, as in "90m"; empty: one hour
}

func (s *server) listPOPs(c *call) error {
	pops, err := s.POPs.POPs(c.r.Context())
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, POPList{list(pops)})
}

func (s *server) setPOP(c *call) error {
	var change freshet.POPChange
	if err := c.decode(&change); err != nil {
		return err
	}
	if (change.Down == nil) == (change.Drained == nil) {
		return freshet.Invalid("down", "One of down and drained must be true or false.")
	}
	id := c.r.PathValue("id")
	if err := s.POPs.SetPOP(c.r.Context(), id, change); err != nil {
		return err
	}
	return s.showPOP(c, id)
}

// showPOP answers with one POP.
func (s *server) showPOP(c *call, id string) error {
	pops, err := s.POPs.POPs(c.r.Context())
	if err != nil {
		return err
	}
	for _, p := range pops {
		if p.ID == id {
			return c.reply(http.StatusOK, p)
		}
	}
	return freshet.Errorf(freshet.CodeNotFound, "There is no POP %q.", clip(id))
}

func (s *server) addPOP(c *call) error {
	var req POPRequest
	if err := c.decode(&req); err != nil {
		return err
	}
	var ttl time.Duration
	if req.TTL != "" {
		var err error
		if ttl, err = time.ParseDuration(req.TTL); err != nil || ttl <= 0 {
			return freshet.Invalid("ttl", "ttl must be a duration such as 90m.")
		}
	}
	c.entry.Note(req.ID)
	invitation, err := s.POPs.AddPOP(c.r.Context(), req.ID, req.Parents, ttl)
	if err != nil {
		return err
	}
	return c.reply(http.StatusCreated, invitation)
}

func (s *server) revokePOP(c *call) error {
	if len(c.body) > 0 {
		if err := c.decode(&struct{}{}); err != nil {
			return err
		}
	}
	id := c.r.PathValue("id")
	if err := s.POPs.RevokePOP(c.r.Context(), id); err != nil {
		return err
	}
	return s.showPOP(c, id)
}

func (s *server) removePOP(c *call) error {
	cut := c.query.Get("cut_off")
	if cut != "" && cut != "true" && cut != "false" {
		return freshet.Invalid("cut_off", "cut_off must be true or false.")
	}
	if err := s.POPs.RemovePOP(c.r.Context(), c.r.PathValue("id"), cut == "true"); err != nil {
		return err
	}
	return c.reply(http.StatusOK, struct{}{})
}
