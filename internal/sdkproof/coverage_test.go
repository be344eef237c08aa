package sdkproof_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet/internal/auth"
)

// contractOperations are those of contract §4.0.
func contractOperations() []string {
	return []string{
		"RefreshMediaPlayUrls", "GetMediaRefreshJobs", "DescribeVodRefreshTasks", "DescribeVodRefreshQuota",
		"RefreshVodObjectCaches", "PreloadVodObjectCaches", "SetMessageCallback", "GetMessageCallback",
		"DeleteMessageCallback", "GetPlayInfo", "SearchMedia", "GetVideoInfo", "GetVideoInfos", "RegisterMedia",
		"DeleteVideo", "DeleteStream", "AddVodDomain", "DescribeVodUserDomains",
	}
}

// faultless are operations without a parameter that could be wrong.
func faultless() []string { return []string{"DescribeVodRefreshQuota"} }

// built asks a server for the code of a call of each operation and returns those
// that it has, sorted.
func built(t *testing.T, endpoint string, actions []string) []string {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	var out []string
	for i, action := range actions {
		p := url.Values{"Action": {action}, "Version": {"2017-03-21"}, "Format": {"JSON"}}
		auth.SignV1(http.MethodGet, p, keyID, secret, time.Now(), "built-"+strconv.Itoa(i))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+endpoint+"/?"+p.Encode(), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		var body struct{ Code string }
		err = json.NewDecoder(resp.Body).Decode(&body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		switch body.Code {
		case "UnsupportedOperation":
		case "InvalidAction.NotFound", "SignatureDoesNotMatch":
			t.Errorf("%s answers %s", action, body.Code)
		default:
			out = append(out, action)
		}
	}
	slices.Sort(out)
	return out
}

// TestContract_4_0_EveryOperationIsTriedWithRealClients holds that the server has
// every operation of the contract, and the table a good call and a refused one of
// each.
func TestContract_4_0_EveryOperationIsTriedWithRealClients(t *testing.T) {
	t.Parallel()
	good, refused := map[string]bool{}, map[string]bool{}
	for _, r := range table() {
		if r.fault != nil {
			refused[r.action] = true
		} else if len(r.want) > 0 {
			good[r.action] = true
		}
	}
	have := built(t, server(t).Addr(), contractOperations())
	for _, action := range contractOperations() {
		if !slices.Contains(have, action) {
			t.Errorf("the server has no %s", action)
		}
		if !good[action] {
			t.Errorf("the table has no good call of %s", action)
		}
		if !refused[action] && !slices.Contains(faultless(), action) {
			t.Errorf("the table has no refused call of %s", action)
		}
	}
}

// TestDocs_TheVendorsOperationsAreThoseThatExist holds that docs/api-vendor.md
// has a section for each operation that the server has, with its three parts, and
// for no other.
func TestDocs_TheVendorsOperationsAreThoseThatExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/api-vendor.md")
	if err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadFile("../rpc/actions.txt")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	_, sections, _ := strings.Cut(string(page), "\n## Operations\n")
	for _, section := range strings.Split(sections, "\n### ")[1:] {
		name, text, _ := strings.Cut(section, "\n")
		documented = append(documented, name)
		for _, part := range []string{"Same", "Beyond", "Left out"} {
			if !regexp.MustCompile(`(?m)^\* \*\*` + part + `\.\*\* \S`).MatchString(text) {
				t.Errorf("%s: no part “%s”", name, part)
			}
		}
	}
	slices.Sort(documented)
	if d := cmp.Diff(built(t, server(t).Addr(), strings.Fields(string(names))), documented); d != "" {
		t.Errorf("built and documented differ (-built +documented):\n%s", d)
	}
}

// TestNode_TheLockNamesNoRegistry holds that the Node packages come from wherever
// the user's npm is told to look.
func TestNode_TheLockNamesNoRegistry(t *testing.T) {
	t.Parallel()
	lock, err := os.ReadFile("testdata/node/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(lock), `"resolved"`) || strings.Contains(string(lock), "://") {
		t.Error("the lock file holds addresses: set omit-lockfile-registry-resolved for npm")
	}
	if n := strings.Count(string(lock), `"integrity": "sha512-`); n < 10 {
		t.Errorf("%d checksums", n)
	}
}
