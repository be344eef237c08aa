package proof_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cluster"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/freeport"
)

// TestPOPsPage_CommandsWork runs docs/pops.md: every command, in order, with
// the files that the page shows and those that it copies, on addresses and in
// folders of the test's own.
func TestPOPsPage_CommandsWork(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/pops.md")
	must(t, err)
	p := newPage(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, m := range regexp.MustCompile("(?s)`(edge-[12]\\.yaml)`:\n\n```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		must(t, os.WriteFile(filepath.Join(p.dir, m[1]), []byte(p.local.Replace(m[2])), 0o600))
	}
	commands := console(string(text))
	if len(commands) < 14 {
		t.Fatalf("the page has %d commands", len(commands))
	}
	for _, line := range commands {
		p.run(ctx, t, line)
	}
	if len(p.done) != 2 {
		t.Errorf("%d jobs were seen to their end, want 2", len(p.done))
	}
}

// TestPOPsPage_ConfigurationsAreGood reads the page's other files as the
// program would.
func TestPOPsPage_ConfigurationsAreGood(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/pops.md")
	must(t, err)
	files := blocks(string(text), "yaml")
	if len(files) < 5 {
		t.Fatalf("the page has %d configurations", len(files))
	}
	for _, f := range files {
		if _, err := config.Parse("pops.md", []byte(f), nil); err != nil {
			t.Errorf("%v in\n%s", err, f)
		}
	}
}

// page is the world in which the commands of a page run.
type page struct {
	c     *cluster.Cluster
	dir   string
	local *strings.Replacer // from the page's addresses and folders to the test's
	words map[string]string
	done  []string
}

func newPage(t *testing.T) *page {
	t.Helper()
	c := start(t, cluster.Options{Enrol: true})
	dir := t.TempDir()
	bus := regexp.MustCompile(`nats://([0-9.:]+)`).FindStringSubmatch(c.Control.Log())
	if bus == nil {
		t.Fatal("the control plane does not say where its bus is")
	}
	origin := strings.TrimPrefix(c.Origin.URL(), "http://")
	pairs := []string{
		"control.example.com:4222", bus[1], "192.0.2.1:80", origin, "user www-data", "user root",
		"/tmp/freshet-vcl-check", filepath.Join(dir, "vcl-check"), "/run/nginx.pid", filepath.Join(dir, "nginx.pid"),
		`.port = "8080"`, fmt.Sprintf(".port = %q", origin[strings.Index(origin, ":")+1:]),
	}
	for _, f := range []string{"/etc/varnish", "/etc/nginx", "/etc/freshet", "/var/cache/nginx/freshet", "/var/lib/freshet"} {
		own := filepath.Join(dir, strings.ReplaceAll(f[1:], "/", "-"))
		must(t, os.MkdirAll(own, 0o755))
		pairs = append(pairs, f, own)
	}
	for _, addr := range []string{"127.0.0.1:6081", "127.0.0.1:6083", "127.0.0.1:6084", "127.0.0.1:6085", "127.0.0.1:8088"} {
		own, err := freeport.Addr(t.Context())
		must(t, err)
		pairs = append(pairs, addr, own)
	}
	p := &page{c: c, dir: dir, words: map[string]string{"MEDIA_ID": sound}}
	// varnishd looks for included files in /etc/varnish.
	p.local = strings.NewReplacer(append(pairs, "varnishd -C", "varnishd -C -j none -p vcl_path="+filepath.Join(dir, "etc-varnish"),
		"varnishd -F", "varnishd -F -j none -n "+filepath.Join(dir, "varnishd")+" -p vcl_path="+filepath.Join(dir, "etc-varnish"))...)
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(dir, "*.log"))
			for _, l := range logs {
				said, _ := os.ReadFile(l)
				t.Logf("%s:\n%s", filepath.Base(l), tail(string(said)))
			}
		}
	})
	return p
}

// run runs one command of the page. One that ends with & goes on until the
// test ends, and is waited for as the reader would: by what comes next.
func (p *page) run(ctx context.Context, t *testing.T, line string) {
	t.Helper()
	line = p.local.Replace(line)
	for word, value := range p.words {
		line = strings.ReplaceAll(line, word, value)
	}
	line = strings.ReplaceAll(line, " deploy/", " "+filepath.Join(repository(t), "deploy")+"/")
	line = regexp.MustCompile(`^freshet `).ReplaceAllLiteralString(line, exe+" ")
	if strings.Contains(line, exe+" pops") {
		until(ctx, t, p.c, "both POPs are ready", func() bool {
			pops, err := p.c.Client.POPs(ctx)
			return err == nil && len(pops) == 2 && pops[0].Ready && pops[1].Ready
		})
	}
	line, background := strings.CutSuffix(line, "&")
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "sh", "-c", "exec "+line)
	if strings.Contains(line, ">") {
		cmd = exec.CommandContext(ctx, "sh", "-c", line)
	}
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "FRESHET_ENDPOINT="+p.c.Endpoint, "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin",
		config.EnvAccessKeyID+"="+p.c.KeyID, config.EnvAccessKeySecret+"="+p.c.KeySecret)
	if background {
		p.background(ctx, t, cmd, line)
		return
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("$ %s\n%s%v", line, out, err)
	}
	t.Logf("$ %s\n%s", line, out)
	p.after(ctx, t, line)
}

// after does what the page tells between its commands, and notes what later
// ones name.
func (p *page) after(ctx context.Context, t *testing.T, line string) {
	t.Helper()
	switch {
	case strings.Contains(line, "pop add"):
		token := regexp.MustCompile(`> (\S+)$`).FindStringSubmatch(line)[1]
		must(t, os.Rename(filepath.Join(p.dir, token), filepath.Join(p.local.Replace("/etc/freshet"), token)))
	case strings.HasPrefix(line, "cp "):
		f := strings.Fields(line)
		files, err := filepath.Glob(filepath.Join(f[len(f)-1], "*"))
		must(t, err)
		for _, file := range files {
			b, err := os.ReadFile(file)
			must(t, err)
			must(t, os.WriteFile(file, []byte(p.local.Replace(string(b))), 0o644)) // the caches may run as other users
		}
	case strings.Contains(line, "--wait"):
		jobs, err := p.c.Client.Jobs(ctx, time.Time{}, 1)
		must(t, err)
		report, err := p.c.Client.Job(ctx, jobs.Jobs[0].ID)
		must(t, err)
		if report.Tally.Total() == 0 || report.Tally.Complete != report.Tally.Total() || len(report.POPs) != 2 {
			t.Fatalf("%s: %+v", line, report)
		}
		p.done = append(p.done, report.ID)
		p.words["TASK_ID"] = fmt.Sprint(report.Rows[0].Tasks[0].First)
		task, err := p.c.Client.Task(ctx, report.Rows[0].Tasks[0].First)
		must(t, err)
		for _, d := range task.Deliveries {
			if d.Verified < freshet.VerifiedInspect {
				t.Errorf("%s at %s is verified by %s only", task.URL, d.POP, d.Verified)
			}
		}
	}
}

func (p *page) background(ctx context.Context, t *testing.T, cmd *exec.Cmd, line string) {
	t.Helper()
	name := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(filepath.Base(strings.Fields(line)[0])+strings.Fields(line)[len(strings.Fields(line))-1], "-")
	log, err := os.Create(filepath.Join(p.dir, name+".log"))
	must(t, err)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait()
		_ = log.Close()
	})
	// A cache must answer before an agent is started beside it.
	if addr := listening(line); addr != "" {
		until(ctx, t, p.c, line, func() bool { return answers(ctx, addr) })
	} else if strings.Contains(line, "nginx") {
		until(ctx, t, p.c, line, func() bool { return answers(ctx, p.local.Replace("127.0.0.1:8088")) })
	}
}

// listening returns the address of the listener that a command line names.
func listening(line string) string {
	if m := regexp.MustCompile(`-a http=([0-9.:]+)`).FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}

// answers reports whether a cache answers at an address.
func answers(ctx context.Context, addr string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/freshet-page-probe", nil)
	if err != nil {
		return false
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil
}

// repository is the folder of the module.
func repository(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	must(t, err)
	return dir
}
