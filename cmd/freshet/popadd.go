package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

func newPOPAdd(d deps) *cobra.Command {
	var parents []string
	var ttl time.Duration
	cmd := &cobra.Command{
		Use: "add ID", Short: "Make a one-time token with which a POP enrols, and say what to do with it", Args: cobra.ExactArgs(1),
		Long: `Make a one-time token with which a POP enrols, and say what to do with it.

The token goes to standard output, alone, and the next steps to standard error:
  freshet pop add edge-1 > edge-1.token
The POP may be new, declared with remote: true, or one whose credential was
revoked or lost. A new POP becomes a member when it enrols; until then nothing
waits for it.`,
	}
	cmd.Flags().StringSliceVar(&parents, "parent", nil, "POP `ID` that it fills from, in order of preference (repeatable; none: those that it has)")
	cmd.Flags().DurationVar(&ttl, "ttl", 0, "how long the token lasts, 1m to 168h (default 1h)")
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if cmd.Flags().Changed("ttl") && ttl <= 0 {
			return usageError{errors.New("--ttl must be from 1m to 168h")}
		}
		i, err := c.AddPOP(cmd.Context(), args[0], parents, ttl)
		if err != nil {
			return err
		}
		return r.show(i, func() error {
			_, err := fmt.Fprintln(r.out, clean(i.Token))
			r.nextSteps(i)
			return err
		})
	})
	return cmd
}

// nextSteps tells what to do with a one-time token, in lines that can be
// copied.
func (r *remote) nextSteps(i freshet.Invitation) {
	id, control := i.POP.ID, r.reachable(i.Control)
	r.note("")
	r.note("This token is for POP %s, works once, until %s, and is not shown again.", id, when(i.Expires))
	r.note("On the machine of %s put it into a file that only Freshet can read, such as /etc/freshet/%s.token, and write %s.yaml:", id, id, id)
	r.note("")
	r.note("    data: /var/lib/freshet")
	r.note("    pop: {id: %s, control: %q, token_file: /etc/freshet/%s.token}", id, control, id)
	r.note("    caches: [{driver: edge, listen: \"0.0.0.0:80\", url: \"http://%s.example.com\"}]   # or what runs there", id)
	r.note("")
	r.note("Then start it (again, if it runs):")
	r.note("")
	r.note("    freshet pop --config %s.yaml", id)
	r.note("")
	r.note("The first start uses the token up; `freshet pops` shows when it has joined.")
}

// reachable puts a host into an address that means every interface: the one by
// which this command reached the server, unless that is this machine itself.
func (r *remote) reachable(control string) string {
	u, err := url.Parse(control)
	if err != nil {
		return control
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsUnspecified() {
		return control
	}
	host := "CONTROL-PLANE"
	if e, err := url.Parse(cmp.Or(r.endpoint, r.env(envEndpoint))); err == nil {
		if ip := net.ParseIP(e.Hostname()); e.Hostname() != "" && e.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			host = e.Hostname()
		}
	}
	u.Host = net.JoinHostPort(host, u.Port())
	return u.String()
}

func newPOPRevoke(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "revoke ID", Short: "End a POP's credential and its connection; it stays a member and owes what it owes", Args: cobra.ExactArgs(1),
	}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		p, err := c.RevokePOP(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return r.show(p, func() error { return showPOPs(r, p) })
	})
	return cmd
}

// access tells in one cell how a POP proves who it is.
func access(p freshet.POPStatus, now time.Time) string {
	var text string
	switch p.Access {
	case freshet.AccessProcess:
		return "in process"
	case freshet.AccessCredential:
		text = "credential since " + day(p.AccessSince)
	case freshet.AccessShared:
		text = "shared token"
	case freshet.AccessRevoked:
		text = "revoked " + day(p.AccessSince)
	case freshet.AccessAwaiting:
		return "awaiting, until " + when(p.TokenExpires)
	case freshet.AccessNone:
		text = "none"
	default:
		text = string(p.Access)
	}
	switch {
	case p.TokenExpires.IsZero():
	case now.Before(p.TokenExpires):
		text += ", awaiting"
	default:
		text += ", token expired"
	}
	return text
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04Z") }
