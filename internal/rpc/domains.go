package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/policy"
	"github.com/freshet-vod/freshet/internal/vod"
)

// Domains is what the operations about domains need of the core. Errors are
// [*freshet.Error].
type Domains interface {
	// AddDomain adds a domain. One that exists, whoever has it, is a
	// CodeConflict error, and one too many CodeTooLarge.
	AddDomain(ctx context.Context, d freshet.Domain) error
	// ChangeDomains changes domains of an account by name, all or none. One that
	// is not there is a CodeNotFound error.
	ChangeDomains(ctx context.Context, account string, names []string, change func(*freshet.Domain) error) error
}

// The limits of the operations about domains (contract §4.15).
const (
	maxDomainNames = 50
	maxSources     = 20
	maxCheckURL    = 1024
)

// domainOperations are about acceleration domains (contract §4.15); to stop and
// to start one is an extension, in the words of the vendor's CDN.
func (s *server) domainOperations() operations {
	if s.Domains == nil {
		return nil
	}
	return operations{
		"AddVodDomain":           {write: true, perResource: true, run: s.addVodDomain},
		"DescribeVodUserDomains": {run: s.describeVodUserDomains},
		"BatchStopVodDomain":     {write: true, frees: true, perResource: true, run: s.batchStopVodDomain},
		"BatchStartVodDomain":    {write: true, perResource: true, run: s.batchStartVodDomain},
	}
}

// idAnswer is the answer of an operation that tells nothing else.
type idAnswer struct {
	RequestID string `json:"RequestId" xml:"RequestId"`
}

// addVodDomain adds a domain.
func (s *server) addVodDomain(ctx context.Context, c *call) (any, error) {
	d, err := s.readDomain(c)
	if err != nil {
		return nil, err
	}
	if !c.may(policy.Domain(d.Name)) {
		return nil, refused()
	}
	d.Account = c.identity.Account
	if d.Account != s.Operator && s.Operator != "" {
		d.Guarded, d.Unapproved = true, true
		for _, src := range d.Sources {
			if s.CheckHost != nil && s.CheckHost(src.Content) != nil {
				return nil, &fault{kind: domainSourcesMalformed}
			}
		}
	}
	if err := s.remember(ctx, c); err != nil {
		return nil, err
	}
	if err := s.Domains.AddDomain(ctx, d); err != nil {
		switch freshet.ErrorCode(err) { //nolint:exhaustive // the others mean what they mean everywhere
		case freshet.CodeConflict:
			return nil, &fault{kind: domainExists, cause: err}
		case freshet.CodeTooLarge:
			return nil, &fault{kind: domainOverLimit, cause: err}
		default:
			return nil, err
		}
	}
	return idAnswer{c.requestID}, nil
}

// remember stores the nonce of a call that writes something other than a job.
func (s *server) remember(ctx context.Context, c *call) error {
	return s.Auth.Remember(ctx, c.identity.Nonce, c.identity.NonceExpires)
}

// readDomain reads and checks the parameters in the order of contract §4.15.
func (s *server) readDomain(c *call) (freshet.Domain, error) {
	d := freshet.Domain{Name: strings.ToLower(c.text("DomainName"))}
	switch {
	case d.Name == "":
		return d, missing("DomainName")
	case strings.HasPrefix(d.Name, ".") && freshet.ValidHost(d.Name[1:]):
		return d, &fault{kind: domainExtensive}
	case !freshet.ValidHost(d.Name):
		return d, &fault{kind: domainNameMalformed}
	}
	var err error
	if c.text("Sources") == "" {
		return d, missing("Sources")
	}
	if d.Sources, err = readSources(c.text("Sources")); err != nil {
		return d, err
	}
	d.Origin = primary(d.Sources).URL()
	if d.CheckURL = c.text("CheckUrl"); len(d.CheckURL) > maxCheckURL || strings.ContainsFunc(d.CheckURL, func(r rune) bool { return r <= ' ' }) {
		return d, &fault{kind: domainParameter, name: "CheckUrl"}
	}
	if scope := c.text("Scope"); scope != "" {
		var ok bool
		if d.Scope, ok = freshet.ParseOne(scope, freshet.Scopes()); !ok {
			return d, &fault{kind: domainScopeMalformed}
		}
	}
	if d.ResourceGroup = c.text("ResourceGroupId"); !validGroup(d.ResourceGroup) {
		return d, &fault{kind: domainResourceGroupMalformed}
	}
	tags, err := readTags(c)
	for _, t := range tags {
		if d.Tags == nil {
			d.Tags = make(map[string]string, len(tags))
		}
		if _, twice := d.Tags[t.key]; twice || !freshet.ValidTag(t.key, t.value) {
			return d, invalid(t.name)
		}
		d.Tags[t.key] = t.value
	}
	return d, err
}

func validGroup(s string) bool {
	return len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_'
	})
}

// tag is one Tag.N of a call.
type tag struct{ name, key, value string }

// readTags reads Tag.N.Key and Tag.N.Value, N from 1 to 20.
func readTags(c *call) ([]tag, error) {
	var out []tag
	for n := 1; n <= freshet.MaxTags; n++ {
		name := "Tag." + strconv.Itoa(n) + ".Key"
		t := tag{name: name, key: c.text(name), value: c.text("Tag." + strconv.Itoa(n) + ".Value")}
		switch {
		case t.key == "" && t.value != "":
			return out, missing(name)
		case t.key != "":
			out = append(out, t)
		}
	}
	return out, nil
}

func (s *server) batchStopVodDomain(ctx context.Context, c *call) (any, error) {
	return s.switchDomains(ctx, c, true)
}

func (s *server) batchStartVodDomain(ctx context.Context, c *call) (any, error) {
	return s.switchDomains(ctx, c, false)
}

var errUnapproved = errors.New("the domain waits for the operator's approval")

// switchDomains stops or starts the domains of a comma list: all, or none.
func (s *server) switchDomains(ctx context.Context, c *call, offline bool) (any, error) {
	names := items(strings.ToLower(c.params.Get("DomainNames")), maxDomainNames)
	switch {
	case len(names) == 0:
		return nil, missing("DomainNames")
	case len(names) > maxDomainNames:
		return nil, invalid("DomainNames")
	}
	for _, name := range names {
		if !c.may(policy.Domain(name)) {
			return nil, refused()
		}
	}
	if err := s.remember(ctx, c); err != nil {
		return nil, err
	}
	err := s.Domains.ChangeDomains(ctx, c.identity.Account, names, func(d *freshet.Domain) error {
		if d.Unapproved {
			return errUnapproved
		}
		d.Offline = offline
		return nil
	})
	switch {
	case errors.Is(err, errUnapproved):
		return nil, &fault{kind: domainBusy}
	case freshet.ErrorCode(err) == freshet.CodeNotFound:
		return nil, &fault{kind: domainNotFound, cause: err}
	case err != nil:
		return nil, err
	}
	return idAnswer{c.requestID}, nil
}

type domainsAnswer struct {
	RequestID  string     `json:"RequestId" xml:"RequestId"`
	PageNumber int        `json:"PageNumber" xml:"PageNumber"`
	PageSize   int        `json:"PageSize" xml:"PageSize"`
	TotalCount int        `json:"TotalCount" xml:"TotalCount"`
	Domains    domainList `json:"Domains" xml:"Domains"`
}

type domainList struct {
	PageData []domainRow `json:"PageData" xml:"PageData"`
}

type domainRow struct {
	DomainName   string     `json:"DomainName" xml:"DomainName"`
	Cname        string     `json:"Cname" xml:"Cname"`
	Description  string     `json:"Description" xml:"Description"`
	DomainStatus string     `json:"DomainStatus" xml:"DomainStatus"`
	Created      string     `json:"GmtCreated" xml:"GmtCreated"`
	Modified     string     `json:"GmtModified" xml:"GmtModified"`
	Sandbox      string     `json:"Sandbox" xml:"Sandbox"`
	SslProtocol  string     `json:"SslProtocol" xml:"SslProtocol"`
	Sources      sourceList `json:"Sources" xml:"Sources"`
}

type sourceList struct {
	Source []sourceRow `json:"Source" xml:"Source"`
}

type sourceRow struct {
	Content  string `json:"Content" xml:"Content"`
	Port     int    `json:"Port" xml:"Port"`
	Priority string `json:"Priority" xml:"Priority"`
	Type     string `json:"Type" xml:"Type"`
}

// describeVodUserDomains lists the account's domains by name.
func (s *server) describeVodUserDomains(ctx context.Context, c *call) (any, error) {
	f, err := readDomainFilter(c)
	if err != nil {
		return nil, err
	}
	domains, err := s.Engine.Domains(ctx, c.identity.Account)
	if err != nil {
		return nil, fmt.Errorf("reading domains: %w", err)
	}
	var found []freshet.Domain
	for _, d := range domains {
		if f.takes(d) {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b freshet.Domain) int { return strings.Compare(a.Name, b.Name) })
	answer := domainsAnswer{
		RequestID: c.requestID, PageNumber: f.page, PageSize: f.size, TotalCount: len(found),
		Domains: domainList{PageData: make([]domainRow, 0, f.size)},
	}
	from := min((f.page-1)*f.size, len(found))
	for _, d := range found[from:min(from+f.size, len(found))] {
		answer.Domains.PageData = append(answer.Domains.PageData, showDomain(d))
	}
	return answer, nil
}

func showDomain(d freshet.Domain) domainRow {
	r := domainRow{
		DomainName: d.Name, DomainStatus: string(d.Status()), Created: vod.Stamp(d.Created), Modified: vod.Stamp(d.Modified),
		Sandbox: "normal", SslProtocol: "off",
	}
	if d.TLS {
		r.SslProtocol = "on"
	}
	if d.Unapproved {
		r.Description = "Waits for the operator's approval."
	}
	sources := d.Sources
	if len(sources) == 0 {
		sources = []freshet.Source{freshet.SourceOf(d.Origin)}
	}
	for _, src := range sources {
		r.Sources.Source = append(r.Sources.Source, sourceRow{src.Content, src.Port, src.Priority, string(src.Type)})
	}
	return r
}
