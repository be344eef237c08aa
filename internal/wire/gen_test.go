package wire_test

import (
	"math"
	"time"

	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
)

func genPosition() *rapid.Generator[freshet.Position] {
	return rapid.Custom(func(t *rapid.T) freshet.Position {
		if rapid.Bool().Draw(t, "small") {
			return freshet.Position{Epoch: rapid.Uint32Max(2).Draw(t, "epoch"), Pos: rapid.Uint64Max(50).Draw(t, "pos")}
		}
		return freshet.Position{Epoch: rapid.Uint32().Draw(t, "epoch"), Pos: rapid.Uint64().Draw(t, "pos")}
	})
}

func genTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		switch rapid.IntRange(0, 3).Draw(t, "era") {
		case 0:
			return time.Time{}
		case 1:
			return time.UnixMilli(rapid.Int64Range(-62135596799999, 253402300799999).Draw(t, "ms")).UTC()
		}
		return time.UnixMilli(1790000000000 + rapid.Int64Range(0, 100000).Draw(t, "ms")).UTC()
	})
}

func genStrings(most int) *rapid.Generator[[]string] {
	return rapid.Custom(func(t *rapid.T) []string {
		list := rapid.SliceOfN(rapid.String(), 0, most).Draw(t, "list")
		if len(list) == 0 {
			return nil // the codecs do not tell nil and empty lists apart
		}
		return list
	})
}

func genURLs() *rapid.Generator[[]string] {
	url := rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"", "http://a.example/", "http://vod.example.com/x/hd/seg-", "é"}).Draw(t, "dir") +
			rapid.StringMatching(`[0-9a-c]{0,6}`).Draw(t, "name") +
			rapid.SampledFrom([]string{"", ".ts", ".m4s?v=1", "/init.mp4"}).Draw(t, "ext")
	})
	return rapid.Custom(func(t *rapid.T) []string {
		list := rapid.SliceOfN(url, 0, 30).Draw(t, "urls")
		if len(list) == 0 {
			return nil
		}
		return list
	})
}

func genSelector() *rapid.Generator[freshet.Selector] {
	return rapid.Custom(func(t *rapid.T) freshet.Selector {
		return freshet.Selector{
			Kind:    freshet.SelectorKind(rapid.Uint8Range(0, 4).Draw(t, "kind")),
			URLs:    genURLs().Draw(t, "urls"),
			Pattern: rapid.String().Draw(t, "pattern"),
			Hosts:   genStrings(3).Draw(t, "hosts"),
		}
	})
}

func genEntry() *rapid.Generator[*freshet.Entry] {
	return rapid.Custom(func(t *rapid.T) *freshet.Entry {
		kind, status := freshet.EntryKind(rapid.Uint8Range(1, 5).Draw(t, "kind")), 0
		if kind == freshet.EntryDeny {
			status = rapid.IntRange(0, 999).Draw(t, "status")
		}
		e := &freshet.Entry{
			At:        genPosition().Draw(t, "at"),
			Kind:      kind,
			Status:    status,
			Account:   rapid.String().Draw(t, "account"),
			Job:       rapid.String().Draw(t, "job"),
			Row:       rapid.Int().Draw(t, "row"),
			Domain:    rapid.String().Draw(t, "domain"),
			FirstTask: rapid.Uint64().Draw(t, "first_task"),
			Selector:  genSelector().Draw(t, "selector"),
			Targets:   rapid.SampledFrom([][]string{nil, {"a"}, {"a", "b"}, {"b", "a"}, {"ab"}}).Draw(t, "targets"),
			LastPurge: genPosition().Draw(t, "last_purge"),
			FinishBy:  genTime().Draw(t, "finish_by"),
			Created:   genTime().Draw(t, "created"),
		}
		if rapid.Bool().Draw(t, "traced") {
			copy(e.Trace.ID[:], rapid.SliceOfN(rapid.ByteMin(1), 16, 16).Draw(t, "trace"))
			copy(e.Trace.Span[:], rapid.SliceOfN(rapid.ByteMin(1), 8, 8).Draw(t, "span"))
		}
		switch e.Kind { //nolint:exhaustive // the others have nothing of their own
		case freshet.EntryPurge:
			e.Soft = rapid.Bool().Draw(t, "soft")
		case freshet.EntryPrefetch:
			e.Header = rapid.String().Draw(t, "header")
		case freshet.EntryMembership:
			e.Membership = freshet.Membership{
				Change: freshet.MembershipChange(rapid.Uint8Range(0, 4).Draw(t, "change")),
				POP:    rapid.String().Draw(t, "pop"),
			}
		}
		return e
	})
}

func genCopy() *rapid.Generator[freshet.Copy] {
	return rapid.Custom(func(t *rapid.T) freshet.Copy {
		if rapid.Bool().Draw(t, "nothing") {
			return freshet.Copy{}
		}
		return freshet.Copy{
			FetchedAt:  genTime().Draw(t, "fetched_at"),
			Generation: genPosition().Draw(t, "generation"),
			Validator:  rapid.SampledFrom([]string{"", `"a"`, `W/"b"`, "\x00\xff"}).Draw(t, "validator"),
			Size:       rapid.Int64().Draw(t, "size"),
		}
	})
}

func genFact() *rapid.Generator[freshet.Fact] {
	return rapid.Custom(func(t *rapid.T) freshet.Fact {
		item := rapid.IntRange(0, 5).Draw(t, "item")
		if rapid.IntRange(0, 9).Draw(t, "odd") == 0 {
			item = rapid.Int().Draw(t, "any_item")
		}
		return freshet.Fact{
			Item:       item,
			Outcome:    freshet.Outcome(rapid.Uint8Range(0, 6).Draw(t, "outcome")),
			Reason:     freshet.Reason(rapid.Uint8().Draw(t, "reason")),
			Verified:   freshet.Verified(rapid.Uint8().Draw(t, "verified")),
			Attempts:   rapid.Int().Draw(t, "attempts"),
			ExecutedAt: genTime().Draw(t, "executed_at"),
			Before:     genCopy().Draw(t, "before"),
			After:      genCopy().Draw(t, "after"),
			CoveredBy:  genPosition().Draw(t, "covered_by"),
			Rounds:     rapid.SampledFrom([]int{0, 1, 1, 2, 255, 256, math.MaxInt32}).Draw(t, "rounds"),
			Window:     time.Duration(rapid.Int64Range(0, math.MaxInt64/int64(time.Millisecond)).Draw(t, "window")) * time.Millisecond,
		}
	})
}

func genEntryFacts() *rapid.Generator[[]freshet.EntryFacts] {
	one := rapid.Custom(func(t *rapid.T) freshet.EntryFacts {
		e := freshet.EntryFacts{At: genPosition().Draw(t, "at")}
		if facts := rapid.SliceOfN(genFact(), 0, 12).Draw(t, "facts"); len(facts) > 0 {
			e.Facts = facts
		}
		return e
	})
	return rapid.Custom(func(t *rapid.T) []freshet.EntryFacts {
		list := rapid.SliceOfN(one, 0, 6).Draw(t, "entries")
		if len(list) == 0 {
			return nil
		}
		return list
	})
}

func genHeartbeat() *rapid.Generator[freshet.Heartbeat] {
	return rapid.Custom(func(t *rapid.T) freshet.Heartbeat {
		h := freshet.Heartbeat{
			POP:         rapid.String().Draw(t, "pop"),
			Watermark:   genPosition().Draw(t, "watermark"),
			Incarnation: rapid.String().Draw(t, "incarnation"),
			Cursors:     genCursors().Draw(t, "cursors"),
			Known:       genPosition().Draw(t, "known"),
			KnownTask:   rapid.Uint64().Draw(t, "known_task"),
			Owed:        rapid.Int().Draw(t, "owed"),
			Ready:       rapid.Bool().Draw(t, "ready"),
			URL:         rapid.String().Draw(t, "url"),
			Release:     rapid.String().Draw(t, "release"),
		}
		for range rapid.IntRange(0, 5).Draw(t, "exceptions") {
			x := freshet.Exception{At: genPosition().Draw(t, "at")}
			if items := rapid.SliceOfN(rapid.Int(), 0, 4).Draw(t, "items"); len(items) > 0 {
				x.Items = items
			}
			h.Exceptions = append(h.Exceptions, x)
		}
		return h
	})
}

func genCursors() *rapid.Generator[[]freshet.Cursor] {
	return rapid.Custom(func(t *rapid.T) []freshet.Cursor {
		var list []freshet.Cursor
		for range rapid.IntRange(0, 3).Draw(t, "cursors") {
			list = append(list, freshet.Cursor{Subject: rapid.String().Draw(t, "subject"), At: genPosition().Draw(t, "at")})
		}
		return list
	})
}

func genTopology() *rapid.Generator[freshet.Topology] {
	return rapid.Custom(func(t *rapid.T) freshet.Topology {
		top := freshet.Topology{Version: rapid.Uint64().Draw(t, "version")}
		for range rapid.IntRange(0, 4).Draw(t, "domains") {
			top.Domains = append(top.Domains, freshet.Domain{
				Account: rapid.String().Draw(t, "account"), Name: rapid.String().Draw(t, "name"),
				Aliases: genStrings(2).Draw(t, "aliases"), Origin: rapid.String().Draw(t, "origin"),
				TLS: rapid.Bool().Draw(t, "tls"), IgnoreParams: genStrings(2).Draw(t, "ignore"),
				Offline: rapid.Bool().Draw(t, "offline"), Verify: freshet.Verify(rapid.String().Draw(t, "verify")),
				Guarded: rapid.Bool().Draw(t, "guarded"), URLAuth: genURLAuth(t),
			})
		}
		for range rapid.IntRange(0, 4).Draw(t, "pops") {
			top.POPs = append(top.POPs, freshet.POP{
				ID: rapid.String().Draw(t, "id"), Parents: genStrings(2).Draw(t, "parents"),
				Remote: rapid.Bool().Draw(t, "remote"), URL: rapid.String().Draw(t, "url"),
				Down: rapid.Bool().Draw(t, "down"), Drained: rapid.Bool().Draw(t, "drained"),
				Silence: freshet.Silence{
					After: time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "after")) * time.Millisecond,
					Then:  freshet.OnSilence(rapid.String().Draw(t, "then")), Permit: rapid.Bool().Draw(t, "permit"),
				},
			})
		}
		return top
	})
}

func genURLAuth(t *rapid.T) freshet.URLAuth {
	if rapid.Bool().Draw(t, "unsigned") {
		return freshet.URLAuth{}
	}
	return freshet.URLAuth{
		Type:    rapid.SampledFrom(freshet.AuthTypes()).Draw(t, "type"),
		MainKey: freshet.AuthKey(rapid.String().Draw(t, "main")), BackupKey: freshet.AuthKey(rapid.String().Draw(t, "backup")),
		ValiditySeconds: rapid.Int().Draw(t, "validity"), Enforce: rapid.Bool().Draw(t, "enforce"), Open: genStrings(2).Draw(t, "open"),
	}
}

func genEvidence() *rapid.Generator[freshet.Evidence] {
	return rapid.Custom(func(t *rapid.T) freshet.Evidence {
		return freshet.Evidence{
			POP:         rapid.String().Draw(t, "pop"),
			Stream:      rapid.Uint64().Draw(t, "stream"),
			Number:      rapid.Uint64().Draw(t, "number"),
			Incarnation: rapid.String().Draw(t, "incarnation"),
			Entries:     genEntryFacts().Draw(t, "entries"),
		}
	})
}

func genReport() *rapid.Generator[freshet.Report] {
	return rapid.Custom(func(t *rapid.T) freshet.Report {
		return freshet.Report{
			Topology: rapid.Uint64().Draw(t, "topology"), Obstacles: genStrings(3).Draw(t, "obstacles"),
			Silent: rapid.Bool().Draw(t, "silent"), Permit: rapid.Bool().Draw(t, "permit"), Revalidates: rapid.Bool().Draw(t, "revalidates"),
			Traffic: freshet.Traffic{
				Known: rapid.Bool().Draw(t, "known"), Quiet: time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "quiet")) * time.Millisecond,
			},
		}
	})
}
