package limits_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/freshet-vod/freshet/internal/limits"
)

func TestThrottle_NothingIsLimitedByDefault(t *testing.T) {
	t.Parallel()
	th := limits.NewThrottle(limits.Rules{})
	for range 100_000 {
		if wait, _ := th.Take("a", "RefreshMediaPlayUrls"); wait != 0 {
			t.Fatal("a call was refused")
		}
	}
}

// TestContract_4_0_CallsPerSecond holds the vendor's figure of each operation:
// so many calls in one moment, and no more in the next second.
func TestContract_4_0_CallsPerSecond(t *testing.T) {
	t.Parallel()
	for operation, calls := range map[string]int{
		"RefreshMediaPlayUrls": 50, "GetMediaRefreshJobs": 50, "DescribeVodRefreshTasks": 10, "RefreshVodObjectCaches": 50,
		"PreloadVodObjectCaches": 50, "SetMessageCallback": 15, "GetMessageCallback": 15, "DeleteMessageCallback": 15,
		"GetPlayInfo": 360, "SearchMedia": 50, "GetVideoInfo": 100, "GetVideoInfos": 100, "RegisterMedia": 50,
		"DescribeVodRefreshQuota": 0, "DeleteVideo": 0, "DeleteStream": 0, "AddVodDomain": 0, "DescribeVodUserDomains": 0,
	} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				th := limits.NewThrottle(limits.Rules{Each: limits.Vendor()})
				passed := 0
				for range 1000 {
					if wait, _ := th.Take("a", operation); wait == 0 {
						passed++
					}
				}
				if calls == 0 && passed != 1000 || calls != 0 && passed != calls {
					t.Fatalf("%d calls passed, want %d", passed, calls)
				}
				if calls == 0 {
					return
				}
				wait, _ := th.Take("a", operation)
				if wait <= 0 || wait > time.Second/time.Duration(calls) {
					t.Fatalf("the wait is %s", wait)
				}
				time.Sleep(wait)
				if again, _ := th.Take("a", operation); again != 0 {
					t.Fatalf("a call that waited as long as it was told has to wait %s more", again)
				}
			})
		})
	}
}

// TestP8_OneAccountsCallsAreNotAnothers holds that buckets are shared by
// neither accounts nor operations.
func TestP8_OneAccountsCallsAreNotAnothers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := limits.NewThrottle(limits.Rules{
			Each:     limits.Figures{CallsPerSecond: 2},
			Accounts: map[string]limits.Figures{"big": {CallsPerSecond: 5}, "free": {}},
		})
		for account, want := range map[string]int{"a": 2, "b": 2, "big": 5, "free": 100} {
			for _, operation := range []string{"GetPlayInfo", "DeleteVideo"} {
				passed := 0
				for range 100 {
					if wait, _ := th.Take(account, operation); wait == 0 {
						passed++
					}
				}
				if passed != want {
					t.Errorf("%s called %s %d times, want %d", account, operation, passed, want)
				}
			}
		}
	})
}

func TestThrottle_TellsOfARefusalOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := limits.NewThrottle(limits.Rules{Each: limits.Figures{CallsPerSecond: 1}})
		told := 0
		for range 1800 { // three minutes of ten calls a second
			if wait, tell := th.Take("a", "DeleteVideo"); tell {
				if wait == 0 {
					t.Fatal("a call that passed is told of")
				}
				told++
			}
			time.Sleep(100 * time.Millisecond)
		}
		if told != 3 {
			t.Errorf("%d refusals were told of, want 3", told)
		}
	})
}

func TestThrottle_CountsConcurrentCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := limits.NewThrottle(limits.Rules{Each: limits.Figures{CallsPerSecond: 50}})
		var passed atomic.Int64
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				if wait, _ := th.Take("a", "RefreshMediaPlayUrls"); wait == 0 {
					passed.Add(1)
				}
			})
		}
		wg.Wait()
		if passed.Load() != 50 {
			t.Errorf("%d calls passed, want 50", passed.Load())
		}
	})
}

// TestP10_BucketsAreForgotten holds that memory is bounded, and that making
// room spares buckets that still refuse.
func TestP10_BucketsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := limits.NewThrottle(limits.Rules{Each: limits.Figures{CallsPerSecond: 1}})
		for i := range limits.MaxBuckets {
			th.Take(fmt.Sprint("account ", i), "DeleteVideo")
		}
		time.Sleep(10 * time.Second)
		th.Take("busy", "DeleteVideo")
		if n := th.Buckets(); n > 2 {
			t.Errorf("%d buckets are kept, all but one of which are full", n)
		}
		for i := range 2 * limits.MaxBuckets {
			th.Take(fmt.Sprint("flood ", i), "DeleteVideo")
		}
		if n := th.Buckets(); n > limits.MaxBuckets {
			t.Errorf("%d buckets are kept", n)
		}
	})
}
