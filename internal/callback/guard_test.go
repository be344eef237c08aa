package callback_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet/internal/callback"
	"github.com/freshet-vod/freshet/internal/guard"
	"github.com/freshet-vod/freshet/internal/guard/guardtest"
	"github.com/freshet-vod/freshet/internal/store"
)

const mayNot = "The host's address may not be called."

func TestP9_CallbacksGoToPublicAddressesOnly(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.URL, "http://"))
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0", "10.1.2.3", "169.254.169.254", "[64:ff9b::7f00:1]", "127.1", "2130706433"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.rule("http://" + host + ":" + port + "/")
			w.planned(film())
			w.run(func(o *callback.Options) { o.Guard = guard.New() })
			c := w.ended("acme")[0]
			odd := host == "127.1" || host == "2130706433" // addresses to some resolvers, names to others
			if c.State != store.CallbackFailed || c.Error != mayNot && !odd {
				t.Errorf("%+v", c)
			}
			if strings.Contains(c.Error, "127.0.0.1") {
				t.Errorf("the text tells what the name resolves to: %s", c.Error)
			}
		})
	}
	t.Cleanup(func() {
		if n := len(r.got()); n > 0 {
			t.Errorf("%d calls arrived", n)
		}
	})
}

// TestP9_DNSCannotChangeItsMind: a name that leads to an allowed address at the
// first attempt, and to the server's own network afterwards.
func TestP9_DNSCannotChangeItsMind(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, status(500))
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.URL, "http://"))
	w := newWorld(t)
	w.rule("http://rebind.example.com:" + port + "/")
	w.planned(film())
	w.run(func(o *callback.Options) {
		o.Guard = guard.New(netip.MustParsePrefix("127.0.0.1/32"))
		o.Resolver = guardtest.Resolver(t, "127.0.0.1", "127.0.0.2", "169.254.169.254")
	})
	// The kept connection must not stand for the name: it is closed with each
	// answer.
	r.Config.SetKeepAlivesEnabled(false)
	c := w.ended("acme")[0]
	if c.State != store.CallbackFailed || c.Error != mayNot || c.Attempts != 3 || len(r.got()) != 1 {
		t.Errorf("%d calls arrived; %+v", len(r.got()), c)
	}
}

// TestP9_ProxiesOfTheEnvironmentAreNotAsked holds that variables which steer
// other programs do not steer callbacks.
//
//nolint:paralleltest // it sets variables
func TestP9_ProxiesOfTheEnvironmentAreNotAsked(t *testing.T) {
	proxy := newReceiver(t, nil)
	r := newReceiver(t, nil)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	w := newWorld(t)
	// Not a loopback name: proxies are never asked for those.
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.URL, "http://"))
	w.rule("http://receiver.example.com:" + port + "/")
	w.planned(film())
	w.run(func(o *callback.Options) { o.Resolver = guardtest.Resolver(t, "127.0.0.1") })
	if c := w.ended("acme")[0]; c.State != store.CallbackDelivered || len(proxy.got()) > 0 || len(r.got()) != 1 {
		t.Errorf("%d calls of the proxy, %d of the receiver; %+v", len(proxy.got()), len(r.got()), c)
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(secure.Close)
	secure.Config.ErrorLog = nil
	for _, trusted := range []bool{false, true} {
		w := newWorld(t)
		w.rule(secure.URL)
		w.planned(film())
		w.run(func(o *callback.Options) {
			if trusted {
				roots := x509.NewCertPool()
				roots.AddCert(secure.Certificate())
				o.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
			}
		})
		c := w.ended("acme")[0]
		if (c.State == store.CallbackDelivered) != trusted || !trusted && c.Error != "The receiver's certificate is not valid." {
			t.Errorf("trusted %t: %+v", trusted, c)
		}
	}
}
