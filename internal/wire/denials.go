package wire

import "github.com/freshet-vod/freshet"

// DenyPull asks for a page of the present deny list.
type DenyPull struct {
	After string // the last URL of the page before; empty: from the start
	Limit int    // URLs, at most; 0: as many as the control plane likes
	// Able says that the POP's caches can refuse objects; a POP whose caches
	// cannot keeps the list all the same.
	Able bool
}

// DenyPage is a part of the deny list, in the order of its URLs.
type DenyPage struct {
	// At is how far the log is reflected: every entry up to it is; of later ones,
	// some may be.
	At   freshet.Position
	URLs []freshet.DeniedURL
	More bool // there are URLs after these
}

// EncodeDenyPull encodes a request.
func EncodeDenyPull(q DenyPull) []byte {
	var w writer
	w.str(q.After)
	w.varint(int64(q.Limit))
	w.bool(q.Able)
	return seal(kindDenyPull, Version3, w.b, compression.fast)
}

// DecodeDenyPull decodes a request.
func DecodeDenyPull(b []byte) (DenyPull, error) {
	r, err := unseal(kindDenyPull, b)
	if err != nil {
		return DenyPull{}, err
	}
	q := DenyPull{After: r.str(), Limit: r.int(), Able: r.bool()}
	if err := finish(kindDenyPull, r); err != nil {
		return DenyPull{}, err
	}
	return q, nil
}

// EncodeDenyPage encodes a page: its URLs as those of a selector, then the
// positions and statuses.
func EncodeDenyPage(p DenyPage) []byte {
	var w writer
	w.position(p.At)
	w.bool(p.More)
	urls := make([]string, len(p.URLs))
	for i, u := range p.URLs {
		urls[i] = u.URL
	}
	w.urls(urls)
	for _, u := range p.URLs {
		w.position(u.At)
		w.uvarint(clamp(int64(u.Status), maxStatus))
	}
	return seal(kindDenyPage, Version3, w.b, compression.fast)
}

// DecodeDenyPage decodes a page. Empty lists come back as nil.
func DecodeDenyPage(b []byte) (DenyPage, error) {
	r, err := unseal(kindDenyPage, b)
	if err != nil {
		return DenyPage{}, err
	}
	p := DenyPage{At: r.position(), More: r.bool()}
	urls := r.urls(&urlBudget{urls: MaxURLs, bytes: MaxURLBytes})
	if len(urls) > 0 {
		p.URLs = make([]freshet.DeniedURL, len(urls))
	}
	for i := range p.URLs {
		p.URLs[i] = freshet.DeniedURL{URL: urls[i], At: r.position(), Status: r.status()}
	}
	if err := finish(kindDenyPage, r); err != nil {
		return DenyPage{}, err
	}
	return p, nil
}
