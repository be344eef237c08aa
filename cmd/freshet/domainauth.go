package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

func newDomainAuth(d deps) *cobra.Command {
	var in client.DomainAuth
	var mainFile, backupFile string
	var validity time.Duration
	var enforce bool
	var open []string
	cmd := &cobra.Command{
		Use: "auth NAME", Short: "Say how a domain's playback URLs are signed, and whether built-in caches ask for it", Args: cobra.ExactArgs(1),
		Long: `Say how a domain's playback URLs are signed, and whether built-in caches ask for it.

Keys are read from files, so that no list of processes shows them; - is standard
input. What is not given stays as it is. To change keys without turning away
URLs that are out: give the new key as the backup, wait until every POP has it,
then swap the two.`,
		Example: `  freshet domain auth vod.example.com --type A --main-key-file main.key --validity 30m --enforce
  freshet domain auth vod.example.com --type none`,
	}
	f := cmd.Flags()
	f.StringVar(&in.Type, "type", "", "A, B, C, C-query, or none")
	f.StringVar(&mainFile, "main-key-file", "", "`FILE` with the key that signs, 6 to 128 characters")
	f.StringVar(&backupFile, "backup-key-file", "", "`FILE` with a further key that is accepted; an empty file for none")
	f.DurationVar(&validity, "validity", 0, "how long a URL works after the time that it carries (default 30m)")
	f.BoolVar(&enforce, "enforce", false, "built-in caches answer 403 to URLs without a valid signature")
	f.StringSliceVar(&open, "open", nil, "extensions (.ts) and path prefixes (/public/) that need no signature (default "+
		strings.Join(freshet.DefaultOpen(), ",")+")")
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		var err error
		if mainFile != "" {
			if in.MainKey, err = readKey(d.in, mainFile); err != nil {
				return err
			}
		}
		if backupFile != "" {
			key, err := readKey(d.in, backupFile)
			if err != nil {
				return err
			}
			in.BackupKey = &key
		}
		if f.Changed("validity") {
			if validity <= 0 {
				return usageError{errors.New("--validity must be at least 1s")}
			}
			in.Validity = validity.String()
		}
		if f.Changed("enforce") {
			in.Enforce = &enforce
		}
		if f.Changed("open") {
			in.Open = &open
		}
		changed, err := c.SetDomainAuth(cmd.Context(), args[0], in)
		if err != nil {
			return err
		}
		return r.show(changed, func() error { return showDomains(r, changed) })
	})
	return cmd
}

// readKey reads a key from a file, "-" for stdin, without the end of its line.
func readKey(stdin io.Reader, path string) (string, error) {
	var b []byte
	var err error
	if path == "-" {
		b, err = io.ReadAll(io.LimitReader(stdin, 4<<10))
	} else {
		b, err = os.ReadFile(path) //nolint:gosec // the user names the file
	}
	if err != nil {
		return "", fmt.Errorf("reading the key: %w", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}
