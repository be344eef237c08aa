package fault

import "github.com/freshet-vod/freshet"

// rows are the faults of a media (or call by URL) that could not be planned: in
// a job's rows as `fault`, in the vendor's answers as ErrorCode.
func rows() []Entry {
	return []Entry{
		{Code: "InvalidVideo.NotFound", Means: "The media was deleted after the job was accepted.", Remedy: "Import it again, or purge by URL or prefix."},
		{Code: "InvalidVideo.NoneStream", Means: "No stream of the media passes the filters.", Remedy: "Leave out a filter, or import the media's streams."},
		{Code: "Forbidden.IllegalStatus", Means: "A prefetch of a media that is blocked, taken down or not ready.", Remedy: "Change its status or lift its takedown first. Purges are always carried out."},
		{Code: "InvalidDomain.NotFound", Means: "A host of the media is not a domain of the account.", Remedy: "Add it: `freshet domain add`. The message names the host."},
		{Code: "InvalidDomain.Offline", Means: "The domain is stopped, or was not approved yet.", Remedy: "Start it (`freshet domain start`) or have the operator approve it (`freshet domain approve`)."},
		{Code: "InvalidParameter", Means: "The call names nothing that can be planned, or more than a plan may hold.", Remedy: "The message says what; docs/limits.md has the limits."},
		{Code: "InternalError", Means: "A playlist could not be read, so that a prefetch would miss what it is for.", Remedy: "The message says what the origin answered. Mend that, and prefetch again; a purge goes on with what is remembered."},
		{Code: "QuotaExceeded.Refresh", Means: "The account's share of the day does not cover the media; nothing of it was submitted.", Remedy: "Send it again tomorrow, or have `limits.accounts` raised."},
		{Code: "PreloadQueueFull", Means: "The account's queue of prefetches is full; nothing of the media was submitted.", Remedy: "Send it again when some are done, or have `preload_queue` raised."},
	}
}

// deliveries are the reasons of what a POP says of a task.
func deliveries() []Entry {
	line := func(r freshet.Reason, means, remedy string) Entry {
		return Entry{Code: r.String(), Means: means, Remedy: remedy}
	}
	return []Entry{
		line(freshet.ReasonRefused, "The cache said no.", "Look at the cache's access rules: Varnish and nginx must let Freshet's listener purge (docs/varnish.md, docs/nginx.md). Then purge again."),
		line(freshet.ReasonUnreachable, "The cache did not answer at all.", "Start the cache, or mend its address in `caches`; then send the job again."),
		line(freshet.ReasonTimeout, "The cache or the origin did not answer in time.", "See which is slow: other URLs of the POP tell the cache, other POPs the origin. Then send the job again."),
		line(freshet.ReasonOrigin4xx, "The origin answered 4xx to a prefetch.", "Ask the origin for the URL: it is gone, or needs a header or a signature. Import the media anew if its streams moved."),
		line(freshet.ReasonOrigin5xx, "The origin answered 5xx, or not at all.", "Mend the origin, then prefetch again."),
		line(freshet.ReasonTooLarge, "The object is over the cache's limit.", "Raise `max_object_bytes` of the cache, or leave the rendition out."),
		line(freshet.ReasonNoSpace, "The cache, or the POP's journal, had no room.", "Make room on the POP's disk, or raise the cache's `max_bytes`; then prefetch again."),
		line(freshet.ReasonMismatch, "What was stored is not what should be: truncated, of another length or validator.", "Ask the origin twice and compare: several servers behind it may differ. Then send the job again."),
		line(freshet.ReasonPurgeFailed, "An earlier purge of the object failed for good here, so that it may not be prefetched.", "Purge it again first; then prefetch."),
		line(freshet.ReasonUnsupported, "The cache cannot do this.", "docs/pops.md says what each kind of cache can do; purge by URL instead of by tag, or set the missing key."),
		line(freshet.ReasonBlockedByParent, "A parent POP could not carry it out, and would fill this one with the old.", "Mend the parent: its own delivery says why. Then purge again."),
		line(freshet.ReasonSuperseded, "A later purge of the same object came first.", "Nothing, if that was meant: prefetch again after the purge."),
		line(freshet.ReasonAbsent, "The POP was away for longer than the log is replayed.", "Start the POP, or remove it: when it is back, its whole cache is revalidated before it serves. Prefetch again then; a purge need not be repeated."),
		line(freshet.ReasonDenied, "The object is taken down.", "Lift the takedown (`freshet takedown --undo`) before you prefetch it."),
	}
}

// exits are the exit codes of the command line.
func exits() []Entry {
	return []Entry{
		{Code: "0", Means: "All is complete.", Remedy: "Nothing."},
		{Code: "1", Status: 1, Means: "Bad input, a clash with what exists, or an import of which some lines were refused.", Remedy: "Mend what the message names; the other lines of an import are in."},
		{Code: "2", Status: 2, Means: "The command line is wrong.", Remedy: "`--help` after the command shows what it takes."},
		{Code: "3", Status: 3, Means: "Something failed somewhere: a media could not be planned, or a POP failed.", Remedy: "`freshet job ID` names each with its reason; look that up here."},
		{Code: "4", Status: 4, Means: "The time of `--timeout` was over before the job was done; the job goes on.", Remedy: "Wait again with `freshet job ID --wait`; `freshet pops` shows which POP it waits for."},
		{Code: "5", Status: 5, Means: "It is not there, or the key may not.", Remedy: "Check the spelling and the key: another account's things are not there either."},
		{Code: "6", Status: 6, Means: "The server did not answer, or could not: it is down, full or at fault.", Remedy: "The message says which; scripts may try again after a pause."},
		{Code: "130", Status: 130, Means: "Interrupted, as shells report Ctrl-C.", Remedy: "What was accepted goes on; the message says how to look at it."},
	}
}
