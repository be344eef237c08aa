package config

import "github.com/freshet-vod/freshet"

// DomainList returns the declared domains in the words of the product.
func (c *Config) DomainList() []freshet.Domain {
	list := make([]freshet.Domain, 0, len(c.Domains))
	for _, d := range c.Domains {
		list = append(list, freshet.Domain{
			Account: d.Account, Name: d.Name, Aliases: d.Aliases, Origin: string(d.Origin),
			TLS: d.TLS, IgnoreParams: d.IgnoreParams,
		})
	}
	return list
}

// POPList returns the declared POPs in the words of the product. The URLs of
// caches that listen on port 0 or run elsewhere are not known yet and empty.
func (c *Config) POPList() []freshet.POP {
	list := make([]freshet.POP, 0, len(c.POPs))
	for _, p := range c.POPs {
		w := freshet.POP{ID: p.ID, Parents: p.Parents, Remote: p.Remote, Area: p.Area}
		for _, k := range p.Caches {
			if k.URL != "" || k.Listen.fixed() {
				w.URL = k.PublicURL(string(k.Listen))
			}
		}
		list = append(list, w)
	}
	return list
}

// PublicURL returns where child POPs and viewers reach the cache, given the
// address that its listener really has.
func (k Cache) PublicURL(bound string) string {
	if k.URL != "" {
		return string(k.URL)
	}
	return "http://" + bound
}
