package rpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/rpc"
)

// domainBook keeps domains as the engine does.
type domainBook struct {
	mu    sync.Mutex
	all   map[string]freshet.Domain
	reads int // of the domains of an account
}

func (b *domainBook) AddDomain(_ context.Context, d freshet.Domain) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.all[d.Name]; ok {
		return freshet.Errorf(freshet.CodeConflict, "The name %s is taken by another domain.", d.Name)
	}
	if len(b.all) > 100 {
		return freshet.Errorf(freshet.CodeTooLarge, "An account has at most 100 domains.")
	}
	b.all[d.Name] = d
	return nil
}

func (b *domainBook) ChangeDomains(_ context.Context, account string, names []string, change func(*freshet.Domain) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	changed := maps.Clone(b.all)
	for _, name := range names {
		d, ok := b.all[name]
		if !ok || d.Account != account {
			return freshet.Errorf(freshet.CodeNotFound, "There is no domain %q.", name)
		}
		if err := change(&d); err != nil {
			return err
		}
		changed[name] = d
	}
	b.all = changed
	return nil
}

// booked is an Engine whose domains are those of a book.
type booked struct {
	*scripted
	book *domainBook
}

func (e booked) Domains(_ context.Context, account string) ([]freshet.Domain, error) {
	e.book.mu.Lock()
	defer e.book.mu.Unlock()
	e.book.reads++
	var list []freshet.Domain
	for _, name := range slices.Sorted(maps.Keys(e.book.all)) {
		if d := e.book.all[name]; d.Account == account {
			list = append(list, d)
		}
	}
	return list, nil
}

// withDomains serves the operations about domains. The operator's account is
// "root": acme is a tenant.
func withDomains(tb testing.TB, change ...func(*rpc.Options)) (*fixture, *domainBook) {
	tb.Helper()
	book := &domainBook{all: map[string]freshet.Domain{}}
	f := setup(tb, append([]func(*rpc.Options){func(o *rpc.Options) {
		o.Engine, o.Domains, o.Operator = booked{newScripted(), book}, book, "root"
		o.CheckHost = func(host string) error {
			if host == "10.0.0.1" {
				return errors.New("a private address")
			}
			return nil
		}
	}}, change...)...)
	return f, book
}

const oneSource = `[{"content":"192.0.2.7","type":"ipaddr","priority":"20","port":80,"weight":"10"}]`

type domainsBody struct {
	PageNumber, PageSize, TotalCount int
	Domains                          struct {
		PageData []struct {
			DomainName, Cname, Description, DomainStatus, GmtCreated, GmtModified, Sandbox, SslProtocol string
			Sources                                                                                     struct {
				Source []struct {
					Content, Priority, Type string
					Port                    int
				}
			}
		}
	}
}

func listed(t *testing.T, a answer) domainsBody {
	t.Helper()
	var b domainsBody
	if err := json.Unmarshal([]byte(a.body), &b); err != nil || a.status != http.StatusOK {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return b
}

func names(b domainsBody) string {
	var out []string
	for _, d := range b.Domains.PageData {
		out = append(out, d.DomainName)
	}
	return strings.Join(out, " ")
}

// TestContract_4_15_AddVodDomain: every parameter of the row.
func TestContract_4_15_AddVodDomain(t *testing.T) {
	t.Parallel()
	f, book := withDomains(t)
	f.call("AddVodDomain", "DomainName", "New.example.com", "CheckUrl", "new.example.com/t.html", "Scope", "GLOBAL", "ResourceGroupId", "rg-1",
		"TopLevelDomain", "example.com", "Tag.1.Key", "k", "Tag.1.Value", "v", "Tag.20.Key", "k20",
		"Sources", `[{"content":"backup.example.com","type":"domain","priority":30,"port":"443"},{"content":"bucket.oss.example.com","type":"oss","priority":"20","port":8080}]`).
		ok(t)
	want := freshet.Domain{
		Account: account, Name: "new.example.com", Origin: "http://bucket.oss.example.com:8080", CheckURL: "new.example.com/t.html",
		Scope: "global", ResourceGroup: "rg-1", Tags: map[string]string{"k": "v", "k20": ""}, Guarded: true, Unapproved: true,
		Sources: []freshet.Source{
			{Content: "backup.example.com", Type: freshet.SourceDomain, Port: 443, Priority: "30"},
			{Content: "bucket.oss.example.com", Type: freshet.SourceOSS, Port: 8080, Priority: "20"},
		},
	}
	if d := cmp.Diff(want, book.all["new.example.com"]); d != "" {
		t.Error(d)
	}
	f.call("AddVodDomain", "DomainName", "v6.example.com", "Sources", `[{"content":"2001:DB8::1","type":"ipaddr"}]`).ok(t)
	if d := book.all["v6.example.com"]; d.Origin != "http://[2001:db8::1]" || d.Scope.OrDefault() != "domestic" {
		t.Errorf("%+v", d)
	}
}

// TestContract_12_OperatorsDomainsNeedNoApproval: only a tenant's wait, and
// only a tenant's sources are guarded.
func TestContract_12_OperatorsDomainsNeedNoApproval(t *testing.T) {
	t.Parallel()
	for _, operator := range []string{account, ""} {
		f, book := withDomains(t, func(o *rpc.Options) { o.Operator = operator })
		f.call("AddVodDomain", "DomainName", "new.example.com", "Sources", `[{"content":"10.0.0.1","type":"ipaddr"}]`).ok(t)
		if d := book.all["new.example.com"]; d.Status() != freshet.DomainOnline || d.Guarded {
			t.Errorf("operator %q: %+v", operator, d)
		}
	}
}

// TestContract_3_2_AddVodDomain: the codes of the row.
func TestContract_3_2_AddVodDomain(t *testing.T) {
	t.Parallel()
	f, book := withDomains(t)
	book.all["theirs.example.com"] = freshet.Domain{Account: "other", Name: "theirs.example.com"}
	book.all["mine.example.com"] = freshet.Domain{Account: account, Name: "mine.example.com"}
	for name, c := range map[string]struct {
		code string
		kv   []string
	}{
		"no name":                {"MissingParameter", []string{"Sources", oneSource}},
		"no sources":             {"MissingParameter", []string{"DomainName", "a.example.com"}},
		"path":                   {"InvalidDomainName.Malformed", []string{"DomainName", "a.example.com/b", "Sources", oneSource}},
		"scheme":                 {"InvalidDomainName.Malformed", []string{"DomainName", "http://a.example.com", "Sources", oneSource}},
		"underscore host":        {"InvalidDomainName.Malformed", []string{"DomainName", "*.example.com", "Sources", oneSource}},
		"wildcard":               {"CdnTypeNotSupportExtensiveDomain", []string{"DomainName", ".example.com", "Sources", oneSource}},
		"sources no JSON":        {"InvalidSources.Malformed", []string{"DomainName", "a.example.com", "Sources", "192.0.2.7"}},
		"sources an object":      {"InvalidSources.Malformed", []string{"DomainName", "a.example.com", "Sources", "{}"}},
		"sources none":           {"InvalidSources.Malformed", []string{"DomainName", "a.example.com", "Sources", "[]"}},
		"sources and more":       {"InvalidSources.Malformed", []string{"DomainName", "a.example.com", "Sources", oneSource + "x"}},
		"sources null":           {"InvalidSources.Malformed", []string{"DomainName", "a.example.com", "Sources", "null"}},
		"source type":            {"InvalidSourceType.Malformed", []string{"DomainName", "a.example.com", "Sources", `[{"content":"x","type":"ftp"}]`}},
		"source address":         {"InvalidSources.Malformed", []string{"DomainName", "a.example.com", "Sources", `[{"content":"host","type":"ipaddr"}]`}},
		"source name":            {"InvalidSources.Malformed", []string{"DomainName", "a.example.com", "Sources", `[{"content":"192.0.2.7","type":"domain"}]`}},
		"source with a path":     {"InvalidSources.Malformed", []string{"DomainName", "a.example.com", "Sources", `[{"content":"o/../x","type":"domain"}]`}},
		"source with a user":     {"InvalidSources.Malformed", []string{"DomainName", "a.example.com", "Sources", `[{"content":"u@o","type":"domain"}]`}},
		"source port":            {"InvalidSources.Malformed", []string{"DomainName", "a.example.com", "Sources", `[{"content":"o","type":"domain","port":0}]`}},
		"source port, large":     {"InvalidSources.Malformed", []string{"DomainName", "a.example.com", "Sources", `[{"content":"o","type":"domain","port":65536}]`}},
		"source priority":        {"InvalidPriorities.Malformed", []string{"DomainName", "a.example.com", "Sources", `[{"content":"o","type":"domain","priority":"40"}]`}},
		"private source (P9)":    {"InvalidSources.Malformed", []string{"DomainName", "a.example.com", "Sources", `[{"content":"10.0.0.1","type":"ipaddr"}]`}},
		"check URL":              {"InvaildParameter", []string{"DomainName", "a.example.com", "Sources", oneSource, "CheckUrl", "a b"}},
		"scope":                  {"InvalidScope.Malformed", []string{"DomainName", "a.example.com", "Sources", oneSource, "Scope", "moon"}},
		"resource group":         {"InvalidResourceGroupId.Malformed", []string{"DomainName", "a.example.com", "Sources", oneSource, "ResourceGroupId", "r g"}},
		"value without its key":  {"MissingParameter", []string{"DomainName", "a.example.com", "Sources", oneSource, "Tag.1.Value", "x"}},
		"key twice":              {"InvalidParameter", []string{"DomainName", "a.example.com", "Sources", oneSource, "Tag.1.Key", "x", "Tag.2.Key", "x"}},
		"own name taken":         {"DomainAlreadyExist", []string{"DomainName", "mine.example.com", "Sources", oneSource}},
		"name of another (P8)":   {"DomainAlreadyExist", []string{"DomainName", "theirs.example.com", "Sources", oneSource}},
		"name of another, cased": {"DomainAlreadyExist", []string{"DomainName", "THEIRS.example.com", "Sources", oneSource}},
	} {
		a := f.call("AddVodDomain", c.kv...)
		a.refused(t, 400, c.code, "")
		if len(book.all) != 2 {
			t.Fatalf("%s: something was added", name)
		}
	}
	for i := range 200 {
		book.all[strconv.Itoa(i)] = freshet.Domain{}
	}
	f.call("AddVodDomain", "DomainName", "a.example.com", "Sources", oneSource).refused(t, 403, "DomainOverLimit", "")
}

// TestContract_4_15_DescribeVodUserDomains: filters, paging, and every field
// of the answer.
func TestContract_4_15_DescribeVodUserDomains(t *testing.T) {
	t.Parallel()
	f, book := withDomains(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, d := range []freshet.Domain{
		{Name: "a.example.com", Origin: "https://origin.example.com", TLS: true, Created: at, Modified: at.Add(time.Hour), Tags: map[string]string{"team": "x", "env": "p"}},
		{Name: "b.example.com", Origin: "http://192.0.2.7:8080/base", Offline: true, Tags: map[string]string{"team": "y"}},
		{Name: "c.example.org", Origin: "http://o", Unapproved: true, Sources: []freshet.Source{{Content: "o", Type: "oss", Port: 80, Priority: "30"}}},
	} {
		d.Account = account
		book.all[d.Name] = d
	}
	book.all["theirs.example.com"] = freshet.Domain{Account: "other", Name: "theirs.example.com"}

	all := listed(t, f.call("DescribeVodUserDomains"))
	if all.TotalCount != 3 || all.PageNumber != 1 || all.PageSize != 20 || names(all) != "a.example.com b.example.com c.example.org" {
		t.Fatalf("%+v", all)
	}
	got, err := json.Marshal(all.Domains.PageData)
	want := `[{"DomainName":"a.example.com","Cname":"","Description":"","DomainStatus":"online","GmtCreated":"2026-01-02T03:04:05Z","GmtModified":"2026-01-02T04:04:05Z","Sandbox":"normal","SslProtocol":"on","Sources":{"Source":[{"Content":"origin.example.com","Priority":"20","Type":"domain","Port":443}]}},` +
		`{"DomainName":"b.example.com","Cname":"","Description":"","DomainStatus":"offline","GmtCreated":"","GmtModified":"","Sandbox":"normal","SslProtocol":"off","Sources":{"Source":[{"Content":"192.0.2.7","Priority":"20","Type":"ipaddr","Port":8080}]}},` +
		`{"DomainName":"c.example.org","Cname":"","Description":"Waits for the operator's approval.","DomainStatus":"checking","GmtCreated":"","GmtModified":"","Sandbox":"normal","SslProtocol":"off","Sources":{"Source":[{"Content":"o","Priority":"30","Type":"oss","Port":80}]}}]`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, cmp.Diff(want, string(got)))
	}
	for name, c := range map[string]struct {
		want  string
		total int
		kv    []string
	}{
		"DomainName is fuzzy by default": {"a.example.com b.example.com", 2, []string{"DomainName", "EXAMPLE.com"}},
		"fuzzy_match":                    {"a.example.com", 1, []string{"DomainName", "a.ex", "DomainSearchType", "fuzzy_match"}},
		"pre_match":                      {"b.example.com", 1, []string{"DomainName", "b.", "DomainSearchType", "pre_match"}},
		"pre_match, not inside":          {"", 0, []string{"DomainName", "example", "DomainSearchType", "pre_match"}},
		"suf_match":                      {"c.example.org", 1, []string{"DomainName", ".org", "DomainSearchType", "suf_match"}},
		"full_match":                     {"", 0, []string{"DomainName", "a.example", "DomainSearchType", "full_match"}},
		"full_match, whole":              {"a.example.com", 1, []string{"DomainName", "a.example.com", "DomainSearchType", "full_match"}},
		"online":                         {"a.example.com", 1, []string{"DomainStatus", "online"}},
		"offline":                        {"b.example.com", 1, []string{"DomainStatus", "offline"}},
		"checking":                       {"c.example.org", 1, []string{"DomainStatus", "checking"}},
		"configuring":                    {"", 0, []string{"DomainStatus", "configuring"}},
		"configure_failed":               {"", 0, []string{"DomainStatus", "configure_failed"}},
		"check_failed":                   {"", 0, []string{"DomainStatus", "check_failed"}},
		"tag by key":                     {"a.example.com b.example.com", 2, []string{"Tag.1.Key", "team"}},
		"tag by value":                   {"b.example.com", 1, []string{"Tag.1.Key", "team", "Tag.1.Value", "y"}},
		"tags together":                  {"a.example.com", 1, []string{"Tag.1.Key", "team", "Tag.20.Key", "env", "Tag.20.Value", "p"}},
		"tag of none":                    {"", 0, []string{"Tag.1.Key", "absent"}},
		"another's name (P8)":            {"", 0, []string{"DomainName", "theirs.example.com"}},
		"page 1":                         {"a.example.com b.example.com", 3, []string{"PageSize", "2"}},
		"page 2":                         {"c.example.org", 3, []string{"PageSize", "2", "PageNumber", "2"}},
		"page beyond":                    {"", 3, []string{"PageSize", "50", "PageNumber", "9999999"}},
	} {
		b := listed(t, f.call("DescribeVodUserDomains", c.kv...))
		if names(b) != c.want || b.TotalCount != c.total {
			t.Errorf("%s: %s (%d), want %s (%d)", name, names(b), b.TotalCount, c.want, c.total)
		}
	}
}

// TestContract_3_2_DescribeVodUserDomains: the codes of the row.
func TestContract_3_2_DescribeVodUserDomains(t *testing.T) {
	t.Parallel()
	f, _ := withDomains(t)
	for code, kv := range map[string][]string{
		"InvalidPageNumber.ValueNotSupported":       {"PageNumber", "0"},
		"InvalidPageSize.ValueNotSupported":         {"PageSize", "51"},
		"InvalidDomainName.Malformed":               {"DomainName", "a b"},
		"InvalidDomainStatus.ValueNotSupported":     {"DomainStatus", "gone"},
		"InvalidDomainSearchType.ValueNotSupported": {"DomainSearchType", "like"},
	} {
		text := ""
		if p, ok := strings.CutSuffix(code, ".ValueNotSupported"); ok {
			text = "The specified value of parameter " + strings.TrimPrefix(p, "Invalid") + " is not supported."
		}
		f.call("DescribeVodUserDomains", kv...).refused(t, 400, code, text)
	}
}

// TestStopAndStart: the extension, in the words of the vendor's CDN; all of the
// names or none.
func TestStopAndStart(t *testing.T) {
	t.Parallel()
	f, book := withDomains(t)
	for _, n := range []string{"a.example.com", "b.example.com"} {
		book.all[n] = freshet.Domain{Account: account, Name: n}
	}
	book.all["wait.example.com"] = freshet.Domain{Account: account, Name: "wait.example.com", Unapproved: true}
	book.all["theirs.example.com"] = freshet.Domain{Account: "other", Name: "theirs.example.com"}

	f.call("BatchStopVodDomain").refused(t, 400, "MissingParameter", missingText("DomainNames"))
	f.call("BatchStopVodDomain", "DomainNames", manyNames(51)).refused(t, 400, "InvalidParameter", "")
	theirs := f.call("BatchStopVodDomain", "DomainNames", "a.example.com,theirs.example.com")
	theirs.refused(t, 404, "InvalidDomain.NotFound", "The domain provided does not belong to you.")
	f.call("BatchStopVodDomain", "DomainNames", "a.example.com,nobodys.example.com").
		refused(t, 404, "InvalidDomain.NotFound", "The domain provided does not belong to you.")
	f.call("BatchStopVodDomain", "DomainNames", "a.example.com,wait.example.com").refused(t, 403, "ServiceBusy", "")
	if book.all["a.example.com"].Offline {
		t.Error("a call that was refused stopped a domain")
	}
	f.call("BatchStopVodDomain", "DomainNames", "A.example.com, b.example.com").ok(t)
	if b := listed(t, f.call("DescribeVodUserDomains", "DomainStatus", "offline")); b.TotalCount != 2 {
		t.Errorf("%+v", b)
	}
	f.call("BatchStartVodDomain", "DomainNames", "a.example.com").ok(t)
	if b := listed(t, f.call("DescribeVodUserDomains", "DomainStatus", "offline")); names(b) != "b.example.com" {
		t.Errorf("%+v", b)
	}
}

func manyNames(n int) string {
	var out []string
	for i := range n {
		out = append(out, strconv.Itoa(i)+".example.com")
	}
	return strings.Join(out, ",")
}

// TestP8_DomainsOfOthersAreNotThere: whatever is asked, the other account's
// domains neither show nor change, at the same number of reads.
func TestP8_DomainsOfOthersAreNotThere(t *testing.T) {
	t.Parallel()
	f, book := withDomains(t)
	book.all["a.example.com"] = freshet.Domain{Account: account, Name: "a.example.com"}
	before := book.reads
	if b := listed(t, f.as(t, "second", "DescribeVodUserDomains", "DomainName", "a.example.com")); b.TotalCount != 0 {
		t.Errorf("%+v", b)
	}
	there := book.reads - before
	before = book.reads
	if b := listed(t, f.as(t, "second", "DescribeVodUserDomains", "DomainName", "none.example.com")); b.TotalCount != 0 || book.reads-before != there {
		t.Errorf("%+v, %d reads, not %d", b, book.reads-before, there)
	}
	f.as(t, "second", "BatchStopVodDomain", "DomainNames", "a.example.com").refused(t, 404, "InvalidDomain.NotFound", "")
	if book.all["a.example.com"].Offline {
		t.Error("another account stopped the domain")
	}
}

// FuzzSources: no value of the parameter is a fault of ours, and none makes an
// origin with more than a host and a port.
func FuzzSources(f *testing.F) {
	f.Add(oneSource)
	f.Add(`[{"content":"o@x","type":"oss","port":"1e1","priority":20}]`)
	f.Add(`[{"content":"::1","type":"ipaddr","port":443}]`)
	f.Fuzz(func(t *testing.T, sources string) {
		fx, book := withDomains(t)
		a := fx.call("AddVodDomain", "DomainName", "a.example.com", "Sources", sources)
		if a.status >= 500 {
			t.Fatalf("%q: %s", sources, a.body)
		}
		d, ok := book.all["a.example.com"]
		if ok != (a.status == http.StatusOK) {
			t.Fatalf("%q: %s, %+v", sources, a.body, d)
		}
		if u, err := url.Parse(d.Origin); ok && (err != nil || u.Host == "" || u.Path != "" || u.User != nil || u.RawQuery != "") {
			t.Fatalf("%q is asked at %q", sources, d.Origin)
		}
	})
}
