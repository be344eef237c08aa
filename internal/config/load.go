package config

import (
	"fmt"
	"io"
	"os"

	"github.com/freshet-vod/freshet"
)

// Load reads a file, lets the environment override it, and checks the whole.
// Without a path it starts from [Default]. The error is a *freshet.Error that
// names every fault, one a line.
func Load(path string, env func(string) string) (*Config, error) {
	if path == "" {
		return Parse("", nil, env)
	}
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, text, env)
}

// Parse is [Load] for a text; file is its name in faults.
func Parse(file string, text []byte, env func(string) string) (*Config, error) {
	c, f := Default(), newFaults(file)
	if err := decode(text, c, f); err != nil {
		return nil, err
	}
	if env != nil {
		c.override(env, f)
	}
	c.fill()
	c.check(f)
	if err := f.err(); err != nil {
		return nil, err
	}
	return c, nil
}

func readFile(path string) ([]byte, error) {
	r, err := os.Open(path) //nolint:gosec // the user names the file
	if err != nil {
		return nil, freshet.Errorf(freshet.CodeInvalid, "reading the configuration: %w", err)
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, freshet.Errorf(freshet.CodeInvalid, "reading the configuration: %w", err)
	}
	if len(text) > maxFile {
		return nil, freshet.Errorf(freshet.CodeInvalid, "%s is longer than %d bytes and cannot be a configuration", path, maxFile)
	}
	return text, nil
}

// ReadToken reads the token of the bus from its file.
func ReadToken(path string) (string, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", freshet.Errorf(freshet.CodeInvalid, "reading a token (any line of %d or more random characters): %w", minToken, err)
	}
	token := trimLine(string(text))
	if len(token) < minToken || !printable(token) {
		return "", freshet.Errorf(freshet.CodeInvalid, "the token in %s must be one line of %d or more printable characters without spaces", path, minToken)
	}
	return token, nil
}

// minToken keeps out tokens that can be guessed over the network.
const minToken = 16

func printable(s string) bool {
	for _, r := range s {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return true
}

func rangeText(lo, hi fmt.Stringer) string { return lo.String() + " to " + hi.String() }
