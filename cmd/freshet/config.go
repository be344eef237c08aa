package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet/internal/config"
)

func newConfig(d deps) *cobra.Command {
	var asJSON bool
	check := &cobra.Command{
		Use: "check FILE", Short: "Check a configuration file without starting anything", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := config.Load(args[0], d.env)
			if err != nil {
				return err
			}
			role := fmt.Sprintf("a control plane with %d POPs and %d domains", len(c.POPs), len(c.Domains))
			if c.POP != nil {
				role = "the POP " + c.POP.ID
			}
			if asJSON {
				return writeJSON(d.out, configAnswer{args[0], true, role}, true)
			}
			_, err = fmt.Fprintf(d.out, "%s is good: %s\n", clean(args[0]), clean(role))
			return err
		},
	}
	check.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs")
	return group("config", "Work with configuration files", check)
}
