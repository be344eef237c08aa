package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

func newDomain(d deps) *cobra.Command {
	return group("domain", "Add and list acceleration domains", newDomainAdd(d), newDomainList(d))
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
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		domain.Name = args[0]
		saved, err := c.PutDomain(cmd.Context(), domain)
		if err != nil {
			return err
		}
		return r.show(saved, func() error { return showDomains(r, saved) })
	})
	return cmd
}

func newDomainList(d deps) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the account's domains", Args: cobra.NoArgs}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		domains, err := c.Domains(cmd.Context())
		if err != nil {
			return err
		}
		return r.show(map[string]any{"domains": domains}, func() error { return showDomains(r, domains...) })
	})
	return cmd
}

func showDomains(r *remote, domains ...freshet.Domain) error {
	t := newTable(r.out, "NAME", "ORIGIN", "ALIASES", "TLS", "VERIFY", "IGNORED PARAMETERS")
	for _, d := range domains {
		t.row(d.Name, d.Origin, strings.Join(d.Aliases, ","), yes(d.TLS), string(d.Verify.OrDefault()), strings.Join(d.IgnoreParams, ","))
	}
	return t.flush()
}
