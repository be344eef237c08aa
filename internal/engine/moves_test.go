package engine_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/wire"
)

// TestP10_AFleetThatStartsIsToldOfTogether holds that POPs which come up at the
// same time, each with an address of its own, are not told of one by one: the
// topology names every POP and goes to every POP.
func TestP10_AFleetThatStartsIsToldOfTogether(t *testing.T) {
	t.Parallel()
	const fleet = 200
	ids := make([]string, fleet)
	for i := range ids {
		ids[i] = fmt.Sprintf("pop-%03d", i)
	}
	w := newWorld(t, nil, ids...)
	var mu sync.Mutex // guards told
	told := 0
	whole := make(chan struct{})
	stop, err := w.bus.Agent("listener").Listen(func(ch bus.Channel, _ string, msg []byte) {
		if ch != bus.ChannelTopology3 {
			return
		}
		topology, err := wire.DecodeTopology(msg)
		must(t, err)
		known := 0
		for _, p := range topology.POPs {
			if p.URL != "" {
				known++
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if told++; known == fleet {
			select {
			case <-whole:
			default:
				close(whole)
			}
		}
	})
	must(t, err)
	defer stop()
	begun := time.Now()
	again, late := time.NewTicker(time.Second), time.After(time.Minute)
	defer again.Stop()
	for known := false; !known; {
		for _, id := range ids { // as agents do it every second
			beat := freshet.Heartbeat{POP: id, URL: "http://" + id + ".example.com", Ready: true}
			must(t, w.pops[id].agent.Beat(t.Context(), wire.EncodeHeartbeat(beat)))
		}
		select {
		case <-whole:
			known = true
		case <-again.C:
		case <-late:
			t.Fatal("the topology does not tell all addresses")
		}
	}
	mu.Lock()
	defer mu.Unlock()
	// Five a second, however slow the machine is, and the first at once.
	if most := 2 + int(time.Since(begun)/(200*time.Millisecond)); told > most {
		t.Errorf("the topology was told %d times of %d addresses in %v; %d are enough", told, fleet, time.Since(begun), most)
	}
}
