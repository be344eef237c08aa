package sdkproof_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// contractPage is the reference that comments call the contract.
func contractPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/vendor-api.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// section returns a section of a page with those below it.
func section(t *testing.T, page, title string) string {
	t.Helper()
	level, _, _ := strings.Cut(title, " ")
	_, text, found := strings.Cut(page, "\n"+title)
	if !found {
		t.Fatalf("docs/vendor-api.md has no section %q", title)
	}
	for l := level; len(l) > 1; l = l[1:] {
		text, _, _ = strings.Cut(text, "\n"+l+" ")
	}
	return text
}

// testSources returns the tests of the internal packages, but for this file.
func testSources(t *testing.T) string { t.Helper(); return sources(t, true) }

// sources returns the text of the internal packages: their tests, or all else.
func sources(t *testing.T, tests bool) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") ||
			strings.HasSuffix(path, "_test.go") != tests || d.Name() == "rows_test.go" {
			return err
		}
		text, err := os.ReadFile(path)
		b.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestContract_3_EveryCodeOfTheTablesIsHeldByATest goes through the tables of §3:
// a code that no test expects by its name is a row that nobody holds.
func TestContract_3_EveryCodeOfTheTablesIsHeldByATest(t *testing.T) {
	t.Parallel()
	tests := testSources(t)
	text := section(t, contractPage(t), "## 3. Error codes")
	code := regexp.MustCompile("`([A-Z][A-Za-z_]+(?:\\.[A-Z][A-Za-z_]+)*)`")
	found := 0
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || strings.HasPrefix(cells[1], " row ") || strings.HasPrefix(cells[1], " code ") {
			continue
		}
		for _, m := range code.FindAllStringSubmatch(cells[1], -1) {
			if _, isParameter := parameterNames()[m[1]]; isParameter {
				continue // §3.4 tells conditions of parameters
			}
			found++
			if !strings.Contains(tests, `"`+m[1]+`"`) {
				t.Errorf("§3: no test expects %s", m[1])
			}
		}
	}
	if found < 25 {
		t.Errorf("only %d codes were found: has the page another form?", found)
	}
}

// parameterNames are those in the first column of §3.4.
func parameterNames() map[string]struct{} {
	names := map[string]struct{}{}
	for _, n := range []string{"MediaIds", "TaskType", "Formats", "Definitions", "StreamType", "ResultType", "SliceFlag", "SliceCount", "UserData", "MediaRefreshJobId"} {
		names[n] = struct{}{}
	}
	return names
}

// TestContract_4_EveryParameterOfTheTablesHasATest goes through the tables of
// parameters in §4: each must be set by a test of the handler that is named after
// the section, or after the rows of §3.4 in the case of §4.1.
func TestContract_4_EveryParameterOfTheTablesHasATest(t *testing.T) {
	t.Parallel()
	tests := testsBySection(t)
	page := section(t, contractPage(t), "## 4. Operations")
	name := regexp.MustCompile("`([A-Za-z0-9]+)`")
	found := 0
	for _, part := range strings.Split(page, "\n### 4.")[1:] {
		number, _, _ := strings.Cut(part, " ")
		inTable := false
		for line := range strings.Lines(part) {
			switch {
			case strings.HasPrefix(line, "| parameter"):
				inTable = true
			case !strings.HasPrefix(line, "|"):
				inTable = false
			case inTable:
				for _, m := range name.FindAllStringSubmatch(strings.Split(line, "|")[1], -1) {
					found++
					where := tests["4_"+number]
					if number == "1" {
						where += tests["3_4"]
					}
					if !strings.Contains(where, `"`+m[1]) {
						t.Errorf("§4.%s: no test TestContract_4_%s_… sets %s", number, number, m[1])
					}
				}
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d parameters were found: has the page another form?", found)
	}
}

// testsBySection returns the bodies of tests that are named after a section of
// the contract, by its number with "_" in the place of the dot.
func testsBySection(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	title := regexp.MustCompile(`^TestContract_(\d+_\d+)_`)
	for body := range strings.SplitSeq(testSources(t), "\nfunc ") {
		if m := title.FindStringSubmatch(body); m != nil {
			out[m[1]] += body
		}
	}
	if len(out) < 10 {
		t.Fatalf("tests of %v only", slices.Sorted(maps.Keys(out)))
	}
	return out
}
