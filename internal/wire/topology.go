package wire

import "github.com/freshet-vod/freshet"

// EncodeTopology encodes a topology.
func EncodeTopology(t freshet.Topology) []byte {
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
	}
	w.count(len(t.POPs))
	for _, p := range t.POPs {
		w.str(p.ID)
		w.strs(p.Parents)
		w.bool(p.Remote)
		w.str(p.URL)
		w.bool(p.Down)
	}
	return seal(kindTopology, w.b, compression.fast)
}

// The least numbers of bytes that a domain and a POP take.
const (
	minDomain = 7
	minPOP    = 5
)

// DecodeTopology decodes a topology. Empty lists come back as nil.
func DecodeTopology(b []byte) (freshet.Topology, error) {
	r, err := unseal(kindTopology, b)
	if err != nil {
		return freshet.Topology{}, err
	}
	t := freshet.Topology{Version: r.uvarint()}
	if n := r.count(minDomain); n > 0 {
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
	}
	if err := finish(kindTopology, r); err != nil {
		return freshet.Topology{}, err
	}
	return t, nil
}
