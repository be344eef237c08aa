package bench_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/rpc"
	"github.com/freshet-vod/freshet/internal/store"
)

// callStores compares the vendor's calls about status, as users make them:
// signed, over HTTP on loopback, one at a time.
func callStores(b *testing.B, small, big *statusStore) {
	b.Helper()
	for _, s := range []*statusStore{small, big} {
		s.listen(b)
	}
	stamp := func(t time.Time) string { return t.Format(time.RFC3339) }
	for _, q := range []struct {
		name string
		ask  func(s *statusStore, i int) url.Values
	}{
		{"GetMediaRefreshJobs", func(s *statusStore, i int) url.Values {
			return url.Values{"Action": {"GetMediaRefreshJobs"}, "MediaRefreshJobId": {s.jobs[i%len(s.jobs)]}}
		}},
		{"TaskByID", func(s *statusStore, i int) url.Values {
			return url.Values{"TaskId": {strconv.FormatUint(s.tasks[i%len(s.tasks)]+7, 10)}}
		}},
		{"Tasks", func(*statusStore, int) url.Values { return url.Values{} }},
		{"TasksByDay", func(s *statusStore, _ int) url.Values {
			return url.Values{"StartTime": {stamp(s.from.Add(25*time.Hour + 7*time.Second))}, "EndTime": {stamp(s.from.Add(49 * time.Hour))}}
		}},
		{"TasksByDomain", func(*statusStore, int) url.Values {
			return url.Values{"DomainName": {"rare.example.com"}, "ObjectType": {"file"}}
		}},
		{"TasksByType", func(*statusStore, int) url.Values { return url.Values{"ObjectType": {"preload"}} }},
		{"TasksComplete", func(*statusStore, int) url.Values { return url.Values{"Status": {"Complete"}, "ObjectType": {"file"}} }},
		{"TasksFailed", func(*statusStore, int) url.Values { return url.Values{"Status": {"Failed"}, "ObjectType": {"file"}} }},
		{"TasksByURL", func(s *statusStore, i int) url.Values { return url.Values{"ObjectPath": {s.urls[i%len(s.urls)]}} }},
	} {
		b.Run(q.name, func(b *testing.B) {
			compareStores(b, small, big, func(s *statusStore, i int) error {
				p := q.ask(s, i)
				if !p.Has("Action") {
					p.Set("Action", "DescribeVodRefreshTasks")
				}
				return s.call(b.Context(), p)
			})
		})
	}
}

// listen has the store answer the vendor's API.
func (s *statusStore) listen(b *testing.B) {
	b.Helper()
	ctx := b.Context()
	key := store.Key{ID: "FKbench", Secret: "benchsecret", Account: "default", Created: time.Now()}
	if err := s.db.PutKey(ctx, key); err != nil {
		b.Fatal(err)
	}
	guard, err := auth.New(ctx, auth.Options{Keys: s.db})
	if err != nil {
		b.Fatal(err)
	}
	srv := httptest.NewServer(rpc.New(rpc.Options{Engine: s.eng, Auth: guard, Media: s.db}))
	b.Cleanup(srv.Close)
	s.endpoint, s.client = srv.URL, srv.Client()
}

// call signs a call, makes it and reads all of its answer.
func (s *statusStore) call(ctx context.Context, p url.Values) error {
	s.calls++
	p.Set("Version", "2017-03-21")
	p.Set("Format", "JSON")
	auth.SignV1(http.MethodGet, p, "FKbench", "benchsecret", time.Now(), "c"+strconv.Itoa(s.calls))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.endpoint+"/?"+p.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %s", p, resp.StatusCode, body)
	}
	return err
}
