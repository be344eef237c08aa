package engine

import (
	"slices"
	"testing"

	"github.com/freshet-vod/freshet"
)

func TestAmong_AreaAndParents(t *testing.T) {
	t.Parallel()
	plain := []freshet.POP{{ID: "shield"}, {ID: "edge-1", Parents: []string{"shield"}}, {ID: "edge-2", Parents: []string{"shield"}}}
	areas := []freshet.POP{
		{ID: "shield"}, {ID: "cn", Area: "domestic", Parents: []string{"shield"}}, {ID: "eu", Area: "overseas", Parents: []string{"shield"}},
	}
	domains := []freshet.Domain{{Name: "vod.example.com"}, {Name: "eu.example.com", Scope: "overseas"}}
	for name, c := range map[string]struct {
		pops   []freshet.POP
		direct freshet.Direct
		native bool
		domain string
		want   []string // nil: all
	}{
		"nothing asked for":               {areas, freshet.Direct{}, false, "vod.example.com", nil},
		"no POP declares an area":         {plain, freshet.Direct{Area: "domestic"}, false, "vod.example.com", nil},
		"domestic":                        {areas, freshet.Direct{Area: "domestic"}, false, "vod.example.com", []string{"cn", "shield"}},
		"overseas":                        {areas, freshet.Direct{Area: "overseas"}, true, "vod.example.com", []string{"eu", "shield"}},
		"everywhere":                      {areas, freshet.Direct{Area: "global"}, false, "eu.example.com", nil},
		"the scope of the domain":         {areas, freshet.Direct{}, false, "eu.example.com", []string{"eu", "shield"}},
		"not natively":                    {areas, freshet.Direct{}, true, "eu.example.com", nil},
		"parents":                         {plain, freshet.Direct{ParentsOnly: true}, false, "vod.example.com", []string{"shield"}},
		"parents of an area":              {areas, freshet.Direct{ParentsOnly: true, Area: "domestic"}, false, "vod.example.com", []string{"shield"}},
		"no parents":                      {plain[:1], freshet.Direct{ParentsOnly: true}, false, "vod.example.com", nil},
		"an area without a POP is no end": {areas[1:2], freshet.Direct{Area: "overseas"}, false, "vod.example.com", nil},
	} {
		m := newMembers(c.pops)
		m.domains = domains
		got := m.among(&freshet.Job{Native: c.native, Direct: &c.direct}, c.domain)
		if !slices.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
