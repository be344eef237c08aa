package natsbus_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/bustest"
	"github.com/freshet-vod/freshet/internal/bus/natsbus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "correct horse battery staple"

func start(t *testing.T, listen string) *natsbus.Server {
	t.Helper()
	s, err := natsbus.StartServer(natsbus.ServerOptions{Listen: listen, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func newControl(t *testing.T, s *natsbus.Server) *natsbus.Control {
	t.Helper()
	c, err := natsbus.NewControl(t.Context(), natsbus.ControlOptions{Server: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func connect(t *testing.T, o natsbus.ConnectOptions) *natsbus.Agent {
	t.Helper()
	a, err := natsbus.Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func TestBusInProcess(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(t *testing.T) (bus.Control, func(string) bus.Agent) {
		t.Helper()
		s := start(t, "")
		return newControl(t, s), func(pop string) bus.Agent {
			return connect(t, natsbus.ConnectOptions{Server: s, POP: pop})
		}
	})
}

func TestBusOverTCP(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(t *testing.T) (bus.Control, func(string) bus.Agent) {
		t.Helper()
		s := start(t, "127.0.0.1:0")
		return newControl(t, s), func(pop string) bus.Agent {
			return connect(t, natsbus.ConnectOptions{URL: "nats://" + s.Addr(), Token: token, POP: pop})
		}
	})
}
