package edge

import (
	"strconv"
	"strings"
	"time"
)

// cacheStatus is our member of the Cache-Status list (RFC 9211).
type cacheStatus struct {
	hit       bool
	fwd       string // why the request went upstream
	fwdStatus int
	stored    bool
	collapsed bool
	ttl       time.Duration
	hasTTL    bool
	detail    string
}

// text renders the member. Parameters come in the order of the RFC.
func (s cacheStatus) text(name string) string {
	var b strings.Builder
	b.WriteString(name)
	if s.hit {
		b.WriteString("; hit")
	}
	if s.fwd != "" {
		b.WriteString("; fwd=" + s.fwd)
		if s.fwdStatus != 0 {
			b.WriteString("; fwd-status=" + strconv.Itoa(s.fwdStatus))
		}
	}
	if s.hasTTL {
		b.WriteString("; ttl=" + strconv.FormatInt(int64(s.ttl/time.Second), 10))
	}
	if s.stored {
		b.WriteString("; stored")
	}
	if s.collapsed {
		b.WriteString("; collapsed")
	}
	if s.detail != "" {
		b.WriteString("; detail=" + s.detail)
	}
	return b.String()
}
