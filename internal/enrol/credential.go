package enrol

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/freshet-vod/freshet"
)

// The files of a POP's folder: its credential, and the key with which it is
// about to exchange a token. The second is written before the exchange, so that
// a POP whose answer got lost comes again with the same key.
const (
	credentialFile = "credential"
	pendingFile    = "credential.pending"
)

// credentialVersion is the version of both files.
const credentialVersion = 1

// credential is what such a file holds.
type credential struct {
	Version  int       `json:"version"`
	POP      string    `json:"pop"`
	Seed     string    `json:"seed"`               // the secret half of the key
	Token    string    `json:"token"`              // digest of the token that it was made from, in hex
	PeerKey  []byte    `json:"peer_key,omitempty"` // empty while the exchange is pending
	Enrolled time.Time `json:"enrolled,omitzero"`
}

// newCredential makes a key for the exchange of a token.
func newCredential(pop, token string) (credential, error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return credential{}, fmt.Errorf("making the POP's key: %w", err)
	}
	seed, err := pair.Seed()
	if err != nil {
		return credential{}, fmt.Errorf("making the POP's key: %w", err)
	}
	return credential{Version: credentialVersion, POP: pop, Seed: string(seed), Token: token}, nil
}

// pair returns the key.
func (c credential) pair() (nkeys.KeyPair, error) { return nkeys.FromSeed([]byte(c.Seed)) }

// readCredential reads a file of a POP; false if there is none.
func readCredential(path, pop string) (credential, bool, error) {
	var c credential
	text, err := os.ReadFile(path) //nolint:gosec // in the POP's own folder
	if errors.Is(err, fs.ErrNotExist) {
		return c, false, nil
	}
	if err != nil {
		return c, false, freshet.Errorf(freshet.CodeInvalid, "reading the POP's credential: %w", err)
	}
	// The fault of the JSON may repeat what it read, which is secret.
	broken := json.Unmarshal(text, &c) != nil || c.Version < 1
	if !broken {
		_, err := c.pair()
		broken = err != nil
	}
	switch {
	case broken:
		return c, false, freshet.Errorf(freshet.CodeInvalid,
			"the credential in %s cannot be read: delete the file and enrol again with a token of `freshet pop add %s`", path, pop)
	case c.Version > credentialVersion:
		return c, false, freshet.Errorf(freshet.CodeInvalid, "the credential in %s was written by a newer release", path)
	case c.POP != pop:
		return c, false, freshet.Errorf(freshet.CodeInvalid, "the credential in %s is that of POP %s, and this is %s", path, clip(c.POP), pop)
	}
	return c, true, nil
}

// writeCredential writes a file, readable by its owner only. It appears whole
// or not at all, and is on disk when the call returns.
func writeCredential(path string, c credential) (err error) {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("writing the POP's credential: %w", err)
	}
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, filepath.Base(path)+".*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("writing the POP's credential: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(append(text, '\n'))
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("writing the POP's credential: %w", err)
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("writing the POP's credential: %w", err)
	}
	d, err := os.Open(dir) //nolint:gosec // as above
	if err != nil {
		return fmt.Errorf("writing the POP's credential: %w", err)
	}
	if err = errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("writing the POP's credential: %w", err)
	}
	return nil
}
