package api

import (
	"net/http"

	"github.com/freshet-vod/freshet"
)

// POPList is the answer of GET /v1/pops.
type POPList struct {
	POPs []freshet.POPStatus `json:"pops"`
}

// POPChange is the body of POST /v1/pops/{id}.
type POPChange struct {
	Down *bool `json:"down"`
}

func (s *server) listPOPs(c *call) error {
	pops, err := s.POPs.POPs(c.r.Context())
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, POPList{list(pops)})
}

func (s *server) setPOP(c *call) error {
	var change POPChange
	if err := c.decode(&change); err != nil {
		return err
	}
	if change.Down == nil {
		return freshet.Invalid("down", "down must be true or false.")
	}
	id := c.r.PathValue("id")
	if err := s.POPs.SetPOP(c.r.Context(), id, *change.Down); err != nil {
		return err
	}
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
