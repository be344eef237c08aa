package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
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
	fl.StringVarP(&file, "output", "o", "-", "the `FILE` to write, which must not exist yet; .gz and .zst are compressed; - is standard output")
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
		n, err := c.ExportEvidence(cmd.Context(), f, out)
		if err := errors.Join(err, out.Close()); err != nil {
			if file != "-" {
				_ = os.Remove(file) // half an export is taken for a whole one
			}
			return err
		}
		r.note("%d lines", n)
		return nil
	})
	return cmd
}

// output is a file, compressed by its name, or standard output.
type output struct {
	io.Writer
	closers []func() error
}

// Close finishes what was written.
func (o *output) Close() error {
	var errs []error
	for _, c := range o.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

func openOutput(standard io.Writer, file string) (*output, error) {
	if file == "-" {
		w := bufio.NewWriter(standard)
		return &output{Writer: w, closers: []func() error{w.Flush}}, nil
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the user names the file
	if err != nil {
		return nil, freshet.Errorf(freshet.CodeInvalid, "The file cannot be made: %w.", err)
	}
	w := bufio.NewWriterSize(f, 1<<16)
	o := &output{Writer: w, closers: []func() error{w.Flush, f.Sync, f.Close}}
	switch strings.ToLower(filepath.Ext(file)) {
	case ".gz":
		z := gzip.NewWriter(w)
		o.Writer, o.closers = z, append([]func() error{z.Close}, o.closers...)
	case ".zst":
		z, err := zstd.NewWriter(w)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		o.Writer, o.closers = z, append([]func() error{z.Close}, o.closers...)
	}
	return o, nil
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
			v, err := app.VerifyEvidence(cmd.Context(), dataFolder(d, data))
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
