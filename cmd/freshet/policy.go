package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/policy"
)

func newPolicy(d deps) *cobra.Command {
	return group("policy", "Say what an access key may do", newPolicySet(d), newPolicyShow(d), newPolicyRemove(d))
}

// readPolicy reads a policy's file, "-" for standard input, and checks it here
// already, so that what is wrong is told also without a server.
func readPolicy(d deps, file string) (string, error) {
	in := d.in
	if file != "-" {
		f, err := os.Open(file) //nolint:gosec // the user names the file
		if err != nil {
			return "", freshet.Errorf(freshet.CodeInvalid, "reading the policy: %w", err)
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, policy.MaxSize+1))
	if err != nil {
		return "", freshet.Errorf(freshet.CodeInvalid, "reading the policy: %w", err)
	}
	if _, err := policy.Parse(b); err != nil {
		return "", err
	}
	return string(b), nil
}

func newPolicySet(d deps) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "set KEY", Short: "Give an access key a policy, in place of the one that it has",
		Long: "Give an access key a policy in the vendor's RAM form, in place of the one that it has.\ndocs/vendor-api.md §1.9 says what a policy may hold.",
	}
	r := addRemote(d, cmd)
	cmd.Flags().StringVar(&file, "file", "", "`FILE` with the policy, - for standard input")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := cobra.ExactArgs(1)(cmd, args); err != nil || file != "" {
			return err
		}
		return errors.New("--file is needed")
	}
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		document, err := readPolicy(d, file)
		if err != nil {
			return err
		}
		return r.policyChanged(args[0], "has the policy now", c.SetKeyPolicy(cmd.Context(), args[0], document))
	})
	return cmd
}

func newPolicyRemove(d deps) *cobra.Command {
	cmd := &cobra.Command{Use: "remove KEY", Short: "Let an access key do everything in its account", Args: cobra.ExactArgs(1)}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		return r.policyChanged(args[0], "may do everything in its account", c.SetKeyPolicy(cmd.Context(), args[0], ""))
	})
	return cmd
}

func (r *remote) policyChanged(key, what string, err error) error {
	if err != nil {
		return err
	}
	return r.show(policyAnswer{key, true}, func() error {
		_, err := fmt.Fprintf(r.out, "%s %s\n", clean(key), what)
		return err
	})
}

func newPolicyShow(d deps) *cobra.Command {
	cmd := &cobra.Command{Use: "show KEY", Short: "Show an access key's policy", Args: cobra.ExactArgs(1)}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		document, err := c.KeyPolicy(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		switch {
		case document == "" && r.json:
			_, err := fmt.Fprintln(r.out, "null")
			return err
		case document == "":
			r.note("%s has no policy: it may do everything in its account.", args[0])
			return nil
		case r.json:
			_, err := fmt.Fprintln(r.out, document)
			return err
		}
		var b bytes.Buffer
		if err := json.Indent(&b, []byte(document), "", "  "); err != nil {
			return freshet.Errorf(freshet.CodeInternal, "The server's answer is not understood: %w.", err)
		}
		_, err = fmt.Fprintln(r.out, b.String())
		return err
	})
	return cmd
}
