package plan

import "github.com/freshet-vod/freshet"

// groups hand out the places in a job's groups.
type groups struct {
	list []freshet.TaskGroup
	left []int // by group
}

func newGroups(list []freshet.TaskGroup) groups {
	g := groups{list: list, left: make([]int, len(list))}
	for i := range list {
		g.left[i] = list[i].Count
	}
	return g
}

// take returns the group, from 1, of the next object of a domain; 0 if the job
// has no group for it.
func (g groups) take(domain string) int {
	for i := range g.list {
		if g.list[i].Domain == domain && g.left[i] > 0 {
			g.left[i]--
			return i + 1
		}
	}
	return 0
}
