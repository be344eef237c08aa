package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/demo"
)

// servers returns the commands that start servers.
func servers() serverCommands {
	return serverCommands{extra: []func(deps) *cobra.Command{newServe, newDemo, newBackup, newRestore, newEvidence, newSecrets}, runPOP: runPOP}
}

func newServe(deps) *cobra.Command {
	var file, data, listen string
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the control plane and the POPs of its configuration", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(file, os.Getenv)
			if err != nil {
				return err
			}
			if data != "" {
				c.Data = data
			}
			if listen != "" {
				if err := c.Listen.UnmarshalText([]byte(listen)); err != nil {
					return usageError{fmt.Errorf("--listen: %w", err)}
				}
			}
			return serve(cmd, c)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration `FILE`; without one: one POP, local, on 127.0.0.1:8081")
	cmd.Flags().StringVar(&data, "data", "", "data `DIR` (default ./freshet-data)")
	cmd.Flags().StringVar(&listen, "listen", "", "`ADDR` of the API (default 127.0.0.1:8080)")
	return cmd
}

func serve(cmd *cobra.Command, c *config.Config) error {
	log := newLog(cmd.ErrOrStderr(), c.Log)
	s, err := app.NewServer(cmd.Context(), app.Options{Config: c, Env: os.Getenv, Log: log, Release: release().Version})
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	_, _ = fmt.Fprintf(out, "freshet serves the API on http://%s, data in %s\n", s.Addr(), c.Data)
	for _, p := range c.POPs {
		if addr := s.POPAddr(p.ID); addr != "" {
			_, _ = fmt.Fprintf(out, "POP %s serves viewers on http://%s\n", p.ID, addr)
		}
	}
	if s.BusAddr() != "" {
		_, _ = fmt.Fprintf(out, "remote POPs connect to nats://%s\n", s.BusAddr())
	}
	switch {
	case s.MadeKey:
		_, _ = fmt.Fprintf(out, "a first access key was made and written to %s\n", s.CredentialsFile)
	case s.CredentialsFile != "":
		_, _ = fmt.Fprintf(out, "the first access key is in %s\n", s.CredentialsFile)
	}
	return s.Run()
}

// runPOP runs one POP as its own process.
func runPOP(cmd *cobra.Command, file string) error {
	c, err := config.Load(file, os.Getenv)
	if err != nil {
		return err
	}
	p, err := app.NewPOP(cmd.Context(), app.Options{Config: c, Env: os.Getenv, Log: newLog(cmd.ErrOrStderr(), c.Log), Release: release().Version})
	if err != nil {
		return err
	}
	if addr := p.Addr(); addr != "" {
		_, _ = fmt.Fprintf(cmd.OutOrStdout(), "POP %s serves viewers on http://%s\n", c.POP.ID, addr)
	} else {
		_, _ = fmt.Fprintf(cmd.OutOrStdout(), "POP %s works %d caches\n", c.POP.ID, len(c.Caches))
	}
	return p.Run()
}

func newDemo(deps) *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use: "demo", Short: "Tell the whole story on this machine, in five acts; exits 0 only if every check held", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// The first Ctrl-C ends the story; a second one must not end this
			// program before its processes and its folder are gone.
			more := make(chan os.Signal, 1)
			signal.Notify(more, os.Interrupt, syscall.SIGTERM)
			defer signal.Stop(more)
			exe, err := os.Executable()
			if err != nil {
				return fmt.Errorf("finding this program's file: %w", err)
			}
			err = demo.Run(cmd.Context(), demo.Options{Exe: exe, Out: cmd.OutOrStdout(), Keep: keep})
			if errors.Is(err, demo.ErrChecks) {
				return exitError{code: exitFailed, text: err.Error()}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave everything running afterwards, and say how to try it")
	return cmd
}

// newLog makes the log of a server process.
func newLog(w io.Writer, c config.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // the configuration is checked; this is for an empty one
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
