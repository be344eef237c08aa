package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/backup"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// maxSecretFile bounds the small files beside the store that a backup takes:
// credentials, tokens and keys.
const maxSecretFile = 1 << 20

// Backup writes an archive of the control plane in the folder data to file,
// while a server may be using the folder. POPs that run inside the server are
// left out: their caches fill again. The file appears under its name once it is
// whole, and holds the secrets of the control plane: its mode is 0600.
func Backup(ctx context.Context, data, file, release string, told backup.Progress) (_ *backup.Manifest, err error) {
	made := time.Now().UTC()
	if _, err := os.Lstat(file); err == nil {
		return nil, freshet.Errorf(freshet.CodeConflict, "%s exists: choose another name.", file)
	}
	// Beside the archive: there has to be room for it there anyway.
	stage, err := os.MkdirTemp(filepath.Dir(file), ".freshet-backup-*")
	if err != nil {
		return nil, fmt.Errorf("making room for the backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	copies := filepath.Join(stage, "data")
	if err := os.Mkdir(copies, 0o700); err != nil {
		return nil, fmt.Errorf("making room for the backup: %w", err)
	}
	m := backup.Manifest{Made: made, Release: release}
	names, err := sqlite.Copy(ctx, data, copies)
	if err != nil {
		return nil, err
	}
	beside, err := copyBeside(data, copies, names)
	if err != nil {
		return nil, err
	}
	for _, name := range append(names, beside...) {
		m.Files = append(m.Files, backup.File{Name: name})
	}
	part := filepath.Join(stage, "archive")
	whole, err := writeArchive(ctx, part, copies, m, told)
	if err != nil {
		return nil, err
	}
	if err := os.Link(part, file); err != nil { // unlike a rename, it replaces nothing
		return nil, fmt.Errorf("naming the backup: %w", err)
	}
	return whole, syncDir(filepath.Dir(file))
}

func writeArchive(ctx context.Context, part, dir string, m backup.Manifest, told backup.Progress) (*backup.Manifest, error) {
	out, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("making the backup: %w", err)
	}
	whole, err := backup.Write(ctx, out, dir, m, told)
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return nil, err
	}
	return whole, nil
}

// copyBeside copies the small files of the data folder that are not the
// store's: credentials, tokens, keys.
func copyBeside(data, to string, stored []string) ([]string, error) {
	entries, err := os.ReadDir(data)
	if err != nil {
		return nil, fmt.Errorf("listing the data folder: %w", err)
	}
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("listing the data folder: %w", err)
		}
		if !info.Mode().IsRegular() || info.Size() > maxSecretFile || e.Name() == "lock" || ofStore(e.Name(), stored) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(data, e.Name())) //nolint:gosec // the operator names the folder
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", e.Name(), err)
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), b, 0o600); err != nil { //nolint:gosec // a name that the folder has
			return nil, fmt.Errorf("copying %s: %w", e.Name(), err)
		}
		names = append(names, e.Name())
	}
	return names, nil
}

// ofStore tells whether a file is one of the store's, or SQLite's beside one.
func ofStore(name string, stored []string) bool {
	for _, s := range stored {
		if name == s || name == s+"-wal" || name == s+"-shm" || name == s+"-journal" {
			return true
		}
	}
	return strings.HasSuffix(name, ".tmp")
}

// Restored is a control plane that was brought back.
type Restored struct {
	backup.Manifest
	Epoch uint32 `json:"epoch"` // of the positions that it will hand out
}

// Restore makes the folder data from an archive. The folder must not exist, or
// be empty: a control plane that is there is never overwritten. It appears under
// its name once it is whole and an epoch is begun whose positions no POP has
// seen.
func Restore(ctx context.Context, archive, data string, told backup.Progress) (_ *Restored, err error) {
	if err := vacant(data); err != nil {
		return nil, err
	}
	in, err := os.Open(archive) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("opening the backup: %w", err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	parent := filepath.Dir(filepath.Clean(data))
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	stage, err := os.MkdirTemp(parent, ".freshet-restore-*") // made with mode 0700
	if err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	m, err := backup.Read(ctx, in, stage, told)
	if err != nil {
		return nil, err
	}
	begun, err := sqlite.Restored(ctx, stage, time.Now())
	if err != nil {
		return nil, err
	}
	if err := os.Remove(data); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("replacing the empty data folder: %w", err)
	}
	if err := os.Rename(stage, data); err != nil {
		return nil, fmt.Errorf("naming the data folder: %w", err)
	}
	return &Restored{Manifest: *m, Epoch: begun.Epoch}, syncDir(parent)
}

// vacant refuses a folder that holds something.
func vacant(data string) error {
	entries, err := os.ReadDir(data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("looking at the data folder: %w", err)
	case len(entries) > 0:
		return freshet.Errorf(freshet.CodeConflict, "The folder %s is not empty: move it away first, or choose another with --data.", data)
	}
	return nil
}

// syncDir makes a new name in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator names it
	if err != nil {
		return fmt.Errorf("syncing %s: %w", dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("syncing %s: %w", dir, err)
	}
	return nil
}

// VerifyEvidence checks that the evidence of a data folder, which a server may be
// using, is as it was stored. told, unless it is nil, hears how many of how many
// messages were looked at.
func VerifyEvidence(ctx context.Context, data string, told func(done, all int64)) (sqlite.Verification, error) {
	return sqlite.VerifyDir(ctx, data, told)
}
