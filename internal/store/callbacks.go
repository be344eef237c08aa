package store

import (
	"context"
	"slices"
	"time"
)

// CallbackRules keeps where the events of each application of an account go.
type CallbackRules interface {
	// PutCallbackRule replaces the rule of (Account, App) as a whole. One more
	// than MaxCallbackRules of an account is a CodeTooLarge error.
	PutCallbackRule(ctx context.Context, r CallbackRule) error
	// CallbackRule returns a rule; false if there is none.
	CallbackRule(ctx context.Context, account, app string) (CallbackRule, bool, error)
	// DeleteCallbackRule deletes a rule, if there is one, and gives up what
	// waits to be delivered by it.
	DeleteCallbackRule(ctx context.Context, now time.Time, account, app string) error
}

// MaxCallbackRules is how many applications of an account may have a rule.
const MaxCallbackRules = 1000

// The ways of a CallbackRule and of an Event.
const (
	ByHTTP = "HTTP"
	ByMNS  = "MNS" // kept and shown, never delivered
)

// AllEvents in a rule's Events stands for every type.
const AllEvents = "ALL"

// CallbackRule says where the events of one application go (contract §4.7).
type CallbackRule struct {
	Account, App string
	Type         string   // ByHTTP or ByMNS
	URL          string   // of ByHTTP
	Events       []string // types that are told; none: nothing is
	Auth         bool     // calls are signed with AuthKey
	AuthKey      string   `json:"-"`
	MNSEndpoint  string   // of ByMNS, as MNSQueue
	MNSQueue     string
	Modified     time.Time
}

// Wants reports whether events of a type are told.
func (r CallbackRule) Wants(event string) bool {
	return slices.Contains(r.Events, AllEvents) || slices.Contains(r.Events, event)
}

// Event is something that a rule may ask to be told about. It is handed to the
// method that makes it true, and queued in the same transaction if there is a
// rule for it at that moment.
type Event struct {
	Type string // the vendor's event type
	App  string // the application whose rule counts
	// URL is where to go instead of where the rule says; Way is ByHTTP or ByMNS
	// in place of the rule's, "" for the rule's.
	URL, Way string
	Media    string
	Job      string // with Row, of what the body is made when it is delivered
	Row      int
	Body     []byte // JSON; nil: made of Job and Row
}

// Webhooks keeps the one receiver of each account for events beyond the
// vendor's.
type Webhooks interface {
	// PutWebhook inserts or replaces an account's. What waits goes to the new
	// URL.
	PutWebhook(ctx context.Context, w Webhook) error
	// Webhook returns an account's; false if there is none.
	Webhook(ctx context.Context, account string) (Webhook, bool, error)
	// DeleteWebhook deletes an account's, if there is one, and gives up what
	// waits for it.
	DeleteWebhook(ctx context.Context, now time.Time, account string) error
	// Watched returns jobs whose end is to be told, in order of account and ID,
	// after the given one, at most limit. A job is watched from the moment in
	// which a row of it is planned while its account has a webhook.
	Watched(ctx context.Context, after JobRef, limit int) ([]JobRef, error)
	// Watching tells whether a job is watched.
	Watching(ctx context.Context, job JobRef) (bool, error)
	// FinishJob ends the watch of a job and queues the event of type FinishEvent
	// with the body, if the account still has a webhook. It reports whether it
	// did; a job that is not watched (any more) is not told.
	FinishJob(ctx context.Context, now time.Time, job JobRef, body []byte) (bool, error)
}

// FinishEvent is the type of the event that FinishJob queues.
const FinishEvent = "MediaRefreshFinished"

// JobRef names a job.
type JobRef struct{ Account, Job string }

// Webhook is a receiver of signed events.
type Webhook struct {
	Account  string
	URL      string
	Secret   string `json:"-"` // signs; whsec_ and the bytes in base64
	Previous string `json:"-"` // the one before, which signs too until PreviousEnds
	// PreviousEnds is when Previous ends.
	PreviousEnds time.Time
	Created      time.Time
	Modified     time.Time
}

// Callbacks is the queue of what is to be delivered.
type Callbacks interface {
	// ClaimCallbacks leases what is due: one account after the other, the one
	// that waited longest first, and within an account one host after the
	// other. next is when something is due next, as far as this claim did not
	// take it; zero if nothing waits.
	ClaimCallbacks(ctx context.Context, c CallbackClaim) (claimed []Callback, next time.Time, err error)
	// SettleCallback records an attempt. A claim that was lost changes nothing,
	// which is no error. It need not be durable: what is lost is done again.
	SettleCallback(ctx context.Context, o CallbackOutcome) error
	// ListCallbacks returns callbacks of an account without their bodies,
	// newest first.
	ListCallbacks(ctx context.Context, q CallbackQuery) ([]Callback, error)
	// RetryCallback makes a callback of the account that was given up wait
	// again, with all its attempts; also one that waits is due at once. An
	// unknown one is a CodeNotFound error, a delivered one CodeConflict.
	RetryCallback(ctx context.Context, now time.Time, account, id string) error
	// TrimCallbacks deletes callbacks that ended before a time, and of each
	// account all but the newest `keep` that ended. It returns how many.
	TrimCallbacks(ctx context.Context, before time.Time, keep int) (int, error)
	// CallbackBacklog tells how much waits, of all accounts.
	CallbackBacklog(ctx context.Context) (CallbackBacklog, error)
	// CallbacksQueued returns a channel that holds a value after something was
	// queued.
	CallbacksQueued() <-chan struct{}
}

// MaxCallbacksWaiting is how many callbacks of an account may wait; more are
// given up as soon as they are queued.
const MaxCallbacksWaiting = 100_000

// Callback is something to deliver, or that was.
type Callback struct {
	ID      string // 16 random hex digits
	Account string
	Event   string
	Native  bool // by the account's webhook, not by a rule
	App     string
	URL     string
	Host    string // of URL, with its port
	Media   string
	Job     string
	Row     int
	Body    []byte // nil: made of Job and Row
	Created time.Time
	State   CallbackState
	Due     time.Time // while it waits: of the next attempt
	Worker  string    // while it is leased; Due is then the end of the lease
	// Attempts counts those made since it was queued or retried.
	Attempts int
	Tried    time.Time // of the last attempt
	Error    string    // of the last attempt that failed; for the account's eyes
}

// CallbackState is how far a callback is.
type CallbackState int

// The states of a callback.
const (
	CallbackWaiting CallbackState = iota
	CallbackDelivered
	CallbackFailed // given up
)

// CallbackClaim asks for callbacks to deliver.
type CallbackClaim struct {
	Worker     string // unique per process start
	Now        time.Time
	Lease      time.Duration
	Limit      int
	PerAccount int            // at most so many of one account, those in hand included
	PerHost    int            // and of one host
	Accounts   map[string]int // in hand, by account
	Hosts      map[string]int // in hand, by host
}

// CallbackOutcome is how an attempt ended.
type CallbackOutcome struct {
	ID, Worker string
	Now        time.Time
	Delivered  bool
	Error      string
	Next       time.Time // of the next attempt; zero: none
}

// CallbackBacklog is what waits to be delivered at one moment.
type CallbackBacklog struct {
	Waiting int
	Failing int       // of them, those whose last attempt failed
	Oldest  time.Time // when the oldest of them was queued; zero: none waits
}

// CallbackQuery selects callbacks.
type CallbackQuery struct {
	Account string
	Failed  bool   // only those that were given up
	Before  string // ID; older than it; "" = from the newest
	Limit   int
}
