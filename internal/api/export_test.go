package api

// RoutePolicy is what a route asks of the caller's policy.
type RoutePolicy struct {
	Pattern     string
	Actions     []string
	PerResource bool
	Lasting     bool
	Writes      bool // something that is written down
	Frees       bool // is answered on a full disk, too
}

// RoutePolicies returns what every route asks, for the test that none forgets.
func RoutePolicies() []RoutePolicy {
	var list []RoutePolicy
	for _, r := range (&server{}).routes() {
		if !r.open {
			list = append(list, RoutePolicy{Pattern: r.pattern, Actions: r.actions, PerResource: r.perResource, Lasting: r.lasting, Writes: r.mayWrite(), Frees: r.frees})
		}
	}
	return list
}
