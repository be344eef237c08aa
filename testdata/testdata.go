// Package testdata holds a small, real video ladder: playlists, segments,
// whole files and a catalog that names them (README.md tells how it was made).
//
// It must not know anything of Freshet. Tests serve it from an origin, and
// `freshet demo` does the same from the binary; without it the demo would need
// a network or an encoder.
package testdata

import "embed"

// FS holds the folder "ladder". Its paths below that folder are the paths of
// the addresses in "ladder/catalog.jsonl".
//
//go:embed ladder
var FS embed.FS //nolint:gochecknoglobals // go:embed fills a package variable; nothing writes to it
