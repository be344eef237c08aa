package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
)

// TestEnrolment_ASharedTokenServesUntilThereIsACredential holds that POPs move
// from the token that all share to credentials of their own, one by one, and
// that the peer key outlives the token's file.
func TestEnrolment_ASharedTokenServesUntilThereIsACredential(t *testing.T) {
	t.Parallel()
	const shared = "a-token-that-all-POPs-share"
	p := newPlace(t, func(c *config.Config) {
		c.POPs = []config.POP{{ID: "shield", Remote: true}, {ID: "edge-1", Remote: true, Parents: []string{"shield"}}}
		c.Bus.TokenFile = filepath.Join(filepath.Dir(c.Data), "shared")
		if err := os.WriteFile(c.Bus.TokenFile, []byte(shared+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	shield := p.runs("shield", "shield", shared)
	old := p.runs("edge-1", "edge-1", shared)
	p.until("both being ready", func() bool { return p.status("shield").Ready && p.status("edge-1").Ready })
	if s := p.status("edge-1"); s.Access != freshet.AccessShared {
		t.Errorf("%+v", s)
	}
	p.complete(p.submit(freshet.Purge, "/film"))
	old.end()
	p.runs("edge-1", "edge-1", p.add("edge-1")).end()
	impostor := p.runs("edge-1", "impostor", shared)
	p.until("the refusal of the shared token", func() bool {
		return impostor.log.count("the control plane refuses this POP: its token is not that of bus.token_file there, or") == 1
	})
	impostor.end()
	shield.end()
	p.runs("shield", "shield", p.add("shield"))
	p.ready("shield")
	p.conf.Bus.TokenFile = ""
	p.end()
	p.start()
	p.runs("edge-1", "edge-1", "")
	p.ready("shield")
	p.ready("edge-1")
	p.complete(p.submit(freshet.Purge, "/film"))
	keys := map[string]bool{}
	for _, id := range []string{"shield", "edge-1"} {
		text, err := os.ReadFile(filepath.Join(p.dir, id, "pops", id, "credential"))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), `"peer_key":"`)
		key, _, _ := strings.Cut(rest, `"`)
		keys[key] = true
	}
	newcomer := p.runs("edge-9", "edge-9", p.add("edge-9"))
	text, err := os.ReadFile(filepath.Join(newcomer.conf.Data, "pops", "edge-9", "credential"))
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d peer keys, %v", len(keys), err)
	}
	for key := range keys {
		if !strings.Contains(string(text), key) {
			t.Error("POPs that enrolled before and after the shared token ended do not know each other")
		}
	}
}

// TestEnrolment_ThePeerKeyFollowsTheSharedToken holds that POPs which share a
// token, and derive the key from it, and POPs that enrol agree on it.
func TestEnrolment_ThePeerKeyFollowsTheSharedToken(t *testing.T) {
	t.Parallel()
	var file string
	p := newPlace(t, func(c *config.Config) {
		file = filepath.Join(filepath.Dir(c.Data), "shared")
		c.Bus.TokenFile = file
		if err := os.WriteFile(file, []byte("a-token-that-all-POPs-share\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	p.end()
	const next = "another-token-that-they-share"
	if err := os.WriteFile(file, []byte(next+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	r := p.runs("edge-1", "edge-1", p.add("edge-1"))
	text, err := os.ReadFile(filepath.Join(r.conf.Data, "pops", "edge-1", "credential"))
	m := hmac.New(sha256.New, []byte(next))
	m.Write([]byte("freshet peer v1"))
	if want := base64.StdEncoding.EncodeToString(m.Sum(nil)); err != nil || !strings.Contains(string(text), want) {
		t.Errorf("the POP got another key (%v)", err)
	}
}

// certificate writes a certificate for 127.0.0.1 and its key.
func certificate(t *testing.T) config.TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := config.TLS{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	for path, block := range map[string]*pem.Block{files.CertFile: {Type: "CERTIFICATE", Bytes: cert}, files.KeyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestEnrolment_OverTLS(t *testing.T) {
	t.Parallel()
	p := newPlace(t, func(c *config.Config) { c.Bus.TLS = certificate(t) })
	i, err := p.client.AddPOP(t.Context(), "edge-1", nil, 0)
	if err != nil || i.Control != "tls://"+p.server.BusAddr() {
		t.Fatalf("%+v, %v", i.Control, err)
	}
	p.runs("edge-1", "edge-1", i.Token)
	p.ready("edge-1")
	p.complete(p.submit(freshet.Purge, "/film"))
	c := settings(t.TempDir())
	c.Bus = config.Bus{Listen: "127.0.0.1:0", TLS: config.TLS{CertFile: p.conf.Bus.TLS.KeyFile, KeyFile: p.conf.Bus.TLS.KeyFile}}
	if _, err := app.NewServer(t.Context(), app.Options{Config: c}); err == nil || !strings.Contains(err.Error(), "certificate of the bus cannot be read") {
		t.Errorf("the error is %v", err)
	}
	p.conf.Bus.TLS.CertFile = p.conf.Bus.TLS.KeyFile // of which run makes the POP's ca_file
	if _, err := p.run("edge-2", "edge-2", p.add("edge-2")); err == nil || !strings.Contains(err.Error(), "holds no certificate") {
		t.Errorf("the error is %v", err)
	}
}

func TestServer_AOneTimeTokenCannotBeShared(t *testing.T) {
	t.Parallel()
	c := settings(t.TempDir())
	c.Bus = config.Bus{Listen: "127.0.0.1:0", TokenFile: filepath.Join(t.TempDir(), "token")}
	if err := os.WriteFile(c.Bus.TokenFile, []byte("fp1.edge-1.4102444800.AAAAAAAAAAAAAAAAAAAAAAAAAA\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := app.NewServer(t.Context(), app.Options{Config: c}); err == nil || !strings.Contains(err.Error(), "belongs to one POP") {
		t.Errorf("the error is %v", err)
	}
}
