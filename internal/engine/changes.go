package engine

import "sync"

// maxWatched bounds the jobs whose changes are remembered one by one. Over
// it all are forgotten, which costs each waiter one needless look.
const maxWatched = 100_000

// changes tells those who wait for a job that something about it is new.
type changes struct {
	mu   sync.Mutex // guards what follows
	seq  uint64
	jobs map[string]*jobChange
}

type jobChange struct {
	seq uint64
	ch  chan struct{} // closed at the next change
}

func newChanges() *changes { return &changes{jobs: map[string]*jobChange{}} }

// touch says that the jobs changed.
func (c *changes) touch(jobs ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range jobs {
		if j := c.jobs[id]; j != nil {
			close(j.ch)
		}
		c.add(id)
	}
}

// version returns the version of a job, and a channel that is closed when it
// changes next. It may be asked about jobs that are not there.
func (c *changes) version(job string) (uint64, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	j := c.jobs[job]
	if j == nil {
		j = c.add(job)
	}
	return j.seq, j.ch
}

// add makes a new version of a job; the caller holds mu.
func (c *changes) add(id string) *jobChange {
	if c.jobs[id] == nil && len(c.jobs) >= maxWatched {
		for _, j := range c.jobs {
			close(j.ch)
		}
		clear(c.jobs)
	}
	c.seq++
	j := &jobChange{seq: c.seq, ch: make(chan struct{})}
	c.jobs[id] = j
	return j
}

// forget drops a job that will not change any more. A late change (evidence
// of a POP that was away) only makes a new entry.
func (c *changes) forget(job string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if j := c.jobs[job]; j != nil {
		close(j.ch)
		delete(c.jobs, job)
	}
}
