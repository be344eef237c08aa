package natsbus

import (
	"context"
	"errors"
	"sync"
)

// errLost is why a call ended that was under way when its connection was lost.
var errLost = errors.New("the connection was lost")

// calls are the calls under way. NATS lets them wait for an answer that cannot
// come any more: the inbox moves to the next connection, the answer was sent on
// the last one. A POP would sit on its evidence until the call's time is over.
type calls struct {
	mu      sync.Mutex // guards what follows
	last    uint64
	cancels map[uint64]context.CancelCauseFunc
}

// begin returns the context of a call, and what must be called when it is over.
func (c *calls) begin(ctx context.Context) (call context.Context, end func()) {
	call, cancel := context.WithCancelCause(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancels == nil {
		c.cancels = map[uint64]context.CancelCauseFunc{}
	}
	c.last++
	n := c.last
	c.cancels[n] = cancel
	return call, func() {
		c.mu.Lock()
		delete(c.cancels, n)
		c.mu.Unlock()
		cancel(nil)
	}
}

// lose ends every call under way. It runs a moment after the loss, so a call
// over the next connection may be among them: it is tried again like the rest.
func (c *calls) lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cancel := range c.cancels {
		cancel(errLost)
	}
}
