package rpc_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkCall measures a whole signed call over a scripted engine, without
// the HTTP server. Requests are signed outside the measured part.
func BenchmarkCall(b *testing.B) {
	for _, c := range []struct {
		name string
		req  func() *http.Request
	}{
		{"Refresh", func() *http.Request {
			return request("RefreshMediaPlayUrls", "MediaIds", "gone1,gone2,gone3", "TaskType", "Refresh")
		}},
		{"GetJobs", func() *http.Request { return request("GetMediaRefreshJobs", "MediaRefreshJobId", jobID) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := setup(b)
			const batch = 2048
			requests := make([]*http.Request, batch)
			i := batch
			b.ReportAllocs()
			for b.Loop() {
				if i == batch {
					b.StopTimer()
					for j := range requests {
						requests[j] = c.req()
					}
					f.engine.subs, i = nil, 0
					b.StartTimer()
				}
				w := httptest.NewRecorder()
				f.handler.ServeHTTP(w, requests[i])
				if w.Code != http.StatusOK {
					b.Fatal(w.Body.String())
				}
				i++
			}
		})
	}
}
