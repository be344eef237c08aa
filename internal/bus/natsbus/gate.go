package natsbus

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// Registry knows how POPs of other processes prove who they are. It is asked
// for every connection, and must be quick and safe for concurrent use.
type Registry interface {
	// Key returns the public key of the POP's credential; empty if it has none
	// that holds.
	Key(pop string) string
	// Shared tells whether the POP may use the token that all POPs share.
	Shared(pop string) bool
	// Invited tells whether token is the POP's one-time token, used up or not.
	Invited(pop, token string) bool
}

// sharedOnly is the Registry of a server without one.
type sharedOnly struct{}

func (sharedOnly) Key(string) string           { return "" }
func (sharedOnly) Shared(string) bool          { return true }
func (sharedOnly) Invited(string, string) bool { return false }

// A connection that is refused is held for a moment before it hears of it, so
// that guessing is slow; the bound keeps those who guess from filling the
// memory. Above it they are refused at once.
const (
	refuseAfter = 500 * time.Millisecond
	maxHeld     = 64
)

// sum makes secrets of any length comparable in constant time.
func sum(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }

// gate decides who may connect and what they may do. Clients name themselves
// as their user: a POP its name, the control plane nothing.
type gate struct {
	secret   [sha256.Size]byte // of this process's own connections
	token    string            // that all POPs share; empty: none
	registry Registry
	alive    func(id uint64) bool // of a connection
	held     chan struct{}        // one slot for each connection that waits to be refused
	closing  chan struct{}
	close    func() // lets go of whoever is held; may be called more than once

	mu   sync.Mutex          // guards live, and makes cut wait for whoever is being let in
	live map[string][]uint64 // connections of POPs of other processes
}

func newGate(secret, token string, r Registry) *gate {
	if r == nil {
		r = sharedOnly{}
	}
	closing := make(chan struct{})
	return &gate{
		secret: sum(secret), token: token, registry: r,
		held: make(chan struct{}, maxHeld), closing: closing, close: sync.OnceFunc(func() { close(closing) }), live: map[string][]uint64{},
	}
}

// Check implements server.Authentication.
func (g *gate) Check(c server.ClientAuthentication) bool {
	presented := c.GetOpts()
	user := presented.Username
	got := sum(presented.Token)
	if subtle.ConstantTimeCompare(got[:], g.secret[:]) == 1 {
		if user == "" {
			return true // the control plane: no limits
		}
		return validPOP(user) && admit(c, user, popPermissions(user))
	}
	if validPOP(user) && g.remote(c, presented) {
		return true
	}
	g.hold()
	return false
}

// remote lets in a POP of another process, or one that is about to enrol.
func (g *gate) remote(c server.ClientAuthentication, presented *server.ClientOpts) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	pop := presented.Username
	switch {
	case presented.Nkey != "":
		if !signed(g.registry.Key(pop), presented, c.GetNonce()) {
			return false
		}
	case g.sharedToken(presented.Token) && g.registry.Shared(pop):
	case presented.Token != "" && g.registry.Invited(pop, presented.Token):
		return admit(c, pop, enrolPermissions(pop))
	default:
		return false
	}
	g.live[pop] = append(slices.DeleteFunc(g.live[pop], func(id uint64) bool { return !g.alive(id) }), c.GetID())
	return admit(c, pop, popPermissions(pop))
}

// sharedToken compares in constant time. Without a shared token nothing is it,
// not even nothing.
func (g *gate) sharedToken(presented string) bool {
	got, want := sum(presented), sum(g.token)
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1 && g.token != ""
}

// signed tells whether a client signed this connection's nonce with the key of
// the POP whose name it gives.
func signed(key string, presented *server.ClientOpts, nonce []byte) bool {
	if key == "" || presented.Nkey != key || len(nonce) == 0 {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(presented.Sig)
	if err != nil {
		return false
	}
	public, err := nkeys.FromPublicKey(key)
	return err == nil && public.Verify(nonce, signature) == nil
}

func admit(c server.ClientAuthentication, user string, p *server.Permissions) bool {
	c.RegisterUser(&server.User{Username: user, Permissions: p})
	return true
}

// hold waits before a refusal.
func (g *gate) hold() {
	select {
	case g.held <- struct{}{}:
		defer func() { <-g.held }()
	default:
		return
	}
	wait := time.NewTimer(refuseAfter)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-g.closing:
	}
}

// cut returns a POP's connections and forgets them. Whoever was being let in
// when it was called is among them.
func (g *gate) cut(pop string) []uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	ids := g.live[pop]
	delete(g.live, pop)
	return ids
}

// popPermissions lets a POP speak in its own name only, and never push.
func popPermissions(pop string) *server.Permissions {
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{subjectCall + "*." + pop, subjectHeartbeat + pop}},
		Subscribe: &server.SubjectPermission{Allow: []string{subjectPush + ">", subjectHeartbeat + "*", inbox(pop) + ".>"}},
	}
}

// enrolPermissions let a POP that shows a one-time token do one thing. Its
// answers do not come where those of the POP come that it replaces.
func enrolPermissions(pop string) *server.Permissions {
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{subjectEnrol + pop}},
		Subscribe: &server.SubjectPermission{Allow: []string{enrolInbox(pop) + ".>"}},
	}
}
