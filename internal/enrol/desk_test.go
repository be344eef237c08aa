package enrol_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/enrol"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, code freshet.Code, words string) {
	t.Helper()
	if freshet.ErrorCode(err) != code || !strings.Contains(err.Error(), words) {
		t.Errorf("the error is %v, want %s with %q", err, code, words)
	}
}

// core is an engine that knows who is a member.
type core struct {
	mu      sync.Mutex
	members map[string]freshet.POP
	err     error // of the next change
	cuts    []string
	seen    map[string]freshet.POPStatus // State and Traffic, where they are others
	done    []string                     // changes
}

func (c *core) POPs(context.Context) ([]freshet.POPStatus, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []freshet.POPStatus
	for _, p := range c.members {
		s := freshet.POPStatus{ID: p.ID, Parents: p.Parents, State: "up", Remote: p.Remote, Traffic: freshet.TrafficQuiet}
		if seen, ok := c.seen[p.ID]; ok {
			s.State, s.Traffic = seen.State, seen.Traffic
		}
		list = append(list, s)
	}
	return list, nil
}

func (c *core) fails() error {
	err := c.err
	c.err = nil
	return err
}

func (c *core) AddPOP(_ context.Context, p freshet.POP) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.fails(); err != nil {
		return err
	}
	c.members[p.ID] = p
	return nil
}

func (c *core) RemovePOP(_ context.Context, id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.fails(); err != nil {
		return err
	}
	delete(c.members, id)
	return nil
}

func (c *core) Cut(pop string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cuts = append(c.cuts, pop)
}

func (c *core) cut() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.cuts
	c.cuts = nil
	return list
}

// desk is a control plane under test, on a real store.
type desk struct {
	*enrol.Desk

	t    *testing.T
	book *enrol.Book
	core *core
	log  *bytes.Buffer
}

func declared() []freshet.POP {
	return []freshet.POP{{ID: "local"}, {ID: "shield", Remote: true}, {ID: "edge-1", Parents: []string{"shield"}, Remote: true}}
}

func newDesk(t *testing.T, dir string, pops []freshet.POP, change ...func(*enrol.DeskOptions)) *desk {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	d := &desk{t: t, core: &core{members: map[string]freshet.POP{}}, log: &bytes.Buffer{}}
	log := slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	d.book, err = enrol.OpenBook(t.Context(), db, pops)
	must(t, err)
	for _, p := range append(slices.Clone(pops), d.book.Members(t.Context(), log)...) {
		d.core.members[p.ID] = p
	}
	o := enrol.DeskOptions{Book: d.book, Engine: d.core, Bus: d.core, PeerKey: []byte("peer key"), Control: "nats://control:4222", Log: log}
	for _, f := range change {
		f(&o)
	}
	d.Desk = enrol.NewDesk(o)
	return d
}

func (d *desk) add(id string, parents ...string) string {
	d.t.Helper()
	i, err := d.AddPOP(d.t.Context(), id, parents, 0)
	must(d.t, err)
	return i.Token
}

func newKey(t *testing.T) string {
	t.Helper()
	pair, err := nkeys.CreateUser()
	must(t, err)
	public, err := pair.PublicKey()
	must(t, err)
	return public
}

// exchange asks for a credential as the wire does.
func (d *desk) exchange(pop, token, key string) enrol.Answer {
	d.t.Helper()
	req, err := enrol.EncodeRequest(enrol.Request{Token: token, Key: key})
	must(d.t, err)
	msg, err := d.Enrol(d.t.Context(), pop, req)
	must(d.t, err)
	a, err := enrol.DecodeAnswer(msg)
	must(d.t, err)
	return a
}

func (d *desk) enrol(pop, token string) string {
	d.t.Helper()
	key := newKey(d.t)
	if a := d.exchange(pop, token, key); a.Fault != enrol.FaultNone || string(a.PeerKey) != "peer key" {
		d.t.Fatalf("%s is answered %+v", pop, a)
	}
	return key
}

func (d *desk) status(id string) freshet.POPStatus {
	d.t.Helper()
	list, err := d.POPs(d.t.Context())
	must(d.t, err)
	for _, s := range list {
		if s.ID == id {
			return s
		}
	}
	return freshet.POPStatus{}
}

func TestDesk_ATokenBecomesACredentialOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, t.TempDir(), declared())
	i, err := d.AddPOP(t.Context(), "edge-2", []string{"shield"}, 90*time.Minute)
	must(t, err)
	if left := time.Until(i.Expires); left < 89*time.Minute || left > 90*time.Minute || i.Control != "nats://control:4222" ||
		i.POP.Access != freshet.AccessAwaiting || !cmp.Equal(i.POP.Parents, []string{"shield"}) {
		t.Errorf("%+v", i)
	}
	if _, ok := d.core.members["edge-2"]; ok {
		t.Error("it is a member before it enrolled: every purge would wait for it")
	}
	for pop, want := range map[string]bool{"edge-2": true, "edge-1": false, "edge-3": false} {
		if d.book.Invited(pop, i.Token) != want {
			t.Errorf("%s: invited %t", pop, !want)
		}
	}
	if d.book.Invited("edge-2", "") || d.book.Invited("edge-3", "") || d.book.Invited("edge-2", strings.Replace(i.Token, "edge-2", "edge-3", 1)) {
		t.Error("another token invites")
	}
	key := d.enrol("edge-2", i.Token)
	if got := d.core.members["edge-2"]; !got.Remote || !cmp.Equal(got.Parents, []string{"shield"}) || d.book.Key("edge-2") != key {
		t.Errorf("after the exchange: %+v", got)
	}
	if s := d.status("edge-2"); s.Access != freshet.AccessCredential || time.Since(s.AccessSince) > time.Minute || !s.TokenExpires.IsZero() {
		t.Errorf("%+v", s)
	}
	d.core.cut()
	if a := d.exchange("edge-2", i.Token, key); a.Fault != enrol.FaultNone || len(d.core.cut()) != 0 {
		t.Errorf("the same exchange again, as after a lost answer: %+v", a)
	}
	if a := d.exchange("edge-2", i.Token, newKey(t)); a.Fault != enrol.FaultSpent || len(a.PeerKey) != 0 || d.book.Key("edge-2") != key {
		t.Errorf("the same token for another key: %+v", a)
	}
	if strings.Contains(d.log.String(), i.Token) {
		t.Errorf("the token is in the log:\n%s", d.log)
	}
}

func TestDesk_SecretsOfThePeersAreForThoseWhoEnrol(t *testing.T) {
	t.Parallel()
	d := newDesk(t, t.TempDir(), declared())
	token := d.add("edge-1")
	for name, got := range map[string]enrol.Answer{
		"another token":     d.exchange("edge-1", "fp1.edge-1.0.AAAAAAAAAAAAAAAAAAAAAAAAAA", newKey(t)),
		"another POP":       d.exchange("shield", token, newKey(t)),
		"a name of nobody":  d.exchange("nobody", token, newKey(t)),
		"not a key":         d.exchange("edge-1", token, "swordfish"),
		"the key of a host": d.exchange("edge-1", token, "NDXU2WMDAQ5NVRRRUC4RGVI57PQTZOEAPQKYVZHSBQJNPPYBAJGAKQ4H"),
	} {
		if got.Fault == enrol.FaultNone || len(got.PeerKey) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if d.book.Key("edge-1") != "" {
		t.Error("somebody enrolled")
	}
}

func TestDesk_AnotherEnrolmentReplacesTheFirst(t *testing.T) {
	t.Parallel()
	d := newDesk(t, t.TempDir(), declared())
	first := d.enrol("edge-1", d.add("edge-1"))
	d.core.cut()
	token := d.add("edge-1")
	if d.book.Key("edge-1") != first || len(d.core.cut()) != 0 {
		t.Error("a new token ends the credential before it is exchanged")
	}
	second := d.enrol("edge-1", token)
	if d.book.Key("edge-1") != second || !cmp.Equal(d.core.cut(), []string{"edge-1"}) {
		t.Error("the first is not cut off")
	}
}

func TestDesk_RevokedStaysAMemberAndOut(t *testing.T) { //nolint:tparallel // lives of one store, in order
	t.Parallel()
	dir := t.TempDir()
	t.Run("revoked", func(t *testing.T) {
		d := newDesk(t, dir, declared(), func(o *enrol.DeskOptions) { o.SharedToken = true })
		d.enrol("edge-2", d.add("edge-2", "shield"))
		if !d.book.Shared("edge-1") || d.book.Shared("edge-2") || d.book.Shared("local") {
			t.Error("who may use the shared token")
		}
		d.core.cut()
		for _, id := range []string{"edge-1", "edge-2"} { // one has a credential, one the shared token
			must(t, d.RevokePOP(t.Context(), id))
			if s := d.status(id); s.Access != freshet.AccessRevoked || s.AccessSince.IsZero() || s.State != "up" {
				t.Errorf("%+v", s)
			}
		}
		if got := d.core.cut(); !cmp.Equal(got, []string{"edge-1", "edge-2"}) {
			t.Errorf("cut off are %v", got)
		}
	})
	t.Run("after a restart", func(t *testing.T) {
		d := newDesk(t, dir, declared(), func(o *enrol.DeskOptions) { o.SharedToken = true })
		for _, id := range []string{"edge-1", "edge-2"} {
			if _, member := d.core.members[id]; !member || d.book.Key(id) != "" || d.book.Shared(id) {
				t.Errorf("%s: member %t, key %q, shared %t", id, member, d.book.Key(id), d.book.Shared(id))
			}
			token := d.add(id)
			if d.book.Shared(id) || d.book.Key(id) != "" {
				t.Errorf("%s is let in by an invitation alone", id)
			}
			if s := d.status(id); s.Access != freshet.AccessRevoked || s.TokenExpires.IsZero() {
				t.Errorf("%+v", s)
			}
			if key := d.enrol(id, token); d.book.Key(id) != key {
				t.Errorf("%s is not back", id)
			}
		}
	})
}

func TestDesk_RevokingEndsAnInvitation(t *testing.T) {
	t.Parallel()
	d := newDesk(t, t.TempDir(), declared())
	token := d.add("edge-2")
	must(t, d.RevokePOP(t.Context(), "edge-2"))
	if a := d.exchange("edge-2", token, newKey(t)); a.Fault != enrol.FaultUnknown || d.book.Invited("edge-2", token) {
		t.Errorf("%+v", a)
	}
	must(t, d.RemovePOP(t.Context(), "edge-2", true))
	if s := d.status("edge-2"); s.ID != "" {
		t.Errorf("%+v", s)
	}
}

func TestDesk_RemovedIsGoneAndOut(t *testing.T) { //nolint:tparallel // lives of one store, in order
	t.Parallel()
	dir := t.TempDir()
	t.Run("removed", func(t *testing.T) {
		d := newDesk(t, dir, declared())
		d.enrol("mid", d.add("mid", "shield"))
		d.enrol("leaf", d.add("leaf", "mid"))
		wantCode(t, d.RemovePOP(t.Context(), "mid", true), freshet.CodeConflict, "POPs fill from mid: leaf")
		wantCode(t, d.RemovePOP(t.Context(), "edge-1", true), freshet.CodeConflict, "declared")
		wantCode(t, d.RemovePOP(t.Context(), "nobody", true), freshet.CodeNotFound, "no POP")
		d.core.cut()
		d.core.err = errors.New("the disk is full")
		if err := d.RemovePOP(t.Context(), "leaf", true); err == nil {
			t.Error("a membership that goes on is told to be over")
		}
		must(t, d.RemovePOP(t.Context(), "leaf", true)) // and again
		if got := d.core.cut(); len(got) == 0 || d.book.Key("leaf") != "" || d.book.Shared("leaf") {
			t.Error("a removed POP is let in")
		}
		must(t, d.RemovePOP(t.Context(), "mid", true))
	})
	t.Run("after a restart", func(t *testing.T) {
		d := newDesk(t, dir, declared())
		if len(d.core.members) != len(declared()) || d.book.Shared("leaf") {
			t.Errorf("%v", d.core.members)
		}
		d.enrol("leaf", d.add("leaf"))
		if s := d.status("leaf"); s.Access != freshet.AccessCredential || len(s.Parents) != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestDesk_RefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	d := newDesk(t, t.TempDir(), declared())
	d.add("a", "shield")
	d.add("b", "a", "edge-1")
	for name, tc := range map[string]struct {
		id      string
		parents []string
		ttl     time.Duration
		code    freshet.Code
		words   string
	}{
		"no name":               {"", nil, 0, freshet.CodeInvalid, "1 to 63"},
		"a name with a dot":     {"a.b", nil, 0, freshet.CodeInvalid, "1 to 63"},
		"short":                 {"x", nil, 59 * time.Second, freshet.CodeInvalid, "from 1m0s to 168h0m0s"},
		"long":                  {"x", nil, 169 * time.Hour, freshet.CodeInvalid, "from 1m0s to 168h0m0s"},
		"in process":            {"local", nil, 0, freshet.CodeConflict, "runs inside"},
		"declared, its parents": {"edge-1", []string{"local"}, 0, freshet.CodeConflict, "in the configuration"},
		"unknown parent":        {"x", []string{"shield", "nowhere"}, 0, freshet.CodeInvalid, `no POP "nowhere"`},
		"parent twice":          {"x", []string{"shield", "shield"}, 0, freshet.CodeInvalid, "twice"},
		"its own parent":        {"x", []string{"x"}, 0, freshet.CodeInvalid, "cycle: x → x"},
		"cycle":                 {"a", []string{"shield", "b"}, 0, freshet.CodeInvalid, "cycle: a → b → a"},
		"many parents":          {"x", make([]string, 17), 0, freshet.CodeTooLarge, "at most 16"},
	} {
		_, err := d.AddPOP(t.Context(), tc.id, tc.parents, tc.ttl)
		if freshet.ErrorCode(err) != tc.code || !strings.Contains(err.Error(), tc.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s := d.status("a"); !cmp.Equal(s.Parents, []string{"shield"}) || d.status("x").ID != "" {
		t.Errorf("%+v", s)
	}
	wantCode(t, d.RevokePOP(t.Context(), "local"), freshet.CodeConflict, "runs inside")
	wantCode(t, d.RevokePOP(t.Context(), "nobody"), freshet.CodeNotFound, "no POP")
	closed := newDesk(t, t.TempDir(), declared(), func(o *enrol.DeskOptions) { o.Control = "" })
	_, err := closed.AddPOP(t.Context(), "x", nil, 0)
	wantCode(t, err, freshet.CodeConflict, "bus.listen")
}

func TestDesk_AnEngineThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t, t.TempDir(), declared())
	token, key := d.add("edge-2"), newKey(t)
	d.core.err = errors.New("the disk is full")
	req, err := enrol.EncodeRequest(enrol.Request{Token: token, Key: key})
	must(t, err)
	if _, err := d.Enrol(t.Context(), "edge-2", req); err == nil {
		t.Fatal("a POP that is no member is told that it enrolled")
	}
	if a := d.exchange("edge-2", token, key); a.Fault != enrol.FaultNone || !d.core.members["edge-2"].Remote {
		t.Errorf("%+v", a)
	}
}
