package auth_test

import (
	"context"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/auth"
)

// benchVerify measures whole verifications, nonce memory included. Requests
// are signed outside the measured part.
func benchVerify(b *testing.B, sign func() *auth.Request) {
	b.Helper()
	a, _ := newAuth(b)
	const batch = 4096
	requests := make([]*auth.Request, batch)
	i := batch
	b.ReportAllocs()
	for b.Loop() {
		if i == batch {
			b.StopTimer()
			for j := range requests {
				requests[j] = sign()
			}
			i = 0
			b.StartTimer()
		}
		if _, err := a.Vendor(context.Background(), requests[i]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkVerifyV1(b *testing.B) {
	benchVerify(b, func() *auth.Request { return v1(b, keyID, time.Now()) })
}

func BenchmarkVerifyV3(b *testing.B) {
	benchVerify(b, func() *auth.Request { return v3(b, keyID, time.Now(), "") })
}
