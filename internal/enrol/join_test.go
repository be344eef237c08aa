package enrol_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/enrol"
)

// process is a POP's process whose wire is the desk itself.
type process struct {
	t     *testing.T
	dir   string
	asked int
	lost  int // answers that get lost, from the next one on
	keys  []string
	log   strings.Builder
	wire  func(token string, req []byte) ([]byte, error)
}

func newProcess(t *testing.T, d *desk) *process {
	t.Helper()
	return &process{t: t, dir: t.TempDir(), wire: func(token string, req []byte) ([]byte, error) {
		if !d.book.Invited("edge-1", token) {
			return nil, freshet.Errorf(freshet.CodeUnauthenticated, "refused")
		}
		return d.Enrol(t.Context(), "edge-1", req)
	}}
}

func (p *process) join(ctx context.Context, token string) (enrol.Identity, error) {
	return enrol.Join(ctx, enrol.JoinOptions{
		POP: "edge-1", Dir: p.dir, Token: token, TokenFile: "edge-1.token", Log: slog.New(slog.NewTextHandler(&p.log, nil)),
		Exchange: func(_ context.Context, token string, req []byte) ([]byte, error) {
			p.asked++
			r, err := enrol.DecodeRequest(req)
			must(p.t, err)
			p.keys = append(p.keys, r.Key)
			msg, err := p.wire(token, req)
			if p.lost > 0 {
				p.lost--
				return nil, freshet.Errorf(freshet.CodeUnavailable, "the answer got lost")
			}
			return msg, err
		},
	})
}

func (p *process) joined(token string) (public string) {
	p.t.Helper()
	id, err := p.join(p.t.Context(), token)
	must(p.t, err)
	if string(id.PeerKey) != "peer key" {
		p.t.Errorf("the peer key is %q", id.PeerKey)
	}
	public, err = id.Key.PublicKey()
	must(p.t, err)
	return public
}

func TestJoin_TheTokenIsNeededOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, t.TempDir(), declared())
	p := newProcess(t, d)
	token := d.add("edge-1")
	key := p.joined(token)
	if d.book.Key("edge-1") != key {
		t.Error("the control plane knows another key")
	}
	for _, later := range []string{token, "", "a-token-that-all-POPs-share"} {
		if again := p.joined(later); again != key || p.asked != 1 {
			t.Errorf("with %q: key %s, asked %d times", later, again, p.asked)
		}
	}
	files, err := os.ReadDir(p.dir)
	must(t, err)
	for _, f := range files {
		info, err := f.Info()
		must(t, err)
		text, err := os.ReadFile(filepath.Join(p.dir, f.Name()))
		must(t, err)
		if info.Mode().Perm() != 0o600 || strings.Contains(string(text), token) {
			t.Errorf("%s has mode %v, and may hold the token", f.Name(), info.Mode())
		}
	}
	if len(files) != 1 {
		t.Errorf("left behind are %v", files)
	}
	if strings.Contains(p.log.String(), token) || strings.Contains(p.log.String(), "SU") {
		t.Errorf("a secret is in the log:\n%s", p.log.String())
	}
	// A new token makes a new key.
	if next := p.joined(d.add("edge-1")); next == key || d.book.Key("edge-1") != next {
		t.Error("the credential is not replaced")
	}
}

// TestJoin_ALostAnswerCostsNothing holds that a process that never heard that
// its token was exchanged, restarted or not, comes again with the same key.
func TestJoin_ALostAnswerCostsNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t, t.TempDir(), declared())
	p := newProcess(t, d)
	token := d.add("edge-1")
	ctx, cancel := context.WithCancel(t.Context())
	p.lost = 1
	wire := p.wire
	p.wire = func(token string, req []byte) ([]byte, error) {
		defer cancel() // and then it is killed
		return wire(token, req)
	}
	if _, err := p.join(ctx, token); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	p.wire, p.lost = wire, 1
	key := p.joined(token)
	if p.asked != 3 || p.keys[0] != key || p.keys[1] != key || p.keys[2] != key || d.book.Key("edge-1") != key {
		t.Errorf("the keys were %v", p.keys)
	}
}

func TestJoin_WaitsForTheControlPlane(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away, begin := time.Now().Add(time.Hour), time.Now()
		p := &process{t: t, dir: t.TempDir(), wire: func(string, []byte) ([]byte, error) {
			if time.Now().Before(away) {
				return nil, freshet.Errorf(freshet.CodeUnavailable, "the control plane cannot be reached")
			}
			return enrol.EncodeAnswer(enrol.Answer{PeerKey: []byte("peer key")})
		}}
		token := "fp1.edge-1.4102444800.AAAAAAAAAAAAAAAAAAAAAAAAAA"
		first := p.joined(token)
		if d := time.Since(begin); d < time.Hour || d > time.Hour+10*time.Second || p.asked > 3000 {
			t.Errorf("it joined after %s and %d attempts", d, p.asked)
		}
		if n := strings.Count(p.log.String(), "could not enrol yet"); n != 1 {
			t.Errorf("it is told %d times", n)
		}
		// One that has a credential serves, whatever becomes of a new token.
		away, begin = time.Now().Add(time.Hour), time.Now()
		if again := p.joined("fp1.edge-1.4102444800.BBBBBBBBBBBBBBBBBBBBBBBBBB"); again != first || time.Since(begin) > 20*time.Second {
			t.Errorf("with %s after %s", again, time.Since(begin))
		}
		if !strings.Contains(p.log.String(), "goes on with the credential that it has") {
			t.Errorf("it is not told:\n%s", p.log.String())
		}
	})
}

func TestJoin_SaysInClearWordsWhatIsWrong(t *testing.T) {
	t.Parallel()
	d := newDesk(t, t.TempDir(), declared())
	spent := d.add("edge-1")
	newProcess(t, d).joined(spent)
	fault := func(f enrol.Fault) func(string, []byte) ([]byte, error) {
		return func(string, []byte) ([]byte, error) { return enrol.EncodeAnswer(enrol.Answer{Fault: f}) }
	}
	const good, past = "fp1.edge-1.4102444800.AAAAAAAAAAAAAAAAAAAAAAAAAA", "fp1.edge-1.1600000000.AAAAAAAAAAAAAAAAAAAAAAAAAA"
	for name, tc := range map[string]struct {
		token string
		wire  func(string, []byte) ([]byte, error)
		code  freshet.Code
		words string
	}{
		"spent":            {spent, nil, freshet.CodeUnauthenticated, "it was used already, with another data folder"},
		"unknown":          {good, nil, freshet.CodeUnauthenticated, "replaced by a newer one or revoked, or is of another control plane"},
		"refused and past": {past, nil, freshet.CodeUnauthenticated, "it expired at 2020-09-13T12:26:40Z"},
		"expired":          {past, fault(enrol.FaultExpired), freshet.CodeUnauthenticated, "it expired at 2020-09-13T12:26:40Z"},
		"not understood":   {good, fault(enrol.FaultInvalid), freshet.CodeUnauthenticated, "does not understand"},
		"another name":     {"fp1.edge-7.4102444800.AAAAAAAAAAAAAAAAAAAAAAAAAA", nil, freshet.CodeInvalid, "is for the POP edge-7, and this is edge-1"},
		"not whole":        {"fp1.edge-1.4102444800", nil, freshet.CodeInvalid, "is not whole"},
		"none":             {"", nil, freshet.CodeInvalid, "there is no file edge-1.token: put the token into it that `freshet pop add edge-1` prints"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProcess(t, d)
			if tc.wire != nil {
				p.wire = tc.wire
			}
			_, err := p.join(t.Context(), tc.token)
			wantCode(t, err, tc.code, tc.words)
			if strings.Contains(err.Error(), "AAAA") || strings.Contains(p.log.String(), "AAAA") {
				t.Errorf("the token is told: %v\n%s", err, p.log.String())
			}
		})
	}
}

func TestJoin_ASharedTokenServesWithoutACredential(t *testing.T) {
	t.Parallel()
	p := newProcess(t, newDesk(t, t.TempDir(), declared()))
	id, err := p.join(t.Context(), "a-token-that-all-POPs-share")
	if err != nil || id.Key != nil || id.Token != "a-token-that-all-POPs-share" || p.asked != 0 {
		t.Errorf("%+v, %v", id, err)
	}
}

func TestJoin_ACredentialThatIsNotOursIsAnError(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, words string }{
		"garbage": {`{"version":1,"seed":"SUswordfish`, "delete the file and enrol again"},
		"no key":  {`{"version":1,"pop":"edge-1","seed":"SUswordfish"}`, "delete the file and enrol again"},
		"another": {`{"version":1,"pop":"edge-2","seed":"SUACXGTOZI2S22LIIX46HJGG3V4OUDBHLQ6ORFKFWJPNJDIJPVNNOPTZW4","peer_key":"cGVlciBrZXk="}`, "that of POP edge-2"},
		"newer":   {`{"version":2,"pop":"edge-1","seed":"SUACXGTOZI2S22LIIX46HJGG3V4OUDBHLQ6ORFKFWJPNJDIJPVNNOPTZW4"}`, "newer release"},
	} {
		p := newProcess(t, nil)
		must(t, os.WriteFile(filepath.Join(p.dir, "credential"), []byte(tc.text), 0o600))
		_, err := p.join(t.Context(), "")
		if freshet.ErrorCode(err) != freshet.CodeInvalid || !strings.Contains(err.Error(), tc.words) || strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
