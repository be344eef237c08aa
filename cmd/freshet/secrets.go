package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
)

// newSecrets makes `freshet secrets`, which works on the data folder of a server
// that is stopped.
func newSecrets(d deps) *cobra.Command {
	var file, data string
	var asJSON bool
	rotate := &cobra.Command{
		Use: "rotate", Short: "Encrypt the secrets in the database with a new key", Args: cobra.NoArgs,
		Long: `Makes a new key, encrypts every secret in the database with it, and replaces the
key file. Stop the server first. Session tokens that are out end with it.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(file, d.env)
			if err != nil {
				return err
			}
			if data != "" || file == "" {
				c.Data = dataFolder(d, data)
			}
			bar := newMeter(cmd.Context(), d, "rotate", "secrets", 0)
			path, name, err := app.RotateSecrets(cmd.Context(), app.Options{Config: c, Env: d.env, Log: newLog(d.err, c.Log), Release: release().Version})
			bar.end()
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(d.out, rotated{path, name}, true)
			}
			_, err = fmt.Fprintf(d.out, "%s holds the new key (%s); the old ones open nothing any more\n", clean(path), name)
			return err
		},
	}
	rotate.Flags().StringVar(&file, "config", "", "configuration `FILE` of the server")
	dataFlag(rotate, &data)
	rotate.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs")
	return group("secrets", "Work with the keys of the secrets in the database", rotate)
}
