package engine

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
)

// TestStrangers_AreToldOnce holds that wrong set-ups are told once each, and
// that a POP which loses its content is not taken for two.
func TestStrangers_AreToldOnce(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	s := &strangers{}
	for range 3 {
		s.unknown(t.Context(), log, "nosuch")
	}
	for i := range 3 {
		s.twins(t.Context(), log, freshet.Heartbeat{POP: "alone", Incarnation: fmt.Sprint("life ", i)})
		s.twins(t.Context(), log, freshet.Heartbeat{POP: "alone", Incarnation: fmt.Sprint("life ", i)})
		s.twins(t.Context(), log, freshet.Heartbeat{POP: "double", Incarnation: "one"})
		s.twins(t.Context(), log, freshet.Heartbeat{POP: "double", Incarnation: "other"})
	}
	for want, times := range map[string]int{"pop=nosuch": 1, "two processes run as one POP": 1, "pop=double": 1, "pop=alone": 0} {
		if n := strings.Count(text.String(), want); n != times {
			t.Errorf("%q is told %d times, not %d:\n%s", want, n, times, text.String())
		}
	}
	for i := range 2 * mostStrangers {
		s.unknown(t.Context(), log, fmt.Sprint("made up ", i))
	}
	if len(s.told) > mostStrangers {
		t.Errorf("%d names are remembered", len(s.told))
	}
}
