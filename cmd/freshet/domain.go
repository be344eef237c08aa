package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

func newDomain(d deps) *cobra.Command {
	return group("domain", "Add, list, stop and sign acceleration domains",
		newDomainAdd(d), newDomainList(d),
		newDomainChange(d, "stop NAME", "Take a domain out of service: caches refuse its viewers, and it can still be purged", (*client.Client).StopDomain),
		newDomainChange(d, "start NAME", "Put a stopped domain into service again", (*client.Client).StartDomain),
		newDomainChange(d, "approve NAME", "Let a domain serve that another account added", (*client.Client).ApproveDomain),
		newDomainRemove(d), newDomainAuth(d))
}

func newDomainAdd(d deps) *cobra.Command {
	var domain freshet.Domain
	cmd := &cobra.Command{
		Use: "add NAME --origin URL", Short: "Add a domain, or replace the one of that name", Args: cobra.ExactArgs(1),
		Example: "  freshet domain add vod.example.com --origin http://127.0.0.1:9000 --alias cdn.example.com",
	}
	f := cmd.Flags()
	f.StringVar(&domain.Origin, "origin", "", "base `URL` of the server that holds the originals")
	f.StringArrayVar(&domain.Aliases, "alias", nil, "further host `NAME` of the same objects; may be repeated")
	f.StringSliceVar(&domain.IgnoreParams, "ignore-params", nil, "query parameters that do not tell objects apart, `LIST` with commas")
	f.StringVar((*string)(&domain.Verify), "verify", "", "how POPs check what they did: ack, inspect (default) or probe")
	f.BoolVar(&domain.TLS, "tls", false, "viewers use https")
	f.StringVar(&domain.Account, "account", "", "`ACCOUNT` that gets the domain (the operator only; default: the caller's own)")
	f.StringToStringVar(&domain.Tags, "tag", nil, "`KEY=VALUE` that lists can select by; may be repeated")
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		domain.Name = args[0]
		saved, err := c.PutDomain(cmd.Context(), domain)
		if err != nil {
			return err
		}
		if saved.Unapproved {
			r.note("Caches serve %s when the operator has approved it: freshet domain approve %s", saved.Name, saved.Name)
		}
		return r.show(saved, func() error { return showDomains(r, saved) })
	})
	return cmd
}

func newDomainList(d deps) *cobra.Command {
	var account, status string
	var all bool
	cmd := &cobra.Command{
		Use: "list", Short: "List domains", Args: cobra.NoArgs,
		Example: "  freshet domain list --all --status checking",
	}
	f := cmd.Flags()
	f.StringVar(&account, "account", "", "domains of `ACCOUNT` (the operator only; default: the caller's own)")
	f.BoolVar(&all, "all", false, "domains of every account (the operator only)")
	f.StringVar(&status, "status", "", "only those that are online, offline or checking")
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		if all && account != "" {
			return usageError{errors.New("--all and --account exclude each other")}
		}
		if all {
			account = "*"
		}
		domains, err := c.DomainsOf(cmd.Context(), account, freshet.DomainStatus(status))
		if err != nil {
			return err
		}
		return r.show(map[string]any{"domains": domains}, func() error { return showDomains(r, domains...) })
	})
	return cmd
}

func newDomainChange(d deps, use, short string, change func(*client.Client, context.Context, string) (freshet.Domain, error)) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1)}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		changed, err := change(c, cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return r.show(changed, func() error { return showDomains(r, changed) })
	})
	return cmd
}

func newDomainRemove(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "remove NAME", Short: "Remove a domain that was never approved; one that served is stopped instead", Args: cobra.ExactArgs(1),
	}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if err := c.RemoveDomain(cmd.Context(), args[0]); err != nil {
			return err
		}
		return r.show(removed{args[0]}, func() error {
			r.note("Domain %s is removed.", args[0])
			return nil
		})
	})
	return cmd
}

func showDomains(r *remote, domains ...freshet.Domain) error {
	t := r.table("NAME", "ACCOUNT", "STATUS", "ORIGIN", "ALIASES", "TLS", "SIGNED", "VERIFY", "IGNORED PARAMETERS")
	for _, d := range domains {
		t.row(d.Name, d.Account, string(d.Status()), d.Origin, strings.Join(d.Aliases, ","), yes(d.TLS), signed(d.URLAuth),
			string(d.Verify.OrDefault()), strings.Join(d.IgnoreParams, ","))
	}
	return t.flush()
}

// signed tells in one cell how a domain's URLs are signed.
func signed(a freshet.URLAuth) string {
	switch {
	case a.Type == "":
		return ""
	case a.Enforce:
		return string(a.Type) + ", enforced"
	}
	return string(a.Type)
}
