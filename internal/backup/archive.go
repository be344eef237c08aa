package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/freshet-vod/freshet"
)

// Progress hears how many bytes of the archive's files have been dealt with.
// It may be nil.
type Progress func(done, all int64)

// Write writes an archive of the named files of dir and returns its manifest.
// The files must not change meanwhile.
func Write(ctx context.Context, w io.Writer, dir string, m Manifest, told Progress) (*Manifest, error) {
	m.Version = Version
	for i, f := range m.Files {
		size, sum, err := digest(ctx, filepath.Join(dir, filepath.FromSlash(f.Name)))
		if err != nil {
			return nil, err
		}
		m.Files[i].Size, m.Files[i].SHA256 = size, sum
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	z, err := zstd.NewWriter(w)
	if err != nil {
		return nil, fmt.Errorf("compressing: %w", err)
	}
	t := tar.NewWriter(z)
	if err := writeAll(ctx, t, dir, &m, told); err != nil {
		return nil, errors.Join(err, z.Close())
	}
	if err := errors.Join(t.Close(), z.Close()); err != nil {
		return nil, fmt.Errorf("writing the archive: %w", err)
	}
	return &m, nil
}

func writeAll(ctx context.Context, t *tar.Writer, dir string, m *Manifest, told Progress) error {
	list, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	if err := t.WriteHeader(header(manifestName, int64(len(list)), m.Made)); err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	if _, err := t.Write(list); err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	p := &counter{all: m.Bytes(), told: told}
	for _, f := range m.Files {
		if err := t.WriteHeader(header(f.Name, f.Size, m.Made)); err != nil {
			return fmt.Errorf("writing %s: %w", f.Name, err)
		}
		in, err := os.Open(filepath.Join(dir, filepath.FromSlash(f.Name))) //nolint:gosec // the name was checked
		if err != nil {
			return fmt.Errorf("writing %s: %w", f.Name, err)
		}
		_, err = io.Copy(t, io.TeeReader(&stoppable{ctx, in}, p))
		if err := errors.Join(err, in.Close()); err != nil {
			return fmt.Errorf("writing %s: %w", f.Name, err)
		}
	}
	return nil
}

func header(name string, size int64, at time.Time) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: at, Format: tar.FormatPAX}
}

// Read unpacks an archive into dir, which must be empty, and returns its
// manifest once every file has been found whole. On an error dir holds what had
// been unpacked by then, and must not be used.
func Read(ctx context.Context, r io.Reader, dir string, told Progress) (*Manifest, error) {
	z, err := zstd.NewReader(&stoppable{ctx, r}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20))
	if err != nil {
		return nil, fmt.Errorf("reading the archive: %w", err)
	}
	defer z.Close()
	t := tar.NewReader(z)
	m, err := readManifest(t)
	if err != nil {
		return nil, err
	}
	p := &counter{all: m.Bytes(), told: told}
	for _, f := range m.Files {
		h, err := t.Next()
		if err != nil {
			return nil, broken(f.Name, err)
		}
		if h.Typeflag != tar.TypeReg || h.Name != f.Name || h.Size != f.Size {
			return nil, freshet.Invalid("archive", "where %s should follow there is %q of %d bytes: the archive is damaged", f.Name, clip(h.Name), h.Size)
		}
		if err := unpack(t, filepath.Join(dir, filepath.FromSlash(f.Name)), f, p); err != nil {
			return nil, err
		}
	}
	if _, err := t.Next(); !errors.Is(err, io.EOF) {
		return nil, freshet.Invalid("archive", "something follows the last file of the manifest: the archive is damaged")
	}
	return m, nil
}

func readManifest(t *tar.Reader) (*Manifest, error) {
	h, err := t.Next()
	if err != nil || h.Name != manifestName || h.Typeflag != tar.TypeReg {
		return nil, freshet.Invalid("archive", "the file does not begin as a backup of Freshet does")
	}
	if h.Size > maxManifest {
		return nil, freshet.Invalid("archive", "its manifest has %d bytes, the limit is %d", h.Size, maxManifest)
	}
	text, err := io.ReadAll(t)
	if err != nil {
		return nil, broken(manifestName, err)
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, freshet.Invalid("archive", "its manifest cannot be read: %v", err)
	}
	return &m, m.check()
}

// unpack writes one file and compares it with what the manifest says. The
// folders and files are private: a backup holds keys.
func unpack(r io.Reader, to string, f File, p *counter) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return fmt.Errorf("unpacking %s: %w", f.Name, err)
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the name was checked
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", f.Name, err)
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, sum, p), r)
	if err != nil {
		return errors.Join(broken(f.Name, err), out.Close())
	}
	if err := errors.Join(out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("unpacking %s: %w", f.Name, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != f.SHA256 {
		return freshet.Invalid("archive", "%s is not what was backed up: its SHA-256 is %s, the manifest says %s", f.Name, got, f.SHA256)
	}
	return nil
}

func broken(name string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return freshet.Invalid("archive", "the archive ends or is damaged in %s: %v", name, err)
}

func digest(ctx context.Context, file string) (int64, string, error) {
	in, err := os.Open(file) //nolint:gosec // a file of the folder that is backed up
	if err != nil {
		return 0, "", fmt.Errorf("reading a file to back up: %w", err)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, &stoppable{ctx, in})
	if err := errors.Join(err, in.Close()); err != nil {
		return 0, "", fmt.Errorf("reading %s: %w", filepath.Base(file), err)
	}
	return n, hex.EncodeToString(sum.Sum(nil)), nil
}

// stoppable is a reader that ends with a context.
type stoppable struct {
	ctx context.Context //nolint:containedctx // a reader has no other way to hear of it
	r   io.Reader
}

func (s *stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// counter counts what is written to it.
type counter struct {
	done, all int64
	told      Progress
}

func (c *counter) Write(p []byte) (int, error) {
	c.done += int64(len(p))
	if c.told != nil {
		c.told(c.done, c.all)
	}
	return len(p), nil
}
