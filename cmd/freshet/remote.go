package main

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/config"
)

// The variables that say where the server and its data are.
const (
	envEndpoint = "FRESHET_ENDPOINT"
	envData     = "FRESHET_DATA"
)

// remote is what every command that speaks to a server has: the server, the
// key, and the form of its output.
type remote struct {
	deps
	endpoint, data string
	json           bool
}

// addRemote gives a command the flags of remote.
func addRemote(d deps, cmd *cobra.Command) *remote {
	r := &remote{deps: d}
	f := cmd.Flags()
	f.StringVar(&r.endpoint, "endpoint", "", "server `URL` (default $"+envEndpoint+" or "+client.DefaultEndpoint+")")
	f.StringVar(&r.data, "data", "", "data `folder` of the server, for its credentials file (default $"+envData+" or "+config.Default().Data+")")
	f.BoolVar(&r.json, "json", false, "print JSON for programs")
	return r
}

// client makes a client with the key from the environment, or else from the
// credentials file.
func (r *remote) client() (*client.Client, error) {
	key, ok, err := config.EnvCredentials(r.env)
	if err != nil {
		return nil, err
	}
	if !ok {
		data := cmp.Or(r.data, r.env(envData), config.Default().Data)
		key, err = config.ReadCredentials(data)
		if freshet.ErrorCode(err) == freshet.CodeNotFound {
			return nil, freshet.Errorf(freshet.CodeUnauthenticated,
				"No access key: set %s and %s, or name the server's data folder with --data; there is no %s.",
				config.EnvAccessKeyID, config.EnvAccessKeySecret, config.CredentialsPath(data))
		}
		if err != nil {
			return nil, err
		}
	}
	return client.New(client.Options{
		Endpoint: cmp.Or(r.endpoint, r.env(envEndpoint)), UserAgent: "freshet/" + release().Version,
		AccessKeyID: key.AccessKeyID, AccessKeySecret: key.AccessKeySecret, SecurityToken: key.SecurityToken,
		Patience: queuePatience, Waiting: func(err error, wait time.Duration) {
			r.note("freshet: %s Trying again in %s.", message(err), wait.Round(time.Second))
		},
	})
}

// queuePatience is how long a command waits for a server that says when to come
// again. A full queue is worth it; a disk on which somebody has to make room
// first (a minute) is told at once, with what to do.
const queuePatience = 45 * time.Second

// message is what the user is told of an error.
func message(err error) string {
	if e, ok := errors.AsType[*freshet.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

// show prints v as JSON, or calls text.
func (r *remote) show(v any, text func() error) error {
	if r.json {
		return writeJSON(r.out, v, true)
	}
	return text()
}

// note tells people something beside the output proper. Programs are told
// nothing there but faults.
func (r *remote) note(format string, args ...any) {
	if r.json {
		return
	}
	fmt.Fprintln(r.err, clean(fmt.Sprintf(format, args...)))
}

// run makes the RunE of a command that calls a server.
func (r *remote) run(f func(cmd *cobra.Command, c *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := r.client()
		if err != nil {
			return err
		}
		defer c.Close()
		if err := f(cmd, c, args); err != nil {
			return hinted(cmd, c, args, err)
		}
		return nil
	}
}
