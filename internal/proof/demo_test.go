package proof_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestDemo_EveryCheckHolds runs `freshet demo` as a user does.
func TestDemo_EveryCheckHolds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, exe, "demo").CombinedOutput()
	if err != nil || strings.Contains(string(out), "FAIL") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
