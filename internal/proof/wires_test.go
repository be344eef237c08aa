package proof_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cluster"
	"github.com/freshet-vod/freshet/internal/faulty"
)

// TestP2_NothingIsLostBetweenAgentAndControlPlane lets bad weather come over
// every wire between POPs and control plane while media are purged and
// prefetched and viewers look on.
func TestP2_NothingIsLostBetweenAgentAndControlPlane(t *testing.T) {
	t.Parallel()
	climate := faulty.Climate{Kinds: faulty.Kinds()}
	if soak(0, 1) == 0 { // a call that was dropped waits for its time, and a short proof with it
		climate.Kinds = slices.DeleteFunc(climate.Kinds, func(k faulty.Kind) bool { return k == faulty.Lossy })
	}
	// An agent takes up to seconds to come back; with bad weather only, nothing
	// would ever be under way that could be lost.
	for range 6 {
		climate.Kinds = append(climate.Kinds, faulty.Calm, faulty.Mixed)
	}
	pops := tiers()
	wires := behindProxies(t, pops)
	c := start(t, cluster.Options{POPs: pops})
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(soak(5, 15))*time.Minute)
	defer cancel()
	storm, calm := context.WithCancel(ctx)
	defer calm()
	var weather sync.WaitGroup
	weather.Go(func() {
		wires.all(func(p *faulty.Proxy) { p.Weather(storm, climate) })
	})
	w := newTraffic(t, c)
	w.run(ctx, soak(20, 600), 200*time.Millisecond)
	calm()
	weather.Wait()
	if n := wires.tell(t); n.Resets == 0 || n.Repeated == 0 || n.Connections <= len(pops) {
		t.Errorf("the weather was fine: %+v", n)
	}
	w.settle(ctx)
	c.Close()
	checkP7(t, c)
}

// TestTheJobNamesThePOPThatIsLate puts one POP into a black hole. Once its
// deadline has passed the job says that this POP is late, and only this one;
// once it is back the job becomes Complete.
func TestTheJobNamesThePOPThatIsLate(t *testing.T) {
	t.Parallel()
	pops := tiers()
	wires := behindProxies(t, pops)
	c := start(t, cluster.Options{POPs: pops, Extra: "timeouts: {deadline: 2s}\n"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(soak(5, 10))*time.Minute)
	defer cancel()
	for n := range soak(1, 10) {
		late := c.IDs()[1+n%2]
		w := newTraffic(t, c)
		w.see(ctx, film, 0)
		wires[late].BlackHole()
		fresh := c.Origin.Change()
		id, err := c.Submit(ctx, freshet.Purge, freshet.Filter{}, film)
		must(t, err)
		checkLate(ctx, t, c, id, late)
		wires[late].Heal()
		w.jobs, w.fresh[film] = []string{id}, fresh
		for !completes(ctx, t, c, id) {
			must(t, c.Pause(ctx))
		}
		w.settle(ctx)
	}
	c.Close()
	checkP7(t, c)
}

// checkLate waits until a job is about one POP only and says so everywhere.
func checkLate(ctx context.Context, t *testing.T, c *cluster.Cluster, id, late string) {
	t.Helper()
	var report *freshet.JobReport
	for {
		var err error
		report, err = c.Client.Job(ctx, id)
		must(t, err)
		if report.Done && onlyLate(report, late) {
			break
		}
		if c.Pause(ctx) != nil {
			t.Fatalf("the job never said that %s is late: %+v %+v", late, report.Tally, report.POPs)
		}
	}
	if report.Tally.Failed != report.Tally.Total() {
		t.Errorf("%+v, want every task to be Failed", report.Tally)
	}
	shown := 0
	for _, row := range report.Rows {
		for _, listed := range row.Failed {
			shown++
			task, err := c.Client.Task(ctx, listed.ID)
			must(t, err)
			if task.Status != freshet.TaskFailed || !strings.Contains(task.Description, late) {
				t.Errorf("task %d is %s: %q", task.ID, task.Status, task.Description)
			}
			for _, d := range task.Deliveries {
				if d.Overdue != (d.POP == late) || (d.Outcome == freshet.OutcomeNone) != (d.POP == late) {
					t.Errorf("task %d at %s: %s, overdue %v", task.ID, d.POP, d.Outcome, d.Overdue)
				}
				if d.POP != late && strings.Contains(task.Description, d.POP) {
					t.Errorf("task %d blames %s: %q", task.ID, d.POP, task.Description)
				}
			}
		}
	}
	if shown == 0 {
		t.Error("the report names no task")
	}
}

// onlyLate tells whether one POP owes a whole job and is overdue, and the
// others are done with it.
func onlyLate(report *freshet.JobReport, late string) bool {
	for _, p := range report.POPs {
		switch {
		case p.Targets == 0:
			return false
		case p.POP == late && (p.Overdue != p.Targets || p.Final != 0):
			return false
		case p.POP != late && (p.Final != p.Targets || p.Overdue+p.Failed != 0):
			return false
		}
	}
	return true
}

// completes tells whether every task of a job is Complete.
func completes(ctx context.Context, t *testing.T, c *cluster.Cluster, id string) bool {
	t.Helper()
	report, err := c.Client.Job(ctx, id)
	must(t, err)
	return report.Tally.Complete == report.Tally.Total()
}

// TestP3_RepeatedAndReorderedMessages sends every message of the wires between
// POPs and control plane through a mixer: nothing is lost, and for each object
// at each POP things happen in the order of the log.
func TestP3_RepeatedAndReorderedMessages(t *testing.T) {
	t.Parallel()
	pops := tiers()
	wires := behindProxies(t, pops)
	c := start(t, cluster.Options{POPs: pops})
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(soak(5, 15))*time.Minute)
	defer cancel()
	flow := faulty.Flow{Repeat: 0.5, Swap: 0.6, Jitter: 20 * time.Millisecond, Drop: []float64{0, 0.01}[soak(0, 1)]}
	wires.all(func(p *faulty.Proxy) { p.Apply(faulty.Fault{Up: flow, Down: flow}) })
	w := newTraffic(t, c)
	w.run(ctx, soak(24, 1000), 100*time.Millisecond)
	w.settle(ctx) // the wires are as they were
	if n := wires.tell(t); n.Repeated < 50 || n.Swapped < 20 || n.Resets > 0 {
		t.Errorf("the messages were not mixed up: %+v", n)
	}
	checkOrder(ctx, t, c, w.jobs)
	c.Close()
	checkP7(t, c)
}

// checkOrder looks at what the POPs say of the objects that viewers ask for:
// in the order of the log, no purge was executed before what comes before it,
// no prefetch before the purges before it, and what was prefetched is of a
// generation after them.
func checkOrder(ctx context.Context, t *testing.T, c *cluster.Cluster, jobs []string) {
	t.Helper()
	type at struct{ pop, url string }
	type told struct {
		freshet.Delivery
		at    freshet.Position
		purge bool
	}
	history := map[at][]told{}
	for _, id := range jobs {
		report, err := c.Client.Job(ctx, id)
		must(t, err)
		page, err := c.Client.JobTasks(ctx, id, 0)
		must(t, err)
		for _, task := range page.Tasks {
			if !slices.ContainsFunc(objects(task.Media), func(p string) bool { return strings.HasSuffix(task.URL, p) }) {
				continue
			}
			r, err := c.Client.Task(ctx, task.ID)
			must(t, err)
			for _, d := range r.Deliveries {
				k := at{d.POP, r.URL}
				history[k] = append(history[k], told{d, r.At, report.Type == freshet.Purge})
			}
		}
	}
	executed := 0
	for k, list := range history {
		slices.SortFunc(list, func(a, b told) int { return a.at.Compare(b.at) })
		var purged freshet.Position    // the last purge before
		var anything, purges time.Time // when the last one was executed
		for _, d := range list {
			after := purges // two prefetches without a purge between them may change places
			if d.purge {
				after = anything
			}
			switch d.Outcome {
			case freshet.OutcomeCovered:
				if d.CoveredBy == nil || !d.at.Before(*d.CoveredBy) {
					t.Errorf("%s at %s: %s is covered by %v", k.url, k.pop, d.at, d.CoveredBy)
				}
			case freshet.OutcomeDone, freshet.OutcomeAlready:
				executed++
				if d.ExecutedAt.Before(after) {
					t.Errorf("%s at %s: %s (a purge: %v) was executed at %s, what comes before it at %s", k.url, k.pop, d.at, d.purge, d.ExecutedAt, after)
				}
				anything = later(anything, d.ExecutedAt)
				if d.purge {
					purges = later(purges, d.ExecutedAt)
				}
				if !d.purge && (d.After == nil || d.After.Generation.Before(purged)) {
					t.Errorf("%s at %s: prefetch %s after purge %s left %+v", k.url, k.pop, d.at, purged, d.After)
				}
			case freshet.OutcomeCancelled: // by a purge that came later
			case freshet.OutcomeNone, freshet.OutcomeFailed, freshet.OutcomeExcused:
				t.Errorf("%s at %s: %s is %s", k.url, k.pop, d.at, d.Outcome)
			}
			if d.purge {
				purged = d.at
			}
		}
	}
	t.Logf("%d objects at POPs, %d executions", len(history), executed)
	if executed < len(jobs) {
		t.Errorf("%d jobs led to %d executions", len(jobs), executed)
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
