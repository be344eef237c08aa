package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet/internal/api/apitest"
	"github.com/freshet-vod/freshet/internal/config"
)

// TestPOPDown_WhoeverSitsThereIsAsked: only a yes is one, and programs get the
// fault.
func TestPOPDown_WhoeverSitsThereIsAsked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		asks   bool
		answer string
		code   int
		state  string
	}{
		{true, "y\n", exitOK, "down"},
		{true, " YES\n", exitOK, "down"},
		{true, "n\n", exitInput, "up"},
		{true, "", exitInput, "up"},
		{true, "shield\n", exitInput, "up"},
		{false, "y\n", exitInput, "up"},
	} {
		f := scripted()
		env := map[string]string{
			"FRESHET_ENDPOINT": apitest.Serve(t, f).URL, config.EnvAccessKeyID: apitest.KeyID, config.EnvAccessKeySecret: apitest.Secret,
		}
		var out, said bytes.Buffer
		code := execute(t.Context(), deps{
			args: []string{"pop", "down", "shield"}, in: strings.NewReader(c.answer), out: &out, err: &said,
			env: func(k string) string { return env[k] }, asks: c.asks, servers: servers(),
		})
		list, err := f.POPs(t.Context())
		if err != nil || code != c.code || list[0].State != c.state {
			t.Errorf("%+v: code %d, %+v, %v; %s", c, code, list[0], err, said.String())
		}
		if asked := strings.Contains(said.String(), "Is shield cut off from viewers and child POPs? [y/N]"); asked != c.asks {
			t.Errorf("%+v: asked: %v; %s", c, asked, said.String())
		}
	}
}
