package config

// Audit is the trail of who called what.
type Audit struct {
	// Keep is how long audit records are kept.
	Keep Duration `yaml:"keep"`
}

// Private is a listener for operators.
type Private struct {
	// Listen is the address that serves `/metrics`, `/healthz`, `/readyz` and
	// `/debug/pprof/`, without asking who calls: keep it on loopback or on a
	// network of your own. Without it there are no metrics.
	Listen Address `yaml:"listen"`
}

// Tracing sends spans to an OpenTelemetry collector.
type Tracing struct {
	// Endpoint is the collector that takes OTLP over HTTP, such as
	// http://127.0.0.1:4318; `/v1/traces` is added if it has no path. Without it
	// the variables OTEL_EXPORTER_OTLP_TRACES_ENDPOINT and
	// OTEL_EXPORTER_OTLP_ENDPOINT count; without those nothing is traced.
	Endpoint URL `yaml:"endpoint"`

	// Sample is the share of calls that are traced, 0 to 1. Where a caller
	// sends the header `traceparent`, the caller decides.
	Sample Share `yaml:"sample"`

	// HeadersFile names a file with headers for the collector, such as its key:
	// one `NAME: VALUE` a line.
	HeadersFile string `yaml:"headers_file"`

	// Caches says that caches are told the trace, as `traceparent` of prefetches
	// and of PURGE requests. They may pass it on to origins.
	Caches bool `yaml:"caches"`
}

// Callbacks say how events are told to receivers outside.
type Callbacks struct {
	// Allow are networks (10.0.0.0/8) whose addresses may be called besides
	// public ones. Whoever may set a callback can then reach what is there.
	Allow []Network `yaml:"allow"`

	// Workers is how many receivers are called at the same time; one account
	// gets a quarter of them at most.
	Workers int `yaml:"workers"`

	// PerHost is how many calls of them go to the same host.
	PerHost int `yaml:"per_host"`
}

// Log says what is logged.
type Log struct {
	// Level is the least grave level that is logged.
	Level string `yaml:"level"`

	// Format is `text` for people or `json` for programs.
	Format string `yaml:"format"`
}
