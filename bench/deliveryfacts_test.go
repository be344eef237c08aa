package bench_test

import (
	"fmt"
	"time"

	"github.com/freshet-vod/freshet"
)

// mixedFacts are the facts of one POP about an entry. What clients fetched, they
// fetched within the last six hours, each object when they came to it; orders are
// carried out in batches, prefetches one after another.
func mixedFacts(e *freshet.Entry, now time.Time, seed int64) freshet.EntryFacts {
	out := freshet.EntryFacts{At: e.At}
	lag := time.Duration(noise(e.At.Pos, 0, seed)%30_000) * time.Millisecond
	took := time.Duration(0)
	for i := range e.Len() {
		f := freshet.Fact{Item: i, Verified: freshet.VerifiedInspect, Attempts: 1, Rounds: 1}
		h := noise(e.At.Pos, i, seed)
		stored := freshet.Copy{
			FetchedAt: now.Add(-time.Duration(h%21_600_000) * time.Millisecond), Generation: freshet.Position{Epoch: 1, Pos: 1},
			Validator: fmt.Sprintf(`"%x-%x"`, noise(0, i, 7), noise(0, i, 8)&0xffffff), Size: 400_000 + int64(i)*7919%90_000,
		}
		switch absent := h>>32%10 == 0; {
		case e.At.Pos%10 == 3:
			f.Outcome, f.CoveredBy, f.Verified, f.Attempts, f.Rounds = freshet.OutcomeCovered, freshet.Position{Epoch: 1, Pos: e.At.Pos + 1}, freshet.VerifiedNone, 0, 0
			f.ExecutedAt = now.Add(lag)
		case e.Kind == freshet.EntryPurge && absent:
			f.Outcome, f.ExecutedAt = freshet.OutcomeAlready, now.Add(lag+took)
		case e.Kind == freshet.EntryPurge:
			if i%64 == 0 { // objects that are purged together are looked at together
				took += time.Duration(h>>40%20) * time.Millisecond
			}
			f.Outcome, f.ExecutedAt, f.Before, f.Window = freshet.OutcomeDone, now.Add(lag+took), stored, time.Duration(h>>40%20)*time.Millisecond
			if i%64 > 0 {
				f.Window = out.Facts[i-1].Window
			}
		case absent: // fresh: a client was quicker
			f.Outcome, f.ExecutedAt, f.Before, f.After, f.Rounds = freshet.OutcomeAlready, now.Add(lag+took), stored, stored, 0
		default:
			took += time.Duration(10+h>>40%60) * time.Millisecond
			f.Outcome, f.ExecutedAt, f.Rounds = freshet.OutcomeDone, now.Add(lag+took), 0
			f.After = stored
			f.After.FetchedAt, f.After.Generation = f.ExecutedAt.Add(-time.Duration(5+h>>50%10)*time.Millisecond), e.LastPurge
		}
		out.Facts = append(out.Facts, f)
	}
	return out
}

// noise mixes three numbers (splitmix64).
func noise(pos uint64, item int, seed int64) uint64 {
	x := pos*0x9e3779b97f4a7c15 + uint64(item+1)*0xbf58476d1ce4e5b9 + uint64(seed)*0x94d049bb133111eb
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
