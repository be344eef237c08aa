package bench_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/freshet-vod/freshet"
)

// What the plain programs send: about as much as one purge of one URL, its
// evidence and a heartbeat take on Freshet's bus.
const (
	plainPush   = 160
	plainAnswer = 100
)

// plainFleet is what Freshet's fan-out is measured against: subscribers, each
// on a connection of its own, that answer every message and keep nothing. One
// that has parents answers when it was told by them too.
func plainFleet(ctx context.Context, spec fleetSpec, ready func()) error {
	subs := make([]*plainSub, len(spec.POPs))
	children := map[string]bool{}
	for i, p := range spec.POPs {
		for _, parent := range p.Parents {
			children[parent] = true
		}
		subs[i] = &plainSub{pop: p}
		conn, err := nats.Connect(spec.URL)
		if err != nil {
			return err
		}
		defer conn.Close()
		subs[i].conn = conn
	}
	for _, s := range subs {
		s.told = children[s.pop.ID]
		if err := s.listen(); err != nil {
			return err
		}
	}
	ready()
	<-ctx.Done()
	return nil
}

type plainSub struct {
	pop  freshet.POP
	conn *nats.Conn
	told bool // has children, which wait for its word

	mu     sync.Mutex // guards what follows
	asked  *nats.Msg
	hints  int
	answer [plainAnswer]byte
}

func (s *plainSub) listen() error {
	subjects := []string{"push.all", "push." + s.pop.ID, "push." + tier(s.pop)}
	for _, subject := range subjects {
		if _, err := s.conn.Subscribe(subject, func(m *nats.Msg) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.asked = m
			s.look(subject == "push.all")
		}); err != nil {
			return err
		}
	}
	for _, parent := range s.pop.Parents {
		if _, err := s.conn.Subscribe("done."+parent, func(*nats.Msg) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.hints++
			s.look(true)
		}); err != nil {
			return err
		}
	}
	return s.conn.Flush()
}

// look answers if all is there that the answer waits for.
func (s *plainSub) look(gated bool) {
	if s.asked == nil || gated && s.hints < len(s.pop.Parents) {
		return
	}
	_ = s.asked.Respond(s.answer[:]) // the parent sees what is missing
	if gated && s.told {
		_ = s.conn.Publish("done."+s.pop.ID, s.answer[:])
	}
	s.asked, s.hints = nil, 0
}

func tier(p freshet.POP) string {
	if len(p.Parents) > 0 {
		return "children"
	}
	return "parents"
}

// plain is the control side of the plain programs.
type plain struct {
	conn  *nats.Conn
	in    chan *nats.Msg
	inbox string
	pops  []freshet.POP
	fleet int // its process
	body  [plainPush]byte
}

func newPlain(b *testing.B, pops []freshet.POP) *plain {
	b.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
	if err != nil {
		b.Fatal(err)
	}
	s.Start()
	b.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		b.Fatal("the plain server is not ready")
	}
	conn, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(conn.Close)
	p := &plain{conn: conn, in: make(chan *nats.Msg, 1024), inbox: nats.NewInbox(), pops: pops}
	if _, err := conn.ChanSubscribe(p.inbox, p.in); err != nil {
		b.Fatal(err)
	}
	p.fleet = startFleet(b, fleetSpec{Plain: true, URL: s.ClientURL(), POPs: pops})
	return p
}

// round publishes to a subject and waits for so many answers.
func (p *plain) round(ctx context.Context, b *testing.B, subject string, answers int) {
	b.Helper()
	if err := p.conn.PublishRequest("push."+subject, p.inbox, p.body[:]); err != nil {
		b.Fatal(err)
	}
	for n := range answers {
		select {
		case <-p.in:
		case <-ctx.Done():
			b.Fatalf("%d of %d answers to %s", n, answers, subject)
		}
	}
}

// all is one message to everybody: subscribers below parents wait for their
// word, which they get from them.
func (p *plain) all(ctx context.Context, b *testing.B) {
	b.Helper()
	p.round(ctx, b, "all", len(p.pops))
}

// rounds is a message to the parents, and when all have answered, one to the
// children.
func (p *plain) rounds(ctx context.Context, b *testing.B) {
	b.Helper()
	parents := 0
	for _, pop := range p.pops {
		if len(pop.Parents) == 0 {
			parents++
		}
	}
	p.round(ctx, b, "parents", parents)
	if children := len(p.pops) - parents; children > 0 { // NATS answers what nobody hears by itself
		p.round(ctx, b, "children", children)
	}
}

// popName makes names that sort.
func popName(i int) string { return fmt.Sprintf("pop-%03d", i) }

// oneTier is n POPs that fill from nobody.
func oneTier(n int) []freshet.POP {
	pops := make([]freshet.POP, n)
	for i := range pops {
		pops[i] = freshet.POP{ID: popName(i), Remote: true}
	}
	return pops
}

// twoTiers is shields, and children that fill from two of them each.
func twoTiers(shields, children int) []freshet.POP {
	pops := oneTier(shields + children)
	for i := range children {
		p := &pops[shields+i]
		p.Parents = []string{popName(i % shields), popName((i + 1) % shields)}
	}
	return pops
}
