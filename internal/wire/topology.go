package wire

import "github.com/freshet-vod/freshet"

// EncodeTopology encodes a topology.
func EncodeTopology(t freshet.Topology) []byte { return EncodeTopologyAs(Newest, t) }

// EncodeTopologyAs encodes a topology for a receiver that knows v at most.
// Version 1 leaves out how a domain's objects are checked, and both old ones
// how its URLs are signed and whether its origin is guarded, which POPs are
// drained and what they do when the control plane is silent.
func EncodeTopologyAs(v Version, t freshet.Topology) []byte {
	var w writer
	w.uvarint(t.Version)
	w.count(len(t.Domains))
	for _, d := range t.Domains {
		w.str(d.Account)
		w.str(d.Name)
		w.strs(d.Aliases)
		w.str(d.Origin)
		w.bool(d.TLS)
		w.strs(d.IgnoreParams)
		w.bool(d.Offline)
		if v >= Version2 {
			w.str(string(d.Verify))
		}
		if v >= Version3 {
			w.bool(d.Guarded)
			w.urlAuth(d.URLAuth)
		}
	}
	w.count(len(t.POPs))
	for _, p := range t.POPs {
		w.str(p.ID)
		w.strs(p.Parents)
		w.bool(p.Remote)
		w.str(p.URL)
		w.bool(p.Down)
		if v >= Version3 {
			w.bool(p.Drained)
			w.varint(p.Silence.After.Milliseconds())
			w.str(string(p.Silence.Then))
			w.bool(p.Silence.Permit)
		}
	}
	return seal(kindTopology, v, w.b, compression.fast)
}

// The least numbers of bytes that a domain and a POP take in any version.
const (
	minDomain = 7
	minPOP    = 5
)

// maxDomains bounds the domains of a topology: in memory one takes fifty times
// what it may take on the wire.
const maxDomains = 1 << 19

// DecodeTopology decodes a topology. Empty lists come back as nil.
func DecodeTopology(b []byte) (freshet.Topology, error) {
	r, err := unseal(kindTopology, b)
	if err != nil {
		return freshet.Topology{}, err
	}
	t := freshet.Topology{Version: r.uvarint()}
	if n := r.count(minDomain); n > maxDomains {
		r.failf("message holds more than %d domains", maxDomains)
	} else if n > 0 {
		t.Domains = make([]freshet.Domain, n)
	}
	for i := range t.Domains {
		t.Domains[i] = freshet.Domain{
			Account:      r.str(),
			Name:         r.str(),
			Aliases:      r.strs(),
			Origin:       r.str(),
			TLS:          r.bool(),
			IgnoreParams: r.strs(),
			Offline:      r.bool(),
		}
		if r.v >= Version2 {
			t.Domains[i].Verify = freshet.Verify(r.str())
		}
		if r.v >= Version3 {
			t.Domains[i].Guarded = r.bool()
			t.Domains[i].URLAuth = r.urlAuth()
		}
	}
	if n := r.count(minPOP); n > 0 {
		t.POPs = make([]freshet.POP, n)
	}
	for i := range t.POPs {
		t.POPs[i] = freshet.POP{
			ID:      r.str(),
			Parents: r.strs(),
			Remote:  r.bool(),
			URL:     r.str(),
			Down:    r.bool(),
		}
		if r.v >= Version3 {
			t.POPs[i].Drained = r.bool()
			t.POPs[i].Silence = freshet.Silence{After: r.length(), Then: freshet.OnSilence(r.str()), Permit: r.bool()}
		}
	}
	if err := finish(kindTopology, r); err != nil {
		return freshet.Topology{}, err
	}
	return t, nil
}

// urlAuth writes how a domain's URLs are signed, with the keys: a topology goes
// over a POP's own connection only, and into a file that only the POP can read.
func (w *writer) urlAuth(a freshet.URLAuth) {
	w.str(string(a.Type))
	if a.Type == "" {
		return
	}
	w.str(string(a.MainKey))
	w.str(string(a.BackupKey))
	w.varint(int64(a.ValiditySeconds))
	w.bool(a.Enforce)
	w.strs(a.Open)
}

func (r *reader) urlAuth() freshet.URLAuth {
	a := freshet.URLAuth{Type: freshet.AuthType(r.str())}
	if a.Type == "" {
		return a
	}
	a.MainKey, a.BackupKey = freshet.AuthKey(r.str()), freshet.AuthKey(r.str())
	a.ValiditySeconds = r.int()
	a.Enforce = r.bool()
	a.Open = r.strs()
	return a
}
