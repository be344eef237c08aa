package sqlite

import (
	"context"
	"fmt"
	"math"

	"github.com/freshet-vod/freshet"
)

// groupsKept is how many seconds an ID that may be shared is kept: a clock that
// goes back by less changes nothing.
const groupsKept = 60

// giveGroups gives the groups of a stored job their IDs, and stores them with
// it. want is left as it is: the transaction may have to be made again.
func (t *tx) giveGroups(ctx context.Context, job *freshet.Job, seq int64, want []freshet.TaskGroup, floor uint64) error {
	next, err := t.nextTask(ctx, nil, job.Account, floor)
	if err != nil {
		return err
	}
	if err := t.exec(ctx, `DELETE FROM task_group WHERE second < ?`, job.Created.Unix()-groupsKept); err != nil {
		return fmt.Errorf("forgetting task groups: %w", err)
	}
	var out []freshet.TaskGroup
	for _, g := range want {
		if g.Most <= 1 {
			out = append(out, freshet.TaskGroup{ID: next, Domain: g.Domain, Count: g.Count})
			next++
			continue
		}
		shared, err := t.shareGroup(ctx, job, g, &next)
		if err != nil {
			return err
		}
		out = append(out, shared...)
	}
	job.Direct.Groups = out
	body, err := encodeJob(job)
	if err != nil {
		return err
	}
	if err := t.exec(ctx, `UPDATE job SET body = ? WHERE seq = ?`, body, seq); err != nil {
		return fmt.Errorf("storing task groups: %w", err)
	}
	return t.putNextTask(ctx, job.Account, next)
}

// shareGroup puts a group under the ID that objects of its domain and second
// have, as far as there is room, and the rest under new ones.
func (t *tx) shareGroup(ctx context.Context, job *freshet.Job, g freshet.TaskGroup, next *uint64) ([]freshet.TaskGroup, error) {
	second, kind := job.Created.Unix(), freshet.EntryPurge
	if job.Type == freshet.Prefetch {
		kind = freshet.EntryPrefetch
	}
	var id, used int64
	if _, err := t.get(ctx, []any{&id, &used}, `SELECT task, n FROM task_group
		WHERE second = ? AND account = ? AND domain = ? AND kind = ?`, second, job.Account, g.Domain, kind); err != nil {
		return nil, fmt.Errorf("reading task groups: %w", err)
	}
	var out []freshet.TaskGroup
	for left := g.Count; left > 0; {
		if id == 0 || int(used) >= g.Most {
			id, used = int64(*next), 0 //nolint:gosec // counts up from ten digits
			*next++
		}
		n := min(left, g.Most-int(used))
		out = append(out, freshet.TaskGroup{ID: uint64(id), Domain: g.Domain, Count: n}) //nolint:gosec // stored so
		used += int64(n)
		left -= n
	}
	err := t.exec(ctx, `INSERT INTO task_group (second, account, domain, kind, task, n) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (second, account, domain, kind) DO UPDATE SET task = excluded.task, n = excluded.n`,
		second, job.Account, g.Domain, kind, id, used)
	if err != nil {
		return nil, fmt.Errorf("storing task groups: %w", err)
	}
	return out, nil
}

// putNextTask stores the next task ID of an account.
func (t *tx) putNextTask(ctx context.Context, account string, next uint64) error {
	err := t.exec(ctx, `INSERT INTO account (name, next_task) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET next_task = excluded.next_task`, account, int64(next)) //nolint:gosec // counts up from ten digits
	if err != nil {
		return fmt.Errorf("counting tasks: %w", err)
	}
	return nil
}

// checkGroups refuses groups that no caller may ask for.
func checkGroups(groups []freshet.TaskGroup) error {
	total := 0
	for _, g := range groups {
		if g.Count < 1 || g.Domain == "" {
			return freshet.Invalid("groups", "A group of tasks has a domain and at least one object.")
		}
		total += g.Count
	}
	if total > freshet.MaxDirectPerJob {
		return freshet.Invalid("groups", "A job has groups of at most %d objects.", freshet.MaxDirectPerJob)
	}
	return nil
}

// GroupEntries implements [store.Tasks].
func (s *Store) GroupEntries(ctx context.Context, account string, group uint64) ([]*freshet.Entry, error) {
	if group == 0 || group > math.MaxInt64 {
		return nil, nil
	}
	return s.entries(ctx, 0, `SELECT `+entryColumns+`WHERE l.account = ? AND l.grp = ? AND l.grp > 0 ORDER BY l.seq`, account, int64(group))
}
