package metrics

import (
	"slices"
	"strings"
)

// Kind is the type of a metric, in Prometheus' words.
type Kind string

// The kinds in use.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram"
)

// Desc describes a metric.
type Desc struct {
	Name   string
	Kind   Kind
	Labels []string
	Help   string
}

// The metrics of a control plane.

func acceptedRows() Desc {
	return Desc{
		"freshet_accepted_rows_total", Counter,
		[]string{"type"},
		"Media (or calls by URL) accepted, by purge or prefetch.",
	}
}

func refusedCalls() Desc {
	return Desc{
		"freshet_refused_submissions_total", Counter,
		[]string{"reason"},
		"Submissions refused before anything was stored.",
	}
}

func plannedRows() Desc {
	return Desc{
		"freshet_planned_rows_total", Counter,
		[]string{"type", "fault"},
		"Rows planned; fault is empty if they went into the log.",
	}
}

func plannedURLs() Desc {
	return Desc{
		"freshet_planned_urls_total", Counter,
		[]string{"type"},
		"URLs and patterns put into the log.",
	}
}

func planSeconds() Desc {
	return Desc{
		"freshet_plan_seconds", Histogram, nil,
		"Time to plan one row: reading the catalog and playlists, and the commit.",
	}
}

func unplannedRows() Desc {
	return Desc{
		"freshet_unplanned_rows", Gauge, nil,
		"Rows accepted and not planned yet.",
	}
}

func openEntries() Desc {
	return Desc{
		"freshet_open_entries", Gauge, nil,
		"Entries of the log that are not final at every POP.",
	}
}

func logHead() Desc {
	return Desc{
		"freshet_log_head", Gauge,
		[]string{"subject"},
		"Position within the epoch of the last entry of each subject.",
	}
}

func deliveries() Desc {
	return Desc{
		"freshet_deliveries_total", Counter,
		[]string{"pop", "outcome", "reason"},
		"Deliveries that ended, as the POPs said; repeats of a message are not counted.",
	}
}

func evidenceMessages() Desc {
	return Desc{
		"freshet_evidence_messages_total", Counter,
		[]string{"pop", "repeat"},
		"Messages of evidence stored; repeat is yes for those that were there already.",
	}
}

func storeSeconds() Desc {
	return Desc{
		"freshet_store_seconds", Histogram,
		[]string{"operation"},
		"Time of the store's durable operations: accept, claim, plan, evidence.",
	}
}

func popUp() Desc {
	return Desc{
		"freshet_pop_state", Gauge,
		[]string{"pop", "state"},
		"1 for the state that each POP is in: up, down, lost, never.",
	}
}

func popReady() Desc {
	return Desc{
		"freshet_pop_ready", Gauge,
		[]string{"pop"},
		"1 if the POP may take traffic.",
	}
}

func popDrained() Desc {
	return Desc{
		"freshet_pop_drained", Gauge,
		[]string{"pop"},
		"1 if an operator has load balancers pass the POP over.",
	}
}

func popLag() Desc {
	return Desc{
		"freshet_pop_lag_entries", Gauge,
		[]string{"pop"},
		"Positions of the log between the POP's watermark and the last purge.",
	}
}

func popLate() Desc {
	return Desc{
		"freshet_pop_lag_seconds", Gauge,
		[]string{"pop"},
		"Age of the oldest purge that the POP has not answered for; 0 if it owes none.",
	}
}

func popOwed() Desc {
	return Desc{
		"freshet_pop_owed_entries", Gauge,
		[]string{"pop", "kind"},
		"Entries of the log that the POP has not answered for, by purge or prefetch.",
	}
}

func popExceptions() Desc {
	return Desc{
		"freshet_pop_exceptions", Gauge,
		[]string{"pop"},
		"Purges at or below the POP's watermark that failed for good.",
	}
}

func popContact() Desc {
	return Desc{
		"freshet_pop_last_contact_seconds", Gauge,
		[]string{"pop"},
		"Time since the POP's last heartbeat; absent if there never was one.",
	}
}

// The metrics of a built-in cache, in whichever process it runs.

func cacheRequests() Desc {
	return Desc{
		"freshet_cache_requests_total", Counter,
		[]string{"pop", "result", "prefetched"},
		"Requests of viewers and children by how they were answered (hit, miss, joined, renewed, passed, refused, failed), and whether a prefetch had brought the object: the hit ratio with and without prefetching.",
	}
}

func cacheBytes() Desc {
	return Desc{
		"freshet_cache_sent_bytes_total", Counter,
		[]string{"pop", "result"},
		"Bytes of bodies sent to viewers and children.",
	}
}

func cacheFills() Desc {
	return Desc{
		"freshet_cache_fills_total", Counter,
		[]string{"pop", "cause"},
		"Requests to origins and parents, by viewer or prefetch.",
	}
}

func cachePrefetched() Desc {
	return Desc{
		"freshet_cache_prefetched_bytes_total", Counter,
		[]string{"pop"},
		"Bytes that prefetches brought into the cache.",
	}
}

func cacheServed() Desc {
	return Desc{
		"freshet_cache_prefetched_served_bytes_total", Counter,
		[]string{"pop"},
		"Of those, the bytes of objects that a viewer has asked for since, each object counted once.",
	}
}

func cacheStored() Desc {
	return Desc{
		"freshet_cache_stored_bytes", Gauge,
		[]string{"pop"},
		"Bytes of bodies on disk.",
	}
}

func cacheObjects() Desc {
	return Desc{
		"freshet_cache_stored_objects", Gauge,
		[]string{"pop"},
		"Responses on disk, variants counted each.",
	}
}

func callbacksWaiting() Desc {
	return Desc{
		"freshet_callbacks_waiting", Gauge, nil,
		"Callbacks and webhook events that wait to be delivered.",
	}
}

func callbacksFailing() Desc {
	return Desc{
		"freshet_callbacks_failing", Gauge, nil,
		"Of them, those whose last attempt failed.",
	}
}

func callbacksOldest() Desc {
	return Desc{
		"freshet_callbacks_oldest_seconds", Gauge, nil,
		"Time since the oldest of them was queued; 0 if none waits.",
	}
}

func callbackAttempts() Desc {
	return Desc{
		"freshet_callback_attempts_total", Counter,
		[]string{"outcome"},
		"Attempts to deliver one: delivered, failed (another follows), given_up.",
	}
}

func traceSpans() Desc {
	return Desc{
		"freshet_trace_spans_total", Counter,
		[]string{"result"},
		"Spans by what became of them: sent to the collector, dropped because the queue was full, failed because the collector did not take them; absent without tracing.",
	}
}

func diskFree() Desc {
	return Desc{
		"freshet_disk_free_bytes", Gauge, nil,
		"Free bytes of the disk that holds the data folder, of a control plane or a POP.",
	}
}

func diskReserve() Desc {
	return Desc{
		"freshet_disk_reserve_bytes", Gauge, nil,
		"Bytes of that disk that must be free (limits.disk_reserve).",
	}
}

func diskLow() Desc {
	return Desc{
		"freshet_disk_low", Gauge, nil,
		"1 while less is free than must be: nothing new is taken.",
	}
}

// All lists every metric of Freshet's own, in the order of their names. Those
// of the Go runtime and the process come beside them.
func All() []Desc {
	all := []Desc{
		acceptedRows(), refusedCalls(), plannedRows(), plannedURLs(), planSeconds(), unplannedRows(), openEntries(), logHead(),
		deliveries(), evidenceMessages(), storeSeconds(), popUp(), popReady(), popDrained(), popLag(), popLate(), popOwed(), popExceptions(), popContact(),
		cacheRequests(), cacheBytes(), cacheFills(), cachePrefetched(), cacheServed(), cacheStored(), cacheObjects(),
		diskFree(), diskReserve(), diskLow(), traceSpans(),
		callbacksWaiting(), callbacksFailing(), callbacksOldest(), callbackAttempts(),
	}
	slices.SortFunc(all, func(a, b Desc) int { return strings.Compare(a.Name, b.Name) })
	return all
}
