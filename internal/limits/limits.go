// Package limits says how much an account may do: how often it calls each
// operation, and how much it purges and prefetches in a day, in a call and at a
// time.
//
// It must not know HTTP nor SQL. The vendor's API asks it before it does any
// work, and the engine before a job is committed. Nothing is limited unless the
// configuration says so: a server of one's own has no reason to. If it is
// wrong, an account takes the caches from the others, or a purge is refused
// that nothing should refuse.
package limits

// Figures are what one account may do. A figure of 0 is no limit.
type Figures struct {
	CallsPerSecond    int  // of each operation of the vendor's API
	VendorCalls       bool // operations have the vendor's figures, where CallsPerSecond is 0
	URLsPerDay        int  // purged by the vendor's API
	DirectoriesPerDay int  // and other selectors that are not one URL
	PreloadsPerDay    int  // URLs prefetched
	URLsPerCall       int  // of RefreshVodObjectCaches
	PreloadsPerCall   int  // of PreloadVodObjectCaches
	PreloadQueue      int  // prefetch tasks that wait at a time
}

// Vendor returns the figures of the vendor's pages (contract §4.0, §6.1).
func Vendor() Figures {
	return Figures{
		VendorCalls: true, URLsPerDay: 2000, DirectoriesPerDay: 100, PreloadsPerDay: 500,
		URLsPerCall: 1000, PreloadsPerCall: 100, PreloadQueue: 100,
	}
}

// Over returns f with what o sets in its place.
func (f Figures) Over(o Figures) Figures {
	set := func(to *int, v int) {
		if v != 0 {
			*to = v
		}
	}
	f.VendorCalls = f.VendorCalls || o.VendorCalls
	set(&f.CallsPerSecond, o.CallsPerSecond)
	set(&f.URLsPerDay, o.URLsPerDay)
	set(&f.DirectoriesPerDay, o.DirectoriesPerDay)
	set(&f.PreloadsPerDay, o.PreloadsPerDay)
	set(&f.URLsPerCall, o.URLsPerCall)
	set(&f.PreloadsPerCall, o.PreloadsPerCall)
	set(&f.PreloadQueue, o.PreloadQueue)
	return f
}

// calls returns how often an operation may be called in a second, 0 for as
// often as one likes.
func (f Figures) calls(operation string) int {
	switch {
	case f.CallsPerSecond != 0:
		return f.CallsPerSecond
	case f.VendorCalls:
		return vendorCalls(operation)
	}
	return 0
}

// vendorCalls are the vendor's figures, per account and second. Where it
// publishes none for an operation, that of the same operation of its CDN
// counts, and without one there is no limit (contract §4.0).
func vendorCalls(operation string) int {
	switch operation {
	case "RefreshMediaPlayUrls", "GetMediaRefreshJobs", "SearchMedia", "RegisterMedia",
		"RefreshVodObjectCaches", "PreloadVodObjectCaches":
		return 50
	case "GetPlayInfo":
		return 360
	case "GetVideoInfo", "GetVideoInfos":
		return 100
	case "SetMessageCallback", "GetMessageCallback", "DeleteMessageCallback":
		return 15
	case "DescribeVodRefreshTasks":
		return 10
	}
	return 0
}

// Rules are the figures of every account.
type Rules struct {
	Each     Figures            // of accounts that have none of their own
	Accounts map[string]Figures // by account
}

// Of returns the figures of an account.
func (r Rules) Of(account string) Figures {
	if f, ok := r.Accounts[account]; ok {
		return f
	}
	return r.Each
}
