package fault

// logs are the warnings and errors that stand in the logs of a server and of
// POPs, word for word. Those without a Remedy mend themselves.
func logs() []Entry {
	var all []Entry
	for _, list := range [][]Entry{popLogs(), cacheLogs(), busLogs(), serverLogs(), engineLogs()} {
		all = append(all, list...)
	}
	return all
}

// popLogs are those of a POP's agent.
func popLogs() []Entry {
	return []Entry{
		{Code: "acknowledged evidence could not be cleared from the journal", Means: "The journal keeps what it could forget.", Remedy: "Look at the disk of the POP's data folder."},
		{Code: "cache cannot refuse what is denied", Means: "A takedown cannot be carried out here.", Remedy: "**The POP may still serve it.** Give the cache what it needs (`deny_folder`, docs/takedown.md), then take the media down again."},
		{Code: "cache could not be asked who it is, trying on", Means: "The cache does not answer; the POP does no work until it does.", Remedy: "Start the cache, or mend its address in `caches`."},
		{Code: "cache could not be made to revalidate, trying on", Means: "The POP missed history and its cache does not answer; it takes no traffic.", Remedy: "Start the cache, or mend its address in `caches`."},
		{Code: "cache could not be told what it must refuse, trying on", Means: "The list of takedowns cannot be handed to the cache; the POP takes no traffic.", Remedy: "Start the cache; look at `deny_folder` and who may write there."},
		{Code: "cache has other content than before, beginning anew with what it is owed", Means: "The cache was emptied, or restored from an older copy.", Remedy: ""},
		{Code: "cache holds content of unknown age and cannot be made to revalidate it", Means: "The POP missed history, and its cache has no way to check what it holds.", Remedy: "**Old content may be served.** Empty the cache by its own means and start the POP again."},
		{Code: "cursor could not be written to the cache, trying on", Means: "How far the POP is cannot be kept in the cache; purges wait.", Remedy: "Look at the cache and the disk of its folder."},
		{Code: "deny list could not be changed for now, trying on", Means: "A takedown waits.", Remedy: "Look at the cache, and at who may write to `deny_folder`."},
		{Code: "deny list could not be fetched, trying on", Means: "The control plane does not answer; takedowns that the POP knows hold.", Remedy: "As for `evidence could not be sent, trying on`."},
		{Code: "evidence could not be sent, trying on", Means: "What the POP did is kept in its journal and sent later.", Remedy: "If it goes on: look at the control plane, its `/readyz`, and the way to its bus."},
		{Code: "heartbeat could not be sent, trying on", Means: "The control plane does not hear the POP.", Remedy: "As for `evidence could not be sent, trying on`."},
		{Code: "journal could not be written, trying on", Means: "The POP's disk is full or broken: it takes nothing new until it can be written.", Remedy: "Make room on the disk of the POP's data folder; nothing is lost meanwhile."},
		{Code: "list of failed purges is full, the oldest is forgotten", Means: "More than 4,096 purges failed for good at the POP.", Remedy: "**Old content may be served.** Mend the cache, empty it, and start the POP again."},
		{Code: "log could not be pulled, trying on", Means: "The POP misses a part of the log and cannot get it.", Remedy: "As for `evidence could not be sent, trying on`."},
		{Code: "message could not be understood", Means: "A message on the bus is damaged, or of a newer release.", Remedy: "Upgrade the POP to the release of the control plane; look at who else uses the bus."},
		{Code: "parents and children could not be followed", Means: "The POP does not hear how far its parents are; purges wait for them.", Remedy: "Look at the bus; start the POP again if it goes on."},
		{Code: "pattern could not be purged", Means: "A purge by prefix, tag or pattern failed for good.", Remedy: "**Old content may be served.** The job names the reason; mend the cache and purge again."},
		{Code: "pattern could not be purged for now, trying on", Means: "The cache does not answer.", Remedy: "Start the cache; the purge is carried out then."},
		{Code: "purge failed for good", Means: "The cache refused a purge.", Remedy: "**Old content may be served.** The job names the reason; mend the cache and purge again."},
		{Code: "purge failed for now, trying on", Means: "The cache does not answer.", Remedy: "Start the cache; the purge is carried out then."},
		{Code: "saved topology cannot be read", Means: "The POP asks the control plane for it instead.", Remedy: ""},
		{Code: "the log begins after what this POP has read: its cache must revalidate all that it holds", Means: "It was away for too long, or its disk was lost: what it missed is not known any more, and its whole cache revalidates before it serves.", Remedy: "Nothing; the origin is asked more often for a while."},
		{Code: "the control plane does not say whether it is this POP's turn, going on without it after a while", Means: "POPs that missed too much make their caches revalidate one after the other; this one cannot ask.", Remedy: "Look at the control plane and the way to its bus."},
		{Code: "the control plane knows no POP of this ID: check pop.id here, and pops there; until then it takes no traffic", Means: "The POP is no member.", Remedy: "Add it (`freshet pop add`), or mend `pop.id`."},
		{Code: "the control plane is silent: everything is revalidated until it answers", Means: "The POP has had no answer for `silence.after`: it asks its parents or the origin before each hit. If `ready` is false, it also has load balancers pass it over.", Remedy: "Start the control plane, or mend the way to its bus. It ends by itself."},
		{Code: "the control plane is silent, and the caches here cannot be made to revalidate everything: they go on as before", Means: "The POP has had no answer for `silence.after`, and its caches cannot ask before each hit.", Remedy: "**What is purged meanwhile may be served here** until the POP hears the control plane again. Start it, or mend the way to its bus."},
		{Code: "too many purges are to be redone for parents that are away; the cache will revalidate everything instead", Means: "A parent is marked down for long; when it is back, the origin is asked more often for a while.", Remedy: ""},
		{Code: "topology could not be asked for, trying on", Means: "The POP works with the domains and parents that it knows.", Remedy: "As for `evidence could not be sent, trying on`."},
		{Code: "topology could not be saved", Means: "After a restart the POP would not know its domains until the control plane answers.", Remedy: "Look at the disk of the POP's data folder."},
	}
}

// cacheLogs are those of the built-in cache and of drivers.
func cacheLogs() []Entry {
	return []Entry{
		{Code: "a file that was purged cannot be removed", Means: "nginx's file of a purged object is still there: the purge fails.", Remedy: "Let Freshet's user write to nginx's cache folder (docs/nginx.md)."},
		{Code: "an expired file that was purged cannot be removed yet", Means: "nginx does not serve it; it is tried again.", Remedy: "As above, if it goes on."},
		{Code: "body file not created", Means: "The cache's disk is full or cannot be written: the object is passed on and not kept.", Remedy: "Make room on the cache's disk, or look at who may write there."},
		{Code: "body not synced, dropped", Means: "The disk did not take an object.", Remedy: "Look at the cache's disk."},
		{Code: "cache index not written", Means: "The cache's index is behind; what is not in it is forgotten at a restart.", Remedy: "Look at the cache's disk."},
		{Code: "cached body dropped", Means: "The file of a stored object is not as the index says; it is fetched anew.", Remedy: "If there are many, look at the cache's disk and at who else changes its folder."},
		{Code: "cached body not removed", Means: "The file of an object that is stored no more remains.", Remedy: "Look at who may write to the cache's folder."},
		{Code: "fill ended early", Means: "The origin, or a parent, broke off in the middle of an object; nothing of it is kept.", Remedy: "If it goes on, look at the origin and its time-outs."},
		{Code: "free space of the cache's disk unknown", Means: "The cache cannot tell how full its disk is; `max_bytes` alone bounds it.", Remedy: "Look at the folder of the cache."},
		{Code: "the cache's folder cannot be read", Means: "nginx's cache cannot be worked.", Remedy: "Mend `caches[].nginx.path`, and let Freshet's user read it (docs/nginx.md)."},
		{Code: "the disk is nearly full, the cache gave way", Means: "Something else fills the cache's disk: the cache removes objects to leave room.", Remedy: "Make room, or lower `max_bytes`, so that the cache keeps what viewers ask for."},
	}
}

// busLogs are those of the wire between the control plane and POPs.
func busLogs() []Entry {
	return []Entry{
		{Code: "a POP could not enrol", Means: "Its one-time token is wrong, spent or too old.", Remedy: "Make another: `freshet pop add`."},
		{Code: "a POP was revoked", Means: "Somebody revoked or removed it.", Remedy: ""},
		{Code: "a file of the enrolment is left behind", Means: "A file in the POP's data folder could not be removed.", Remedy: "Remove the file that is named: it may hold a secret."},
		{Code: "a parent of an added POP is declared no more, or fills from it: the POP does without until it is added again with other parents", Means: "Purges do not wait for that parent.", Remedy: "Name its parents anew: `freshet pop add ID --parent …`."},
		{Code: "bus connection lost", Means: "The POP connects again by itself.", Remedy: "If it goes on, look at the network and at the control plane."},
		{Code: "bus reports a fault", Means: "The connection to the control plane has trouble.", Remedy: "If it goes on, look at the network between them."},
		{Code: "bus server complains", Means: "The control plane's bus says what is wrong with a client or with itself.", Remedy: "Read its text; strangers at an open port look like this, too."},
		{Code: "call of a POP could not be answered", Means: "The POP asks again.", Remedy: ""},
		{Code: "call of a POP failed", Means: "The POP asks again; the error says why.", Remedy: "If it goes on, look at the store's disk."},
		{Code: "enrolment of a POP failed", Means: "The POP tries on.", Remedy: "Look at the error: the store's disk, or the token."},
		{Code: "the POP could not enrol yet, trying on", Means: "The control plane does not answer, or refuses the token.", Remedy: "Check `pop.control`; make another token if this one is over: `freshet pop add`."},
		{Code: "the control plane cannot be reached, trying on", Means: "The POP serves and is told of no purges.", Remedy: "Start the control plane; check `pop.control` and that its `bus.listen` can be reached."},
		{Code: "the control plane refuses this POP: its credential was revoked, or it enrolled again elsewhere; make a token there with `freshet pop add`, trying on", Means: "The POP is let in no more.", Remedy: "If it is to come back: `freshet pop add ID` there, and its token here."},
		{Code: "the control plane refuses this POP: its token is not that of bus.token_file there, or the POP was revoked or has a credential of its own, trying on", Means: "The token in `pop.token_file` does not let it in.", Remedy: "`freshet pop add ID` there, and its token here."},
		{Code: "the new one-time token was not exchanged, the POP goes on with the credential that it has; start it again to try again", Means: "The token is wrong or spent, or the control plane did not answer.", Remedy: "Start the POP again, with a new token if this one is over."},
		{Code: "the request of a POP that enrols is not understood", Means: "It is of a release that is too new or too old.", Remedy: "Run the same release on both sides."},
	}
}

// serverLogs are those of the interfaces of a control plane, and of what keeps
// it running.
func serverLogs() []Entry {
	return []Entry{
		{Code: "a callback was given up", Means: "A receiver did not take it, however often it was tried.", Remedy: "Mend the receiver; `freshet callbacks list --failed` shows what it said, `freshet callbacks retry --failed` sends them again."},
		{Code: "a handler panicked", Means: "A fault of Freshet; the caller was told so.", Remedy: "Report it with the stack."},
		{Code: "a request failed", Means: "A call of the native API ended with 500 or 503; the error says why.", Remedy: "For 503 look at the disk and at the queue; report a 500."},
		{Code: "an export was cut short", Means: "The client knows: its file has no last line.", Remedy: "Export again."},
		{Code: "audit record could not be written", Means: "A call that changes something was refused for it.", Remedy: "Look at the disk of the data folder."},
		{Code: "batch was rolled back, its writes are done one by one", Means: "One of several writes that shared a commit could not be done; the others are repeated.", Remedy: "If it goes on, look at the disk of the data folder."},
		{Code: "call failed", Means: "A call of the vendor's API ended with InternalError; the error says why.", Remedy: "Look at the disk of the data folder; report what is no fault of the disk."},
		{Code: "callbacks could not be claimed", Means: "Callbacks wait.", Remedy: "Look at the disk of the data folder."},
		{Code: "late cleanup failed", Means: "Something could not be closed at the end of the process.", Remedy: ""},
		{Code: "old audit records could not be deleted", Means: "The audit trail is longer than `audit.keep`; tried again later.", Remedy: "Look at the disk of the data folder."},
		{Code: "old callbacks could not be deleted", Means: "Tried again later.", Remedy: "Look at the disk of the data folder."},
		{Code: "spans could not be sent to the collector, trying on", Means: "The collector of traces does not answer; what does not fit meanwhile is dropped. Nothing else is concerned.", Remedy: "Start the collector, or mend its address in the configuration."},
		{Code: "still waiting for goroutines to end", Means: "The process is about to end and waits for work in hand.", Remedy: "Give it a minute; a second Ctrl-C ends it at once, and nothing that was accepted is lost."},
		{Code: "the database does not answer a check", Means: "`/readyz` says so too; calls wait or fail.", Remedy: "Look at the disk of the data folder: it is slow, full or gone."},
		{Code: "the disk is nearly full, nothing new is taken", Means: "Less than `limits.disk_reserve` is free. A control plane refuses calls that store something and plans nothing more; a POP fails new prefetches. What was accepted goes on.", Remedy: "Make room on the disk of the data folder (docs/operations.md)."},
		{Code: "the outcome of a callback could not be recorded", Means: "It may be sent once more, with the same ID.", Remedy: "Look at the disk of the data folder."},
	}
}

// engineLogs are those of the control plane's core.
func engineLogs() []Entry {
	const disk = "Tried again by itself; look at the disk of the data folder if it goes on."
	return []Entry{
		{Code: "a permit to be not ready in silence could not be recorded", Means: "The POP gets none; it revalidates instead.", Remedy: "Look at the disk of the data folder."},
		{Code: "a POP is declared no more and is removed", Means: "The configuration does not name it any more; it owes nothing from now on.", Remedy: "If that was a mistake, put it back: its cache revalidates then."},
		{Code: "a POP is overdue", Means: "It made no progress for `timeouts.deadline`; its tasks read Failed until it answers.", Remedy: "`freshet pops` shows what it does; start it, or mark it down: `freshet pop down`."},
		{Code: "a POP knows positions beyond the log: the epoch is raised", Means: "The store is older than what POPs have done: it was restored from a copy.", Remedy: "Nothing, if it was. Use `freshet restore` next time: it begins an epoch before anything is accepted."},
		{Code: "a POP of an older release cannot keep a deny list; upgrade it", Means: "A takedown is not carried out there.", Remedy: "**The POP may still serve it.** Upgrade the POP."},
		{Code: "a POP that the configuration does not name sends heartbeats: add it to pops, or mend its pop.id", Means: "It gets no work.", Remedy: "`freshet pop add ID`, or mend its `pop.id`."},
		{Code: "a POP has owed entries for longer than the log is replayed: they are recorded as failed, and its whole cache will be revalidated when it is back", Means: "The POP was away for too long to be told each of them.", Remedy: "Start it, or `freshet pop remove ID` if it is gone."},
		{Code: "a POP was away for longer than the log is replayed, and its release cannot be told so: upgrade it, or empty its cache and its data folder", Means: "An old release does not know what to do about it.", Remedy: "**Old content may be served.** Upgrade the POP, or empty its cache and its data folder."},
		{Code: "an entry of the log is kept beyond its time, and all that follow with it: a POP owes it; remove that POP if it is gone", Means: "The log grows beyond `keep`.", Remedy: "Start the POP that is named, or `freshet pop remove ID`."},
		{Code: "deadlines could not be recorded", Means: "A failed deadline is shown later.", Remedy: disk},
		{Code: "entries could not be pushed", Means: "POPs pull them instead.", Remedy: ""},
		{Code: "epoch could not be checked", Means: "It is checked again with the next heartbeat.", Remedy: disk},
		{Code: "evidence could not be stored", Means: "POPs keep it and send it again.", Remedy: disk},
		{Code: "evidence was not taken", Means: "A message of a POP is damaged, or not its own.", Remedy: "Run the same release on both sides; look at who else uses the bus."},
		{Code: "heads could not be pushed", Means: "Tried again within a second.", Remedy: ""},
		{Code: "heartbeat was not taken", Means: "A message of a POP is damaged, or not its own.", Remedy: "Run the same release on both sides."},
		{Code: "log could not be pushed", Means: "POPs pull it instead.", Remedy: disk},
		{Code: "old entries, jobs and evidence could not be forgotten", Means: "They are kept for longer than `keep`.", Remedy: disk},
		{Code: "planning begins without having heard from every POP", Means: "After a start, POPs are waited for; one is silent.", Remedy: "Start the POP that is named. After a restore from a plain copy, see docs/operations.md."},
		{Code: "row could not be planned", Means: "It is planned again.", Remedy: disk},
		{Code: "row could not be released", Means: "It is planned again when its lease ends, after three minutes.", Remedy: disk},
		{Code: "rows could not be claimed", Means: "Nothing is planned meanwhile.", Remedy: disk},
		{Code: "takedowns of media that changed could not be renewed, trying on", Means: "New streams of a media that is taken down are not denied yet.", Remedy: disk},
		{Code: "the end of a job could not be told", Means: "It is told later.", Remedy: disk},
		{Code: "topology could not be pushed", Means: "POPs ask for it every 30 seconds.", Remedy: ""},
		{Code: "two processes run as one POP, and what one of them purged is not known of the other: give each its own pop.id", Means: "**Old content may be served** by one of them.", Remedy: "Add a POP for one of them (`freshet pop add`), and start it with an empty cache."},
		{Code: "what absent POPs owe could not be given up", Means: "The log is kept for longer than it need be.", Remedy: disk},
		{Code: "watched jobs could not be read", Means: "The end of some jobs is told later.", Remedy: disk},
	}
}
