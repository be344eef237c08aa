package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/config"
)

func noEnv(string) string { return "" }

func TestBadFiles_TellEveryFaultWithItsPlace(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad-*.yaml")
	if err != nil || len(files) < 15 {
		t.Fatalf("found %d bad files, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = config.Parse(filepath.Base(path), text, noEnv)
			if freshet.ErrorCode(err) != freshet.CodeInvalid {
				t.Fatalf("error is %v", err)
			}
			wants := 0
			for line := range strings.SplitSeq(string(text), "\n") {
				want, ok := strings.CutPrefix(line, "# want: ")
				if !ok {
					continue
				}
				wants++
				if !strings.Contains(err.Error(), want) {
					t.Errorf("missing: %s", want)
				}
			}
			// What is not foreseen must not appear: every line is wanted.
			if got := strings.Count(err.Error(), "\n") + 1; got != wants || t.Failed() {
				t.Errorf("%d faults foreseen, got %d:\n%v", wants, got, err)
			}
		})
	}
}

func TestDefault_IsOneLocalPOP(t *testing.T) {
	t.Parallel()
	c, err := config.Load("", noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:8080" || c.Data != "./freshet-data" || c.Timeouts.Deadline.Std() != 10*time.Minute {
		t.Errorf("got %+v", c)
	}
	want := []freshet.POP{{ID: "local", URL: "http://127.0.0.1:8081"}}
	if d := cmp.Diff(want, c.POPList()); d != "" {
		t.Error(d)
	}
}

func TestGoodFile_IsReadWhole(t *testing.T) {
	t.Parallel()
	c, err := config.Load("testdata/good-control.yaml", noEnv)
	if err != nil {
		t.Fatal(err)
	}
	wantPOPs := []freshet.POP{
		{ID: "shield", URL: "http://127.0.0.1:8101"},
		{ID: "edge-1", Parents: []string{"shield"}},
		{ID: "far", Parents: []string{"shield"}, Remote: true},
	}
	if d := cmp.Diff(wantPOPs, c.POPList()); d != "" {
		t.Error(d)
	}
	wantDomains := []freshet.Domain{{
		Account: config.DefaultAccount, Name: "vod.example.com", Aliases: []string{"cdn.example.com", "127.0.0.1:9001"},
		Origin: "http://127.0.0.1:9000", IgnoreParams: []string{"session"},
	}}
	if d := cmp.Diff(wantDomains, c.DomainList()); d != "" {
		t.Error(d)
	}
	shield := c.POPs[0].Caches[0]
	if shield.MaxBytes.Bytes() != 50e9 || shield.MaxObjectBytes != 4*config.GiB || shield.DefaultTTL.Std() != time.Hour {
		t.Errorf("got %+v", shield)
	}
	if c.Timeouts.PrefetchFinishBy.Std() != 48*time.Hour || c.Log.Level != "info" {
		t.Errorf("got %+v %+v", c.Timeouts, c.Log)
	}
}

func TestPOPFile_NeedsNoControlPlaneKeys(t *testing.T) {
	t.Parallel()
	c, err := config.Load("testdata/good-pop.yaml", noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if c.POP == nil || c.POP.ID != "far" || len(c.POPs) != 0 {
		t.Errorf("got %+v", c)
	}
	if got := c.Caches[0].PublicURL("[::]:80"); got != "http://far.example.com" {
		t.Errorf("public URL is %s", got)
	}
}

func TestEnvironment_OverridesTheFile(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"FRESHET_LISTEN": "127.0.0.1:9999", "FRESHET_LIMITS_PLANNERS": "7", "FRESHET_LOG_FORMAT": "json",
		"FRESHET_TIMEOUTS_DEADLINE": "2d", "FRESHET_SERVICE_HOST": "10.0.0.1",
	}
	c, err := config.Load("testdata/good-control.yaml", func(k string) string { return env[k] })
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:9999" || c.Limits.Planners != 7 || c.Log.Format != "json" || c.Timeouts.Deadline.Std() != 48*time.Hour {
		t.Errorf("got %+v", c)
	}
}

// A variable about the POP changes a POP's file, and makes none of another.
func TestEnvironment_OfAPOPCountsInItsFileOnly(t *testing.T) {
	t.Parallel()
	env := map[string]string{"FRESHET_POP_TOKEN_FILE": "/run/secrets/token", "FRESHET_POP_ID": "far-2"}
	c, err := config.Load("testdata/good-pop.yaml", func(k string) string { return env[k] })
	if err != nil || c.POP.TokenFile != "/run/secrets/token" || c.POP.ID != "far-2" || c.POP.Control == "" {
		t.Errorf("got %+v, %v", c, err)
	}
	c, err = config.Load("testdata/good-control.yaml", func(k string) string { return env[k] })
	if err != nil || c.POP != nil {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestBus_NeedsNoSharedToken(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"control": "bus: {listen: \"127.0.0.1:4222\", tls: {cert_file: c.pem, key_file: k.pem}}",
		"pop":     "pop: {id: a, control: \"tls://control:4222\", ca_file: ca.pem}\ncaches: [{listen: \"127.0.0.1:80\"}]",
	} {
		if _, err := config.Parse(name, []byte(text), noEnv); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEnvironment_FaultsNameTheVariable(t *testing.T) {
	t.Parallel()
	env := map[string]string{"FRESHET_LIMITS_PLANNERS": "900", "FRESHET_BUS_LISTEN": "nowhere"}
	_, err := config.Load("", func(k string) string { return env[k] })
	for _, want := range []string{
		"FRESHET_LIMITS_PLANNERS: limits.planners: 900 is out of range; allowed is 1 to 64",
		`FRESHET_BUS_LISTEN: bus.listen: "nowhere" is not an address`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in %v", want, err)
		}
	}
}

func TestVariables_ListEveryScalarKey(t *testing.T) {
	t.Parallel()
	want := []string{
		"FRESHET_LISTEN", "FRESHET_DATA", "FRESHET_POP_ID", "FRESHET_POP_CONTROL", "FRESHET_POP_TOKEN_FILE", "FRESHET_POP_CA_FILE",
		"FRESHET_POP_PREFETCH_VIA", "FRESHET_BUS_LISTEN", "FRESHET_BUS_TOKEN_FILE", "FRESHET_BUS_TLS_CERT_FILE", "FRESHET_BUS_TLS_KEY_FILE",
		"FRESHET_SILENCE_AFTER", "FRESHET_SILENCE_THEN", "FRESHET_SILENCE_NOT_READY_AT_MOST",
		"FRESHET_SECRETS_KEY_FILE", "FRESHET_TIMEOUTS_DEADLINE",
		"FRESHET_TIMEOUTS_PREFETCH_FINISH_BY", "FRESHET_TIMEOUTS_SIGNATURE",
		"FRESHET_LIMITS_PROFILE", "FRESHET_LIMITS_OWN_CALLS_PER_SECOND", "FRESHET_LIMITS_OWN_URLS_PER_DAY",
		"FRESHET_LIMITS_OWN_DIRECTORIES_PER_DAY", "FRESHET_LIMITS_OWN_PRELOADS_PER_DAY", "FRESHET_LIMITS_OWN_URLS_PER_CALL",
		"FRESHET_LIMITS_OWN_PRELOADS_PER_CALL", "FRESHET_LIMITS_OWN_PRELOAD_QUEUE", "FRESHET_LIMITS_DAY_STARTS",
		"FRESHET_LIMITS_DISK_RESERVE", "FRESHET_LIMITS_UNPLANNED", "FRESHET_LIMITS_CONNECTIONS",
		"FRESHET_LIMITS_PLAN_PLAYLISTS", "FRESHET_LIMITS_PLAN_URLS", "FRESHET_LIMITS_PLAYLIST_BYTES", "FRESHET_LIMITS_PLANNERS", "FRESHET_LIMITS_PREFETCH_WORKERS",
		"FRESHET_LIMITS_PREFETCH_BYTES_PER_SECOND", "FRESHET_LIMITS_PREFETCH_PER_ORIGIN", "FRESHET_KEEP", "FRESHET_REPLAY", "FRESHET_FLUSH_TURN", "FRESHET_FLUSH_WAIT", "FRESHET_FLUSH_REVALIDATIONS_PER_SECOND", "FRESHET_AUDIT_KEEP",
		"FRESHET_PRIVATE_LISTEN", "FRESHET_TRACING_ENDPOINT", "FRESHET_TRACING_SAMPLE", "FRESHET_TRACING_HEADERS_FILE", "FRESHET_TRACING_CACHES", "FRESHET_CALLBACKS_WORKERS", "FRESHET_CALLBACKS_PER_HOST", "FRESHET_LOG_LEVEL", "FRESHET_LOG_FORMAT",
	}
	if d := cmp.Diff(want, config.Variables()); d != "" {
		t.Error(d)
	}
}

func TestLoad_MissingFileNamesIt(t *testing.T) {
	t.Parallel()
	_, err := config.Load(filepath.Join(t.TempDir(), "absent.yaml"), noEnv)
	if freshet.ErrorCode(err) != freshet.CodeInvalid || !strings.Contains(err.Error(), "absent.yaml") {
		t.Errorf("got %v", err)
	}
}

func TestDurationAndSize_ReadBackAsWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := config.Duration(rapid.Int64Range(0, int64(1000*time.Hour)).Draw(t, "duration"))
		var d2 config.Duration
		if err := d2.UnmarshalText([]byte(d.String())); err != nil || d2 != d {
			t.Fatalf("%s: %v, %v", d, d2, err)
		}
		s := config.Size(rapid.Int64Min(0).Draw(t, "size"))
		var s2 config.Size
		if err := s2.UnmarshalText([]byte(s.String())); err != nil || s2 != s {
			t.Fatalf("%s: %v, %v", s, s2, err)
		}
	})
}

func TestSize_RefusesOverflowAndNonsense(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "-1", "9999999999TiB", "1 parsec", "1.5GiB", "GiB"} {
		var v config.Size
		if err := v.UnmarshalText([]byte(s)); err == nil {
			t.Errorf("%q was read as %d", s, v)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := config.Parse("f.yaml", text, noEnv)
		switch {
		case err != nil && freshet.ErrorCode(err) != freshet.CodeInvalid:
			t.Errorf("a bad file is %v", err)
		case err == nil && c.Data == "":
			t.Error("a file without data was accepted")
		}
	})
}

// A POP has the rule of all, but for what its own says.
func TestSilence_OfAPOPIsThatOfAllButForItsOwn(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("f", []byte(`
silence: {after: 5m, then: not_ready}
pops:
  - {id: a, caches: [{listen: "127.0.0.1:8101"}]}
  - {id: b, silence: {after: 30s}, caches: [{listen: "127.0.0.1:8102"}]}
  - {id: c, silence: {then: "off"}, caches: [{listen: "127.0.0.1:8103"}]}
`), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []freshet.Silence{
		{After: 5 * time.Minute, Then: freshet.SilenceNotReady},
		{After: 30 * time.Second, Then: freshet.SilenceNotReady},
		{After: 5 * time.Minute, Then: freshet.SilenceOff},
	} {
		if got := c.SilenceOf(c.POPs[i]); got != want {
			t.Errorf("%s does %+v, want %+v", c.POPs[i].ID, got, want)
		}
	}
	if got := config.Default().Silence.Rule(); got != (freshet.Silence{After: 2 * time.Minute, Then: freshet.SilenceRevalidate}) {
		t.Errorf("by default they do %+v", got)
	}
}
