// Package callback delivers events to receivers outside: the vendor's events by
// the rules of its API (docs/vendor-api.md §5), and MediaRefreshFinished, which
// is beyond the vendor, to the webhook of an account (docs/api.md).
//
// It takes what is due from a table and puts back what came of it, so delivery
// survives the process. It must not know how events come about, nor what a
// receiver does with them. Package app starts it beside the engine. If it is
// wrong, receivers miss events, or a tenant makes the server call where it must
// not (promise P9).
package callback

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/guard"
	"github.com/freshet-vod/freshet/internal/store"
)

// Queue is the table that deliveries are taken from; a store is one.
type Queue interface {
	ClaimCallbacks(ctx context.Context, c store.CallbackClaim) ([]store.Callback, time.Time, error)
	SettleCallback(ctx context.Context, o store.CallbackOutcome) error
	TrimCallbacks(ctx context.Context, before time.Time, keep int) (int, error)
	CallbacksQueued() <-chan struct{}
}

// Receivers tells how callbacks are signed, and where webhooks go; a store is
// one.
type Receivers interface {
	CallbackRule(ctx context.Context, account, app string) (store.CallbackRule, bool, error)
	Webhook(ctx context.Context, account string) (store.Webhook, bool, error)
}

// Jobs tells what the bodies of events are made of.
type Jobs interface {
	Job(ctx context.Context, account, id string) (*freshet.Job, error)
	RowTasks(ctx context.Context, account string, row freshet.Row) ([]freshet.RowTask, error)
	Domains(ctx context.Context, account string) ([]freshet.Domain, error)
}

// Options are what a Deliverer is made from. A zero number or duration means
// the default.
type Options struct {
	Queue     Queue
	Receivers Receivers
	Jobs      Jobs
	Guard     *guard.Guard // which addresses may be called; nil: public ones
	Log       *slog.Logger

	Workers int           // deliveries at a time; 64
	PerHost int           // of them to one host; 8
	Timeout time.Duration // of one attempt, from the look-up of its name to the status; 5 s
	Pause   time.Duration // between two attempts of a vendor's event; 1 s
	Lease   time.Duration // how long a claim lasts; 30 s and the timeout
	Kept    time.Duration // how long what ended is shown; 72 h
	KeepMax int           // how much of it, of each account; 10,000
	// Pauses are those between the attempts of a webhook's event, one day in
	// all.
	Pauses []time.Duration

	Resolver *net.Resolver // nil: the system's
	TLS      *tls.Config   // nil: the system's certificates
}

// attempts is how often a vendor's event is sent (contract §5.2).
const attempts = 3

func (o *Options) defaults() {
	def(&o.Workers, 64)
	def(&o.PerHost, 8)
	def(&o.Timeout, 5*time.Second)
	def(&o.Pause, time.Second)
	def(&o.Lease, o.Timeout+30*time.Second)
	def(&o.Kept, 72*time.Hour)
	def(&o.KeepMax, 10_000)
	if o.Pauses == nil {
		const s, m, h = time.Second, time.Minute, time.Hour
		o.Pauses = []time.Duration{5 * s, 30 * s, 2 * m, 5 * m, 15 * m, 30 * m, h, 2 * h, 3 * h, 5 * h, 6 * h, 6 * h}
	}
	if o.Guard == nil {
		o.Guard = guard.New()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

func def[T int | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}

// Deliverer delivers. Make one with New, then Run it.
type Deliverer struct {
	o         Options
	transport *http.Transport
	worker    string
	freed     chan struct{} // holds a value after a delivery ended

	mu       sync.Mutex // guards what follows: what is in hand
	total    int
	accounts map[string]int
	hosts    map[string]int
}

// New makes a Deliverer.
func New(o Options) (*Deliverer, error) {
	o.defaults()
	if o.Queue == nil || o.Receivers == nil || o.Jobs == nil {
		return nil, errors.New("callback: a queue, receivers and jobs are needed")
	}
	var id [8]byte
	rand.Read(id[:])
	dialer := o.Guard.Dialer(net.Dialer{Timeout: o.Timeout, Resolver: o.Resolver})
	return &Deliverer{
		o: o, worker: hex.EncodeToString(id[:]), freed: make(chan struct{}, 1),
		accounts: map[string]int{}, hosts: map[string]int{},
		transport: &http.Transport{
			Proxy:                  nil, // never what the environment says
			DialContext:            dialer.DialContext,
			TLSClientConfig:        o.TLS,
			TLSHandshakeTimeout:    o.Timeout,
			MaxResponseHeaderBytes: 32 << 10,
			MaxConnsPerHost:        o.PerHost,
			MaxIdleConnsPerHost:    o.PerHost,
			MaxIdleConns:           o.Workers,
			IdleConnTimeout:        30 * time.Second,
			DisableCompression:     true,
		},
	}, nil
}

// trimEvery is how often ended deliveries are forgotten, retryAfter how soon a
// store that failed is asked again, and lookAgain how long the loop sleeps at
// most: another process may have queued something.
const (
	trimEvery  = 5 * time.Minute
	retryAfter = time.Second
	lookAgain  = 30 * time.Second
)

// Run delivers until ctx ends, and returns when nothing is in hand any more.
// What it had in hand is delivered by whoever runs next.
func (d *Deliverer) Run(ctx context.Context) error {
	var inHand sync.WaitGroup
	defer d.transport.CloseIdleConnections()
	defer inHand.Wait()
	trim := time.NewTicker(trimEvery)
	defer trim.Stop()
	for {
		wait, err := d.start(ctx, &inHand)
		if err != nil && ctx.Err() == nil {
			d.o.Log.LogAttrs(ctx, slog.LevelError, "callbacks could not be claimed", slog.Any("error", err))
			wait = retryAfter
		}
		next := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			next.Stop()
			return nil
		case <-d.o.Queue.CallbacksQueued():
		case <-d.freed:
		case <-next.C:
		case <-trim.C:
			d.trim(ctx)
		}
		next.Stop()
	}
}

func (d *Deliverer) trim(ctx context.Context) {
	if _, err := d.o.Queue.TrimCallbacks(ctx, time.Now().Add(-d.o.Kept), d.o.KeepMax); err != nil && ctx.Err() == nil {
		d.o.Log.LogAttrs(ctx, slog.LevelError, "old callbacks could not be deleted", slog.Any("error", err))
	}
}

// start claims what is due, as far as there is room, and starts its delivery.
// It returns how long there is nothing to do unless something happens.
func (d *Deliverer) start(ctx context.Context, inHand *sync.WaitGroup) (time.Duration, error) {
	for {
		c := d.room()
		if c.Limit <= 0 {
			return lookAgain, nil // until something is freed
		}
		list, next, err := d.o.Queue.ClaimCallbacks(ctx, c)
		if err != nil {
			return 0, err
		}
		for i := range list {
			d.take(&list[i], 1)
			inHand.Go(func() {
				defer d.take(&list[i], -1)
				d.deliver(ctx, &list[i])
			})
		}
		if len(list) > 0 {
			continue
		}
		if next.IsZero() {
			return lookAgain, nil
		}
		// What is due and was not given is for hosts or accounts that have
		// enough to do; the next look is when one of theirs ends.
		wait := time.Until(next)
		if wait <= 0 {
			return retryAfter, nil
		}
		return min(wait+time.Millisecond, lookAgain), nil
	}
}

// room asks for as much as may be begun now. One account gets at most a
// quarter of all at a time: receivers of one that do not answer leave room for
// others.
func (d *Deliverer) room() store.CallbackClaim {
	d.mu.Lock()
	defer d.mu.Unlock()
	return store.CallbackClaim{
		Worker: d.worker, Now: time.Now(), Lease: d.o.Lease, Limit: d.o.Workers - d.total,
		PerAccount: int(math.Ceil(float64(d.o.Workers) / 4)), PerHost: d.o.PerHost,
		Accounts: maps.Clone(d.accounts), Hosts: maps.Clone(d.hosts),
	}
}

// take counts a delivery as in hand, or as not any more.
func (d *Deliverer) take(c *store.Callback, n int) {
	d.mu.Lock()
	d.total += n
	count(d.accounts, c.Account, n)
	count(d.hosts, c.Host, n)
	d.mu.Unlock()
	if n < 0 {
		select {
		case d.freed <- struct{}{}:
		default:
		}
	}
}

func count(m map[string]int, key string, n int) {
	if m[key] += n; m[key] == 0 {
		delete(m, key)
	}
}

// deliver makes one attempt and records what came of it.
func (d *Deliverer) deliver(ctx context.Context, c *store.Callback) {
	fault := d.attempt(ctx, c)
	if ctx.Err() != nil && fault != nil {
		return // nothing is known: whoever runs next tries again
	}
	now := time.Now()
	o := store.CallbackOutcome{ID: c.ID, Worker: d.worker, Now: now, Delivered: fault == nil}
	if fault != nil {
		o.Error = fault.shown
		if !fault.final {
			o.Next = d.next(c, now)
		}
		level, what := slog.LevelInfo, "a callback failed"
		if o.Next.IsZero() {
			level, what = slog.LevelWarn, "a callback was given up"
		}
		d.o.Log.LogAttrs(ctx, level, what, slog.String("callback", c.ID), slog.String("account", c.Account), //nolint:sloglint // one of two
			slog.String("job", c.Job), slog.String("media", c.Media), slog.String("event", c.Event), slog.String("host", c.Host), slog.Int("attempt", c.Attempts+1), slog.Any("error", fault))
	}
	// Recorded even if the process is about to end: a receiver that said yes is
	// not asked again.
	if err := d.o.Queue.SettleCallback(context.WithoutCancel(ctx), o); err != nil {
		d.o.Log.LogAttrs(ctx, slog.LevelError, "the outcome of a callback could not be recorded",
			slog.String("callback", c.ID), slog.String("account", c.Account), slog.String("job", c.Job), slog.String("media", c.Media), slog.Any("error", err))
	}
}

// next is when a failed callback is tried again; zero: not any more.
func (d *Deliverer) next(c *store.Callback, now time.Time) time.Time {
	if !c.Native {
		if c.Attempts+1 >= attempts {
			return time.Time{}
		}
		return now.Add(d.o.Pause)
	}
	if c.Attempts >= len(d.o.Pauses) {
		return time.Time{}
	}
	return now.Add(d.o.Pauses[c.Attempts])
}

// Defaults returns the options that a Deliverer takes where none are set.
func Defaults() Options {
	var o Options
	o.defaults()
	return o
}
