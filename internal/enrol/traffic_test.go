package enrol_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/freshet-vod/freshet"
)

func (c *core) SetPOP(_ context.Context, id string, down bool) error {
	c.done = append(c.done, fmt.Sprint(id, " down ", down))
	return nil
}

func (c *core) DrainPOP(_ context.Context, id string, drained bool) error {
	c.done = append(c.done, fmt.Sprint(id, " drained ", drained))
	return nil
}

// TestP5_APOPThatMayGetTrafficIsNotExcused, nor removed, unless the operator says
// that it is cut off: what is purged meanwhile it may still have.
func TestP5_APOPThatMayGetTrafficIsNotExcused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state, traffic, says string // says: why not, "" for nothing
	}{
		"quiet":   {"up", freshet.TrafficQuiet, ""},
		"busy":    {"up", freshet.TrafficBusy, "was asked by viewers within the last 10s"},
		"unknown": {"up", freshet.TrafficUnknown, "do not tell whether viewers reach it"},
		"lost":    {"lost", freshet.TrafficUnknown, "is not heard"},
		"never":   {"never", freshet.TrafficUnknown, "is not heard"},
		"down":    {"down", freshet.TrafficBusy, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, t.TempDir(), declared())
			d.enrol("leaf", d.add("leaf", "shield"))
			d.core.seen = map[string]freshet.POPStatus{"leaf": {State: c.state, Traffic: c.traffic}}
			refused := func(err error, what string) {
				t.Helper()
				if c.says == "" {
					must(t, err)
					return
				}
				wantCode(t, err, freshet.CodeConflict, c.says)
				wantCode(t, err, freshet.CodeConflict, what+" must get no traffic")
				if e, ok := errors.AsType[*freshet.Error](err); !ok || e.Kind != freshet.KindTraffic {
					t.Errorf("%#v", err)
				}
			}
			refused(d.SetPOP(t.Context(), "leaf", freshet.POPChange{Down: new(true)}), "marked down")
			must(t, d.SetPOP(t.Context(), "leaf", freshet.POPChange{Down: new(true), CutOff: true}))
			must(t, d.SetPOP(t.Context(), "leaf", freshet.POPChange{Down: new(false)}))
			want := []string{"leaf down true", "leaf down false"}
			if c.says == "" {
				want = append([]string{"leaf down true"}, want...)
			}
			if !slices.Equal(d.core.done, want) {
				t.Errorf("what was done: %v, want %v", d.core.done, want)
			}
			refused(d.RemovePOP(t.Context(), "leaf", false), "removed")
			if c.says != "" {
				must(t, d.RemovePOP(t.Context(), "leaf", true))
			}
			wantCode(t, d.RemovePOP(t.Context(), "leaf", true), freshet.CodeNotFound, "no POP")
		})
	}
}

func TestDesk_DrainsWhatIsNotDown(t *testing.T) {
	t.Parallel()
	d := newDesk(t, t.TempDir(), declared())
	must(t, d.SetPOP(t.Context(), "shield", freshet.POPChange{Drained: new(true)}))
	must(t, d.SetPOP(t.Context(), "shield", freshet.POPChange{Drained: new(false)}))
	if want := []string{"shield drained true", "shield drained false"}; !slices.Equal(d.core.done, want) {
		t.Errorf("%v", d.core.done)
	}
	d.core.seen = map[string]freshet.POPStatus{"shield": {State: "down"}}
	wantCode(t, d.SetPOP(t.Context(), "shield", freshet.POPChange{Drained: new(true)}), freshet.CodeConflict, "is down")
	wantCode(t, d.SetPOP(t.Context(), "shield", freshet.POPChange{}), freshet.CodeInvalid, "down and drained")
	wantCode(t, d.SetPOP(t.Context(), "shield", freshet.POPChange{Down: new(true), Drained: new(true)}), freshet.CodeInvalid, "down and drained")
	wantCode(t, d.SetPOP(t.Context(), "nobody", freshet.POPChange{Drained: new(true)}), freshet.CodeNotFound, "no POP")
	// One that was added and never came has nothing stored.
	d.add("leaf", "shield")
	must(t, d.RemovePOP(t.Context(), "leaf", false))
}
