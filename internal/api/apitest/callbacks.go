package apitest

import (
	"context"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// ListCallbacks implements [api.Callbacks].
func (f *Fake) ListCallbacks(_ context.Context, q store.CallbackQuery) ([]store.Callback, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []store.Callback
	past := q.Before == ""
	for _, c := range f.CallbackList {
		if past && c.Account == q.Account && (!q.Failed || c.State == store.CallbackFailed) && len(out) < q.Limit {
			out = append(out, c)
		}
		past = past || c.ID == q.Before
	}
	return out, f.Err
}

// RetryCallback implements [api.Callbacks].
func (f *Fake) RetryCallback(_ context.Context, now time.Time, account, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.CallbackList {
		c := &f.CallbackList[i]
		switch {
		case c.Account != account || c.ID != id:
		case c.State == store.CallbackDelivered:
			return freshet.Errorf(freshet.CodeConflict, "Callback %s was delivered.", id)
		default:
			c.State, c.Attempts, c.Due = store.CallbackWaiting, 0, now
			return f.Err
		}
	}
	return freshet.Errorf(freshet.CodeNotFound, "Callback %s does not exist.", id)
}

// Webhook implements [api.Callbacks].
func (f *Fake) Webhook(_ context.Context, account string) (store.Webhook, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Hook == nil || f.Hook.Account != account {
		return store.Webhook{}, false, f.Err
	}
	return *f.Hook, true, f.Err
}

// PutWebhook implements [api.Callbacks].
func (f *Fake) PutWebhook(_ context.Context, w store.Webhook) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Hook = &w
	return f.Err
}

// DeleteWebhook implements [api.Callbacks].
func (f *Fake) DeleteWebhook(_ context.Context, _ time.Time, account string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Hook != nil && f.Hook.Account == account {
		f.Hook = nil
	}
	return f.Err
}
