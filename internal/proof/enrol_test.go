package proof_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cluster"
	"github.com/freshet-vod/freshet/internal/config"
)

// TestEnrolment_WithTheProgramItself runs what an operator runs: POPs that no
// configuration names join with `freshet pop add`, one is revoked while it
// works, killed, refused, and comes back with another token.
func TestEnrolment_WithTheProgramItself(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{POPs: tiers(), Enrol: true})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	freshetCommand := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(ctx, exe, args...)
		cmd.Env = append(os.Environ(), "FRESHET_ENDPOINT="+c.Endpoint, config.EnvAccessKeyID+"="+c.KeyID, config.EnvAccessKeySecret+"="+c.KeySecret)
		var steps strings.Builder
		cmd.Stderr = &steps
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("freshet %s: %v\n%s%s", strings.Join(args, " "), err, out, steps.String())
		}
		return string(out)
	}
	report, err := c.Do(ctx, freshet.Purge, freshet.Filter{}, film)
	must(t, err)
	if report.Tally.Complete == 0 || report.Tally.Failed != 0 || len(report.POPs) != len(tiers()) {
		t.Fatalf("%+v", report)
	}
	if out := freshetCommand("pops"); strings.Count(out, "credential since") != len(tiers()) {
		t.Errorf("the POPs prove who they are with:\n%s", out)
	}

	const refused = "the control plane refuses this POP"
	freshetCommand("pop", "revoke", "edge-1")
	until(ctx, t, c, "the refusal", func() bool { return strings.Count(c.POPs["edge-1"].Log(), refused) == 1 })
	job, err := c.Submit(ctx, freshet.Purge, freshet.Filter{}, film)
	must(t, err)
	_, err = c.WaitPOPs(ctx, job, "shield", "edge-2")
	must(t, err)
	c.POPs["edge-1"].Kill()
	must(t, c.POPs["edge-1"].Start(ctx)) // with the token that it used up
	until(ctx, t, c, "the second refusal", func() bool { return strings.Count(c.POPs["edge-1"].Log(), refused) == 2 })
	report, err = c.Client.Job(ctx, job)
	must(t, err)
	if report.Done {
		t.Errorf("a revoked POP owes nothing: %+v", report)
	}
	c.POPs["edge-1"].Kill()
	token := freshetCommand("pop", "add", "edge-1")
	must(t, os.WriteFile(c.TokenFile("edge-1"), []byte(token), 0o600))
	must(t, c.POPs["edge-1"].Start(ctx))
	_, err = c.WaitTasks(ctx, job)
	must(t, err)
	must(t, c.WaitReady(ctx, c.IDs()...))
	for name, log := range map[string]string{"control plane": c.Control.Log(), "edge-1": c.POPs["edge-1"].Log()} {
		if secret := strings.TrimSpace(token); strings.Contains(log, secret) || strings.Contains(log, secret[len(secret)-20:]) {
			t.Errorf("the log of the %s holds a token", name)
		}
	}
	freshetCommand("pop", "remove", "edge-1", "--cut-off") // nobody asks it, but it has just started
	report, err = c.Do(ctx, freshet.Purge, freshet.Filter{}, film)
	must(t, err)
	if len(report.POPs) != len(tiers())-1 {
		t.Errorf("a removed POP is waited for: %+v", report.POPs)
	}
}

// until waits for a condition.
func until(ctx context.Context, t *testing.T, c *cluster.Cluster, what string, holds func() bool) {
	t.Helper()
	for !holds() {
		if err := c.Pause(ctx); err != nil {
			t.Fatalf("%s did not happen", what)
		}
	}
}
