package config_test

// chapter is a part of docs/limits.md.
type chapter struct {
	title, about string
	list         []bound
}

// bounds is the table of limits.
func bounds() []chapter {
	return []chapter{
		{"Calls", "What one call may hold, and how many may come.", callBounds()},
		{"Accounts", "What an account may do. The profile `vendor` sets the vendor's figures in `limits.own`; by default nothing is limited. Purges by the native API and the command line are never counted.", accountBounds()},
		{"Planning", "What one media may cost to plan. Over these limits a media fails, in its row, with the limit's name; the others of its job are planned.", planBounds()},
		{"Control plane", "Its queues, its disk and its outgoing calls.", controlBounds()},
		{"POPs", "What an agent and a cache hold and do at once.", popBounds()},
	}
}

func callBounds() []bound {
	const faults = "internal/api.TestEveryFault_IsAProblemWithItsFieldAndCode"
	return []bound{
		{what: "connections to the API", key: "limits.connections", unit: number, beyond: "further ones wait until one ends", test: "internal/app.TestP10_MoreConnectionsWait"},
		{what: "head of a request to the API, URL and parameters included", file: "internal/rpc/server.go", find: `const MaxHeaderBytes = (.+)`, unit: size, beyond: "431", test: "internal/app.TestP10_AHeadThatIsTooLargeIsRefused"},
		{what: "head of a viewer's request", file: "internal/app/pop.go", find: `const maxViewerHeader = (.+)`, unit: size, beyond: "431", test: "internal/app.TestP10_AHeadThatIsTooLargeIsRefused"},
		{what: "time in which a head must come", file: "internal/app/listen.go", find: `ReadHeaderTimeout: (.+?),`, unit: span, beyond: "the connection is closed", test: "internal/app.TestP10_AHeadThatDripsIsCutOff"},
		{what: "body of a call of `/v1`", file: "internal/api/route.go", find: `maxBody\s+= (.+?)\s+//`, unit: size, beyond: "413 `too_large`", test: faults},
		{what: "body of a call of the vendor's API", file: "internal/rpc/server.go", find: `defaultMaxBody\s+= (.+)`, unit: size, beyond: "413 `RequestTooLarge`", test: "internal/rpc.TestP10_ABodyOverTheLimitIsRefused"},
		{what: "one import request", file: "internal/api/route.go", find: `maxUpload\s+= (.+?)\s+//`, unit: size, beyond: "413 `too_large`; `freshet media import` sends several", test: "internal/api.TestP10_AnImportOverItsSizeIsRefused"},
		{what: "imports at the same time", file: "internal/api/route.go", find: `maxUploads = (.+)`, unit: number, beyond: "429 `imports_busy`", test: "internal/api.TestP10_OneImportTooManyIsRefused"},
		{what: "request that does not say its length (`Content-Length`)", file: "internal/api/route.go", find: `maxUndeclared = (.+)`, unit: size, beyond: "413 `too_large`", test: "internal/api.TestP10_UploadsAreRefusedBeforeTheyAreRead"},
		{what: "time in which a request's body must come", file: "internal/api/call.go", find: `const bodyTime = (.+)`, unit: span, beyond: "400 `invalid`, `InvalidParameter`", test: "internal/body.TestP10_SlowBodiesEnd"},
		{what: "depth of JSON in a request or an import", file: "internal/strictjson/strictjson.go", find: `set\(&l\.Depth, (.+)\)`, unit: number, beyond: "400 `invalid`; of an import, the line", test: "internal/strictjson.TestP10_HostileValuesCostLittle"},
		{what: "values of a list in it", file: "internal/strictjson/strictjson.go", find: `set\(&l\.Elements, (.+)\)`, unit: number, beyond: "400 `invalid`; of an import, the line", test: "internal/strictjson.TestCheck"},
		{what: "keys of an object in it, each once", file: "internal/strictjson/strictjson.go", find: `set\(&l\.Keys, (.+)\)`, unit: number, beyond: "400 `invalid`; of an import, the line", test: "internal/strictjson.TestCheck"},
		{what: "line of an import", file: "internal/catalog/jsonl/jsonl.go", find: `const MaxLine = (.+)`, unit: size, beyond: "the line is refused, by number; the others are taken in", test: "internal/catalog.TestImport_TellsEachBadLineAndKeepsTheOthers"},
		{what: "streams of a media", file: "internal/catalog/parse.go", find: `maxStreams = (.+)`, unit: number, beyond: "the line is refused, by number", test: "internal/catalog.TestImport_HostileLines"},
		{what: "media of a job", file: "submission.go", find: `MaxMediaPerJob\s+= (.+?)\s+//`, unit: number, beyond: "413 `too_large`; `MediaIdsExceededMax`", test: faults},
		{what: "URLs, prefixes, tags and regexes of a job", file: "submission.go", find: `MaxDirectPerJob\s+= (.+?)\s+//`, unit: number, beyond: "413 `too_large`; `InvalidObjectPath.Size.Malformed`", test: "internal/api.TestP10_AJobOfTooManyURLsIsRefused"},
		{what: "regexes of a job", file: "internal/api/direct.go", find: `const maxRegexes = (.+)`, unit: number, beyond: "400 `invalid`", test: faults},
		{what: "segments that are asked for of each playlist", file: "media.go", find: `MaxSliceCount\s+= (.+)`, unit: number, beyond: "400 `invalid`; `InvalidParameter`", test: faults},
		{what: "URL", file: "url.go", find: `const MaxURL = (.+)`, unit: size, beyond: "400 `invalid`; a URL of a playlist becomes a `problem` of its row", test: ".TestCanonical_Refuses"},
		{what: "entries of a page", file: "internal/api/query.go", find: `maxLimit\s+= (.+)`, unit: number, beyond: "400 `invalid`", test: faults},
		{what: "policy of a key", file: "internal/policy/parse.go", find: `const MaxSize = (.+)`, unit: size, beyond: "400 `invalid`", test: "internal/policy.TestPolicy_Faults"},
		{what: "difference of a signed time from the server's", key: "timeouts.signature", unit: span, beyond: "401 `clock`; `InvalidTimeStamp.Expired`", test: "internal/auth.TestContract_1_8_NegativeTable"},
		{what: "nonces remembered in half an hour, of reads and of writes each", file: "internal/auth/auth.go", find: `defaultMaxNonces\s+= (.+)`, unit: number, beyond: "429 `nonces_full`", test: "internal/auth.TestP10_NonceMemoryIsBounded"},
	}
}

func accountBounds() []bound {
	const spent = "400 `QuotaExceeded.Refresh`; 429 `quota_exceeded`"
	return []bound{
		{what: "calls of each operation in a second", key: "limits.own.calls_per_second", unit: number, beyond: "400 `Throttling.User`, with `X-Acs-Retry-After`", test: "internal/rpc.TestContract_3_1_ThrottleComesAfterTheSignature"},
		{what: "URLs purged in a day", key: "limits.own.urls_per_day", unit: number, beyond: spent, test: "internal/sdkproof.TestContract_3_3_EveryClientSeesThatItsQuotaIsSpent"},
		{what: "directories and regexes purged in a day", key: "limits.own.directories_per_day", unit: number, beyond: spent, test: "internal/sdkproof.TestContract_3_3_EveryClientSeesThatItsQuotaIsSpent"},
		{what: "URLs prefetched in a day", key: "limits.own.preloads_per_day", unit: number, beyond: spent, test: "internal/sdkproof.TestContract_3_3_EveryClientSeesThatItsQuotaIsSpent"},
		{what: "lines of a RefreshVodObjectCaches", key: "limits.own.urls_per_call", unit: number, beyond: "400 `InvalidObjectPath.Size.Malformed`", test: "internal/rpc.TestContract_6_1_URLsPerCall"},
		{what: "lines of a PreloadVodObjectCaches", key: "limits.own.preloads_per_call", unit: number, beyond: "400 `InvalidObjectPath.Size.Malformed`", test: "internal/rpc.TestContract_6_1_URLsPerCall"},
		{what: "prefetch tasks that wait", key: "limits.own.preload_queue", unit: number, beyond: "403 `PreloadQueueFull`; 429 `prefetch_queue_full`; a media of a job fails as a whole", test: "internal/sdkproof.TestContract_3_3_EveryClientSeesThatTheQueueIsFull"},
		{what: "domains", file: "internal/engine/domains.go", find: `const MaxDomains = (.+)`, unit: number, beyond: "413 `too_large`; 403 `DomainOverLimit`", test: "internal/engine.TestP10_DomainsOfAnAccountAreBounded"},
	}
}

func planBounds() []bound {
	const hostile = "internal/hls.TestP10_HostilePlaylistsCostLittle"
	return []bound{
		{what: "URLs of a media, remembered ones included", key: "limits.plan_urls", unit: number, beyond: "`InternalError`: the row names the limit, and no URL is in the log", test: "internal/plan.TestP10_URLsAreBoundedAndNothingIsHalfDone"},
		{what: "playlists that are read for a media", key: "limits.plan_playlists", unit: number, beyond: "the row names those that were not read", test: "internal/plan.TestP10_PlaylistsAreBounded"},
		{what: "depth of playlists that name playlists", file: "internal/plan/plan.go", find: `set\(&l\.Depth, (.+)\)`, unit: number, beyond: "the row names those that were not read", test: "internal/plan.TestP10_DepthIsBounded"},
		{what: "time for the playlists of a media", file: "internal/plan/plan.go", find: `l\.Time = (.+)`, unit: span, beyond: "`InternalError`: the row says so", test: "internal/plan.TestP10_TimeAndConcurrencyAreBounded"},
		{what: "problems that are named one by one", file: "internal/plan/plan.go", find: `set\(&l\.Problems, (.+)\)`, unit: number, beyond: "the rest are counted", test: "internal/plan.TestP10_ProblemsAreBoundedAndCounted"},
		{what: "playlist; compressed, a quarter of it", key: "limits.playlist_bytes", unit: size, beyond: "it could not be read: the row says so", test: "internal/fetch.TestP10_SizeIsBounded"},
		{what: "lines of a playlist", file: "internal/hls/hls.go", find: `set\(&l\.Lines, (.+)\)`, unit: number, beyond: "it could not be read: the row names the limit", test: hostile},
		{what: "line of a playlist, variables put in", file: "internal/hls/hls.go", find: `set\(&l\.Line, (.+)\)`, unit: size, beyond: "it could not be read: the row names the limit", test: hostile},
		{what: "references of a playlist", file: "internal/hls/hls.go", find: `set\(&l\.Refs, (.+)\)`, unit: number, beyond: "it could not be read: the row names the limit", test: hostile},
		{what: "all references of a playlist, absolute", file: "internal/hls/hls.go", find: `set\(&l\.URLBytes, (.+)\)`, unit: size, beyond: "it could not be read: the row names the limit", test: hostile},
		{what: "requests at a time to one origin, for plans", file: "internal/fetch/fetch.go", find: `o\.PerHost = (.+)`, unit: number, beyond: "further ones wait", test: "internal/fetch.TestP10_RequestsPerOriginAreBounded"},
		{what: "least rate of an answer, bytes a second, after 3 s", file: "internal/fetch/fetch.go", find: `o\.MinRate = (.+)`, unit: size, beyond: "it could not be read: the row names the limit", test: "internal/plan.TestP10_DripsEnd"},
		{what: "one attempt to read a playlist", file: "internal/fetch/fetch.go", find: `o\.Timeout = (.+)`, unit: span, beyond: "it could not be read: the row says so", test: "internal/fetch.TestP10_TimeIsBounded"},
	}
}

func controlBounds() []bound {
	return []bound{
		{what: "free space of the data folder's disk", key: "limits.disk_reserve", unit: size, beyond: "below it (without a figure 0.5 % of the disk, 32 MiB to 1 GiB): 503 `disk_low`, `ServiceUnavailable`; what was accepted goes on", test: "internal/app.TestP10_ADiskThatFillsUp_FromTheOutside"},
		{what: "media and calls by URL that wait to be planned", key: "limits.unplanned", unit: number, beyond: "503 `queue_full`, `ServiceUnavailable`", test: "internal/engine.TestP10_WhatTheQueueRefusesIsNotThereAndWhatItTakesIsPlanned"},
		{what: "media planned at the same time", key: "limits.planners", unit: number, beyond: "further ones wait", test: "internal/engine.TestP10_WhatTheQueueRefusesIsNotThereAndWhatItTakesIsPlanned"},
		{what: "time without progress of a POP that owes a purge", key: "timeouts.deadline", unit: span, beyond: "its tasks read Failed until it answers", test: "internal/engine.TestP10_AFullDiskStopsAcceptingBeforeItStopsFinishing"},
		{what: "time in which a prefetch may be done, unless the call says", key: "timeouts.prefetch_finish_by", unit: span, beyond: "what is left fails as `timeout`", test: "internal/agent.TestP6_PrefetchEndsWithItsTime"},
		{what: "parents of a POP", file: "internal/enrol/desk.go", find: `const maxParents = (.+)`, unit: number, beyond: "413 `too_large`", test: "internal/enrol.TestDesk_RefusesWhatCannotBe"},
		{what: "strangers at the bus that are held before they are refused", file: "internal/bus/natsbus/gate.go", find: `maxHeld\s+= (.+)`, unit: number, beyond: "further ones are closed at once", test: "internal/bus/natsbus.TestServer_RefusalsAreSlowAndBounded"},
		{what: "message on the bus, evidence among them", file: "internal/bus/bus.go", find: `const MaxMessage = (.+)`, unit: size, beyond: "it is not sent; evidence is cut into several", test: "internal/bus/membus.TestBus"},
		{what: "message on the bus, unpacked", file: "internal/wire/envelope.go", find: `const MaxUnpacked = (.+)`, unit: size, beyond: "it is not understood, and logged", test: "internal/wire.TestP10_SmallMessagesAllocateLittle"},
		{what: "exceptions in a heartbeat of a POP", file: "internal/wire/heartbeat.go", find: `maxExceptions\s+= (.+)`, unit: number, beyond: "it is not taken, and logged", test: "internal/wire.TestP10_MessagesOfAHostilePOPCostLittle"},
		{what: "callbacks sent at the same time", key: "callbacks.workers", unit: number, beyond: "further ones wait", test: "internal/callback.TestReceiversOfOneAccountThatHangDoNotHoldUpOthers"},
		{what: "of them, to one host", key: "callbacks.per_host", unit: number, beyond: "further ones wait", test: "internal/callback.TestNoMoreThanAllowedGoesToOneHostAtATime"},
	}
}

func popBounds() []bound {
	const agent = "internal/agent/options.go"
	return []bound{
		{what: "purges read ahead", file: agent, find: `orDefault\(&o\.ReadAhead, (.+)\)`, unit: number, beyond: "the rest stays in the log", test: "internal/agent.TestP10_ReadAheadIsBounded"},
		{what: "prefetches in the journal", file: agent, find: `orDefault\(&o\.PrefetchAhead, (.+)\)`, unit: number, beyond: "the rest stays in the log", test: "internal/agent.TestP10_PrefetchesReadAheadAreBounded"},
		{what: "URLs of either in memory", file: agent, find: `orDefault\(&o\.ReadAheadBytes, (.+)\)`, unit: size, beyond: "the rest stays in the log", test: "internal/agent.TestP10_PrefetchesReadAheadAreBounded"},
		{what: "facts that wait for the journal", file: "internal/agent/read.go", find: `const maxFacts = (.+)`, unit: number, beyond: "nothing more is read until the journal can be written; nothing is lost", test: "internal/agent.TestP10_AJournalThatCannotBeWrittenEndsTheReading"},
		{what: "purges to be repeated for a parent that is away", file: agent, find: `orDefault\(&o\.RedoLimit, (.+)\)`, unit: number, beyond: "the whole cache revalidates once instead", test: "internal/agent.TestP10_TooManyRedosGiveWayToOneFlush"},
		{what: "failed purges that are told to children", file: agent, find: `orDefault\(&o\.ExceptionBytes, (.+)\)`, unit: size, beyond: "children wait for the rest", test: "internal/agent.TestP10_TooManyExceptionsHoldTheChildInsteadOfMisleadingIt"},
		{what: "free space of the journal's disk", key: "limits.disk_reserve", unit: size, beyond: "below it: new prefetches fail as `no_space`; purges go on", test: "internal/agent.TestP10_ANearlyFullDiskFailsNewPrefetchesAndPurgesGoOn"},
		{what: "objects prefetched at the same time", key: "limits.prefetch_workers", unit: number, beyond: "further ones wait", test: "internal/agent.TestP10_DomainsShareTheWorkers"},
		{what: "of them, from one origin", key: "limits.prefetch_per_origin", unit: number, beyond: "further ones wait", test: "internal/agent.TestP10_OneOriginGetsNoMoreThanItsShare"},
		{what: "bytes prefetched in a second", key: "limits.prefetch_bytes_per_second", unit: size, beyond: "further ones wait", test: "internal/agent.TestP10_PrefetchedBytesKeepToTheirRate"},
		{what: "built-in cache, `caches[].max_bytes`", file: "internal/edge/edge.go", find: `DefaultMaxBytes\s+= (.+)`, unit: size, beyond: "what was used least recently goes; an object over `max_object_bytes` is passed on, and its prefetch fails as `too_large`", test: "internal/edge.TestLimitsOfSize"},
	}
}
