// Package backup writes and reads the archives that backups are kept in: a tar
// compressed with Zstandard, whose first member, manifest.json, lists the size
// and SHA-256 of every other one.
//
// It must not know what the files mean: package app collects them, and makes of
// them a control plane again. If it accepted an archive that was cut short or
// changed, a restored server would run without part of its past and nobody would
// notice.
package backup
