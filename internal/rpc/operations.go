package rpc

import "context"

// operation is one operation of the API that is built.
type operation struct {
	write bool // it changes something
	frees bool // takes next to no room, or ends what takes some: answered on a full disk, too
	// perResource: its handler asks call.may for each media or domain that the
	// call names. Of every other operation, the caller must be allowed to do it
	// in the whole account, which is asked before it runs.
	perResource bool
	run         func(context.Context, *call) (any, error)
}

// operations are those of one group, by their names.
type operations map[string]operation

// groups lists every operation that is built: one group a line, each in the
// file of its first operation.
func (s *server) groups() []operations {
	return []operations{
		s.refreshOperations(),
		s.objectOperations(),
		s.mediaOperations(),
		s.callbackOperations(),
		s.domainOperations(),
		s.quotaOperations(),
	}
}

// refreshOperations are about jobs by media ID and their tasks (contract §4.1,
// §4.2, §4.5).
func (s *server) refreshOperations() operations {
	return operations{
		"RefreshMediaPlayUrls":    {write: true, perResource: true, run: s.refreshMediaPlayUrls},
		"GetMediaRefreshJobs":     {run: s.getMediaRefreshJobs},
		"DescribeVodRefreshTasks": {run: s.describeVodRefreshTasks},
	}
}
