package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// truth is the answer of a condition.
type truth uint8

const (
	no truth = iota
	yes
	unknown
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// The keys of conditions.
const (
	keySourceIP = "acs:SourceIp"
	keyTime     = "acs:CurrentTime"
	keySecure   = "acs:SecureTransport"
)

// condition is one operator with one key. Several values are alternatives; a
// negated operator holds if none of them does.
type condition struct {
	negated bool
	nets    []netip.Prefix                // of acs:SourceIp
	times   []time.Time                   // of acs:CurrentTime
	compare func(order int) bool          // with times: by how the present compares to one
	secure  []bool                        // of acs:SecureTransport
	test    func(*condition, Facts) truth // without the negation
}

func (c *condition) holds(f Facts) truth {
	t := c.test(c, f)
	if c.negated && t != unknown {
		return truthOf(t == no)
	}
	return t
}

func testNets(c *condition, f Facts) truth {
	ip := f.SourceIP.Unmap().WithZone("")
	if !ip.IsValid() {
		return unknown
	}
	return truthOf(slices.ContainsFunc(c.nets, func(n netip.Prefix) bool { return n.Contains(ip) }))
}

func testTimes(c *condition, f Facts) truth {
	if f.Time.IsZero() {
		return unknown
	}
	return truthOf(slices.ContainsFunc(c.times, func(t time.Time) bool { return c.compare(f.Time.Compare(t)) }))
}

func testSecure(c *condition, f Facts) truth { return truthOf(slices.Contains(c.secure, f.Secure)) }

// newCondition reads one operator with one key and its values.
func newCondition(operator, key string, values []node) (condition, error) {
	want, ok := keyOf(operator)
	if !ok {
		return condition{}, errors.New("unknown operator: it may be IpAddress, NotIpAddress, Bool, or DateEquals, DateNotEquals, " +
			"DateLessThan, DateLessThanEquals, DateGreaterThan or DateGreaterThanEquals")
	}
	if key != want {
		return condition{}, fmt.Errorf("%q is no key of %s: it takes %s", clip(key), operator, want)
	}
	if len(values) == 0 {
		return condition{}, errors.New("a list of values may not be empty")
	}
	c := condition{negated: operator == "NotIpAddress" || operator == "DateNotEquals", compare: compareOf(operator)}
	for _, v := range values {
		if err := c.add(key, v); err != nil {
			return condition{}, err
		}
	}
	return c, nil
}

func keyOf(operator string) (string, bool) {
	switch operator {
	case "IpAddress", "NotIpAddress":
		return keySourceIP, true
	case "DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals":
		return keyTime, true
	case "Bool":
		return keySecure, true
	}
	return "", false
}

func compareOf(operator string) func(int) bool {
	switch operator {
	case "DateLessThan":
		return func(o int) bool { return o < 0 }
	case "DateLessThanEquals":
		return func(o int) bool { return o <= 0 }
	case "DateGreaterThan":
		return func(o int) bool { return o > 0 }
	case "DateGreaterThanEquals":
		return func(o int) bool { return o >= 0 }
	}
	return func(o int) bool { return o == 0 }
}

func (c *condition) add(key string, v node) error {
	s, isText := v.text()
	switch key {
	case keySourceIP:
		c.test = testNets
		n, err := parseNet(s)
		if err != nil || !isText {
			return fmt.Errorf("%q is no IP address and no network such as 192.0.2.0/24", clip(s))
		}
		c.nets = append(c.nets, n)
	case keyTime:
		c.test = testTimes
		t, err := parseTime(s)
		if err != nil || !isText {
			return fmt.Errorf("%q is no time such as 2026-01-02T03:04:05Z or 2026-01-02T03:04:05+08:00", clip(s))
		}
		c.times = append(c.times, t)
	case keySecure:
		c.test = testSecure
		b, isBool := v.boolean()
		if isText {
			b, isBool = s == "true", s == "true" || s == "false"
		}
		if !isBool {
			return errors.New(`a value must be "true" or "false"`)
		}
		c.secure = append(c.secure, b)
	}
	return nil
}

// parseNet reads an address or a network. Bits of an address beyond its
// network's length are refused: they are likelier a mistake than meant.
func parseNet(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	n, err := netip.ParsePrefix(s)
	if err != nil {
		return n, err
	}
	if n != n.Masked() || n.Addr().Is4In6() {
		return n, errors.New("not a network")
	}
	return n, nil
}

// parseTime reads a time with its zone; seconds may be left out.
func parseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	return time.Parse("2006-01-02T15:04Z07:00", s)
}
