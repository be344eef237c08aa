package config

// Limits bound how much is done at once, and what each account may do.
type Limits struct {
	// Profile says what accounts may do: with `none` as much as they like; with
	// `vendor` as often and as much as the vendor's documents allow, in its calls
	// of its own API. Purges by the native API and the command line are never
	// counted nor refused.
	Profile string `yaml:"profile"`

	// Own are figures that count in place of those of the profile.
	Own Figures `yaml:"own"`

	// Accounts are accounts with figures of their own.
	Accounts []AccountLimits `yaml:"accounts"`

	// DayStarts is when daily figures begin anew: midnight at this distance
	// from UTC.
	DayStarts Offset `yaml:"day_starts"`

	// DiskReserve is how much of the disk of the data folder must be free: with
	// less, calls that store something are refused (503) and nothing more is
	// planned, so that what was accepted can be finished. A POP refuses
	// prefetches then (`no_space`). Without it, it is 0.5 % of the disk, at least
	// 32 MiB and at most 1 GiB; of small disks at most a sixteenth.
	DiskReserve Size `yaml:"disk_reserve"`

	// Unplanned is how many media (or calls by URL) may wait to be planned; calls
	// beyond it are refused (503).
	Unplanned int `yaml:"unplanned"`

	// Connections is how many connections to the API's listener are served at the
	// same time; more wait until one of them ends.
	Connections int `yaml:"connections"`

	// PlanPlaylists is how many playlists are read for one media; with more it
	// fails.
	PlanPlaylists int `yaml:"plan_playlists"`

	// PlanURLs is how many URLs the plan of one media may have, those that are
	// remembered included; with more it fails.
	PlanURLs int `yaml:"plan_urls"`

	// PlaylistBytes is how large a playlist may be; a larger one is not read.
	PlaylistBytes Size `yaml:"playlist_bytes"`

	// Planners is how many media are planned at the same time.
	Planners int `yaml:"planners"`

	// PrefetchWorkers is how many objects each POP fetches at the same time
	// for prefetches, at most: an origin that gets slower is asked less.
	PrefetchWorkers int `yaml:"prefetch_workers"`

	// PrefetchRate is how many bytes a second each POP fetches for prefetches,
	// on average; zero sets no bound.
	PrefetchRate Size `yaml:"prefetch_bytes_per_second"`

	// PrefetchPerOrigin is how many of the workers may fetch from one domain's
	// origin at the same time; zero sets no bound of its own.
	PrefetchPerOrigin int `yaml:"prefetch_per_origin"`
}

// AccountLimits are the limits of one account.
type AccountLimits struct {
	// Name is the account.
	Name string `yaml:"name"`

	// Profile is the account's profile, `none` or `vendor`; `limits.own` does
	// not count then. Without it the account has what all have.
	Profile string `yaml:"profile"`

	// Own are figures that count in place of those.
	Own Figures `yaml:"own"`
}

// Figures are what an account may do. A figure that is left out or zero is that
// of the profile; to lift a limit of the vendor's, use `profile: none` and set
// those that are to stay.
type Figures struct {
	// CallsPerSecond is how often the account may call each operation of the
	// vendor's API in a second.
	CallsPerSecond int `yaml:"calls_per_second"`

	// URLsPerDay is how many URLs may be purged in a day, those of
	// RefreshMediaPlayUrls included; `vendor` has 2000.
	URLsPerDay int `yaml:"urls_per_day"`

	// DirectoriesPerDay is how many directories and regular expressions may be
	// purged in a day; `vendor` has 100.
	DirectoriesPerDay int `yaml:"directories_per_day"`

	// PreloadsPerDay is how many URLs may be prefetched in a day; `vendor` has
	// 500.
	PreloadsPerDay int `yaml:"preloads_per_day"`

	// URLsPerCall is how many lines one RefreshVodObjectCaches may hold, at
	// most 1000.
	URLsPerCall int `yaml:"urls_per_call"`

	// PreloadsPerCall is how many lines one PreloadVodObjectCaches may hold, at
	// most 1000; without a figure it is 100.
	PreloadsPerCall int `yaml:"preloads_per_call"`

	// PreloadQueue is how many prefetch tasks may wait at a time; `vendor` has
	// 100.
	PreloadQueue int `yaml:"preload_queue"`
}
