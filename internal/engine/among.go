package engine

import (
	"slices"

	"github.com/freshet-vod/freshet"
)

// among returns the POPs that a prefetch by URL is meant for; nil: all.
func (m *members) among(job *freshet.Job, domain string) []string {
	area := job.Direct.Area
	m.mu.RLock()
	defer m.mu.RUnlock()
	if area == "" && !job.Native {
		d, _ := freshet.FindDomain(m.domains, domain)
		area = d.Scope
	}
	var ids []string
	areas := false
	parents := map[string]bool{}
	for id, p := range m.declared {
		ids = append(ids, id)
		areas = areas || p.Area != ""
		for _, parent := range p.Parents {
			parents[parent] = true
		}
	}
	chosen := ids
	if areas && area != "" && area != freshet.ScopeGlobal {
		// A POP that declares no area serves viewers everywhere.
		chosen = kept(chosen, func(id string) bool {
			a := m.declared[id].Area
			return a == "" || a == freshet.ScopeGlobal || a == area
		})
	}
	if job.Direct.ParentsOnly && len(parents) > 0 {
		chosen = kept(chosen, func(id string) bool { return parents[id] })
	}
	if len(chosen) == len(ids) {
		return nil
	}
	slices.Sort(chosen)
	return chosen
}

// kept returns those of a list that a test keeps, or all of it if that is none:
// a prefetch that goes nowhere would look like one that is done.
func kept(list []string, keep func(string) bool) []string {
	out := slices.DeleteFunc(slices.Clone(list), func(id string) bool { return !keep(id) })
	if len(out) == 0 {
		return list
	}
	return out
}
