package seal

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/freshet-vod/freshet"
)

// KeySize is the size of a master key in bytes.
const KeySize = 32

// maxKeyFile bounds a key file: a few keys with comments.
const maxKeyFile = 64 << 10

// NewKey makes a master key, in the form in which key files hold it.
func NewKey() string {
	var k [KeySize]byte
	_, _ = rand.Read(k[:]) // never fails
	return base64.StdEncoding.EncodeToString(k[:])
}

// ParseKeys reads master keys: one a line (or separated by blanks or commas),
// each of 32 bytes in base64 or hex. "#" begins a comment. The first one seals,
// all of them open. from names the source in errors, which never hold a key.
func ParseKeys(from, text string) (*Box, error) {
	var keys [][]byte
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ',' || r <= ' ' }) {
			k, ok := parseKey(word)
			if !ok {
				return nil, freshet.Invalid("secrets", "Key %d of %s is not %d bytes in base64 or hex. Make one with: openssl rand -base64 %d",
					len(keys)+1, from, KeySize, KeySize)
			}
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, freshet.Invalid("secrets", "%s holds no key. Make one with: openssl rand -base64 %d", from, KeySize)
	}
	return New(keys...)
}

func parseKey(word string) ([]byte, bool) {
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if k, err := decode(word); err == nil && len(k) == KeySize {
			return k, true
		}
	}
	return nil, false
}

// ReadFile reads a key file (see [ParseKeys]). A file that others than its
// owner and group may read is refused: then the keys are no secret.
func ReadFile(path string) (*Box, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("reading the keys of secrets: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the keys of secrets: %w", err)
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o007 != 0 {
		return nil, freshet.Invalid("secrets.key_file", "Everybody may use %s (mode %04o): restrict it with chmod 600.", path, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the keys of secrets: %w", err)
	}
	if len(text) > maxKeyFile {
		return nil, freshet.Invalid("secrets.key_file", "%s is longer than %d bytes and cannot be a key file.", path, maxKeyFile)
	}
	return ParseKeys(path, string(text))
}

// WriteFile writes a key file that holds keys, for its owner only. It appears
// whole or not at all, and is on disk when the call returns: what was sealed
// with a key that is lost is lost too.
func WriteFile(path string, keys ...string) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, filepath.Base(path)+".*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("writing the keys of secrets: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing the keys of secrets: %w", errors.Join(err, os.Remove(tmp.Name())))
		}
	}()
	_, err = fmt.Fprintf(tmp, "# Opens the secrets in Freshet's database. Keep a copy apart from the database's copies.\n%s\n", strings.Join(keys, "\n"))
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the folder of the file that was just written
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Text returns the keys in the form of a key file's lines, the sealing one
// first, for [WriteFile].
func (b *Box) Text() []string {
	lines := make([]string, len(b.keys))
	for i := range b.keys {
		lines[i] = base64.StdEncoding.EncodeToString(b.keys[i].key)
	}
	return lines
}
