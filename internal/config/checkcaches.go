package config

import (
	"fmt"
	"slices"
	"strings"
)

// maxCaches bounds the caches of a POP, and maxLayer their layers.
const (
	maxCaches = 64
	maxLayer  = 16
)

// cacheList is the list of one POP's caches, with what it depends on.
type cacheList struct {
	key       string
	caches    []Cache
	asked     bool // other POPs may fill from it: then they must be told where it is
	agentless bool
	viaKey    string
	via       URL
}

func checkCaches(f *faults, l cacheList) {
	if n := len(l.caches); n == 0 || n > maxCaches {
		f.add(l.key, "holds %d caches; 1 to %d are needed", n, maxCaches)
	}
	for i, k := range l.caches {
		key := fmt.Sprintf("%s[%d]", l.key, i)
		oneOf(f, key+".driver", k.Driver, DriverEdge, DriverVarnish, DriverNginx)
		between(f, key+".layer", k.Layer, 1, maxLayer)
		httpURL(f, key+".url", k.URL)
		switch {
		case l.agentless:
			checkAgentless(f, key, k)
		case k.Driver == DriverEdge:
			checkEdge(f, key, k, l.asked)
		case k.Driver == DriverVarnish || k.Driver == DriverNginx:
			checkForeign(f, key, k)
		}
	}
	checkLayers(f, l)
}

// checkLayers holds a POP of several caches to what can be worked: the
// built-in cache is a POP of its own, and prefetches need one door.
func checkLayers(f *faults, l cacheList) {
	frontDoor(f, l.viaKey, l.via)
	if len(l.caches) < 2 {
		return
	}
	if i := slices.IndexFunc(l.caches, func(k Cache) bool { return k.Driver == DriverEdge }); i >= 0 {
		f.add(fmt.Sprintf("%s[%d].driver", l.key, i), "edge cannot share a POP with other caches; make it a POP of its own, as their parent or child")
	}
	folders := map[string]Cache{}
	for i, k := range l.caches {
		if first, ok := folders[k.DenyFolder]; ok && k.DenyFolder != "" && first.Driver != k.Driver {
			f.add(fmt.Sprintf("%s[%d].deny_folder", l.key, i), "is the folder of another kind of cache: %s and %s need one each", first.Driver, k.Driver)
		}
		folders[k.DenyFolder] = k
	}
	ports := map[Endpoint]int{}
	for i, k := range l.caches {
		port := k.Control
		if port == "" {
			port = Endpoint(k.URL)
		}
		if first, ok := ports[port]; ok && port != "" {
			f.add(fmt.Sprintf("%s[%d]", l.key, i), "is the same cache as %s[%d]: both are worked through %s", l.key, first, port)
		}
		ports[port] = i
	}
	last := slices.MaxFunc(l.caches, func(a, b Cache) int { return a.Layer - b.Layer }).Layer
	outer := 0
	for _, k := range l.caches {
		if k.Layer == last {
			outer++
		}
	}
	if outer > 1 && l.via == "" {
		f.add(l.viaKey, "is missing: the outermost layer has %d caches, so say through which door prefetches go", outer)
	}
}

func checkEdge(f *faults, key string, k Cache, asked bool) {
	if k.Listen == "" {
		f.add(key+".listen", "is missing")
	}
	if asked && k.URL == "" && k.Listen.everywhere() {
		f.add(key+".url", "is missing: %s listens on every interface, so say where other POPs reach it, as in http://edge-1.example.com", k.Listen)
	}
	inRange(f, key+".max_bytes", k.MaxBytes, MiB, 1024*TiB)
	inRange(f, key+".max_object_bytes", k.MaxObjectBytes, KiB, k.MaxBytes)
	inRange(f, key+".default_ttl", k.DefaultTTL, Duration(1e9), Duration(365*24*3600*1e9))
	refuse(f, key, "of the built-in cache", map[string]bool{
		"control": k.Control != "", "soft": k.Soft, "nginx": k.Nginx != nil, "deny_folder": k.DenyFolder != "",
	})
}

// checkForeign checks a cache that runs as a program of its own.
func checkForeign(f *faults, key string, k Cache) {
	if k.URL == "" {
		f.add(key+".url", "is missing: it is where the cache answers viewers, as in http://127.0.0.1:6081")
	}
	frontDoor(f, key+".url", k.URL)
	if k.Control == "" {
		f.add(key+".control", "is missing: it is Freshet's own listener inside the cache, as in http://127.0.0.1:6083 or unix:/run/freshet.sock")
	}
	refuse(f, key, "of "+k.Driver, map[string]bool{
		"listen": k.Listen != "", "max_bytes": k.MaxBytes != 0, "max_object_bytes": k.MaxObjectBytes != 0, "default_ttl": k.DefaultTTL != 0,
		"trusted": k.Trusted, "soft": k.Soft && k.Driver != DriverVarnish, "nginx": k.Nginx != nil && k.Driver != DriverNginx,
	})
	if k.DenyFolder != "" && !strings.HasPrefix(k.DenyFolder, "/") {
		f.add(key+".deny_folder", "%q is not an absolute path", k.DenyFolder)
	}
	if k.Driver != DriverNginx {
		return
	}
	if k.Nginx == nil || k.Nginx.Path == "" {
		f.add(key+".nginx.path", "is missing: it is the folder of proxy_cache_path")
		return
	}
	if !strings.HasPrefix(k.Nginx.Path, "/") {
		f.add(key+".nginx.path", "%q is not an absolute path", k.Nginx.Path)
	}
	for i, v := range k.Nginx.Variants {
		for j, h := range v.Headers {
			if name, value, ok := strings.Cut(h, ":"); !ok || strings.TrimSpace(name) == "" || strings.ContainsAny(name+value, "\r\n") {
				f.add(fmt.Sprintf("%s.nginx.variants[%d].headers[%d]", key, i, j), "%q is not of the form NAME: VALUE", h)
			}
		}
	}
}

func checkAgentless(f *faults, key string, k Cache) {
	if k.Driver == DriverEdge {
		f.add(key+".driver", "edge is part of Freshet and cannot be agentless")
		return
	}
	if k.URL == "" {
		f.add(key+".url", "is missing: it is where the cache answers viewers, as in http://varnish.example.com:6081")
	}
	frontDoor(f, key+".url", k.URL)
	refuse(f, key, "of a cache of an agentless POP", map[string]bool{"listen": k.Listen != "", "soft": k.Soft, "nginx": k.Nginx != nil, "deny_folder": k.DenyFolder != ""})
}

// refuse adds a fault for each key that is set and means nothing here.
func refuse(f *faults, key, of string, set map[string]bool) {
	for _, name := range []string{"listen", "control", "soft", "nginx", "deny_folder", "max_bytes", "max_object_bytes", "default_ttl"} {
		if set[name] {
			f.add(key+"."+name, "is no key %s", of)
		}
	}
}

// frontDoor checks where Freshet itself asks a cache as viewers do. It speaks
// plain HTTP there, to the cache and not to what may stand before it.
func frontDoor(f *faults, key string, u URL) {
	host, ok := strings.CutPrefix(string(u), "http://")
	switch {
	case u == "" || u.Scheme() != "http" && u.Scheme() != "https" && strings.HasSuffix(key, ".url"):
		return // told already
	case u.Scheme() != "http":
		f.add(key, "%q does not begin with http://: Freshet asks the cache itself, without TLS", u)
	case !ok || strings.Contains(strings.TrimSuffix(host, "/"), "/"):
		f.add(key, "%q is not of the form http://HOST:PORT", u)
	}
}

func httpURL(f *faults, key string, u URL) {
	if s := u.Scheme(); u != "" && s != "http" && s != "https" {
		f.add(key, "%q does not begin with http:// or https://", u)
	}
}
