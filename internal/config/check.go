package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// check looks for what no single value shows: ranges, names that do not exist
// or exist twice, and keys that need each other.
func (c *Config) check(f *faults) {
	if strings.TrimSpace(c.Data) == "" {
		f.add("data", "is empty; it must name a folder")
	}
	for i, e := range c.PublicEndpoints {
		if !ValidDomain(e) {
			f.add(fmt.Sprintf("public_endpoints[%d]", i), "%q is not HOST or HOST:PORT in lower case", e)
		}
	}
	for i, n := range c.TrustedProxies {
		if _, err := ParseNetwork(n); err != nil {
			f.add(fmt.Sprintf("trusted_proxies[%d]", i), "%s", err)
		}
	}
	c.checkBearers(f)
	c.checkNumbers(f)
	c.checkDomains(f)
	c.checkSilence(f)
	c.checkPOPs(f)
	c.checkMember(f)
	c.checkBus(f)
	c.checkListeners(f)
}

func (c *Config) checkNumbers(f *faults) {
	t := c.Timeouts
	inRange(f, "timeouts.deadline", t.Deadline, Duration(time.Second), Duration(30*24*time.Hour))
	inRange(f, "timeouts.prefetch_finish_by", t.PrefetchFinishBy, Duration(time.Second), Duration(30*24*time.Hour))
	inRange(f, "timeouts.signature", t.Signature, Duration(time.Minute), Duration(24*time.Hour))
	if c.Keep != 0 {
		inRange(f, "keep", c.Keep, Duration(14*24*time.Hour), Duration(36500*24*time.Hour))
	}
	if c.Replay != 0 {
		inRange(f, "replay", c.Replay, Duration(14*24*time.Hour), Duration(36500*24*time.Hour))
	}
	inRange(f, "flush.turn", c.Flush.Turn, 0, Duration(time.Hour))
	inRange(f, "flush.wait", c.Flush.Wait, Duration(time.Second), Duration(time.Hour))
	between(f, "flush.revalidations_per_second", c.Flush.Rate, 1, 1_000_000)
	inRange(f, "audit.keep", c.Audit.Keep, Duration(24*time.Hour), Duration(36500*24*time.Hour))
	c.checkLimits(f)
	if r := c.Limits.DiskReserve; r != 0 {
		inRange(f, "limits.disk_reserve", r, 1, 1024*GiB)
	}
	between(f, "limits.unplanned", c.Limits.Unplanned, 1, 10_000_000)
	between(f, "limits.connections", c.Limits.Connections, 16, 1_000_000)
	between(f, "limits.plan_playlists", c.Limits.PlanPlaylists, 1, 10_000)
	between(f, "limits.plan_urls", c.Limits.PlanURLs, 1, 1_000_000)
	inRange(f, "limits.playlist_bytes", c.Limits.PlaylistBytes, 64*KiB, 64*MiB)
	between(f, "limits.planners", c.Limits.Planners, 1, 64)
	between(f, "limits.prefetch_workers", c.Limits.PrefetchWorkers, 1, 256)
	between(f, "limits.prefetch_per_origin", c.Limits.PrefetchPerOrigin, 0, 256)
	if r := c.Limits.PrefetchRate; r != 0 {
		inRange(f, "limits.prefetch_bytes_per_second", r, KiB, 1024*GiB)
	}
	between(f, "callbacks.workers", c.Callbacks.Workers, 1, 1024)
	between(f, "callbacks.per_host", c.Callbacks.PerHost, 1, 256)
	if s := c.Tracing.Endpoint.Scheme(); s != "" && s != "http" && s != "https" {
		f.add("tracing.endpoint", "%q does not begin with http:// or https://", c.Tracing.Endpoint)
	}
	oneOf(f, "log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf(f, "log.format", c.Log.Format, "text", "json")
}

func (c *Config) checkBearers(f *faults) {
	at := map[string]int{}
	for i, b := range c.Auth.BearerTokens {
		key := fmt.Sprintf("auth.bearer_tokens[%d]", i)
		switch first, ok := at[b.Name]; {
		case b.Name == "":
			f.add(key+".name", "is missing")
		case !ValidPOPID(b.Name): // the same form
			f.add(key+".name", "%q is not 1 to %d letters, digits, - and _", b.Name, maxPOPID)
		case ok:
			f.add(key+".name", "%q is the name of auth.bearer_tokens[%d] already", b.Name, first)
		}
		at[b.Name] = i
		if b.File == "" {
			f.add(key+".file", "is missing")
		}
	}
}

func (c *Config) checkDomains(f *faults) {
	taken := map[string]string{}
	for i, d := range c.Domains {
		key := fmt.Sprintf("domains[%d]", i)
		names := append([]string{d.Name}, d.Aliases...)
		for j, name := range names {
			k := key + ".name"
			if j > 0 {
				k = fmt.Sprintf("%s.aliases[%d]", key, j-1)
			}
			switch by, ok := taken[name]; {
			case name == "":
				f.add(k, "is missing")
			case !ValidDomain(name):
				f.add(k, "%q is not a host name in lower case", name)
			case ok:
				f.add(k, "%q is used by %s already", name, by)
			}
			taken[name] = k
		}
		checkURLAuth(f, key+".url_auth", d.URLAuth)
		if d.Verify != "" {
			oneOf(f, key+".verify", string(d.Verify), "ack", "inspect", "probe")
		}
		switch {
		case d.Origin == "":
			f.add(key+".origin", "is missing")
		case d.Origin.Scheme() != "http" && d.Origin.Scheme() != "https":
			f.add(key+".origin", "%q does not begin with http:// or https://", d.Origin)
		}
	}
}

func (c *Config) checkPOPs(f *faults) {
	if c.POPs != nil && len(c.POPs) == 0 && c.POP == nil && c.Bus.Listen == "" {
		f.add("pops", "is empty; leave it out for the default, declare at least one POP, or set bus.listen for POPs that are added later")
	}
	at := map[string]int{}
	for i, p := range c.POPs {
		key := fmt.Sprintf("pops[%d]", i)
		p.checkSilence(f, key)
		switch first, ok := at[p.ID]; {
		case p.ID == "":
			f.add(key+".id", "is missing")
		case !ValidPOPID(p.ID):
			f.add(key+".id", "%q is not 1 to %d letters, digits, - and _", p.ID, maxPOPID)
		case ok:
			f.add(key+".id", "%q is the ID of pops[%d] already", p.ID, first)
		default:
			at[p.ID] = i
		}
		switch {
		case p.Remote && len(p.Caches) > 0:
			f.add(key+".caches", "belong in the file of the remote POP's own process")
		case p.Remote && p.Agentless:
			f.add(key+".agentless", "and remote exclude each other: the caches of an agentless POP are worked from here")
		case p.Remote && p.PrefetchVia != "":
			f.add(key+".prefetch_via", "belongs in the file of the remote POP's own process, as pop.prefetch_via")
		case !p.Remote:
			checkCaches(f, cacheList{key + ".caches", p.Caches, c.isParent(p.ID), p.Agentless, key + ".prefetch_via", p.PrefetchVia})
		}
	}
	known := true
	for i, p := range c.POPs {
		if p.Area != "" {
			oneOf(f, fmt.Sprintf("pops[%d].area", i), string(p.Area), "domestic", "overseas")
		}
		for j, parent := range p.Parents {
			key := fmt.Sprintf("pops[%d].parents[%d]", i, j)
			if _, ok := at[parent]; !ok {
				known = false
				f.add(key, "%q is not the ID of a POP", parent)
			}
			if slices.Index(p.Parents, parent) < j {
				f.add(key, "%q is listed twice", parent)
			}
		}
	}
	if known {
		c.checkCycles(f, at)
	}
}

// isParent reports whether a POP fills from the one with the given ID.
func (c *Config) isParent(id string) bool {
	return slices.ContainsFunc(c.POPs, func(p POP) bool { return slices.Contains(p.Parents, id) })
}

// checkCycles refuses POPs that would wait for each other for ever. Each cycle
// is told once, at the first POP on it.
func (c *Config) checkCycles(f *faults, at map[string]int) {
	const visiting, done = 1, 2
	state := make([]int, len(c.POPs))
	var path []string
	var visit func(i int)
	visit = func(i int) {
		state[i] = visiting
		path = append(path, c.POPs[i].ID)
		for j, parent := range c.POPs[i].Parents {
			switch k := at[parent]; state[k] {
			case 0:
				visit(k)
			case visiting:
				loop := append(slices.Clone(path[slices.Index(path, parent):]), parent)
				f.add(fmt.Sprintf("pops[%d].parents[%d]", i, j), "makes a cycle: %s", strings.Join(loop, " → "))
			}
		}
		path = path[:len(path)-1]
		state[i] = done
	}
	for i, p := range c.POPs {
		if at[p.ID] == i && state[i] == 0 {
			visit(i)
		}
	}
}

func (c *Config) checkMember(f *faults) {
	if c.POP == nil {
		if len(c.Caches) > 0 {
			f.add("caches", "belong beside `pop`; the caches of a control plane's POPs belong inside `pops`")
		}
		return
	}
	if len(c.POPs) > 0 {
		f.add("pops", "and `pop` exclude each other: a file is that of a control plane or of one POP")
	}
	if len(c.Domains) > 0 {
		f.add("domains", "come from the control plane; leave them out beside `pop`")
	}
	checkCaches(f, cacheList{"caches", c.Caches, true, false, "pop.prefetch_via", c.POP.PrefetchVia})
	if !ValidPOPID(c.POP.ID) {
		f.add("pop.id", "%q is not 1 to %d letters, digits, - and _", c.POP.ID, maxPOPID)
	}
	switch {
	case c.POP.Control == "":
		f.add("pop.control", "is missing; it is the control plane's bus.listen as nats://HOST:PORT")
	case c.POP.Control.Scheme() != "nats" && c.POP.Control.Scheme() != "tls":
		f.add("pop.control", "%q does not begin with nats:// or tls://", c.POP.Control)
	case c.POP.CAFile != "" && c.POP.Control.Scheme() != "tls":
		f.add("pop.ca_file", "is of use only if pop.control begins with tls://")
	}
}

func (c *Config) checkBus(f *faults) {
	if (c.Bus.TLS.CertFile == "") != (c.Bus.TLS.KeyFile == "") {
		f.add("bus.tls", "needs both cert_file and key_file")
	}
	if c.Bus.Listen != "" {
		return
	}
	for i, p := range c.POPs {
		if p.Remote {
			f.add(fmt.Sprintf("pops[%d].remote", i), "needs bus.listen, where the POP connects to")
		}
	}
}

// checkListeners refuses two listeners on one address, which would be seen
// only when the second one is opened.
func (c *Config) checkListeners(f *faults) {
	taken := map[Address]string{}
	listen := func(key string, a Address) {
		if a == "" || !a.fixed() {
			return
		}
		if by, ok := taken[a]; ok {
			f.add(key, "%q is the address of %s already", string(a), by)
		}
		taken[a] = key
	}
	if c.POP == nil {
		listen("listen", c.Listen)
		listen("bus.listen", c.Bus.Listen)
	}
	listen("private.listen", c.Private.Listen)
	for i, k := range c.Caches {
		listen(fmt.Sprintf("caches[%d].listen", i), k.Listen)
	}
	for i, p := range c.POPs {
		for j, k := range p.Caches {
			listen(fmt.Sprintf("pops[%d].caches[%d].listen", i, j), k.Listen)
		}
	}
}

func inRange[T interface {
	cmp.Ordered
	fmt.Stringer
}](f *faults, key string, v, lo, hi T,
) {
	if v < lo || v > hi {
		f.add(key, "%s is out of range; allowed is %s", v, rangeText(lo, hi))
	}
}

func between(f *faults, key string, v, lo, hi int) {
	if v < lo || v > hi {
		f.add(key, "%d is out of range; allowed is %d to %d", v, lo, hi)
	}
}

func oneOf(f *faults, key, v string, allowed ...string) {
	if !slices.Contains(allowed, v) {
		f.add(key, "%q is not allowed; it must be %s", v, strings.Join(allowed, ", "))
	}
}
