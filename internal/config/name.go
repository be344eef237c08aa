package config

import (
	"net"
	"strconv"
	"strings"
)

// maxPOPID bounds POP IDs because they are part of the bus's subjects and of
// folder names.
const maxPOPID = 63

// ValidPOPID reports whether s can name a POP.
func ValidPOPID(s string) bool {
	return s != "" && len(s) <= maxPOPID && only(s, "-_")
}

// ValidDomain reports whether s is a host name in lower case, with or without
// a port.
func ValidDomain(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return s == strings.ToLower(s) && (validHost(s) || net.ParseIP(s) != nil && !strings.Contains(s, ":"))
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && host == strings.ToLower(host) && (validHost(host) || net.ParseIP(host) != nil)
}

func validHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || !only(label, "-_") {
			return false
		}
	}
	return true
}

// only reports whether s holds ASCII letters, digits and the bytes of more.
func only(s, more string) bool {
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(more, c) >= 0 {
			continue
		}
		return false
	}
	return true
}
