package sdkproof_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/auth"
)

// sender sends signed calls of any content to a whole server.
type sender struct {
	endpoint string
	http     *http.Transport
	calls    atomic.Int64
}

func newSender(f *testing.F) *sender {
	f.Helper()
	s := &sender{endpoint: server(f).Addr(), http: &http.Transport{MaxIdleConnsPerHost: 8}}
	f.Cleanup(s.http.CloseIdleConnections)
	return s
}

// forms are the ways in which a call can travel; the first bit asks for XML.
const forms = 8

// send makes a call that is signed well, and checks what every answer must be:
// it never is a fault of the server, it can be decoded, and it names its request.
func (s *sender) send(t *testing.T, action string, p url.Values, form uint8) {
	t.Helper()
	for _, system := range []string{
		"Action", "Version", "Signature", "SignatureType", "BearerToken", "SecurityToken", "Format", "AccessKeyId",
		"SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp",
	} {
		p.Del(system) // what they may be is not this test's: FuzzCall of package rpc sends anything
	}
	xmlWanted := form&1 == 1
	p.Set("Format", map[bool]string{false: "JSON", true: "XML"}[xmlWanted])
	nonce := "fuzz" + strconv.FormatInt(s.calls.Add(1), 10) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := s.request(ctx, action, nonce, p, form%forms)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.http.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %v: %v", action, p, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode >= 500 || resp.Header.Get("X-Acs-Request-Id") == "" {
		t.Errorf("%s %v: status %d, body %q", action, p, resp.StatusCode, body)
	}
	if err := wellFormed(body, xmlWanted); err != nil {
		t.Errorf("%s %v: %v in %q", action, p, err, body)
	}
	if bytes.Contains(body, []byte("SignatureDoesNotMatch")) && !bytes.Contains([]byte(p.Encode()), []byte("SignatureDoesNotMatch")) {
		t.Errorf("%s %v: a good signature was refused: %q", action, p, body)
	}
}

// request signs a call with V1 or V3 and puts the parameters into the query or
// into a form.
func (s *sender) request(ctx context.Context, action, nonce string, p url.Values, form uint8) (*http.Request, error) {
	inForm, v3 := form&2 == 2, form&4 == 4
	if !v3 {
		p.Set("Action", action)
		p.Set("Version", "2017-03-21")
		auth.SignV1(http.MethodPost, p, keyID, secret, time.Now(), nonce)
	}
	query, body := p.Encode(), ""
	if inForm {
		query, body = "", query
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.endpoint+"/?"+query, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if inForm {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if v3 {
		req.Header.Set("X-Acs-Action", action)
		req.Header.Set("X-Acs-Version", "2017-03-21")
		auth.SignV3(req, keyID, secret, []byte(body), time.Now(), nonce)
	}
	return req, nil
}

// wellFormed checks that an answer can be read in the format that was asked for.
func wellFormed(body []byte, isXML bool) error {
	if !isXML {
		var v struct{ RequestID string }
		if err := json.Unmarshal(body, &v); err != nil {
			return err
		}
		if len(v.RequestID) != 36 {
			return errors.New("no request ID")
		}
		return nil
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// FuzzEveryOperation sends any parameters to any operation of a whole server: the
// store, the planner and the callbacks are the real ones.
func FuzzEveryOperation(f *testing.F) {
	actions := contractOperations()
	for i, action := range actions {
		for n, r := range table() {
			if r.action == action {
				p := url.Values{}
				for name, value := range r.params {
					p.Set(name, value)
				}
				f.Add(uint8(i), p.Encode(), uint8(n))
			}
		}
		f.Add(uint8(i), "", uint8(i))
	}
	s := newSender(f)
	f.Fuzz(func(t *testing.T, op uint8, query string, form uint8) {
		p, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		for name, values := range p {
			p[name] = values[:1] // FuzzCall sends names twice
		}
		s.send(t, actions[int(op)%len(actions)], p, form)
	})
}

// FuzzOneParameter sends a good call of which one parameter, that has a language
// of its own, is anything.
func FuzzOneParameter(f *testing.F) {
	calls := []struct {
		action, param string
		others        params
		seeds         []string
	}{
		{"RefreshMediaPlayUrls", "UserData", params{"MediaIds": sound, "TaskType": "Refresh"}, []string{
			`{"MessageCallback":{"CallbackURL":"http://example.com"},"Extend":{"a":"b"}}`, `{"Extend":"x","MessageCallback":"{}"}`,
		}},
		{"RegisterMedia", "RegisterMetadatas", nil, []string{
			`[{"FileURL":"http://vod.example.com/a.mp4","Title":"a","Tags":"b,c","CateId":1}]`, `{"FileURL":"x"}`,
		}},
		{"PreloadVodObjectCaches", "WithHeader", params{"ObjectPath": "vod.example.com/film/audio.mp3"}, []string{
			`{"Accept-Encoding":["gzip, deflate, br"]}`, `{"a":"b"}`,
		}},
		{"SearchMedia", "Match", params{"Fields": "Title,Status,Size"}, []string{
			"Title = 'a' and (Status in ('Normal','Blocked') or Size = [1,100)) and CreationTime = ('2026-01-01T00:00:00Z','2027-01-01T00:00:00Z']",
			"VideoId in ('" + film + "')", "(Tags in ('a') or CateId = 7)",
		}},
		{"SearchMedia", "SortBy", nil, []string{"CreationTime:Desc,ModificationTime:Asc"}},
		{"SearchMedia", "ScrollToken", params{"SortBy": "CreationTime:Asc"}, []string{"24e0fba7188fae707e146esa54277722"}},
		{"AddVodDomain", "Sources", params{"DomainName": "fuzz.example.com"}, []string{`[{"content":"a.example.com","type":"domain","port":"80","priority":20}]`}},
		{"GetPlayInfo", "PlayConfig", params{"VideoId": described}, []string{`{"PlayDomain":"vod.example.com","EncryptType":"Unencrypted"}`}},
		{"GetPlayInfo", "ReAuthInfo", params{"VideoId": described}, []string{`{"uid":"1","rand":"ab"}`}},
		{"RefreshVodObjectCaches", "ObjectPath", nil, []string{"http://vod.example.com/a b?c=d#e\r\nvod.example.com/é%2e"}},
		{"RefreshVodObjectCaches", "ObjectPath", params{"ObjectType": "Directory"}, []string{"vod.example.com/a/../b/"}},
		{"RefreshVodObjectCaches", "ObjectPath", params{"ObjectType": "Regex"}, []string{`vod\.example\.com/film/.*\.(ts|mp4)$`}},
		{"RefreshVodObjectCaches", "ObjectPath", params{"ObjectType": "IgnoreParams"}, []string{"vod.example.com/a?b"}},
		{"SetMessageCallback", "EventTypeList", params{"CallbackURL": "https://callback.invalid/"}, []string{"ALL", "AIComplete, DeleteMediaComplete"}},
		{"SetMessageCallback", "CallbackURL", nil, []string{"https://callback.invalid/a?b=c"}},
	}
	for i, c := range calls {
		for n, seed := range c.seeds {
			f.Add(uint8(i), seed, uint8(n))
		}
	}
	s := newSender(f)
	f.Fuzz(func(t *testing.T, which uint8, text string, form uint8) {
		c := calls[int(which)%len(calls)]
		p := url.Values{c.param: {text}}
		for name, value := range c.others {
			p.Set(name, value)
		}
		s.send(t, c.action, p, form)
	})
}
