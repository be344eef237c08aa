package enrol

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/freshet-vod/freshet"
)

// JoinOptions say how a POP's process proves who it is.
type JoinOptions struct {
	POP string
	Dir string // the POP's folder, which exists
	// Token is what TokenFile holds: a one-time token, the token that all POPs
	// share, or nothing if there is no such file.
	Token, TokenFile string
	// Exchange carries a request to the control plane and returns its answer.
	// A token that is refused is a CodeUnauthenticated error; after another one
	// it is called again.
	Exchange func(ctx context.Context, token string, req []byte) ([]byte, error)
	Log      *slog.Logger
}

// Identity is how a POP proves who it is: by its key, or, without one, by the
// token that all POPs share.
type Identity struct {
	Key     nkeys.KeyPair
	PeerKey []byte // with Key
	Token   string // without
}

// How often an exchange is tried again while the control plane is away, and for
// how long a POP that has a credential insists on getting another one before
// it serves: the control plane's absence must not keep a cache closed.
const (
	minRetry = 200 * time.Millisecond
	maxRetry = 5 * time.Second
	insist   = 10 * time.Second
)

// Join returns the POP's identity. A one-time token that was not exchanged yet
// is exchanged, which waits for the control plane as long as ctx lasts if the
// POP has no credential so far. It is never needed again afterwards.
func Join(ctx context.Context, o JoinOptions) (Identity, error) {
	have, ok, err := readCredential(filepath.Join(o.Dir, credentialFile), o.POP)
	if err != nil {
		return Identity{}, err
	}
	token, once := ParseToken(o.Token)
	switch {
	case once && ok && have.Token == digestText(o.Token), !once && ok:
		return identity(have)
	case !once && IsToken(o.Token):
		return Identity{}, freshet.Invalid("pop.token_file", "the one-time token in %s is not whole: copy it again", o.TokenFile)
	case !once && o.Token != "":
		return Identity{Token: o.Token}, nil
	case !once && o.TokenFile != "":
		return Identity{}, freshet.Invalid("pop.token_file",
			"this POP has no credential yet, and there is no file %s: put the token into it that `freshet pop add %s` prints on the control plane", o.TokenFile, o.POP)
	case !once:
		return Identity{}, freshet.Invalid("pop.token_file",
			"this POP has no credential yet: name the file here with the token that `freshet pop add %s` prints on the control plane", o.POP)
	case token.POP != o.POP:
		err = freshet.Invalid("pop.token_file", "the one-time token is for the POP %s, and this is %s", clip(token.POP), o.POP)
	default:
		var got credential
		if got, err = exchange(ctx, o, token, ok); err == nil {
			return identity(got)
		}
	}
	if !ok || ctx.Err() != nil {
		return Identity{}, err
	}
	// It serves with what it has: the token may be for another day, and the
	// content of its cache is good.
	o.Log.LogAttrs(ctx, slog.LevelError, "the new one-time token was not exchanged, the POP goes on with the credential that it has; start it again to try again",
		slog.String("pop", o.POP), slog.Any("error", err))
	return identity(have)
}

func identity(c credential) (Identity, error) {
	pair, err := c.pair()
	return Identity{Key: pair, PeerKey: c.PeerKey}, err
}

func digestText(token string) string {
	d := digestOf(token)
	return hex.EncodeToString(d[:])
}

// exchange makes a credential of a token and keeps it.
func exchange(ctx context.Context, o JoinOptions, token Token, have bool) (credential, error) {
	pending := filepath.Join(o.Dir, pendingFile)
	c, ok, err := readCredential(pending, o.POP)
	if err != nil || !ok || c.Token != digestText(token.text) {
		// Nothing was made of an older one, or of one that cannot be read.
		if c, err = newCredential(o.POP, digestText(token.text)); err != nil {
			return c, err
		}
		if err := writeCredential(pending, c); err != nil {
			return c, err
		}
	}
	pair, err := c.pair()
	if err != nil {
		return c, err
	}
	public, err := pair.PublicKey()
	if err != nil {
		return c, err
	}
	req, err := EncodeRequest(Request{Token: token.text, Key: public})
	if err != nil {
		return c, err
	}
	answer, err := insistOn(ctx, o, token, req, have)
	if err != nil {
		return c, err
	}
	if answer.Fault != FaultNone {
		return c, refusal(token, answer.Fault)
	}
	c.PeerKey, c.Enrolled = answer.PeerKey, now()
	if err := writeCredential(filepath.Join(o.Dir, credentialFile), c); err != nil {
		return c, err
	}
	o.Log.LogAttrs(ctx, slog.LevelInfo, "the POP enrolled: its token is used up and not needed any more", slog.String("pop", o.POP))
	if err := os.Remove(pending); err != nil {
		o.Log.LogAttrs(ctx, slog.LevelWarn, "a file of the enrolment is left behind", slog.String("file", pending), slog.Any("error", err))
	}
	return c, nil
}

// insistOn asks until there is an answer, or a refusal.
func insistOn(ctx context.Context, o JoinOptions, token Token, req []byte, have bool) (Answer, error) {
	if have {
		brief, cancel := context.WithTimeout(ctx, insist)
		defer cancel()
		ctx = brief
	}
	var told string
	for delay := minRetry; ; delay = min(2*delay, maxRetry) {
		msg, err := o.Exchange(ctx, token.text, req)
		if err == nil {
			var a Answer
			if a, err = DecodeAnswer(msg); err == nil {
				return a, nil
			}
		}
		if freshet.ErrorCode(err) == freshet.CodeUnauthenticated {
			return Answer{}, refusal(token, FaultNone)
		}
		if ctx.Err() != nil {
			return Answer{}, errors.Join(ctx.Err(), err)
		}
		if told != err.Error() {
			told = err.Error()
			o.Log.LogAttrs(ctx, slog.LevelWarn, "the POP could not enrol yet, trying on", slog.String("pop", o.POP), slog.Any("error", err))
		}
		wait := time.NewTimer(delay/2 + rand.N(delay)) //nolint:gosec // spreads load; nothing secret
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
	}
}

// refusal says in words why a token was not exchanged. The control plane tells
// a stranger nothing, so that without a fault the token itself must do.
func refusal(token Token, f Fault) error {
	why := "it was replaced by a newer one or revoked, or is of another control plane"
	switch {
	case f == FaultSpent:
		why = "it was used already, with another data folder; if that was not you, revoke the POP"
	case f == FaultExpired, f == FaultNone && now().After(token.Expires):
		why = fmt.Sprintf("it expired at %s", token.Expires.Format(time.RFC3339))
	case f == FaultInvalid:
		why = "it does not understand this release's request"
	}
	return freshet.Errorf(freshet.CodeUnauthenticated,
		"The control plane refuses the one-time token of POP %s: %s. `freshet pop add %s` makes a new one.", token.POP, why, token.POP)
}
