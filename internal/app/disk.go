package app

import (
	"context"

	"github.com/freshet-vod/freshet/internal/health"
	"github.com/freshet-vod/freshet/internal/metrics"
	"github.com/freshet-vod/freshet/internal/room"
)

// watchDisk makes the gauge of the disk that holds a process's data folder, and
// shows it among the metrics.
func watchDisk(o Options, dir string, p *private) *room.Gauge {
	g := room.New(room.Options{Dir: dir, Reserve: o.Config.Limits.DiskReserve.Bytes(), Space: o.Space, Log: o.Log})
	p.metrics.AddDisk(func() (metrics.Disk, bool) {
		r, err := g.Look()
		return metrics.Disk{Free: r.Free, Reserve: r.Reserve, Low: r.Low}, err == nil
	})
	return g
}

// hasRoom is the check of a disk. It decides nothing: whoever asks what was
// accepted, and what is stored, is served all the same.
func hasRoom(g *room.Gauge) func(context.Context) []health.Result {
	return func(context.Context) []health.Result {
		if err := g.Trouble(); err != nil {
			return []health.Result{{Check: health.Disk, Why: err.Error()}}
		}
		return []health.Result{{Check: health.Disk, OK: true}}
	}
}
