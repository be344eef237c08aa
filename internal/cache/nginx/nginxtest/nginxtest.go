// Package nginxtest runs a real nginx with the configuration that Freshet
// supplies, on free ports and in a private folder. The files of deploy/nginx
// are used as they are, but for what an operator sets too: ports, folder, hosts
// and origin.
//
// It must not know the driver. Tests, benchmarks and proofs start a Server and
// point a driver at it. If it loaded another configuration than operators do,
// the tests would prove nothing about theirs.
package nginxtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/freeport"
)

// Levels are those of the supplied configuration.
const Levels = "1:2"

// Options are the options of Start.
type Options struct {
	Dir       string           // private folder; must exist, and outlive the Server
	Origin    string           // base URL of the origin of every domain: http://HOST:PORT
	Domains   []freshet.Domain // their names, aliases and ignored parameters
	Slice     string           // size of a slice, as in 1m; empty: not sliced
	Location  string           // more of the viewers' location
	Bare      bool             // Location stands for freshet-cache.conf, as with an operator's own cache
	HTTP      string           // more of http {}
	Workers   int              // default 1
	Parent    bool             // the origin is another POP, which knows the domains by their own names
	Languages []string         // declares variants by Accept-Language, instead of gzip
}

// Server is a running nginx.
type Server struct {
	URL     string // where viewers ask
	Control string // the inspect listener
	Cache   string // the folder of proxy_cache_path
	Log     string // the file with its errors
	Access  string // the file with viewers' requests: status of the cache, request line

	dir, program string
	ports        []string
	cmd          *exec.Cmd
	out          *bytes.Buffer // read only once done is closed
	done         chan struct{} // closed when nginx has ended
}

// Start starts nginx and returns when it takes requests. The content of
// Dir/cache is kept from one Server to the next. The error holds what nginx
// said.
func Start(ctx context.Context, o Options) (*Server, error) {
	program, err := find("nginx")
	if err != nil {
		return nil, err
	}
	var last error
	for range 3 { // another process may take a port before nginx does
		s, err := start(ctx, o, program)
		if err == nil {
			return s, nil
		}
		last = err
		if ctx.Err() != nil {
			break
		}
	}
	return nil, last
}

func start(ctx context.Context, o Options, program string) (*Server, error) {
	ports, err := freeport.Addrs(ctx, 3)
	if err != nil {
		return nil, err
	}
	if err := o.write(ports); err != nil {
		return nil, err
	}
	s := &Server{
		URL: "http://" + ports[0], Control: "http://" + ports[1], Cache: filepath.Join(o.Dir, "cache"),
		Log: filepath.Join(o.Dir, "error.log"), Access: filepath.Join(o.Dir, "access.log"),
		dir: o.Dir, program: program, ports: ports,
	}
	return s, s.Again(ctx)
}

// Again starts a Server that has ended, on the same ports and content.
func (s *Server) Again(ctx context.Context) error {
	done := make(chan struct{})
	s.out, s.done = &bytes.Buffer{}, done
	// Not of ctx: nginx is stopped in good order by Stop.
	cmd := exec.Command(s.program, "-p", s.dir, "-c", filepath.Join(s.dir, "nginx.conf"), "-e", s.Log) //nolint:gosec,noctx // the test's own arguments; see above
	cmd.Stdout, cmd.Stderr = s.out, s.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.cmd = cmd
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting nginx: %w", err)
	}
	go func() {
		defer close(done)
		_ = cmd.Wait() // how it ended is seen by whoever needs it
	}()
	for _, addr := range s.ports {
		if err := s.await(ctx, addr); err != nil {
			_ = s.Kill()
			said, _ := os.ReadFile(s.Log)
			return fmt.Errorf("%w; nginx said: %s %s", err, s.out, said)
		}
	}
	return nil
}

// find returns the path of a program.
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

// Stop ends nginx in good order.
func (s *Server) Stop() error { return s.end(syscall.SIGTERM) }

// Kill ends nginx and its workers at once, as a crash would.
func (s *Server) Kill() error { return s.end(syscall.SIGKILL) }

func (s *Server) end(sig syscall.Signal) error {
	if sig == syscall.SIGKILL {
		_ = syscall.Kill(-s.cmd.Process.Pid, sig) // with its workers; it may be gone already
	} else if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.done:
		return nil
	case <-time.After(20 * time.Second):
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.done
		return errors.New("nginx did not stop within 20 s")
	}
}

// Pid returns the process ID of nginx's master.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

func (s *Server) await(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var d net.Dialer
	for {
		if c, err := d.DialContext(ctx, "tcp", addr); err == nil {
			return c.Close()
		}
		select {
		case <-tick.C:
		case <-s.done:
			return errors.New("nginx ended at once")
		case <-ctx.Done():
			return errors.New("nginx did not start within 20 s")
		}
	}
}

// deployDir finds deploy/nginx in the module that the caller runs in.
func deployDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "deploy", "nginx"), nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("deploy/nginx was not found: the folder is not within the module")
		}
	}
}

// write writes nginx's configuration. ports are those of viewers, of the
// inspect listener and of the stamp layer.
func (o Options) write(ports []string) error {
	deploy, err := deployDir()
	if err != nil {
		return err
	}
	origin, err := url.Parse(o.Origin)
	if err != nil || origin.Host == "" {
		return fmt.Errorf("the origin %q is not of the form http://HOST:PORT", o.Origin)
	}
	edits := map[string]func(string) string{
		"site.conf":            func(s string) string { return o.site(s, origin.Host) },
		"freshet-ignored.conf": o.ignored,
		"freshet-cache.conf":   func(s string) string { return s },
		"freshet.conf": func(s string) string {
			return strings.NewReplacer("127.0.0.1:6085", ports[1], "127.0.0.1:6084", ports[2],
				"/var/lib/freshet/nginx-denied", o.Denied()).Replace(s)
		},
	}
	for name, edit := range edits {
		b, err := os.ReadFile(filepath.Join(deploy, name)) //nolint:gosec // our own files
		if err != nil {
			return fmt.Errorf("reading the supplied configuration: %w", err)
		}
		if err := os.WriteFile(filepath.Join(o.Dir, name), []byte(edit(string(b))), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(o.Dir, "nginx.conf"), []byte(o.main(ports[0])), 0o600)
}

// Denied is the deny folder.
func (o Options) Denied() string { return filepath.Join(o.Dir, "denied") }

// main is the part of the configuration that is the operator's own.
func (o Options) main(front string) string {
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n" // so that the workers may use the test's folder
	}
	cacheable := "include freshet-cache.conf;"
	if o.Bare {
		cacheable = ""
	}
	slice := ""
	if o.Slice != "" {
		slice = "slice " + o.Slice + ";"
	}
	var temp strings.Builder
	for _, t := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "  %s_temp_path %s;\n", t, filepath.Join(o.Dir, "temp-"+t))
	}
	return fmt.Sprintf(`daemon off;
%spid %s;
worker_processes %d;
events { worker_connections 2048; }
http {
%s  log_format cached '$msec $upstream_cache_status $status "$request" "$http_host" $http_x_viewer';
  access_log %s cached;
  sendfile on;
  keepalive_requests 1000000;
%s
  include site.conf;
  include freshet.conf;
  server {
    listen %s backlog=4096;
    location / {
      %s
      %s
%s
    }
  }
}
`, user, filepath.Join(o.Dir, "nginx.pid"), max(o.Workers, 1), temp.String(), filepath.Join(o.Dir, "access.log"), o.HTTP, front, cacheable, slice, o.Location)
}

// site sets the operator's values in site.conf.
func (o Options) site(s, origin string) string {
	s = strings.Replace(s, "/var/cache/nginx/freshet", filepath.Join(o.Dir, "cache"), 1)
	s = strings.ReplaceAll(s, "server 192.0.2.1:80;", "server "+origin+";")
	var hosts, origins, names strings.Builder
	for _, d := range o.Domains {
		for _, n := range append([]string{d.Name}, d.Aliases...) {
			fmt.Fprintf(&hosts, "    %s %s;\n", n, d.Name)
		}
		fmt.Fprintf(&origins, "    %s http://origin.example.com;\n", d.Name)
		if !o.Parent {
			fmt.Fprintf(&names, "    %s %s;\n", d.Name, origin)
		}
	}
	s = setMap(s, "$freshet_host", "    default \"\";\n"+hosts.String())
	s = setMap(s, "$freshet_origin", "    default \"\";\n"+origins.String())
	s = setMap(s, "$freshet_origin_host", "    default $freshet_host;\n"+names.String())
	if o.Languages == nil {
		return s
	}
	var langs strings.Builder
	for _, l := range o.Languages {
		fmt.Fprintf(&langs, "    \"1:%s\" %s;\n", l, l)
	}
	s = strings.Replace(s, `"$freshet_varies:$http_accept_encoding"`, `"1:$http_accept_language"`, 1)
	s = setMap(s, "$freshet_variant", "    default \"\";\n"+langs.String())
	return strings.Replace(s, "Accept-Encoding\\s*$", "Accept-Language\\s*$", 1)
}

// setMap replaces the body of the map of a variable.
func setMap(conf, variable, body string) string {
	re := regexp.MustCompile(`(?s)(map [^{}]* ` + regexp.QuoteMeta(variable) + ` \{\n)[^}]*(\})`)
	return re.ReplaceAllStringFunc(conf, func(m string) string {
		open := strings.Index(m, "{\n") + 2
		return m[:open] + body + "}"
	})
}

// ignored sets the ignored parameters.
func (o Options) ignored(s string) string {
	names := []string{regexp.QuoteMeta(freshet.SignatureParam)}
	for _, d := range o.Domains {
		for _, p := range d.IgnoreParams {
			if p == freshet.EveryParam {
				return `"~." "";` + "\n"
			}
			names = append(names, regexp.QuoteMeta(p))
		}
	}
	return strings.ReplaceAll(s, "auth_key|utm_source", strings.Join(names, "|"))
}
