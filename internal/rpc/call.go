package rpc

import (
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/policy"
)

// call is one call in the making.
type call struct {
	http      *http.Request
	requestID string
	params    auth.Params
	body      []byte
	scheme    auth.Scheme
	xml       bool // the answer's format
	badFormat bool // Format has a value that is not a format
	action    string
	identity  auth.Identity
}

func newCall(r *http.Request) *call {
	return &call{http: r, requestID: strings.ToUpper(uuid.NewString())}
}

// system returns a system parameter: with V3 from its header, else from the
// parameters, and from the other place if it is not there (contract §1.7).
func (c *call) system(param, header string) string {
	p, h := c.params.Get(param), c.http.Header.Get(header)
	if c.scheme == auth.SchemeV3 {
		p, h = h, p
	}
	if p != "" {
		return p
	}
	return h
}

// may tells whether the caller may do this operation to a resource. Who may not
// is answered as the operation's table says; where it says nothing, with
// [refused].
func (c *call) may(r policy.Resource) bool { return c.identity.May("vod:"+c.action, r) }

// chooseFormat decides between JSON and XML (contract §1.7): the parameter,
// the Accept header, then the scheme's default.
func (c *call) chooseFormat() {
	format := c.params.Get("Format")
	switch {
	case strings.EqualFold(format, "JSON"):
		return
	case strings.EqualFold(format, "XML"):
		c.xml = true
		return
	}
	c.badFormat = format != ""
	acceptsJSON := strings.Contains(c.http.Header.Get("Accept"), "application/json")
	c.xml = !acceptsJSON && c.scheme == auth.SchemeV1
}

func isForm(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), "application/x-www-form-urlencoded")
}
