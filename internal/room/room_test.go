package room_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/room"
)

const mib = 1 << 20

func TestP10_ADiskNearlyFullRefusesAndNamesBothFigures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var free atomic.Int64
		var asked atomic.Int64
		g := room.New(room.Options{Dir: "/data", Space: func(dir string) (int64, int64, error) {
			if dir != "/data" {
				t.Errorf("asked for %s", dir)
			}
			asked.Add(1)
			return free.Load(), 10 << 30, nil // 51 MiB are to be left
		}})
		for _, c := range []struct {
			free int64
			low  bool
		}{
			{52 * mib, false},
			{51 * mib, true},  // one over
			{57 * mib, true},  // and not at once back
			{58 * mib, false}, // an eighth more
			{52 * mib, false},
		} {
			free.Store(c.free)
			time.Sleep(time.Second)
			err := g.Check()
			if g.Low() != c.low || (err != nil) != c.low || (g.Trouble() != nil) != c.low {
				t.Fatalf("%d MiB free: low is %v, %v, %v", c.free/mib, g.Low(), err, g.Trouble())
			}
			if e, _ := errors.AsType[*freshet.Error](err); c.low && (e.Code != freshet.CodeUnavailable || e.Kind != freshet.KindDisk || e.RetryAfter <= 0 ||
				!strings.Contains(e.Message, "are free and 51 MiB are needed")) {
				t.Errorf("%+v", e)
			}
		}
		before := asked.Load()
		for range 1000 {
			g.Low()
		}
		if n := asked.Load() - before; n > 1 {
			t.Errorf("the file system was asked %d times in no time", n)
		}
	})
}

func TestADiskThatDoesNotAnswerRefusesNothing(t *testing.T) {
	t.Parallel()
	fault := errors.New("no such device")
	for _, err := range []error{fault, errors.ErrUnsupported} {
		g := room.New(room.Options{Space: func(string) (int64, int64, error) { return 0, 0, err }})
		if g.Check() != nil || g.Low() {
			t.Errorf("%v refuses", err)
		}
		if told := g.Trouble() != nil; told != errors.Is(err, fault) {
			t.Errorf("%v is told: %v", err, told)
		}
	}
}

// TestReserve_LeavesTheCacheTheFirstStep: a built-in cache on the same disk
// leaves min(max(64 MiB, 1 %), an eighth) to others. If that were less than the
// reserve, a cache that is merely full would stop the control plane.
func TestReserve_LeavesTheCacheTheFirstStep(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(1<<20, 1<<50).Draw(t, "size")
		cache := min(max(64*mib, size/100), size/8)
		if r := room.Reserve(size); r <= 0 || r+r/8 > cache {
			t.Fatalf("of %d bytes the cache leaves %d and the reserve is %d", size, cache, r)
		}
	})
}

func TestSpace_OfARealFolder(t *testing.T) {
	t.Parallel()
	free, size, err := room.Space(t.TempDir())
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("not known on this system")
	}
	if err != nil || free <= 0 || size < free {
		t.Errorf("%d of %d, %v", free, size, err)
	}
	if _, _, err := room.Space(t.TempDir() + "/absent"); err == nil {
		t.Error("a folder that is not there has room")
	}
}
