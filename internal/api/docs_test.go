package api_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
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

func TestManual_TellsAllOfEvidence(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, of := range []reflect.Type{reflect.TypeFor[freshet.Delivery](), reflect.TypeFor[freshet.Copy]()} {
		for f := range of.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	for o := freshet.OutcomeNone; o <= freshet.OutcomeExcused; o++ {
		names = append(names, o.String())
	}
	for v := freshet.VerifiedNone; v <= freshet.VerifiedProbe; v++ {
		names = append(names, v.String())
	}
	_, chapter, _ := strings.Cut(string(manual), "## Evidence")
	chapter, _, _ = strings.Cut(chapter, "\n## ")
	for _, name := range names {
		if !strings.Contains(chapter, "`"+name+"`") {
			t.Errorf("docs/api.md does not say what %s is", name)
		}
	}
}

func TestManual_TellsAllOfAPOP(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, _ := strings.Cut(string(manual), "\n## POPs\n")
	chapter, _, _ = strings.Cut(chapter, "\n## ")
	for f := range reflect.TypeFor[freshet.POPStatus]().Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); !strings.Contains(chapter, "`"+name+"`") {
			t.Errorf("docs/api.md does not say what %s of a POP is", name)
		}
	}
}
