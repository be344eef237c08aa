// Package varnishtest runs a real varnishd with the VCL that Freshet supplies,
// as it is, on free ports and in a private folder.
//
// It must not know the driver. Tests, benchmarks and proofs start a Server and
// point a driver at it. If it loaded other VCL than operators do, the tests
// would prove nothing about theirs.
package varnishtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/freshet-vod/freshet"
)

// Options are the options of Start.
type Options struct {
	Dir     string           // private folder; must exist, and outlive the Server
	Origin  string           // base URL of the origin of every domain: http://HOST:PORT
	Domains []freshet.Domain // their aliases and ignored parameters go into the operator's part of the VCL
	Bare    bool             // without freshet-xkey.vcl, as on a Varnish without varnish-modules
	VCL     string           // more of the operator's part
	Args    []string         // more arguments of varnishd; later ones win
}

// Server is a running varnishd.
type Server struct {
	URL     string // where viewers ask
	Control string // Freshet's listener

	dir  string
	cmd  *exec.Cmd
	out  *bytes.Buffer // read only once done is closed
	done chan struct{} // closed when varnishd has ended
}

// Start starts varnishd and returns when it takes requests. The error holds
// what varnishd said.
func Start(ctx context.Context, o Options) (*Server, error) {
	varnishd, err := find("varnishd")
	if err != nil {
		return nil, err
	}
	deploy, err := deployDir()
	if err != nil {
		return nil, err
	}
	if deploy, err = o.supplied(deploy); err != nil {
		return nil, err
	}
	vcl, err := o.vcl()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(o.Dir, "default.vcl")
	if err := os.WriteFile(file, []byte(vcl), 0o600); err != nil {
		return nil, fmt.Errorf("writing the operator's VCL: %w", err)
	}
	s := &Server{dir: filepath.Join(o.Dir, "varnishd"), out: &bytes.Buffer{}, done: make(chan struct{})}
	args := append([]string{
		"-F", "-j", "none", "-n", s.dir, "-f", file, "-p", "vcl_path=" + deploy,
		"-a", "http=127.0.0.1:0", "-a", "ctl=127.0.0.1:0", "-s", "malloc,256m",
		"-p", "thread_pool_min=20", "-p", "ban_lurker_age=0.1", "-p", "vsl_space=16m",
		// The C compiler's optimiser takes longer than most tests.
		"-p", "cc_command=exec gcc -w -O0 -pthread -fpic -shared -Wl,-x -o %o %s",
	}, o.Args...)
	// Not of ctx: varnishd is stopped in good order by Stop.
	s.cmd = exec.Command(varnishd, args...) //nolint:gosec,noctx // the test's own arguments; see above
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting varnishd: %w", err)
	}
	go func() {
		defer close(s.done)
		_ = s.cmd.Wait() // how it ended is seen by whoever needs it
	}()
	if err := s.await(ctx); err != nil {
		_ = s.Stop()
		return nil, fmt.Errorf("%w; varnishd said: %s", err, s.out)
	}
	return s, nil
}

// Denied is the deny folder.
func (o Options) Denied() string { return filepath.Join(o.Dir, "denied") }

// supplied copies the supplied VCL, with the one line changed that may be.
func (o Options) supplied(deploy string) (string, error) {
	dir := filepath.Join(o.Dir, "vcl")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	for _, name := range []string{"freshet.vcl", "freshet-xkey.vcl"} {
		b, err := os.ReadFile(filepath.Join(deploy, name)) //nolint:gosec // our own files
		if err != nil {
			return "", fmt.Errorf("reading the supplied VCL: %w", err)
		}
		text := strings.Replace(string(b), "/var/lib/freshet/varnish-denied/", o.Denied()+"/", 1)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil { //nolint:gosec // the test's own folder
			return "", err
		}
	}
	return dir, nil
}

// Check compiles a file of deploy/varnish as it is.
func Check(ctx context.Context, name string) error {
	varnishd, err := find("varnishd")
	if err != nil {
		return err
	}
	deploy, err := deployDir()
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, varnishd, "-C", "-p", "vcl_path="+deploy, "-f", filepath.Join(deploy, name)).CombinedOutput() //nolint:gosec // the test's own arguments
	if err != nil {
		return fmt.Errorf("compiling %s: %w: %s", name, err, out)
	}
	return nil
}

// find returns the path of a program of Varnish.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	path := filepath.Join("/usr/sbin", name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is not installed; scripts/ensure-test-tools installs it", name)
	}
	return path, nil
}

// deployDir finds deploy/varnish in the module that the caller runs in.
func deployDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			deploy := filepath.Join(dir, "deploy", "varnish")
			// go test keeps a result until a file changes that the test read.
			for _, name := range []string{"freshet.vcl", "freshet-xkey.vcl", "default.vcl"} {
				if _, err := os.ReadFile(filepath.Join(deploy, name)); err != nil { //nolint:gosec // within the module
					return "", fmt.Errorf("reading the supplied VCL: %w", err)
				}
			}
			return deploy, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("deploy/varnish was not found: the folder is not within the module")
		}
	}
}

// vcl writes the operator's part.
func (o Options) vcl() (string, error) {
	u, err := url.Parse(o.Origin)
	if err != nil || u.Hostname() == "" || u.Port() == "" {
		return "", fmt.Errorf("the origin %q is not of the form http://HOST:PORT", o.Origin)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "vcl 4.1;\nbackend default { .host = %q; .port = %q; }\nsub vcl_recv {\n", u.Hostname(), u.Port())
	for _, d := range o.Domains {
		for _, a := range d.Aliases {
			fmt.Fprintf(&b, "  if (req.http.Host ~ \"(?i)^%s(:|$)\") { set req.http.Host = %q; }\n", regexp.QuoteMeta(a), d.Name)
		}
		for _, p := range d.IgnoreParams {
			if p == freshet.EveryParam {
				fmt.Fprintf(&b, "  if (req.http.Host ~ \"(?i)^%s(:|$)\") { set req.url = regsub(req.url, \"\\?.*\", \"\"); }\n", regexp.QuoteMeta(d.Name))
				continue
			}
			fmt.Fprintf(&b, "  set req.url = regsuball(req.url, \"([?&])%s(=[^&]*)?(?=&|$)\", \"\\1\");\n", regexp.QuoteMeta(p))
		}
	}
	b.WriteString("  if (req.url ~ \"[?&](&|$)\") {\n    set req.url = regsuball(req.url, \"&&+\", \"&\");\n" +
		"    set req.url = regsub(regsub(req.url, \"\\?&\", \"?\"), \"[?&]$\", \"\");\n  }\n}\n")
	if !o.Bare {
		b.WriteString("include \"freshet-xkey.vcl\";\n")
	}
	b.WriteString("include \"freshet.vcl\";\n")
	// Nobody is given a stale copy while a new one is fetched: tests count on it.
	// What is stale at once is kept and revalidated, not marked as not to be stored.
	b.WriteString("sub vcl_backend_response {\n  set beresp.grace = 0s;\n  set beresp.keep = 1h;\n" +
		"  if (beresp.ttl <= 0s && beresp.http.Cache-Control == \"max-age=0\") { set beresp.ttl = 0s; return (deliver); }\n}\n" + o.VCL)
	return b.String(), nil
}

// await waits until varnishd listens and its child runs.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // it compiles the VCL, on a busy machine
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if s.listening(ctx) && len(s.children()) == 1 {
			return nil
		}
		select {
		case <-s.done:
			return errors.New("varnishd ended")
		case <-ctx.Done():
			return fmt.Errorf("varnishd does not listen: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// listening asks varnishd for its ports.
func (s *Server) listening(ctx context.Context) bool {
	out, err := s.Admin(ctx, "debug.listen_address")
	if err != nil {
		return false
	}
	addr := make(map[string]string)
	for line := range strings.SplitSeq(out, "\n") {
		if f := strings.Fields(line); len(f) == 3 {
			addr[f[0]] = "http://" + f[1] + ":" + f[2]
		}
	}
	if addr["http"] == "" || addr["ctl"] == "" {
		return false
	}
	status, err := s.Admin(ctx, "status")
	s.URL, s.Control = addr["http"], addr["ctl"]
	return err == nil && strings.Contains(status, "running")
}

// Admin runs a command of varnishadm, such as "ban.list".
func (s *Server) Admin(ctx context.Context, args ...string) (string, error) {
	return s.tool(ctx, "varnishadm", append([]string{"-t", "2", "-n", s.dir}, args...)...)
}

// Stat returns a counter, such as "MAIN.bans".
func (s *Server) Stat(ctx context.Context, name string) (uint64, error) {
	out, err := s.tool(ctx, "varnishstat", "-n", s.dir, "-1", "-f", name)
	if err != nil {
		return 0, err
	}
	f := strings.Fields(out)
	if len(f) < 2 {
		return 0, fmt.Errorf("varnishstat has no %s", name)
	}
	return strconv.ParseUint(f[1], 10, 64)
}

// Log returns what Varnish's log holds of viewers' requests so far, a line
// each in the format of varnishncsa.
func (s *Server) Log(ctx context.Context, format string) ([]string, error) {
	out, err := s.tool(ctx, "varnishncsa", "-n", s.dir, "-d", "-F", format)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(strings.Split(out, "\n"), func(l string) bool { return l == "" }), nil
}

func (s *Server) tool(ctx context.Context, name string, args ...string) (string, error) {
	path, err := find(name)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, args...).Output() //nolint:gosec // the test's own arguments
	if err != nil {
		return "", fmt.Errorf("%s %v: %w", name, args, err)
	}
	return string(out), nil
}

// PID returns the process of varnishd that does the work; its parent only
// watches it.
func (s *Server) PID() (int, error) {
	if c := s.children(); len(c) == 1 {
		return c[0], nil
	}
	return 0, errors.New("varnishd has no child")
}

func (s *Server) children() []int {
	pid := strconv.Itoa(s.cmd.Process.Pid)
	data, err := os.ReadFile(filepath.Join("/proc", pid, "task", pid, "children")) //nolint:gosec // of our own process
	if err != nil {
		return nil
	}
	var out []int
	for f := range strings.FieldsSeq(string(data)) {
		if n, err := strconv.Atoi(f); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// KillChild kills the process that holds the content, and returns when varnishd
// has started another on the same ports, empty.
func (s *Server) KillChild(ctx context.Context) error {
	pid, err := s.PID()
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("killing the child of varnishd: %w", err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if now, err := s.PID(); err == nil && now != pid {
			return s.await(ctx)
		}
		select {
		case <-s.done:
			return errors.New("varnishd ended with its child")
		case <-ctx.Done():
			return fmt.Errorf("varnishd did not start another child: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// Stop ends varnishd and waits for it. A second call does nothing.
func (s *Server) Stop() error {
	select {
	case <-s.done:
		return nil
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping varnishd: %w", err)
	}
	select {
	case <-s.done:
		return nil
	case <-time.After(20 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
		return errors.New("varnishd had to be killed")
	}
}
