package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus/natsbus"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/enrol"
)

// declared returns the POPs of the configuration.
func declared(c *config.Config) []freshet.POP {
	pops := make([]freshet.POP, len(c.POPs))
	for i, p := range c.POPs {
		pops[i] = freshet.POP{ID: p.ID, Parents: p.Parents, Remote: p.Remote, Area: p.Area, Silence: c.SilenceOf(p)}
	}
	return pops
}

// buildBus opens the bus, and the book that says who may connect to it.
func (s *Server) buildBus(ctx context.Context, o Options, shared string) error {
	c := o.Config
	var err error
	if s.book, err = enrol.OpenBook(ctx, s.store, declared(c)); err != nil {
		return err
	}
	listen := natsbus.ServerOptions{Listen: string(c.Bus.Listen), Token: shared, Registry: s.book, Log: o.Log}
	if t := c.Bus.TLS; t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return freshet.Invalid("bus.tls", "the certificate of the bus cannot be read: %w", err)
		}
		listen.Certificate = &pair
	}
	if s.bus, err = natsbus.StartServer(listen); err != nil {
		return err
	}
	s.group.OnStop("bus", func(context.Context) error { s.bus.Close(); return nil })
	if s.control, err = natsbus.NewControl(ctx, natsbus.ControlOptions{Server: s.bus, Log: o.Log}); err != nil {
		return err
	}
	s.group.OnStop("bus of the engine", func(context.Context) error { s.control.Close(); return nil })
	return nil
}

func (s *Server) buildDesk(o Options, sharedToken bool, peerKey []byte) {
	s.desk = enrol.NewDesk(enrol.DeskOptions{
		Book: s.book, Engine: s.engine, Bus: s.bus, PeerKey: peerKey, SharedToken: sharedToken, Control: s.controlURL(o.Config), Log: o.Log,
	})
}

// controlURL is where POPs connect to; its host may be one that means every
// interface, which whoever reads it must replace.
func (s *Server) controlURL(c *config.Config) string {
	switch {
	case s.bus.Addr() == "":
		return ""
	case c.Bus.TLS.CertFile != "":
		return "tls://" + s.bus.Addr()
	}
	return "nats://" + s.bus.Addr()
}

// enrol answers POPs that enrol, until ctx ends.
func (s *Server) enrol(ctx context.Context) error {
	stop, err := s.control.ServeEnrolment(s.desk.Enrol) //nolint:contextcheck // its handlers live until stop
	if err != nil {
		return err
	}
	defer stop()
	<-ctx.Done()
	return nil
}

// joined is how a POP's process proves who it is.
type joined struct {
	connect natsbus.ConnectOptions
	peerKey []byte
}

// join reads the POP's credential, or gets one for its one-time token.
func join(ctx context.Context, o Options, dir string) (joined, error) {
	c := o.Config.POP
	connect := natsbus.ConnectOptions{URL: string(c.Control), POP: c.ID, Log: o.Log}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if connect.Roots = x509.NewCertPool(); err != nil || !connect.Roots.AppendCertsFromPEM(pem) {
			return joined{}, freshet.Invalid("pop.ca_file", "%s holds no certificate that can be read (%w)", c.CAFile, err)
		}
	}
	token, err := readToken(c.TokenFile)
	if err != nil {
		return joined{}, err
	}
	id, err := enrol.Join(ctx, enrol.JoinOptions{
		POP: c.ID, Dir: dir, Token: token, TokenFile: c.TokenFile, Log: o.Log,
		Exchange: func(ctx context.Context, token string, req []byte) ([]byte, error) {
			once := connect
			once.Token = token
			return natsbus.Enrol(ctx, once, req)
		},
	})
	switch {
	case err != nil:
		return joined{}, fmt.Errorf("pop %s: %w", c.ID, err)
	case id.Key == nil:
		connect.Token = id.Token
		return joined{connect, peerKey(id.Token)}, nil
	}
	connect.Key = id.Key
	return joined{connect, id.PeerKey}, nil
}

// readToken reads a POP's token. The file of one that was used up may be gone.
func readToken(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	token, err := config.ReadToken(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return token, err
}
