package policy_test

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/policy"
)

// document makes a policy of statements.
func document(statements ...string) string {
	return `{"Version":"1","Statement":[` + strings.Join(statements, ",") + `]}`
}

func rule(effect, action, resource string) string {
	return fmt.Sprintf(`{"Effect":%q,"Action":%q,"Resource":%q}`, effect, action, resource)
}

func parse(tb testing.TB, doc string) *policy.Policy {
	tb.Helper()
	p, err := policy.Parse([]byte(doc))
	if err != nil {
		tb.Fatalf("%s: %v", doc, err)
	}
	return p
}

func ask(action string, r policy.Resource) policy.Request {
	return policy.Request{Account: "acme", Action: action, Resource: r}
}

func TestPolicy_Decides(t *testing.T) {
	t.Parallel()
	m, n, d := policy.Media("m1"), policy.Media("m2"), policy.Domain("vod.example.com")
	for _, c := range []struct {
		name, doc string
		request   policy.Request
		want      bool
	}{
		{"everything", document(rule("Allow", "*", "*")), ask("freshet:ListPOPs", policy.Account()), true},
		{"nothing is said", document(rule("Allow", "vod:GetPlayInfo", "*")), ask("vod:DeleteVideo", m), false},
		{"only a Deny", document(rule("Deny", "vod:GetPlayInfo", "*")), ask("vod:DeleteVideo", m), false},
		{"action in any case", document(rule("Allow", "VOD:getplayinfo", "*")), ask("vod:GetPlayInfo", m), true},
		{"all of a service", document(rule("Allow", "vod:*", "*")), ask("vod:GetPlayInfo", m), true},
		{"not the other service", document(rule("Allow", "vod:*", "*")), ask("freshet:ListPOPs", policy.Account()), false},
		{"star inside", document(rule("Allow", "vod:Get*Info", "*")), ask("vod:GetPlayInfo", m), true},
		{"star inside, another end", document(rule("Allow", "vod:Get*Info", "*")), ask("vod:GetVideoInfos", m), false},
		{"one letter", document(rule("Allow", "vod:GetVideoInfo?", "*")), ask("vod:GetVideoInfos", m), true},
		{"one letter must be there", document(rule("Allow", "vod:GetVideoInfo?", "*")), ask("vod:GetVideoInfo", m), false},
		{"one media", document(rule("Allow", "*", "acs:vod:*:acme:media/m1")), ask("vod:GetPlayInfo", m), true},
		{"another media", document(rule("Allow", "*", "acs:vod:*:acme:media/m1")), ask("vod:GetPlayInfo", n), false},
		{"media by pattern", document(rule("Allow", "*", "acs:vod:cn-shanghai:*:media/m?")), ask("vod:GetPlayInfo", n), true},
		{"IDs have a case", document(rule("Allow", "*", "acs:vod:*:*:media/M1")), ask("vod:GetPlayInfo", m), false},
		{"IDs may hold colons", document(rule("Allow", "*", "acs:vod:*:*:media/a:b")), ask("vod:GetPlayInfo", policy.Media("a:b")), true},
		{"a star crosses slashes", document(rule("Allow", "*", "acs:vod:*:*:media/*")), ask("vod:GetPlayInfo", policy.Media("a/b")), true},
		{"another account's", document(rule("Allow", "*", "acs:vod:*:other:*")), ask("vod:GetPlayInfo", m), false},
		{"all media are not the account", document(rule("Allow", "*", "acs:vod:*:*:media/*")), ask("vod:SearchMedia", policy.Account()), false},
		{"the account", document(rule("Allow", "*", "acs:vod:*:acme:*")), ask("vod:SearchMedia", policy.Account()), true},
		{"media are no domains", document(rule("Allow", "*", "acs:vod:*:*:media/*")), ask("vod:AddVodDomain", d), false},
		{"a domain in any case", document(rule("Allow", "*", "acs:vod:*:*:domain/VOD.example.com")), ask("vod:AddVodDomain", d), true},
		{"domains by pattern", document(rule("Allow", "*", "acs:vod:*:*:domain/*.example.com")), ask("vod:AddVodDomain", d), true},
		{
			"Deny wins after", document(rule("Allow", "*", "*"), rule("Deny", "vod:Delete*", "acs:vod:*:*:media/m1")),
			ask("vod:DeleteVideo", m), false,
		},
		{
			"Deny wins before", document(rule("Deny", "vod:Delete*", "acs:vod:*:*:media/m1"), rule("Allow", "*", "*")),
			ask("vod:DeleteVideo", m), false,
		},
		{
			"Deny spares others", document(rule("Deny", "vod:Delete*", "acs:vod:*:*:media/m1"), rule("Allow", "*", "*")),
			ask("vod:DeleteVideo", n), true,
		},
		{
			"lists", `{"Version":"1","Statement":[{"Effect":"Allow","Action":["vod:A","vod:B"],"Resource":["acs:vod:*:*:media/x","acs:vod:*:*:media/m1"]}]}`,
			ask("vod:B", m), true,
		},
	} {
		if got := parse(t, c.doc).Allows(c.request); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestPolicy_Conditions(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	facts := policy.Facts{SourceIP: netip.MustParseAddr("192.0.2.7"), Time: at}
	six := facts
	six.SourceIP = netip.MustParseAddr("2001:db8::7")
	mapped := facts
	mapped.SourceIP = netip.MustParseAddr("::ffff:192.0.2.7")
	secure := facts
	secure.Secure = true
	for _, c := range []struct {
		condition string
		facts     policy.Facts
		want      bool
	}{
		{`{"IpAddress":{"acs:SourceIp":"192.0.2.7"}}`, facts, true},
		{`{"IpAddress":{"acs:SourceIp":"192.0.2.8"}}`, facts, false},
		{`{"IpAddress":{"acs:SourceIp":["198.51.100.0/24","192.0.2.0/24"]}}`, facts, true},
		{`{"IpAddress":{"acs:SourceIp":"192.0.2.0/24"}}`, mapped, true},
		{`{"IpAddress":{"acs:SourceIp":"2001:db8::/32"}}`, six, true},
		{`{"IpAddress":{"acs:SourceIp":"0.0.0.0/0"}}`, six, false},
		{`{"NotIpAddress":{"acs:SourceIp":"192.0.2.0/24"}}`, facts, false},
		{`{"NotIpAddress":{"acs:SourceIp":["198.51.100.0/24","192.0.2.0/24"]}}`, facts, false},
		{`{"NotIpAddress":{"acs:SourceIp":"198.51.100.0/24"}}`, facts, true},
		{`{"NotIpAddress":{"acs:SourceIp":"198.51.100.0/24"}}`, policy.Facts{Time: at}, false},
		{`{"DateEquals":{"acs:CurrentTime":"2026-03-04T13:06:07+08:00"}}`, facts, true},
		{`{"DateNotEquals":{"acs:CurrentTime":["2026-03-04T05:06:07Z","2026-03-04T05:06:08Z"]}}`, facts, false},
		{`{"DateNotEquals":{"acs:CurrentTime":"2026-03-04T05:06:08Z"}}`, facts, true},
		{`{"DateLessThan":{"acs:CurrentTime":"2026-03-04T05:06:07Z"}}`, facts, false},
		{`{"DateLessThan":{"acs:CurrentTime":"2026-03-04T05:07Z"}}`, facts, true},
		{`{"DateLessThanEquals":{"acs:CurrentTime":"2026-03-04T05:06:07Z"}}`, facts, true},
		{`{"DateGreaterThan":{"acs:CurrentTime":"2026-03-04T05:06:07Z"}}`, facts, false},
		{`{"DateGreaterThan":{"acs:CurrentTime":"2026-03-04T05:06:06.5Z"}}`, facts, true},
		{`{"DateGreaterThanEquals":{"acs:CurrentTime":"2026-03-04T05:06:07Z"}}`, facts, true},
		{`{"DateLessThan":{"acs:CurrentTime":"2026-03-05T00:00:00Z"}}`, policy.Facts{SourceIP: facts.SourceIP}, false},
		{`{"Bool":{"acs:SecureTransport":"true"}}`, facts, false},
		{`{"Bool":{"acs:SecureTransport":"true"}}`, secure, true},
		{`{"Bool":{"acs:SecureTransport":false}}`, facts, true},
		{`{"Bool":{"acs:SecureTransport":["true","false"]}}`, facts, true},
		{`{"Bool":{"acs:SecureTransport":"true"},"IpAddress":{"acs:SourceIp":"192.0.2.7"}}`, facts, false},
		{`{"Bool":{"acs:SecureTransport":"true"},"IpAddress":{"acs:SourceIp":"192.0.2.7"}}`, secure, true},
		{`{}`, facts, true},
	} {
		allow := parse(t, document(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":`+c.condition+`}`))
		if got := allow.Allows(policy.Request{Facts: c.facts}); got != c.want {
			t.Errorf("%s with %+v: %v, want %v", c.condition, c.facts, got, c.want)
		}
	}
}

// What is not known must widen nothing.
func TestPolicy_UnknownFactsDeny(t *testing.T) {
	t.Parallel()
	for _, condition := range []string{
		`{"IpAddress":{"acs:SourceIp":"192.0.2.7"}}`, `{"NotIpAddress":{"acs:SourceIp":"192.0.2.7"}}`,
		`{"DateLessThan":{"acs:CurrentTime":"2026-03-04T05:06:07Z"}}`, `{"DateNotEquals":{"acs:CurrentTime":"2026-03-04T05:06:07Z"}}`,
	} {
		deny := parse(t, document(rule("Allow", "*", "*"), `{"Effect":"Deny","Action":"*","Resource":"*","Condition":`+condition+`}`))
		if deny.Allows(policy.Request{}) {
			t.Errorf("Deny with %s does not apply to a request without facts", condition)
		}
	}
}

func TestPolicy_Faults(t *testing.T) {
	t.Parallel()
	with := func(s string) string { return document(`{"Effect":"Allow","Action":"*","Resource":"*",` + s + `}`) }
	for doc, place := range map[string]string{
		``:                               "empty",
		`{`:                              "ends early",
		`[]`:                             "object",
		`null`:                           "object",
		`{} {}`:                          "more than one",
		"{\"Version\":\"\xff\"}":         "UTF-8",
		`{"Version":"1"}`:                "Statement",
		`{"Statement":[]}`:               "Statement",
		`{"Version":1}`:                  "Version",
		`{"Version":"2012-10-17"}`:       "Version",
		`{"version":"1"}`:                `"version"`,
		`{"Version":"1","Id":"x"}`:       `"Id"`,
		`{"Version":"1","Version":"1"}`:  "twice",
		`{"Version":"1","Statement":{}}`: "list",
		document(`1`):                    "Statement[0]",
		document(rule("Allow", "*", "*"), rule("allow", "*", "*")):               "Statement[1].Effect",
		document(`{"Action":"*","Resource":"*"}`):                                "Effect",
		document(`{"Effect":"Allow","Resource":"*"}`):                            "Action",
		document(`{"Effect":"Allow","Action":"*"}`):                              "Resource",
		document(`{"Effect":"Allow","Action":[],"Resource":"*"}`):                "empty list",
		document(`{"Effect":"Allow","Action":[1],"Resource":"*"}`):               "Action must be a text",
		document(`{"Effect":"Allow","NotAction":"*","Resource":"*"}`):            `"NotAction"`,
		document(rule("Allow", "oss:*", "*")):                                    `"oss"`,
		document(rule("Allow", "vodGet", "*")):                                   "vod:NAME",
		document(rule("Allow", "vod:", "*")):                                     "vod:NAME",
		document(rule("Allow", "vod:a:b", "*")):                                  "vod:NAME",
		document(rule("Allow", "vod:Get Info", "*")):                             "letters",
		document(rule("Allow", "*", "media/m1")):                                 "acs:vod",
		document(rule("Allow", "*", "acs:oss:*:*:media/m1")):                     `"oss"`,
		document(rule("Allow", "*", "acs:vod:*::media/m1")):                      "acs:vod",
		document(rule("Allow", "*", "acs:vod:*:*:")):                             "media/ID",
		document(rule("Allow", "*", "acs:vod:*:*:appinfo/app-1")):                "media/ID",
		document(rule("Allow", "*", "acs:vod:*:*:media/")):                       "media/ID",
		document(rule("Allow", "*", "acs:vod:*:*:med*")):                         "media/ID",
		with(`"Condition":[]`):                                                   "Condition",
		with(`"Condition":{"StringEquals":{"acs:SourceIp":"x"}}`):                "StringEquals",
		with(`"Condition":{"ipAddress":{"acs:SourceIp":"192.0.2.1"}}`):           "unknown operator",
		with(`"Condition":{"IpAddress":{}}`):                                     "empty",
		with(`"Condition":{"IpAddress":{"acs:SourceIp":[]}}`):                    "empty",
		with(`"Condition":{"IpAddress":{"acs:CurrentTime":"192.0.2.1"}}`):        "acs:SourceIp",
		with(`"Condition":{"IpAddress":{"acs:sourceip":"192.0.2.1"}}`):           "acs:SourceIp",
		with(`"Condition":{"IpAddress":{"acs:SourceIp":"192.0.2.1/24"}}`):        "network",
		with(`"Condition":{"IpAddress":{"acs:SourceIp":"192.0.2.256"}}`):         "network",
		with(`"Condition":{"IpAddress":{"acs:SourceIp":7}}`):                     "network",
		with(`"Condition":{"IpAddress":{"acs:SourceIp":"fe80::1%eth0"}}`):        "network",
		with(`"Condition":{"DateEquals":{"acs:CurrentTime":"2026-03-04"}}`):      "time",
		with(`"Condition":{"Bool":{"acs:SecureTransport":"yes"}}`):               "true",
		with(`"Condition":{"Bool":{"acs:SecureTransport":null}}`):                "true",
		with(`"Condition":{},"Condition":{}`):                                    "twice",
		with(`"Condition":` + strings.Repeat("[", 50) + strings.Repeat("]", 50)): "deep",
		strings.Repeat(" ", policy.MaxSize) + document(rule("Allow", "*", "*")):  "longer",
	} {
		_, err := policy.Parse([]byte(doc))
		if freshet.ErrorCode(err) != freshet.CodeInvalid || !strings.Contains(err.Error(), place) {
			t.Errorf("%.120s: %v, want an error about %s", doc, err, place)
		}
	}
}

// A session can only take away.
func TestPolicy_SetsIntersect(t *testing.T) {
	t.Parallel()
	a, b := parse(t, document(rule("Allow", "vod:Get*", "*"))), parse(t, document(rule("Allow", "vod:*Info", "*")))
	for action, want := range map[string]bool{"vod:GetPlayInfo": true, "vod:GetX": false, "vod:XInfo": false} {
		if got := (policy.Set{a, b}).Allows(ask(action, policy.Account())); got != want {
			t.Errorf("%s: %v", action, got)
		}
	}
	if !policy.Set(nil).Allows(ask("vod:GetPlayInfo", policy.Account())) {
		t.Error("no policy does not allow everything")
	}
}

// Patterns mean what the obvious regular expression means, over IDs of the
// letters that make trouble.
func TestPolicy_PatternsMeanWhatTheySay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*?/.]{1,8}`).Draw(t, "pattern")
		id := rapid.StringMatching(`[ab/.]{0,10}`).Draw(t, "id")
		quoted := regexp.QuoteMeta(pattern)
		re := regexp.MustCompile(`\A` + strings.NewReplacer(`\*`, `(?s:.*)`, `\?`, `(?s:.)`).Replace(quoted) + `\z`)
		p, err := policy.Parse([]byte(document(rule("Allow", "*", "acs:vod:*:*:media/"+pattern))))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Allows(ask("vod:X", policy.Media(id))); got != re.MatchString(id) {
			t.Errorf("%q on %q: %v", pattern, id, got)
		}
	})
}

// FuzzParse reads anything: it must end in an error of ours, or in a policy
// that decides.
func FuzzParse(f *testing.F) {
	f.Add([]byte(document(rule("Allow", "vod:Get*", "acs:vod:*:acme:media/m?"), rule("Deny", "*", "*"))))
	f.Add([]byte(`{"Version":"1","Statement":[{"Effect":"Allow","Action":["*"],"Resource":["*"],"Condition":{"Bool":{"acs:SecureTransport":["true",false]},"DateLessThan":{"acs:CurrentTime":"2026-03-04T05:06Z"},"NotIpAddress":{"acs:SourceIp":["::1","10.0.0.0/8"]}}}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := policy.Parse(doc)
		if err != nil {
			if freshet.ErrorCode(err) != freshet.CodeInvalid {
				t.Errorf("error %v", err)
			}
			return
		}
		r := policy.Request{Account: "acme", Action: "vod:GetPlayInfo", Resource: policy.Media("m1"), Facts: policy.Facts{Time: time.Unix(0, 0)}}
		none := parse(t, document(rule("Deny", "*", "*")))
		if p.Allows(r) != (policy.Set{p, p}).Allows(r) || (policy.Set{p, none}).Allows(r) {
			t.Errorf("%q widens what others allow", doc)
		}
	})
}

func BenchmarkAllows(b *testing.B) {
	var rules []string
	for i := range 20 {
		rules = append(rules, rule("Deny", "vod:Delete*", fmt.Sprintf("acs:vod:*:acme:media/%d*", i)))
	}
	p := parse(b, document(append(rules, rule("Allow", "vod:*", "acs:vod:*:acme:media/*"))...))
	r := ask("vod:DeleteVideo", policy.Media("0a1b2c3d4e5f60718293a4b5c6d7e8f9x"))
	b.ReportAllocs()
	for b.Loop() {
		p.Allows(r)
	}
}
