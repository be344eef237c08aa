package api_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestManual_NamesEveryRoute(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("route.go")
	if err != nil {
		t.Fatal(err)
	}
	manual, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	patterns := regexp.MustCompile(`pattern: "([^"]+)"`).FindAllStringSubmatch(string(table), -1)
	if len(patterns) < 17 {
		t.Fatalf("found %d routes", len(patterns))
	}
	for _, p := range patterns {
		if !strings.Contains(string(manual), "| `"+p[1]+"` |") {
			t.Errorf("docs/api.md lacks %s", p[1])
		}
	}
}
