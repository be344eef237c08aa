package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/app"
)

func newEvidence(d deps) *cobra.Command {
	return group("evidence", "Export what the POPs said, and check that it is as it was stored",
		newEvidenceExport(d), newEvidenceVerify(d))
}

func newEvidenceExport(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "export", Short: "Write evidence as JSON Lines, in the order in which it was stored", Args: cobra.NoArgs,
		Long: `Writes one line for each thing that a POP said of a task: the URL, what was
stored before and after, when, how it was verified, and the message that said it.
Of several lines about one task and POP the last one holds.`,
		Example: "  freshet evidence export --media film-1 --since 7d -o film-1.jsonl.gz",
	}
	var f freshet.EvidenceFilter
	var from, until, file string
	fl := cmd.Flags()
	fl.StringVar(&f.Account, "account", "", "only that of an `ACCOUNT`; the operator's account may name others (default: the key's own)")
	fl.StringVar(&f.Media, "media", "", "only that of a media `ID`")
	fl.StringVar(&f.POP, "pop", "", "only what one `POP` said")
	fl.StringVar(&from, "since", "", "only from then on: a `TIME` such as 2026-01-02T03:04:05Z, or how long ago, such as 24h or 7d")
	fl.StringVar(&until, "until", "", "only before a `TIME`, as --since")
	fl.StringVarP(&file, "output", "o", "-", "the `FILE` to write, which must not exist yet and appears when it is whole; .gz and .zst are compressed; - is standard output")
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		var err error
		if f.Since, err = since(from, time.Now()); err != nil {
			return err
		}
		if f.Until, err = since(until, time.Now()); err != nil {
			return err
		}
		out, err := openOutput(r.export, file)
		if err != nil {
			return err
		}
		bar := r.exportMeter(cmd, file, "lines")
		n, err := c.ExportEvidence(cmd.Context(), f, bar.writer(out))
		bar.end()
		if err := out.finish(err); err != nil {
			return err
		}
		r.note("%d lines", n)
		return nil
	})
	return cmd
}

func newEvidenceVerify(d deps) *cobra.Command {
	var data string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "verify", Short: "Check that the evidence of a data folder is as it was stored", Args: cobra.NoArgs,
		Long: `Computes the chain of hashes over all evidence anew, from the files of the data
folder, also while a server uses them. Keep the last line's hash somewhere else:
with it, nobody can replace all of the evidence unseen.

Exit codes: 0 all is as it was stored, 3 something was changed, dropped or added.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			bar := newMeter(cmd.Context(), d, "verify", "messages", 0)
			v, err := app.VerifyEvidence(cmd.Context(), dataFolder(d, data), bar.set)
			bar.end()
			if err != nil {
				if cmd.Context().Err() != nil || errors.Is(err, os.ErrNotExist) {
					return err
				}
				return exitError{code: exitFailed, text: fmt.Sprintf("%v (%d messages before it are as they were stored)", err, v.Messages)}
			}
			if asJSON {
				return writeJSON(d.out, v, true)
			}
			if v.Messages == 0 {
				_, err = fmt.Fprintln(d.out, "there is no evidence yet")
				return err
			}
			_, err = fmt.Fprintf(d.out, "%d messages, %s to %s, are as they were stored\nthe chain ends in %s\n", v.Messages, v.First, v.Last, v.Chain)
			return err
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs")
	return cmd
}
