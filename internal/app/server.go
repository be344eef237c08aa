package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/net/netutil"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api"
	"github.com/freshet-vod/freshet/internal/audit"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/bus/natsbus"
	"github.com/freshet-vod/freshet/internal/callback"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/enrol"
	"github.com/freshet-vod/freshet/internal/fetch"
	"github.com/freshet-vod/freshet/internal/hls"
	"github.com/freshet-vod/freshet/internal/lifecycle"
	"github.com/freshet-vod/freshet/internal/limits"
	"github.com/freshet-vod/freshet/internal/plan"
	"github.com/freshet-vod/freshet/internal/room"
	"github.com/freshet-vod/freshet/internal/rpc"
	"github.com/freshet-vod/freshet/internal/seal"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// Server is a control plane with the POPs of its configuration.
type Server struct {
	group     *lifecycle.Group
	audit     *audit.Trail
	kept      time.Duration // how long audit records are
	quotas    *limits.Quotas
	log       *slog.Logger
	store     *sqlite.Store
	engine    *engine.Engine
	bus       *natsbus.Server
	control   *natsbus.Control
	book      *enrol.Book
	desk      *enrol.Desk
	guard     *auth.Auth
	box       *seal.Box
	site      *site
	pops      []*pop
	private   *private
	disk      *room.Gauge  // that holds the data folder
	room      func() error // of calls that store something
	vitals    vitals
	tracing   tracing
	queue     store.Callbacks // with its attempts counted
	callbacks *callback.Deliverer
	// CredentialsFile is where the first access key is written, if it was made
	// here; MadeKey tells whether this start made it.
	CredentialsFile string
	MadeKey         bool
}

// NewServer opens, binds and connects everything, and serves nothing yet.
func NewServer(ctx context.Context, o Options) (*Server, error) {
	o.defaults()
	s := &Server{group: lifecycle.New(ctx, o.Log), private: newPrivate(o.Log)}
	if err := s.build(ctx, o); err != nil {
		s.group.Stop()
		_ = s.group.Wait() // the fault that counts is err
		return nil, err
	}
	return s, nil
}

// build is long because it is a list: every part in the order in which it
// depends on those before.
func (s *Server) build(ctx context.Context, o Options) error {
	c := o.Config
	if c.POP != nil {
		return freshet.Invalid("pop", "this is the configuration of a POP: run it with `freshet pop --config FILE`")
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	s.disk = watchDisk(o, c.Data, s.private)
	db, box, err := openStore(ctx, o)
	if err != nil {
		return err
	}
	s.store, s.box = db, box
	s.audit, s.kept, s.log = audit.New(db), c.Audit.Keep.Std(), o.Log
	s.group.OnStop("store", func(context.Context) error { return db.Close() })
	if err := seedAccounts(ctx, db, c); err != nil {
		return err
	}
	if s.MadeKey, err = seedKey(ctx, db, c.Data, o.Env); err != nil {
		return err
	}
	if path := config.CredentialsPath(c.Data); exists(path) {
		s.CredentialsFile = path
	}
	if s.tracing, err = newTracing(o, "freshet", string(c.Listen), s.private.metrics); err != nil {
		return err
	}
	shared, secret, err := busToken(c.Bus.TokenFile, c.Data)
	if err != nil {
		return err
	}
	if err := s.buildBus(ctx, o, shared); err != nil {
		return err
	}
	if err := s.buildEngine(ctx, o); err != nil {
		return err
	}
	if err := s.buildCallbacks(o); err != nil {
		return err
	}
	s.buildDesk(o, shared != "", peerKey(secret))
	if err := s.buildPOPs(ctx, o, peerKey(secret)); err != nil {
		return err
	}
	s.buildVitals()
	if err := s.buildAPI(ctx, o); err != nil {
		return err
	}
	return s.private.open(ctx, s.group, string(c.Private.Listen), &s.vitals)
}

func (s *Server) buildEngine(ctx context.Context, o Options) error {
	c := o.Config
	if err := s.declareDomains(ctx, c); err != nil {
		return err
	}
	planner := s.newPlanner(c)
	control := s.private.metrics.NewControl(s.present)
	s.queue = control.Callbacks(s.store)
	s.room = func() error {
		err := s.disk.Check()
		if err != nil {
			control.Refused(string(freshet.KindDisk))
		}
		return err
	}
	s.quotas = limits.NewQuotas(rulesOf(c.Limits), c.Limits.DayStarts.Std(), s.store)
	var err error
	s.engine, err = engine.New(ctx, engine.Options{
		Observer: control, Tracer: s.tracing.tracer,
		Store: engine.Store{
			Jobs: control.Jobs(s.store), Log: s.store, Tasks: s.store, States: s.store, Evidence: control.Evidences(s.store), Catalog: s.store,
			Takedowns: s.store, Retention: s.store, Duties: s.store,
		},
		Bus: s.control, Planner: planner, POPs: append(declared(c), s.book.Members(ctx, o.Log)...), Log: o.Log,
		Events: callback.Planned, Ends: s.store, Finished: callback.Finished, Keep: c.Keep.Std(), Replay: c.ReplayFor(), FlushTurn: c.Flush.Turn.Std(),
		Silence: c.Silence.Rule(), NotReady: c.Silence.NotReadyAtMost,
		Limits: s.quotas,
		Room:   s.disk.Check, MaxUnplanned: c.Limits.Unplanned,
		Planners: c.Limits.Planners, Deadline: c.Timeouts.Deadline.Std(), FinishBy: c.Timeouts.PrefetchFinishBy.Std(),
	})
	return err
}

// newPlanner makes the planner with the configured limits.
func (s *Server) newPlanner(c *config.Config) *plan.Planner {
	largest := c.Limits.PlaylistBytes.Bytes()
	return plan.New(plan.Options{
		Catalog: s.store, Domains: s.domains,
		Fetcher: fetch.New(fetch.Options{MaxBytes: largest}),
		Guarded: fetch.New(fetch.Options{MaxBytes: largest, Guard: sourceGuard(c).Control}),
		Limits: plan.Limits{
			Playlists: c.Limits.PlanPlaylists, URLs: c.Limits.PlanURLs, Playlist: hls.Limits{Bytes: int(largest)},
		},
	})
}

// domains serves the planner, which is made before the engine that knows them.
func (s *Server) domains(account string) []freshet.Domain {
	list, _ := s.engine.Domains(context.Background(), account) // reads memory; cannot fail
	return list
}

func (s *Server) buildPOPs(ctx context.Context, o Options, peerKey []byte) error {
	for _, p := range o.Config.POPs {
		if p.Remote {
			continue
		}
		wire, err := natsbus.Connect(ctx, natsbus.ConnectOptions{Server: s.bus, POP: p.ID, Log: o.Log})
		if err != nil {
			return err
		}
		s.group.OnStop("bus of "+p.ID, func(context.Context) error { wire.Close(); return nil })
		one, err := newPOP(ctx, s.group, popSpec{
			id: p.ID, dir: filepath.Join(o.Config.Data, "pops", p.ID), caches: p.Caches, via: p.PrefetchVia, agentless: p.Agentless, bus: wire, guard: sourceGuard(o.Config),
			peerKey: peerKey, limits: o.Config.Limits, flush: o.Config.Flush, release: o.Release, metrics: s.private.metrics, tracer: s.tracing.tracer, log: o.Log,
			disk: s.disk,
		})
		if err != nil {
			return err
		}
		s.pops = append(s.pops, one)
	}
	return nil
}

func (s *Server) buildAPI(ctx context.Context, o Options) error {
	c := o.Config
	guard, err := s.newGuard(ctx, c)
	if err != nil {
		return err
	}
	l, err := listen(ctx, "the API", "--listen or the key listen of the configuration", string(c.Listen))
	if err != nil {
		return err
	}
	l = netutil.LimitListener(l, c.Limits.Connections)
	native, err := api.New(api.Options{
		Authenticate: func(r *http.Request, body []byte) (api.Identity, error) {
			id, err := guard.Native(r, body)
			return api.Identity(id), err
		},
		Engine: s.engine, POPs: s.desk, Domains: s.engine, Media: s.store, Keys: guard, Accounts: guard, Takedowns: s.engine, Evidence: s.engine, Callbacks: s.store,
		Operator: config.DefaultAccount, CheckHost: sourceGuard(c).CheckHost, Audit: s.audit, Log: o.Log,
		Room: s.room, Tracer: s.tracing.tracer,
	})
	if err != nil {
		return err
	}
	s.guard = guard
	s.site = newSite(ctx, l, faces{
		vendor: rpc.New(rpc.Options{ // one a line: every part of the API adds its own
			Engine:    s.engine,
			Auth:      guard,
			Media:     s.store,
			Callbacks: s.store,
			Limits:    book{limits.NewThrottle(rulesOf(c.Limits)), s.quotas},
			Audit:     s.audit,
			Room:      s.room,
			Tracer:    s.tracing.tracer,
			Domains:   s.engine,
			CheckHost: sourceGuard(c).CheckHost,
			Operator:  config.DefaultAccount,
			Signer:    signer{},
			Log:       o.Log,
		}),
		native:  native,
		healthz: s.vitals.healthz(), readyz: s.vitals.readyz(),
	}, rpc.MaxHeaderBytes, o.Log)
	s.group.OnStop("API", s.site.stop)
	return nil
}

// Addr returns the address of the API.
func (s *Server) Addr() string { return s.site.listener.Addr().String() }

// BusAddr returns the address of the bus for remote POPs, "" if it is closed.
func (s *Server) BusAddr() string { return s.bus.Addr() }

// POPAddr returns the address of the front door of a POP in this process.
func (s *Server) POPAddr(id string) string {
	for _, p := range s.pops {
		if p.id == id {
			return p.addr()
		}
	}
	return ""
}

// Engine returns the core, for tests that look at what no interface shows.
func (s *Server) Engine() *engine.Engine { return s.engine }

// Handler returns what the API's listener serves, for tests that call it within
// the process.
func (s *Server) Handler() http.Handler { return s.site.server.Handler }

// Run serves until the context that New got ends.
func (s *Server) Run() error {
	s.group.Go("engine", s.engine.Run)
	s.group.Go("audit trail", s.keepAudit)
	s.group.Go("enrolment", s.enrol)
	s.group.Go("callbacks", s.callbacks.Run)
	s.group.Go("use of keys", s.guard.Run)
	for _, p := range s.pops {
		p.start(s.group)
	}
	s.group.Go("API", s.site.run)
	s.private.start(s.group)
	s.tracing.start(s.group)
	return s.group.Wait()
}
