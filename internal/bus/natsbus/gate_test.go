package natsbus_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/natsbus"
)

// register is a Registry that a test changes.
type register struct {
	mu      sync.Mutex
	keys    map[string]string // by POP
	barred  map[string]bool   // from the shared token
	invited map[string]string // one-time tokens by POP
	asks    map[string]int    // for keys, by POP

	meanwhile func() // what happens when a key was read and is not told yet
}

func (r *register) Key(pop string) string {
	r.mu.Lock()
	if r.asks == nil {
		r.asks = map[string]int{}
	}
	r.asks[pop]++
	key, meanwhile := r.keys[pop], r.meanwhile
	r.mu.Unlock()
	if meanwhile != nil {
		meanwhile()
	}
	return key
}

func (r *register) asked(pop string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asks[pop]
}

func (r *register) Shared(pop string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[pop] == "" && !r.barred[pop]
}

func (r *register) Invited(pop, token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.invited[pop] != "" && r.invited[pop] == token
}

func (r *register) set(change func(*register)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
}

func newKey(t *testing.T) (key nkeys.KeyPair, public string) {
	t.Helper()
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err = key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return key, public
}

// open starts a server with a register, and a control plane that echoes.
func open(t *testing.T, shared string) (*natsbus.Server, *natsbus.Control, *register) {
	t.Helper()
	r := &register{keys: map[string]string{}, barred: map[string]bool{}, invited: map[string]string{}}
	s, err := natsbus.StartServer(natsbus.ServerOptions{Listen: "127.0.0.1:0", Token: shared, Registry: r})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	c := newControl(t, s)
	stop, err := c.Serve(bus.ControlHandlers{Call: echo})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return s, c, r
}

// admitted reports whether a client gets in.
func admitted(t *testing.T, s *natsbus.Server, opts ...nats.Option) bool {
	t.Helper()
	closed := make(chan struct{})
	c, err := nats.Connect("nats://"+s.Addr(), append(opts, nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))...)
	if err != nil {
		if !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("refused with %v", err)
		}
		return false
	}
	c.Close()
	<-closed
	return true
}

func signedBy(key nkeys.KeyPair, public string) nats.Option { return nats.Nkey(public, key.Sign) }

func TestServer_ACredentialIsTheOnlyProofOfItsPOP(t *testing.T) {
	t.Parallel()
	s, _, r := open(t, token)
	mine, public := newKey(t)
	other, otherPublic := newKey(t)
	r.set(func(r *register) { r.keys["edge-1"], r.barred["edge-3"] = public, true })
	named := func(pop string) nats.Option { return nats.UserInfo(pop, "") }
	for name, tc := range map[string]struct {
		opts []nats.Option
		want bool
	}{
		"its key":                            {[]nats.Option{named("edge-1"), signedBy(mine, public)}, true},
		"its key, another's name":            {[]nats.Option{named("edge-2"), signedBy(mine, public)}, false},
		"its key, no name":                   {[]nats.Option{signedBy(mine, public)}, false},
		"another key":                        {[]nats.Option{named("edge-1"), signedBy(other, otherPublic)}, false},
		"its public key, another signature":  {[]nats.Option{named("edge-1"), signedBy(other, public)}, false},
		"its public key, no signature":       {[]nats.Option{named("edge-1"), nats.Nkey(public, func([]byte) ([]byte, error) { return nil, nil })}, false},
		"its key over something else":        {[]nats.Option{named("edge-1"), nats.Nkey(public, func([]byte) ([]byte, error) { return mine.Sign([]byte("x")) })}, false},
		"another key and the shared token":   {[]nats.Option{named("edge-1"), nats.Token(token), signedBy(other, otherPublic)}, false},
		"the shared token":                   {[]nats.Option{named("edge-1"), nats.Token(token)}, false},
		"the shared token, of one without":   {[]nats.Option{named("edge-2"), nats.Token(token)}, true},
		"the shared token, of a revoked one": {[]nats.Option{named("edge-3"), nats.Token(token)}, false},
		"nothing":                            {[]nats.Option{named("edge-2")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := admitted(t, s, tc.opts...); got != tc.want {
				t.Errorf("admitted: %t", got)
			}
		})
	}
}

// Without a shared token the empty one is none.
func TestServer_WithoutASharedTokenNothingIsIt(t *testing.T) {
	t.Parallel()
	s, _, r := open(t, "")
	mine, public := newKey(t)
	r.set(func(r *register) { r.keys["edge-1"] = public })
	if admitted(t, s, nats.UserInfo("edge-2", "")) || admitted(t, s, nats.UserInfo("edge-2", ""), nats.Token("x")) {
		t.Error("a POP gets in with nothing")
	}
	if !admitted(t, s, nats.UserInfo("edge-1", ""), signedBy(mine, public)) {
		t.Error("a POP with a credential is refused")
	}
}

// The secret half of a credential never travels, and a signature is good for
// one connection only.
func TestServer_ASignatureIsGoodForOneConnection(t *testing.T) {
	t.Parallel()
	s, _, r := open(t, "")
	mine, public := newKey(t)
	r.set(func(r *register) { r.keys["edge-1"] = public })
	var caught []byte
	if !admitted(t, s, nats.UserInfo("edge-1", ""), nats.Nkey(public, func(nonce []byte) ([]byte, error) {
		var err error
		caught, err = mine.Sign(nonce)
		return caught, err
	})) || len(caught) == 0 {
		t.Fatal("the POP is refused")
	}
	if admitted(t, s, nats.UserInfo("edge-1", ""), nats.Nkey(public, func([]byte) ([]byte, error) { return caught, nil })) {
		t.Error("a signature gets in twice")
	}
}

func TestCut_EndsTheConnectionAndKeepsItOut(t *testing.T) {
	t.Parallel()
	s, _, r := open(t, "")
	key, public := newKey(t)
	bystander, bystanderPublic := newKey(t)
	r.set(func(r *register) { r.keys["edge-1"], r.keys["edge-2"] = public, bystanderPublic })
	log := &logBuffer{}
	a := connect(t, natsbus.ConnectOptions{URL: "nats://" + s.Addr(), Key: key, POP: "edge-1", Log: log.logger()})
	other := connect(t, natsbus.ConnectOptions{URL: "nats://" + s.Addr(), Key: bystander, POP: "edge-2"})
	if !works(a) || !works(other) {
		t.Fatal("a call is not answered")
	}
	r.set(func(r *register) { r.keys["edge-1"] = "" })
	s.Cut("edge-1")
	const refused = "the control plane refuses this POP: its credential was revoked"
	eventually(t, "the refusal", func() bool { return strings.Contains(log.String(), refused) })
	if works(a) {
		t.Error("a POP that was cut off works on")
	}
	if !works(other) {
		t.Error("another POP was cut off too")
	}
	// It goes on trying, tells it once, and is back when it may be.
	eventually(t, "some more attempts", func() bool { return r.asked("edge-1") > 3 })
	r.set(func(r *register) { r.keys["edge-1"] = public })
	eventually(t, "a call of the POP that may come back", func() bool { return works(a) })
	if n := strings.Count(log.String(), refused); n != 1 {
		t.Errorf("the refusal is told %d times:\n%s", n, log.String())
	}
}

// A POP that is let in while it is cut off is cut off as well: it may not slip
// in with what its register said a moment before.
func TestCut_LeavesNobodyBehind(t *testing.T) {
	t.Parallel()
	s, _, r := open(t, "")
	key, public := newKey(t)
	var cut sync.WaitGroup
	r.set(func(r *register) {
		r.keys["edge-1"] = public
		// The server has its answer; before it acts on it the POP is revoked.
		r.meanwhile = sync.OnceFunc(func() {
			done := make(chan struct{})
			cut.Go(func() {
				r.set(func(r *register) { r.keys["edge-1"] = "" })
				s.Cut("edge-1")
				close(done)
			})
			select {
			case <-done:
			case <-time.After(100 * time.Millisecond): // it waits for whoever is being let in
			}
		})
	})
	closed := make(chan struct{})
	c, err := nats.Connect("nats://"+s.Addr(), nats.UserInfo("edge-1", ""), signedBy(key, public), nats.NoReconnect(),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	cut.Wait()
	if err != nil {
		return // it was cut off before it knew that it is in
	}
	select {
	case <-closed:
	case <-time.After(patience):
		t.Error("a connection outlives its revocation")
		c.Close()
		<-closed
	}
}

// Those who guess are slowed, and fill nothing.
func TestServer_RefusalsAreSlowAndBounded(t *testing.T) {
	t.Parallel()
	s, _, r := open(t, token)
	key, public := newKey(t)
	r.set(func(r *register) { r.keys["edge-1"] = public })
	begin := time.Now()
	if admitted(t, s, nats.UserInfo("edge-1", ""), nats.Token("guess")) {
		t.Fatal("a guess gets in")
	}
	if d := time.Since(begin); d < 400*time.Millisecond {
		t.Errorf("a guess is refused after %s", d)
	}
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			c, err := nats.Connect("nats://"+s.Addr(), nats.UserInfo("edge-1", ""), nats.Token("guess"), nats.NoReconnect(), nats.Timeout(patience))
			if err == nil {
				c.Close()
				t.Error("a guess gets in")
			}
		})
	}
	if !admitted(t, s, nats.UserInfo("edge-1", ""), signedBy(key, public)) {
		t.Error("guesses keep a POP out")
	}
	wg.Wait()
}
