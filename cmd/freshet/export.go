package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/freshet-vod/freshet"
)

// output is a file, compressed by its name, or standard output. A file is
// written under another name, FILE.part, until it is whole: half an export
// would be taken for all there is.
type output struct {
	io.Writer
	closers []func() error
	name    string // "" is standard output
}

func openOutput(standard io.Writer, file string) (*output, error) {
	if file == "-" {
		w := bufio.NewWriter(standard)
		return &output{Writer: w, closers: []func() error{w.Flush}}, nil
	}
	if _, err := os.Lstat(file); err == nil {
		return nil, freshet.Errorf(freshet.CodeConflict, "%s exists: choose another name.", file)
	}
	o := &output{name: file}
	f, err := os.OpenFile(o.part(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, freshet.Errorf(freshet.CodeConflict, "%s exists: another export writes it, or one was killed; then remove it.", o.part())
	}
	if err != nil {
		return nil, freshet.Errorf(freshet.CodeInvalid, "The file cannot be made: %w.", err)
	}
	w := bufio.NewWriterSize(f, 1<<16)
	o.Writer, o.closers = w, []func() error{w.Flush, f.Sync, f.Close}
	switch strings.ToLower(filepath.Ext(file)) {
	case ".gz":
		z := gzip.NewWriter(w)
		o.Writer, o.closers = z, append([]func() error{z.Close}, o.closers...)
	case ".zst":
		z, err := zstd.NewWriter(w)
		if err != nil {
			return nil, o.finish(err)
		}
		o.Writer, o.closers = z, append([]func() error{z.Close}, o.closers...)
	}
	return o, nil
}

func (o *output) part() string { return o.name + ".part" }

// finish ends what was written. The file gets its name, or is removed if err,
// what went wrong before, is not nil.
func (o *output) finish(err error) error {
	errs := []error{err}
	for _, c := range o.closers {
		errs = append(errs, c())
	}
	err = errors.Join(errs...)
	if o.name == "" {
		return err
	}
	if err == nil {
		err = os.Link(o.part(), o.name) // unlike a rename, it replaces nothing
	}
	return errors.Join(err, os.Remove(o.part()))
}
