package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/vod"
)

// mediaBatch is media that are stored in one transaction. An import of
// millions is thousands of these, almost all of media that are new: what can be
// worked out beforehand is, what must be asked is asked once for all of them,
// and rows are inserted many at a time.
type mediaBatch struct {
	now   time.Time
	media []*freshet.Media
	fresh []freshMedia       // as they are stored if they are new
	found map[scopeKey]int64 // scopes that the present transaction read or made
}

// freshMedia is a media as it is stored if there was none.
type freshMedia struct {
	dated       *freshet.Media
	body        []byte
	scope       int64  // 0: not known yet, and neither are the runs
	long, short string // runs of letters
}

// newBatch works out what it can. It runs in the goroutine of the caller: the
// writer's is the one thing that all of them share.
func (s *Store) newBatch(now time.Time, media []*freshet.Media) *mediaBatch {
	b := &mediaBatch{now: now, media: media, fresh: make([]freshMedia, len(media))}
	for i, m := range media {
		f := &b.fresh[i]
		f.dated, f.body, _ = dated(m, nil, now)
		if f.scope = s.scopes.lookup(scopeOf(m)); f.scope != 0 {
			f.long, f.short = gramsOf(f.scope, m)
		}
	}
	return b
}

// put stores the batch: of each account those that are there one after the
// other, then the others together.
func (b *mediaBatch) put(ctx context.Context, t *tx) error {
	b.found = map[scopeKey]int64{} // of a transaction that was rolled back
	byAccount := map[string][]int{}
	for i, m := range b.media {
		byAccount[m.Account] = append(byAccount[m.Account], i)
	}
	for account, indexes := range byAccount {
		old, repeated, err := b.stored(ctx, t, account, indexes)
		if err != nil {
			return err
		}
		var fresh []int
		for _, i := range indexes {
			m := b.media[i]
			if repeated {
				err = t.putMedia(ctx, m, b.now)
			} else if was := old[m.ID]; was.media != nil {
				err = t.replaceMedia(ctx, m, was, b.now)
			} else {
				fresh = append(fresh, i)
			}
			if err != nil {
				return fmt.Errorf("storing media %s: %w", m.ID, err)
			}
		}
		if err := b.insert(ctx, t, account, fresh); err != nil {
			return fmt.Errorf("storing media: %w", err)
		}
	}
	return nil
}

// stored returns those of the account's media that are there, by ID; repeated
// tells that an ID comes twice, so that the second replaces the first.
func (b *mediaBatch) stored(ctx context.Context, t *tx, account string, indexes []int) (old map[string]storedMedia, repeated bool, err error) {
	ids := make([]string, len(indexes))
	seen := make(map[string]bool, len(indexes))
	for k, i := range indexes {
		ids[k] = b.media[i].ID
		seen[ids[k]] = true
	}
	if len(seen) < len(ids) {
		return nil, true, nil
	}
	list, err := idList(ids)
	if err != nil {
		return nil, false, err
	}
	old = map[string]storedMedia{}
	err = t.each(ctx, func(rows *sql.Rows) error {
		var id string
		var was storedMedia
		var updated int64
		var body []byte
		err := rows.Scan(&id, &was.key, &was.place, &updated, &body)
		if err != nil {
			return err
		}
		was.media, err = readMedia(account, id, updated, body)
		old[id] = was
		return err
	}, `SELECT id, key, coalesce(place, 0), updated, body FROM media
		WHERE account = ? AND id IN (SELECT value FROM json_each(?))`, account, list)
	if err != nil {
		return nil, false, fmt.Errorf("looking for media: %w", err)
	}
	return old, false, nil
}

// insert stores media of which there are none.
func (b *mediaBatch) insert(ctx context.Context, t *tx, account string, indexes []int) error {
	if len(indexes) == 0 {
		return nil
	}
	down, err := b.takenDown(ctx, t, account, indexes)
	if err != nil {
		return err
	}
	var key int64
	if _, err := t.get(ctx, []any{&key}, `SELECT coalesce(max(key), 0) FROM media`); err != nil {
		return fmt.Errorf("reading keys: %w", err)
	}
	media := bulk{width: 6, one: `INSERT INTO media (key, account, id, updated, body, place) VALUES (?, ?, ?, ?, ?, ?)`}
	find := bulk{width: 11, one: insertFind}
	added, places := map[int64]int64{}, map[int64]int64{}
	for _, i := range indexes {
		f, m := &b.fresh[i], b.fresh[i].dated
		scope, long, short := f.scope, f.long, f.short
		if scope == 0 {
			if scope, err = b.scope(ctx, t, m); err != nil {
				return err
			}
			long, short = gramsOf(scope, m)
		}
		place, err := t.nextPlace(ctx, places, placedMillis(m))
		if err != nil {
			return err
		}
		key++
		media.add(key, account, m.ID, millis(b.now), f.body, place)
		find.add(findRow(place, scope, key, m, down[m.ID])...)
		added[scope]++
		if short != "" {
			t.texts = append(t.texts, textChange{place, long, short, false})
		}
		if err := t.rename(ctx, account, m.ID, nil, m); err != nil {
			return err
		}
	}
	if err := media.flush(ctx, t); err != nil {
		return err
	}
	if err := find.flush(ctx, t); err != nil {
		return fmt.Errorf("placing media: %w", err)
	}
	for scope, n := range added {
		if err := t.countMedia(ctx, scope, n); err != nil {
			return err
		}
	}
	return nil
}

// scope is tx.scope, asked once for all media of the batch.
func (b *mediaBatch) scope(ctx context.Context, t *tx, m *freshet.Media) (scope int64, err error) {
	k := scopeOf(m)
	if scope = b.found[k]; scope == 0 {
		scope, err = t.scope(ctx, m)
		b.found[k] = scope
	}
	return scope, err
}

// takenDown tells which of the media a takedown holds for.
func (b *mediaBatch) takenDown(ctx context.Context, t *tx, account string, indexes []int) (map[string]bool, error) {
	ids := make([]string, len(indexes))
	for k, i := range indexes {
		ids[k] = b.media[i].ID
	}
	list, err := idList(ids)
	if err != nil {
		return nil, err
	}
	down := map[string]bool{}
	err = t.each(ctx, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		down[id] = true
		return err
	}, `SELECT media FROM takedown WHERE account = ? AND ended = 0 AND media IN (SELECT value FROM json_each(?))`, account, list)
	if err != nil {
		return nil, fmt.Errorf("looking for takedowns: %w", err)
	}
	return down, nil
}

// nextPlace is newPlace for several media of one transaction that are not
// inserted yet: taken holds the last place of each millisecond that was given
// to one of them.
func (t *tx) nextPlace(ctx context.Context, taken map[int64]int64, created int64) (int64, error) {
	if last, ok := taken[created]; ok && last+1 < (created+1)<<placeBits {
		taken[created] = last + 1
		return last + 1, nil
	} else if ok { // a million in one millisecond
		return t.nextPlace(ctx, taken, created+1)
	}
	place, err := t.newPlace(ctx, created)
	if err != nil {
		return 0, err
	}
	if at := max(place, 1) >> placeBits; at != created { // of a later millisecond
		if _, ok := taken[at]; ok {
			return t.nextPlace(ctx, taken, at)
		}
		taken[created] = (created+1)<<placeBits - 1
		created = at
	}
	taken[created] = place
	return place, nil
}

// insertFind stores what a media is found by.
const insertFind = `INSERT INTO media_find (place, scope, media, own, status, cate, app, storage, size, duration, modified)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// findRow is what insertFind stores.
func findRow(place, scope, key int64, m *freshet.Media, down bool) []any {
	own := notDefault(m.Status, freshet.StatusNormal)
	status := own
	if down {
		status = sql.NullString{String: freshet.StatusBlocked, Valid: true}
	}
	return []any{
		place, scope, key, own, status,
		sql.NullInt64{Int64: m.CateID, Valid: m.CateID != 0},
		notDefault(m.AppID, vod.DefaultApp),
		notDefault(m.StorageLocation, ""),
		sql.NullInt64{Int64: m.SourceSize(), Valid: m.SourceSize() > 0},
		sql.NullFloat64{Float64: m.Length(), Valid: m.Length() > 0},
		millis(m.Modified),
	}
}
