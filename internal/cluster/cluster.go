package cluster

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/freeport"
)

// Domain is the acceleration domain of every cluster.
const Domain = "vod.example.com"

// POP declares one POP of a cluster. Parents come before their children in a
// list of POPs.
type POP struct {
	ID      string
	Parents []string
	// Via returns the address at which the POP reaches the control plane's
	// bus, which listens on addr (HOST:PORT): that of a proxy, say. Without it
	// the POP connects directly.
	Via func(addr string) (string, error)
	// Foreign starts another cache than the built-in one for the POP.
	Foreign Foreign
}

// Options say what a cluster is made of.
type Options struct {
	Exe   string   // the freshet binary
	Env   []string // added to the environment of every process
	Dir   string   // an empty folder
	Files fs.FS    // what the origin serves
	POPs  []POP
	// InProcess runs the POPs inside the control plane's process.
	InProcess bool
	// Enrol leaves the POPs out of the control plane's configuration: each is
	// added while it runs, and enrols with a token of its own.
	Enrol bool
	Extra string // further lines of the control plane's configuration
	// Wrap is a command that runs the control plane and stays out of its way,
	// such as strace -D.
	Wrap []string
}

// Cluster is an origin, a control plane and POPs on this machine.
type Cluster struct {
	Origin    *Origin
	Control   *Process
	POPs      map[string]*Process // empty with InProcess
	Client    *client.Client
	Endpoint  string // of the API
	KeyID     string
	KeySecret string
	Dir       string

	// Caches are the caches of POPs that have a foreign one.
	Caches map[string]ForeignCache

	ids    []string
	doors  map[string]string   // address of each POP's front door
	enrols map[string][]string // with Enrol: the parents of POPs that are to be added
	http   *http.Client
}

// New prepares a cluster: free ports, keys, configuration files. Nothing but
// the origin runs yet.
func New(ctx context.Context, o Options) (*Cluster, error) {
	origin, err := NewOrigin(ctx, o.Files)
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		Origin: origin, POPs: map[string]*Process{}, Dir: o.Dir, doors: map[string]string{}, enrols: map[string][]string{}, Caches: map[string]ForeignCache{},
		KeyID: "FKdemo" + randomHex(4), KeySecret: randomHex(20),
		http: &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: 32},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if err := c.configure(ctx, o); err != nil {
		for _, k := range c.Caches {
			k.Stop()
		}
		origin.Close()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) configure(ctx context.Context, o Options) error {
	own, err := freeport.Addrs(ctx, 2)
	if err != nil {
		return err
	}
	api, bus := own[0], own[1]
	c.Endpoint = "http://" + api
	token := c.path("token")
	if err := os.WriteFile(token, []byte(randomHex(24)+"\n"), 0o600); err != nil {
		return err
	}
	var conf strings.Builder
	fmt.Fprintf(&conf, "listen: %s\ndata: %s\n%s", api, c.path("control"), o.Extra)
	if !o.InProcess {
		fmt.Fprintf(&conf, "bus: {listen: %s%s}\n", bus, sharedToken(o, token))
	}
	fmt.Fprintf(&conf, "domains:\n  - name: %s\n    origin: %s\npops:%s\n", Domain, c.Origin.URL(), noneYet(o))
	for _, p := range o.POPs {
		caches, err := c.cacheOf(ctx, p)
		if err != nil {
			return err
		}
		if o.Enrol {
			token, c.enrols[p.ID] = c.TokenFile(p.ID), p.Parents
		} else {
			fmt.Fprintf(&conf, "  - id: %s\n    parents: [%s]\n", p.ID, strings.Join(p.Parents, ", "))
		}
		if o.InProcess {
			fmt.Fprintf(&conf, "    caches: %s\n", caches)
			continue
		}
		if !o.Enrol {
			fmt.Fprintf(&conf, "    remote: true\n")
		}
		file := c.path(p.ID + ".yaml")
		control := bus
		if p.Via != nil {
			if control, err = p.Via(bus); err != nil {
				return err
			}
		}
		text := fmt.Sprintf("data: %s\npop: {id: %s, control: 'nats://%s', token_file: %s}\ncaches: %s\n",
			c.path(p.ID), p.ID, control, token, caches)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
		c.POPs[p.ID] = &Process{Name: p.ID, exe: o.Exe, env: o.Env, args: []string{"pop", "--config", file}, log: c.path(p.ID + ".log")}
	}
	if err := os.WriteFile(c.path("freshet.yaml"), []byte(conf.String()), 0o600); err != nil {
		return err
	}
	c.Control = &Process{
		Name: "control plane", exe: o.Exe, args: []string{"serve", "--config", c.path("freshet.yaml")}, log: c.path("control.log"),
		// Caches that are flushed wait for each other but shortly: there are no viewers.
		env: append(append([]string{"FRESHET_FLUSH_TURN=200ms"}, o.Env...), "FRESHET_ACCESS_KEY_ID="+c.KeyID, "FRESHET_ACCESS_KEY_SECRET="+c.KeySecret),
	}
	if len(o.Wrap) > 0 {
		c.Control.args = slices.Concat(o.Wrap[1:], []string{o.Exe}, c.Control.args)
		c.Control.exe = o.Wrap[0]
	}
	c.Client, err = client.New(client.Options{Endpoint: c.Endpoint, AccessKeyID: c.KeyID, AccessKeySecret: c.KeySecret})
	return err
}

func (c *Cluster) path(name string) string { return filepath.Join(c.Dir, name) }

// Start starts every process and waits until all POPs may take traffic.
func (c *Cluster) Start(ctx context.Context) error {
	if err := c.Control.Start(ctx); err != nil {
		return err
	}
	for _, id := range c.ids {
		if err := c.enrol(ctx, id); err != nil {
			return err
		}
		if p := c.POPs[id]; p != nil {
			if err := p.Start(ctx); err != nil {
				return err
			}
		}
	}
	return c.WaitReady(ctx, c.ids...)
}

// Close ends everything.
func (c *Cluster) Close() {
	c.http.CloseIdleConnections() // a server waits for connections that were never used
	var pops sync.WaitGroup
	for _, p := range c.POPs {
		pops.Go(p.Stop)
	}
	pops.Wait()
	c.Control.Stop()
	c.Origin.Free() // a cache may wait for an answer before it ends
	for _, k := range c.Caches {
		k.Stop()
	}
	c.Origin.Close()
}

// IDs returns the POPs in order of declaration.
func (c *Cluster) IDs() []string { return c.ids }

// Door returns the address of a POP's front door.
func (c *Cluster) Door(pop string) string { return c.doors[pop] }

// WaitReady waits until the named POPs may take traffic.
func (c *Cluster) WaitReady(ctx context.Context, ids ...string) error {
	var last error
	for {
		pops, err := c.Client.POPs(ctx)
		ready := 0
		for _, p := range pops {
			if slices.Contains(ids, p.ID) && p.Ready {
				ready++
			}
		}
		if err == nil && ready == len(ids) && c.open(ctx, ids) {
			return nil
		}
		if err != nil {
			last = err
		}
		if !c.Control.Running() {
			return errors.New("the control plane has ended:\n" + c.Control.Log())
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("waiting for POPs %s: %w (last: %w)", strings.Join(ids, ", "), err, last)
		}
	}
}

// open tells whether the front doors let viewers in: the word of a POP that
// was killed a moment ago may be out of date.
func (c *Cluster) open(ctx context.Context, ids []string) bool {
	for _, id := range ids {
		r, err := c.Get(ctx, id, "/freshet-cluster-probe")
		if err != nil || r.Status == http.StatusServiceUnavailable {
			return false
		}
	}
	return true
}

// WaitTasks waits until every task of a job has one of the statuses that end
// a job, and returns the report.
func (c *Cluster) WaitTasks(ctx context.Context, job string) (*freshet.JobReport, error) {
	for {
		report, err := c.Client.Job(ctx, job)
		if err == nil && report.Done {
			return report, nil
		}
		if freshet.ErrorCode(err) == freshet.CodeNotFound {
			return nil, err
		}
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			return report, fmt.Errorf("waiting for job %s: %w", job, err)
		}
	}
}

// Import sends a catalog and returns how many media were taken.
func (c *Cluster) Import(ctx context.Context, r io.Reader) (int, error) {
	var faults []string
	sum, err := c.Client.Import(ctx, r, func(f client.ImportFault) {
		faults = append(faults, fmt.Sprintf("line %d: %s", f.Line, f.Error))
	})
	if err == nil && len(faults) > 0 {
		err = errors.New(strings.Join(faults, "; "))
	}
	return sum.Imported, err
}

// Submit asks for work on media and returns the job's ID. A purge with the
// zero filter is of everything that a media has and ever had.
func (c *Cluster) Submit(ctx context.Context, kind freshet.TaskType, f freshet.Filter, media ...string) (string, error) {
	r, err := c.Client.Submit(ctx, request(kind, f, media))
	if err == nil && len(r.NonExistent) > 0 {
		err = fmt.Errorf("media %s do not exist", strings.Join(r.NonExistent, ", "))
	}
	return r.JobID, err
}

// Do submits a job and waits until it is done.
func (c *Cluster) Do(ctx context.Context, kind freshet.TaskType, f freshet.Filter, media ...string) (*freshet.JobReport, error) {
	id, err := c.Submit(ctx, kind, f, media...)
	if err != nil {
		return nil, err
	}
	return c.WaitTasks(ctx, id)
}

// Planned returns the URLs that a job would be about.
func (c *Cluster) Planned(ctx context.Context, kind freshet.TaskType, media string, f freshet.Filter) ([]string, error) {
	run, err := c.Client.Plan(ctx, request(kind, f, []string{media}))
	if err != nil {
		return nil, err
	}
	var urls []string
	for _, row := range run.Rows {
		for _, u := range row.URLs {
			urls = append(urls, u.URL)
		}
	}
	return urls, nil
}

func request(kind freshet.TaskType, f freshet.Filter, media []string) client.JobRequest {
	r := client.JobRequest{Type: kind, Media: media}
	if kind == freshet.Prefetch || !isZero(f) {
		r.Filters = &f
	}
	return r
}

func isZero(f freshet.Filter) bool {
	return len(f.Formats)+len(f.Definitions)+len(f.StreamTypes) == 0 && !f.Multiple && !f.Slices && f.SliceCount == 0
}

// WaitPOPs waits until the named POPs owe nothing of a job.
func (c *Cluster) WaitPOPs(ctx context.Context, job string, pops ...string) (*freshet.JobReport, error) {
	for {
		report, err := c.Client.Job(ctx, job)
		if err == nil {
			done := 0
			for _, p := range report.POPs {
				if slices.Contains(pops, p.POP) && p.Targets > 0 && p.Final == p.Targets {
					done++
				}
			}
			planned := !slices.ContainsFunc(report.Rows, func(r freshet.RowReport) bool { return !r.State.Final() })
			if planned && done == len(pops) {
				return report, nil
			}
		}
		if err := c.Pause(ctx); err != nil {
			return report, fmt.Errorf("waiting for job %s at %s: %w", job, strings.Join(pops, ", "), err)
		}
	}
}

// Pause waits a moment before something is looked at again.
func (c *Cluster) Pause(ctx context.Context) error { return wait(ctx, 10*time.Millisecond) }

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}
