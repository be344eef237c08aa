package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
)

// newBackup makes `freshet backup`, which works beside a running server: it
// reads the data folder, not the API.
func newBackup(d deps) *cobra.Command {
	var data string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "backup FILE", Short: "Write a backup of the control plane, while it runs", Args: cobra.ExactArgs(1),
		Long: `Writes everything that the control plane keeps to one file: the catalog, jobs,
the log, evidence, accounts and keys. The server may run meanwhile. The caches of
POPs inside the server are left out. The file holds secrets; keep it as you keep
those.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			bar := newMeter(cmd.Context(), d, "backup", "", 0)
			began := time.Now()
			m, err := app.Backup(cmd.Context(), dataFolder(d, data), args[0], release().Version, bar.set)
			bar.end()
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(d.out, m, true)
			}
			_, err = fmt.Fprintf(d.out, "%s: %d files, %s, taken %s in %s\nbring it back with: freshet restore %s --data DIR\n",
				clean(args[0]), len(m.Files), size(m.Bytes()), m.Made.Format(time.RFC3339), time.Since(began).Round(time.Millisecond), clean(args[0]))
			return err
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs")
	return cmd
}

// newRestore makes `freshet restore`.
func newRestore(d deps) *cobra.Command {
	var data string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "restore FILE", Short: "Make a control plane's data folder from a backup", Args: cobra.ExactArgs(1),
		Long: `Makes the data folder from a backup. The folder must not exist or be empty.

What happened after the backup is lost: media, jobs, keys and accounts made since,
and keys disabled since are active again. Positions and task IDs go on above all
that were handed out since, so POPs that ran ahead follow.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			bar := newMeter(cmd.Context(), d, "restore", "", 0)
			folder := dataFolder(d, data)
			r, err := app.Restore(cmd.Context(), args[0], folder, bar.set)
			bar.end()
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(d.out, r, true)
			}
			_, err = fmt.Fprintf(d.out, "%s holds the control plane as of %s (%s), in epoch %d\nstart it with: freshet serve --data %s\n",
				clean(folder), r.Made.Format(time.RFC3339), size(r.Bytes()), r.Epoch, clean(folder))
			return err
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs")
	return cmd
}

func dataFlag(cmd *cobra.Command, data *string) {
	cmd.Flags().StringVar(data, "data", "", "data `DIR` of the server (default $FRESHET_DATA, else ./freshet-data)")
}

// dataFolder returns the folder that a flag or the environment names.
func dataFolder(d deps, flag string) string {
	return cmp.Or(flag, d.env(envData), config.Default().Data)
}
