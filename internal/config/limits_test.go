package config_test

import (
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/config"
)

// TestLimits_OneWordIsTheProfile holds that `limits: vendor` sets the profile
// and leaves every other key at its default.
func TestLimits_OneWordIsTheProfile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": config.ProfileNone, "limits: none\n": config.ProfileNone, "limits: vendor\n": config.ProfileVendor, "limits: {profile: vendor}\n": config.ProfileVendor,
	} {
		c, err := config.Parse("f.yaml", []byte(text), noEnv)
		if err != nil {
			t.Fatal(err)
		}
		if c.Limits.Profile != want || c.Limits.Planners != config.Default().Limits.Planners || c.Limits.DayStarts.Std() != 8*time.Hour {
			t.Errorf("%q gives %+v", text, c.Limits)
		}
	}
}

func TestLimits_ADayStartsWhereItIsSaid(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"+08:00": 8 * time.Hour, "-05:30": -5*time.Hour - 30*time.Minute, "Z": 0, "+00:00": 0} {
		var o config.Offset
		if err := o.UnmarshalText([]byte(text)); err != nil || o.Std() != want {
			t.Errorf("%s is %s, %v", text, o, err)
		}
		var again config.Offset
		if err := again.UnmarshalText([]byte(o.String())); err != nil || again != o {
			t.Errorf("%s reads back as %s, %v", o, again, err)
		}
	}
}

func TestLimits_AccountsHaveFiguresOfTheirOwn(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("f.yaml", []byte(`
limits:
  profile: vendor
  own: {urls_per_day: 5000}
  accounts:
    - {name: acme, profile: none, own: {calls_per_second: 7}}
`), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	want := config.AccountLimits{Name: "acme", Profile: config.ProfileNone, Own: config.Figures{CallsPerSecond: 7}}
	if len(c.Limits.Accounts) != 1 || c.Limits.Accounts[0] != want || c.Limits.Own.URLsPerDay != 5000 {
		t.Errorf("got %+v", c.Limits)
	}
}
