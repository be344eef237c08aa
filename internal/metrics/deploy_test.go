package metrics_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/freshet-vod/freshet/internal/metrics"
)

const (
	rulesFile     = "../../deploy/prometheus/freshet.rules.yml"
	dashboardFile = "../../deploy/grafana/freshet.json"
)

// TestRules_PrometheusTakesThem has Prometheus' own checker read the rules.
func TestRules_PrometheusTakesThem(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is not installed; scripts/ensure-test-tools installs it")
	}
	out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", "--lint=all", "--lint-fatal", rulesFile).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "SUCCESS: 14 rules found") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestRules_TellOfADiskThatFillsUp has it evaluate them, too.
func TestRules_TellOfADiskThatFillsUp(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is not installed; scripts/ensure-test-tools installs it")
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", "testdata/disk.test.yml").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestRules_AndTheDashboardAskForMetricsThatExist holds every expression against
// the names, and every alert against the page that says what to do.
func TestRules_AndTheDashboardAskForMetricsThatExist(t *testing.T) {
	t.Parallel()
	var expressions []string
	guide := read(t, "../../docs/operations.md")
	for _, name := range alerts(t, &expressions) {
		if !strings.Contains(string(guide), "`"+name+"`") {
			t.Errorf("docs/operations.md does not say what to do about %s", name)
		}
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(read(t, dashboardFile), &dashboard); err != nil || len(dashboard.Panels) < 10 {
		t.Fatalf("the dashboard has %d panels, %v", len(dashboard.Panels), err)
	}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			expressions = append(expressions, target.Expr)
		}
	}
	known := map[string]metrics.Desc{}
	for _, d := range metrics.All() {
		known[d.Name] = d
		if d.Kind == metrics.Histogram {
			known[d.Name+"_bucket"] = d
		}
	}
	for _, e := range expressions {
		for _, name := range regexp.MustCompile(`freshet_\w+`).FindAllString(e, -1) {
			if _, ok := known[name]; !ok {
				t.Errorf("%q asks for %s, which does not exist", e, name)
			}
		}
		for _, m := range regexp.MustCompile(`(freshet_\w+)\{(\w+)`).FindAllStringSubmatch(e, -1) {
			if !slices.Contains(known[m[1]].Labels, m[2]) {
				t.Errorf("%q asks for the label %s of %s, which has %v", e, m[2], m[1], known[m[1]].Labels)
			}
		}
	}
}

// alerts returns the names of the alerts, and appends their expressions.
func alerts(t *testing.T, expressions *[]string) []string {
	t.Helper()
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(read(t, rulesFile), &rules); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			names = append(names, r.Alert)
			*expressions = append(*expressions, r.Expr)
		}
	}
	if len(names) < 5 {
		t.Fatalf("there are %d alerts", len(names))
	}
	return names
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
