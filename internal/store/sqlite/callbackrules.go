package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// PutCallbackRule implements [store.CallbackRules].
func (s *Store) PutCallbackRule(ctx context.Context, r store.CallbackRule) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("packing callback rule: %w", err)
	}
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		var others int
		if _, err := t.get(ctx, []any{&others}, `SELECT count(*) FROM callback_rule WHERE account = ? AND app <> ?`, r.Account, r.App); err != nil {
			return fmt.Errorf("counting callback rules: %w", err)
		}
		if others >= store.MaxCallbackRules {
			return &freshet.Error{
				Code: freshet.CodeTooLarge, Field: "AppId",
				Message: fmt.Sprintf("%d applications have a callback rule; no more may have one.", others),
			}
		}
		if err := t.exec(ctx, `INSERT INTO callback_rule (account, app, body) VALUES (?, ?, ?)
			ON CONFLICT (account, app) DO UPDATE SET body = excluded.body`, r.Account, r.App, body); err != nil {
			return fmt.Errorf("storing callback rule: %w", err)
		}
		return s.putSecret(ctx, t, ruleSecret(r.Account, r.App), r.AuthKey)
	})
}

// getter reads one row: a reader, or a transaction.
type getter interface {
	get(ctx context.Context, dest []any, query string, args ...any) (bool, error)
}

// CallbackRule implements [store.CallbackRules].
func (s *Store) CallbackRule(ctx context.Context, account, app string) (store.CallbackRule, bool, error) {
	r, ok, err := callbackRule(ctx, s.read, account, app)
	if err == nil && ok {
		r.AuthKey, err = s.secret(ctx, ruleSecret(account, app))
	}
	return r, ok, err
}

// callbackSecret is the column of all that callbacks are signed with.
func callbackSecret() secretColumn { return secretColumn{"callback_secret", "id", "secret"} }

// The IDs of secrets. An application has no slash in its name.
func ruleSecret(account, app string) string { return "rule/" + account + "/" + app }

func webhookSecret(account string) string { return "webhook/" + account }

func previousSecret(account string) string { return "webhook-previous/" + account }

// putSecret stores a secret in place of the one that is there; "" stores none.
func (s *Store) putSecret(ctx context.Context, t *tx, id, plain string) error {
	if err := t.exec(ctx, `DELETE FROM callback_secret WHERE id = ?`, id); err != nil {
		return fmt.Errorf("replacing a secret of callbacks: %w", err)
	}
	if plain == "" {
		return nil
	}
	if err := t.exec(ctx, `INSERT INTO callback_secret (id, secret) VALUES (?, ?)`, id, s.hide(callbackSecret(), id, plain)); err != nil {
		return fmt.Errorf("storing a secret of callbacks: %w", err)
	}
	return nil
}

// secret returns a secret, "" if there is none.
func (s *Store) secret(ctx context.Context, id string) (string, error) {
	var stored string
	if _, err := s.read.get(ctx, []any{&stored}, `SELECT secret FROM callback_secret WHERE id = ?`, id); err != nil {
		return "", fmt.Errorf("reading a secret of callbacks: %w", err)
	}
	return s.reveal(callbackSecret(), id, stored)
}

// callbackRule reads a rule without its key.
func callbackRule(ctx context.Context, g getter, account, app string) (store.CallbackRule, bool, error) {
	var r store.CallbackRule
	ok, err := getJSON(ctx, g, &r, `SELECT body FROM callback_rule WHERE account = ? AND app = ?`, account, app)
	if err != nil {
		return r, false, fmt.Errorf("reading callback rule: %w", err)
	}
	return r, ok, nil
}

// getJSON reads one row of one column, which holds JSON.
func getJSON(ctx context.Context, g getter, into any, query string, args ...any) (bool, error) {
	var body []byte
	ok, err := g.get(ctx, []any{&body}, query, args...)
	if err != nil || !ok {
		return false, err
	}
	return true, json.Unmarshal(body, into)
}

// DeleteCallbackRule implements [store.CallbackRules].
func (s *Store) DeleteCallbackRule(ctx context.Context, now time.Time, account, app string) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		if err := t.exec(ctx, `DELETE FROM callback_rule WHERE account = ? AND app = ?`, account, app); err != nil {
			return fmt.Errorf("deleting callback rule: %w", err)
		}
		if err := s.putSecret(ctx, t, ruleSecret(account, app), ""); err != nil {
			return err
		}
		return t.giveUp(ctx, now, account, "The rule of the application was deleted.",
			`account = ? AND state = 0 AND native = 0 AND app = ?`, account, app)
	})
}

// giveUp ends what waits and matches.
func (t *tx) giveUp(ctx context.Context, now time.Time, account, why, where string, args ...any) error {
	res, err := t.run(ctx, `UPDATE callback SET state = 2, due = ?, worker = '', error = ? WHERE `+where,
		append([]any{millis(now), why}, args...)...)
	if err != nil {
		return fmt.Errorf("giving up callbacks: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("giving up callbacks: %w", err)
	}
	return t.callbackLoad(ctx, account, -n, n)
}

// callbackLoad counts rows of an account.
func (t *tx) callbackLoad(ctx context.Context, account string, waiting, ended int64) error {
	if waiting == 0 && ended == 0 {
		return nil
	}
	if err := t.exec(ctx, `INSERT INTO callback_load (account, waiting, ended, served) VALUES (?, ?, ?, 0)
		ON CONFLICT (account) DO UPDATE SET waiting = waiting + excluded.waiting, ended = ended + excluded.ended`,
		account, waiting, ended); err != nil {
		return fmt.Errorf("counting callbacks: %w", err)
	}
	return nil
}

// PutWebhook implements [store.Webhooks].
func (s *Store) PutWebhook(ctx context.Context, w store.Webhook) error {
	body, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("packing webhook: %w", err)
	}
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		if err := t.exec(ctx, `INSERT INTO webhook (account, body) VALUES (?, ?)
			ON CONFLICT (account) DO UPDATE SET body = excluded.body`, w.Account, body); err != nil {
			return fmt.Errorf("storing webhook: %w", err)
		}
		if err := t.exec(ctx, `UPDATE callback SET url = ?, host = ? WHERE account = ? AND state = 0 AND native = 1 AND url <> ?`,
			w.URL, hostOf(w.URL), w.Account, w.URL); err != nil {
			return fmt.Errorf("moving callbacks: %w", err)
		}
		return errors.Join(
			s.putSecret(ctx, t, webhookSecret(w.Account), w.Secret),
			s.putSecret(ctx, t, previousSecret(w.Account), w.Previous),
		)
	})
}

// Webhook implements [store.Webhooks].
func (s *Store) Webhook(ctx context.Context, account string) (store.Webhook, bool, error) {
	w, ok, err := webhook(ctx, s.read, account)
	if err != nil || !ok {
		return w, ok, err
	}
	if w.Secret, err = s.secret(ctx, webhookSecret(account)); err == nil {
		w.Previous, err = s.secret(ctx, previousSecret(account))
	}
	return w, err == nil, err
}

// webhook reads a webhook without its secrets.
func webhook(ctx context.Context, g getter, account string) (store.Webhook, bool, error) {
	var w store.Webhook
	ok, err := getJSON(ctx, g, &w, `SELECT body FROM webhook WHERE account = ?`, account)
	if err != nil {
		return w, false, fmt.Errorf("reading webhook: %w", err)
	}
	return w, ok, nil
}

// DeleteWebhook implements [store.Webhooks].
func (s *Store) DeleteWebhook(ctx context.Context, now time.Time, account string) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		if err := t.exec(ctx, `DELETE FROM webhook WHERE account = ?`, account); err != nil {
			return fmt.Errorf("deleting webhook: %w", err)
		}
		if err := t.exec(ctx, `DELETE FROM job_watch WHERE account = ?`, account); err != nil {
			return fmt.Errorf("deleting watches: %w", err)
		}
		for _, id := range []string{webhookSecret(account), previousSecret(account)} {
			if err := s.putSecret(ctx, t, id, ""); err != nil {
				return err
			}
		}
		return t.giveUp(ctx, now, account, "The webhook was deleted.", `account = ? AND state = 0 AND native = 1`, account)
	})
}
