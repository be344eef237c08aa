package config

// Nginx repeats what the configuration of nginx says of its cache.
type Nginx struct {
	// Path is the folder of `proxy_cache_path`. The agent must be allowed to
	// read and to remove files there.
	Path string `yaml:"path"`

	// Levels is the parameter `levels` of `proxy_cache_path`.
	Levels string `yaml:"levels"`

	// Key is the text of `proxy_cache_key`. The default is that of the supplied
	// configuration.
	Key string `yaml:"key"`

	// Slice is the size of the directive `slice`; zero without it.
	Slice Size `yaml:"slice"`

	// UseTempPath says that `proxy_cache_path` leaves `use_temp_path` on.
	UseTempPath bool `yaml:"use_temp_path"`

	// Variants are the values that `$freshet_variant` may have, and for each the
	// request headers that bring it about. Without this key there are two, as in
	// the supplied configuration: none, and gzip.
	Variants []Variant `yaml:"variants"`
}

// Variant is one representation that nginx keeps of an object.
type Variant struct {
	// Label is the value of `$freshet_variant`.
	Label string `yaml:"label"`

	// Headers are the request headers that lead to it, as in
	// "Accept-Encoding: gzip".
	Headers []string `yaml:"headers"`
}
