package metrics

import "github.com/prometheus/client_golang/prometheus"

// Disk is how the disk of a process's data folder stands.
type Disk struct {
	Free, Reserve int64 // bytes: that are free, and that must be
	Low           bool
}

// AddDisk registers the metrics of a disk. look is asked at each scrape; false
// where nobody knows.
func (r *Registry) AddDisk(look func() (Disk, bool)) { r.reg.MustRegister(diskCollector(look)) }

type diskCollector func() (Disk, bool)

// Describe implements [prometheus.Collector]: there may be nothing to tell.
func (diskCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (look diskCollector) Collect(out chan<- prometheus.Metric) {
	d, ok := look()
	if !ok {
		return
	}
	gauge(out, diskFree(), float64(d.Free))
	gauge(out, diskReserve(), float64(d.Reserve))
	gauge(out, diskLow(), truth(d.Low))
}
