package faulty_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/freshet-vod/freshet/internal/faulty"
)

// session is a stream with every kind of frame, cut into its frames.
func session() []faulty.Chunk {
	return []faulty.Chunk{
		{Data: "INFO {\"server_id\":\"a\",\"headers\":true}\r\n"},
		{Data: "CONNECT {\"verbose\":false}\r\n"},
		{Data: "+OK\r\n"},
		{Data: "PING\r\n"},
		{Data: "PONG\r\n"},
		{Data: "SUB freshet.> queue 1\r\n"},
		{Data: "UNSUB 1 5\r\n"},
		{Data: "-ERR 'Permissions Violation'\r\n"},
		{Data: "PUB a 5\r\nhello\r\n", Message: true},
		{Data: "PUB a reply 0\r\n\r\n", Message: true},
		{Data: "pub a 2\r\n\r\n\r\n", Message: true}, // a payload that looks like an end
		{Data: "HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", Message: true},
		{Data: "MSG a 1 12\r\nMSG a 1 2\r\nx\r\n", Message: true}, // one that looks like a frame
		{Data: "MSG a 1 reply 3\r\nabc\r\n", Message: true},
		{Data: "HMSG a 1 reply 12 12\r\nNATS/1.0\r\n\r\n\r\n", Message: true},
	}
}

func text(chunks []faulty.Chunk) string {
	var b strings.Builder
	for _, c := range chunks {
		b.WriteString(c.Data)
	}
	return b.String()
}

func TestSplit_FindsTheFramesHoweverTheyCome(t *testing.T) {
	t.Parallel()
	want := session()
	stream := []byte(text(want))
	for size := 1; size <= len(stream); size++ {
		got, ok := faulty.Split(slices.Collect(slices.Chunk(stream, size))...)
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Fatalf("in pieces of %d bytes: understood %v: %s", size, ok, diff)
		}
	}
}

func TestSplit_PassesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 70_000)
	for _, stream := range []string{
		"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\n", "PING\n", "\n", "\r\n", long, "PUB a " + long + "\r\n",
		"PUB a five\r\nhello\r\n", "PUB a -1\r\n\r\n", "PUB a 99999999999999999999\r\n", "PUB a 9000000\r\n", "PUB 5\r\nhello\r\n",
		"MSG a 5\r\nhello\r\n", "PUB a 5\r\nhello!!", "PUB a 3\r\nhello\r\n",
	} {
		got, ok := faulty.Split([]byte("PING\r\n"), []byte(stream), []byte("PUB a 1\r\nx\r\n"))
		if ok || text(got) != "PING\r\n"+stream+"PUB a 1\r\nx\r\n" {
			t.Errorf("%.40q: understood %v: %.80q", stream, ok, text(got))
		}
		if slices.ContainsFunc(got, func(c faulty.Chunk) bool { return c.Message }) {
			t.Errorf("%.40q: a message was found: %.80q", stream, text(got))
		}
	}
}

// FuzzSplit: the chunks are the stream, however it is cut; each message is
// a frame that stands on its own.
func FuzzSplit(f *testing.F) {
	f.Add([]byte(text(session())), uint8(3))
	f.Add([]byte("PUB a 5\r\nhel"), uint8(1))
	f.Add([]byte("PUB a five\r\n"), uint8(200))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		whole, ok := faulty.Split(stream)
		if text(whole) != string(stream) {
			t.Fatalf("%q became %q", stream, text(whole))
		}
		pieces, okPieces := faulty.Split(slices.Collect(slices.Chunk(stream, int(size)+1))...)
		if text(pieces) != string(stream) || ok != okPieces {
			t.Fatalf("%q in pieces became %q", stream, text(pieces))
		}
		for i, c := range whole {
			if !c.Message {
				continue
			}
			if i >= len(pieces) || pieces[i] != c {
				t.Fatalf("%q: frame %d depends on how the stream is cut", stream, i)
			}
			again, ok := faulty.Split([]byte(c.Data))
			if !ok || len(again) != 1 || again[0] != c {
				t.Fatalf("%q does not stand on its own: %q", c.Data, text(again))
			}
		}
	})
}

// FuzzMix: without drops every message comes once or twice, unchanged; other
// frames keep their place behind what went before them.
func FuzzMix(f *testing.F) {
	f.Add(uint64(1), uint8(40), 0.3, 0.3)
	f.Add(uint64(2), uint8(9), 1.0, 1.0)
	f.Add(uint64(3), uint8(9), 0.0, 0.0)
	f.Fuzz(func(t *testing.T, seed uint64, n uint8, repeat, swap float64) {
		d := rand.New(rand.NewPCG(seed, 1))
		var in []faulty.Chunk
		var before []string // the messages before each PING
		for i := range n {
			c := faulty.Chunk{Data: fmt.Sprintf("message %d", i), Message: true}
			if d.IntN(8) == 0 {
				c = faulty.Chunk{Data: fmt.Sprintf("ping %d", i)}
				before = append(before, c.Data)
			}
			in = append(in, c)
		}
		out := faulty.Mix(seed, faulty.Flow{Repeat: repeat, Swap: swap}, in)
		if !slices.Equal(out, faulty.Mix(seed, faulty.Flow{Repeat: repeat, Swap: swap}, in)) {
			t.Fatal("the same seed mixes in another way")
		}
		times := map[string]int{}
		for _, s := range out {
			times[s]++
		}
		for i, c := range in {
			switch got := times[c.Data]; {
			case got == 1, got == 2 && c.Message && repeat > 0:
			default:
				t.Fatalf("%s came %d times", c.Data, got)
			}
			delete(times, c.Data)
			if c.Message && (slices.Index(out, c.Data) > 2*i+maxApart) {
				t.Fatalf("%s came in place %d", c.Data, slices.Index(out, c.Data))
			}
		}
		if len(times) > 0 {
			t.Fatalf("nobody sent %v", times)
		}
		for _, ping := range before {
			at, was := slices.Index(out, ping), slices.IndexFunc(in, func(c faulty.Chunk) bool { return c.Data == ping })
			for _, c := range in[:was] {
				if !slices.Contains(out[:at], c.Data) {
					t.Fatalf("%s was overtaken by %s", c.Data, ping)
				}
			}
			for _, c := range in[was:] {
				if slices.Contains(out[:at], c.Data) {
					t.Fatalf("%s overtook %s", c.Data, ping)
				}
			}
		}
	})
}

// maxApart is how far a message may come from its place.
const maxApart = 4

func TestMix_DoesWhatItIsAskedFor(t *testing.T) {
	t.Parallel()
	in := []faulty.Chunk{{"1", true}, {"2", true}, {"3", true}, {"4", true}, {"5", false}}
	for name, test := range map[string]struct {
		flow faulty.Flow
		want string
	}{
		"nothing": {faulty.Flow{}, "12345"},
		"swap":    {faulty.Flow{Swap: 1}, "21435"},
		"drop":    {faulty.Flow{Drop: 1}, "5"},
	} {
		if got := strings.Join(faulty.Mix(1, test.flow, in), ""); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	if got := faulty.Mix(1, faulty.Flow{Repeat: 1}, in); len(got) != 9 {
		t.Errorf("repeat: %v", got)
	}
}

// TestNATS_MessagesAreMixedUpAndTheConnectionLives sends messages through a
// real server behind the proxy.
func TestNATS_MessagesAreMixedUpAndTheConnectionLives(t *testing.T) {
	t.Parallel()
	ns, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() {
		ns.Shutdown()
		ns.WaitForShutdown()
	})
	if !ns.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	p, err := faulty.New(t.Context(), faulty.Options{Target: ns.Addr().String(), Seed: 5, NATS: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	closed := make(chan struct{})
	conn, err := nats.Connect("nats://"+p.Addr(), nats.NoReconnect(), nats.Timeout(patience), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		conn.Close()
		<-closed
	}()
	const most = 500
	var mu sync.Mutex
	var order []string
	all := make(chan struct{})
	seen := map[string]bool{}
	sub, err := conn.Subscribe("numbers", func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		if m.Header.Get("N") != string(m.Data) {
			t.Errorf("header %q, payload %q", m.Header.Get("N"), m.Data)
		}
		order = append(order, string(m.Data))
		if seen[string(m.Data)] = true; len(seen) == most && len(order) > 0 {
			select {
			case <-all:
			default:
				close(all)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Set(faulty.Up, faulty.Flow{Repeat: 0.2, Swap: 0.2})
	p.Set(faulty.Down, faulty.Flow{Repeat: 0.2, Swap: 0.2})
	for i := range most {
		n := fmt.Sprint(i)
		if err := conn.PublishMsg(&nats.Msg{Subject: "numbers", Header: nats.Header{"N": {n}}, Data: []byte(n)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
	<-all
	if err := sub.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	c := p.Counts()
	if c.Repeated == 0 || c.Swapped == 0 || c.Resets != 0 || c.Dropped != 0 {
		t.Errorf("%+v", c)
	}
	p.Set(faulty.Up, faulty.Flow{Drop: 1})
	if err := conn.Publish("numbers", nil); err != nil {
		t.Fatal(err)
	}
	if err := conn.FlushTimeout(patience); err != nil { // a PING passes
		t.Fatal(err)
	}
	if c := p.Counts(); c.Dropped != 1 {
		t.Errorf("%+v", c)
	}
	mu.Lock()
	defer mu.Unlock()
	if slices.IsSortedFunc(order, func(a, b string) int { return len(a) - len(b) }) && len(order) == most {
		t.Error("every message came once and in order")
	}
}
