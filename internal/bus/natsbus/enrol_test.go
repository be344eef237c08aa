package natsbus_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/natsbus"
)

func enrolOptions(s *natsbus.Server, pop, token string) natsbus.ConnectOptions {
	return natsbus.ConnectOptions{URL: "nats://" + s.Addr(), POP: pop, Token: token}
}

func TestEnrol_CarriesARequestOfWhoeverHoldsTheToken(t *testing.T) {
	t.Parallel()
	s, c, r := open(t, token)
	r.set(func(r *register) { r.invited["edge-1"] = "one-time" })
	if _, err := natsbus.Enrol(t.Context(), enrolOptions(s, "edge-1", "one-time"), nil); !freshet.Retryable(err) {
		t.Errorf("while nobody answers it ends with %v", err)
	}
	fail := make(chan bool, 1)
	stop, err := c.ServeEnrolment(func(_ context.Context, pop string, req []byte) ([]byte, error) {
		select {
		case <-fail:
			return nil, errors.New("the password is swordfish")
		default:
			return []byte(pop + " " + string(req)), nil
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	got, err := natsbus.Enrol(t.Context(), enrolOptions(s, "edge-1", "one-time"), []byte("please"))
	if err != nil || string(got) != "edge-1 please" {
		t.Errorf("the answer is %q (%v)", got, err)
	}
	fail <- true
	if _, err := natsbus.Enrol(t.Context(), enrolOptions(s, "edge-1", "one-time"), nil); !freshet.Retryable(err) || strings.Contains(err.Error(), "swordfish") {
		t.Errorf("a failure at the control plane is %v", err)
	}
	for name, o := range map[string]natsbus.ConnectOptions{
		"another's name": enrolOptions(s, "edge-2", "one-time"), "another token": enrolOptions(s, "edge-1", "x"), "no token": enrolOptions(s, "edge-1", ""),
	} {
		if _, err := natsbus.Enrol(t.Context(), o, nil); freshet.ErrorCode(err) != freshet.CodeUnauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := natsbus.Enrol(t.Context(), enrolOptions(s, "a.b", "one-time"), nil); freshet.ErrorCode(err) != freshet.CodeInvalid {
		t.Errorf("a bad name: %v", err)
	}
}

// What a client may publish and read, tried over the raw protocol.
func TestServer_RightsOfThoseWhoEnrolAndWhoHave(t *testing.T) {
	t.Parallel()
	s, c, r := open(t, "")
	key, public := newKey(t)
	r.set(func(r *register) {
		r.invited["edge-1"], r.invited["edge-2"], r.keys["rogue"] = "one-time", "second", public
	})
	var mu sync.Mutex
	enrolled := []string{}
	stop, err := c.ServeEnrolment(func(_ context.Context, pop string, _ []byte) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		enrolled = append(enrolled, pop)
		return []byte("a secret"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	calls := make(chan string, 100)
	stopServe, err := newControl(t, s).Serve(bus.ControlHandlers{
		Call: func(_ context.Context, pop string, call bus.Call, _ []byte) ([]byte, error) {
			calls <- string(call) + " of " + pop
			return nil, nil
		},
		Heartbeat: func(pop string, _ []byte) { calls <- "heartbeat of " + pop },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stopServe()
	pushes := make(chan string, 100)
	victim, victimPublic := newKey(t)
	r.set(func(r *register) { r.keys["victim"] = victimPublic })
	v := connect(t, natsbus.ConnectOptions{URL: "nats://" + s.Addr(), Key: victim, POP: "victim"})
	stopListen, err := v.Listen(func(ch bus.Channel, pop string, _ []byte) { pushes <- string(ch) + " " + pop })
	if err != nil {
		t.Fatal(err)
	}
	defer stopListen()
	for user, proof := range map[string]nats.Option{"rogue": signedBy(key, public), "edge-2": nats.Token("second")} {
		closed, spied := make(chan struct{}), make(chan string, 100)
		conn, err := nats.Connect("nats://"+s.Addr(), proof, nats.UserInfo(user, ""), nats.CustomInboxPrefix("_INBOX_ENROL."+user),
			nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
		if err != nil {
			t.Fatal(err)
		}
		for _, subject := range []string{
			"freshet.v1.enrol.>", "freshet.v1.call.>", "_INBOX_ENROL.edge-1.>", "_INBOX.>", "_INBOX.victim.>", ">",
		} {
			if _, err := conn.Subscribe(subject, func(m *nats.Msg) { spied <- m.Subject }); err != nil {
				t.Fatal(err)
			}
		}
		for _, subject := range []string{
			"freshet.v1.enrol.edge-1", "freshet.v1.enrol.victim", "freshet.v1.enrol.*", "freshet.v1.call.pull.victim",
			"freshet.v1.call.enrol.edge-1", "freshet.v1.heartbeat.victim", "freshet.v1.push.log.purge", "_INBOX.victim.x",
		} {
			if err := conn.PublishRequest(subject, "_INBOX_ENROL."+user+".x", []byte("lies")); err != nil {
				t.Fatal(err)
			}
		}
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		// Somebody else enrols meanwhile; what comes of it is not theirs to read.
		if _, err := natsbus.Enrol(t.Context(), enrolOptions(s, "edge-1", "one-time"), nil); err != nil {
			t.Error(err)
		}
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		if !works(v) {
			t.Error("the victim's own call is not answered")
		}
		conn.Close()
		<-closed
		for len(spied) > 0 {
			t.Errorf("%s reads what is for others: %s", user, <-spied)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if strings.Join(enrolled, " ") != "edge-1 edge-1" {
		t.Errorf("enrolled are %v", enrolled)
	}
	for len(calls) > 0 {
		call := <-calls
		if !strings.HasSuffix(call, " of victim") || strings.HasPrefix(call, "heartbeat") {
			t.Errorf("it got through with %s", call)
		}
	}
	if len(pushes) > 0 {
		t.Errorf("it pushes: %s", <-pushes)
	}
}

// certificate makes one for 127.0.0.1, and the pool that vouches for it.
func certificate(t *testing.T) (*tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "control"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestServer_TLS(t *testing.T) {
	t.Parallel()
	cert, pool := certificate(t)
	key, public := newKey(t)
	r := &register{keys: map[string]string{"edge-1": public}, invited: map[string]string{"edge-2": "one-time"}}
	s, err := natsbus.StartServer(natsbus.ServerOptions{Listen: "127.0.0.1:0", Token: token, Registry: r, Certificate: cert})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	c := newControl(t, s) // in process: in clear, and nobody sees it
	stop, err := c.Serve(bus.ControlHandlers{Call: echo})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	stopEnrol, err := c.ServeEnrolment(func(context.Context, string, []byte) ([]byte, error) { return []byte("yes"), nil })
	if err != nil {
		t.Fatal(err)
	}
	defer stopEnrol()
	over := func(scheme string, pool *x509.CertPool, pop string) natsbus.ConnectOptions {
		return natsbus.ConnectOptions{URL: scheme + "://" + s.Addr(), Roots: pool, POP: pop}
	}
	enrolling := over("tls", pool, "edge-2")
	enrolling.Token = "one-time"
	if got, err := natsbus.Enrol(t.Context(), enrolling, nil); err != nil || string(got) != "yes" {
		t.Errorf("enrolment over TLS: %q, %v", got, err)
	}
	enrolling.Roots = nil
	if _, err := natsbus.Enrol(t.Context(), enrolling, nil); !freshet.Retryable(err) {
		t.Errorf("enrolment with a server that nobody vouches for: %v", err)
	}
	good := over("tls", pool, "edge-1")
	good.Key = key
	if !works(connect(t, good)) {
		t.Error("a call over TLS is not answered")
	}
	for name, o := range map[string]natsbus.ConnectOptions{"unknown certificate": over("tls", nil, "edge-1"), "in clear": over("nats", nil, "edge-1")} {
		o.Key = key
		if works(connect(t, o)) {
			t.Errorf("%s: a call is answered", name)
		}
	}
	if !works(connect(t, natsbus.ConnectOptions{Server: s, POP: "local"})) {
		t.Error("a call from inside is not answered")
	}
	// A POP that wants TLS shows nothing to a server without.
	plain, _, _ := open(t, token)
	if works(connect(t, natsbus.ConnectOptions{URL: "tls://" + plain.Addr(), Roots: pool, Token: token, POP: "edge-1"})) {
		t.Error("a token was shown in clear, where TLS is wanted")
	}
}
