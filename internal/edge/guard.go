package edge

import (
	"errors"
	"net/http"
	"syscall"
)

// errGuarded does not say which address it was: that is not for whoever named
// the host.
var errGuarded = errors.New("the origin has an address in a network that the domain may not fetch from")

// guardOf makes the control of connections to origins that tenants declared.
func guardOf(allowed func(string, string, syscall.RawConn) error) func(string, string, syscall.RawConn) error {
	return func(network, address string, c syscall.RawConn) error {
		if allowed == nil || allowed(network, address, c) != nil {
			return errGuarded
		}
		return nil
	}
}

// carrier returns what asks a source. Parents are the operator's word, and so
// are origins that are not guarded.
func (c *Cache) carrier(st *site, src source) http.RoundTripper {
	if st.guarded && src.parent == nil {
		return c.guarded
	}
	return c.transport
}
