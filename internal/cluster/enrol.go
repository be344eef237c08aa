package cluster

import (
	"context"
	"fmt"
	"os"

	"github.com/freshet-vod/freshet"
)

// TokenFile is where a POP of a cluster with Enrol looks for its one-time
// token.
func (c *Cluster) TokenFile(pop string) string { return c.path(pop + ".token") }

// sharedToken is the part of the bus's settings that names the token that POPs
// share.
func sharedToken(o Options, file string) string {
	if o.Enrol {
		return ""
	}
	return ", token_file: " + file
}

// noneYet is the list of POPs of a control plane to which all are added later.
func noneYet(o Options) string {
	if o.Enrol {
		return " []"
	}
	return ""
}

// enrol adds a POP, if that is how it joins, and puts its token where it looks
// for it. It waits for the control plane.
func (c *Cluster) enrol(ctx context.Context, id string) error {
	parents, ok := c.enrols[id]
	if !ok {
		return nil
	}
	delete(c.enrols, id)
	for {
		i, err := c.Client.AddPOP(ctx, id, parents, 0)
		if err == nil {
			return os.WriteFile(c.TokenFile(id), []byte(i.Token+"\n"), 0o600)
		}
		if freshet.ErrorCode(err) != freshet.CodeUnavailable || !c.Control.Running() {
			return fmt.Errorf("adding POP %s: %w\n%s", id, err, c.Control.Log())
		}
		if err := c.Pause(ctx); err != nil {
			return fmt.Errorf("adding POP %s: %w", id, err)
		}
	}
}
