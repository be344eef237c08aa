// Package natsbus carries the log between the control plane and the POPs over
// NATS core: a server inside this process, or an external one.
//
// It keeps nothing and acknowledges nothing (the log is in the store, and
// agents pull what they missed), so JetStream stays off. It must not know what
// messages mean. Package app makes it; it passes bustest. If a POP could speak
// in the name of another, or of the control plane, evidence would be worth
// nothing: who may use which subject is decided in gate.go.
package natsbus

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
)

// Subjects. A POP's name is the last word, so that it can be held to its own.
const (
	subjectPush      = "freshet.v1.push."      // + channel
	subjectHeartbeat = "freshet.v1.heartbeat." // + POP
	subjectCall      = "freshet.v1.call."      // + call + "." + POP
	subjectEnrol     = "freshet.v1.enrol."     // + POP; of those that show a one-time token
	controlQueue     = "control"               // control nodes share the calls
)

// failedHeader marks an answer as the failure of a call.
const failedHeader = "Freshet-Failed"

// Bounds of the queues in front of handlers. What does not fit is dropped:
// agents see the gap and pull, or try the call again.
const (
	pushLimit = 512 // messages per channel
	callLimit = 256 // calls of one kind per POP, and heartbeats per POP
)

// maxPayload is what the server takes: a message with its headers.
const maxPayload = 1 << 20

// maxPOP bounds the length of a POP's name.
const maxPOP = 63

// validPOP reports whether a POP's name can stand in a subject: letters,
// digits, hyphens and underscores. A dot or a wildcard would let one POP read
// or speak for others.
func validPOP(pop string) bool {
	if pop == "" || len(pop) > maxPOP {
		return false
	}
	return strings.IndexFunc(pop, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	}) < 0
}

// inbox returns the prefix of the subjects on which a client gets its answers.
// Each has its own, so that no POP can read another's.
func inbox(name string) string { return "_INBOX." + name }

// enrolInbox is inbox for a POP that enrols. Whoever shows its one-time token
// has no business with the answers to the POP that it may replace.
func enrolInbox(pop string) string { return "_INBOX_ENROL." + pop }

// splitCall returns the call and the POP of a call's subject.
func splitCall(subject string) (call bus.Call, pop string, ok bool) {
	rest, ok := strings.CutPrefix(subject, subjectCall)
	name, pop, found := strings.Cut(rest, ".")
	return bus.Call(name), pop, ok && found && validPOP(pop)
}

func badPOP(pop string) error {
	return freshet.Invalid("pop.id", "the name %q of a POP is not made of letters, digits, hyphens and underscores, %d at most", pop, maxPOP)
}

// check refuses what the bus does not carry, before it is sent.
func check(ctx context.Context, what string, msg []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(msg) > bus.MaxMessage {
		return freshet.Errorf(freshet.CodeTooLarge, "the %s has %d bytes, more than the bus carries (%d)",
			what, len(msg), bus.MaxMessage)
	}
	return nil
}

// fault turns an error of the connection into one that callers understand.
func fault(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errLost):
		return freshet.Errorf(freshet.CodeUnavailable, "the %s was not answered: the connection to the control plane was lost", what)
	case errors.Is(err, nats.ErrNoResponders):
		return freshet.Errorf(freshet.CodeUnavailable, "no control plane answers the %s", what)
	case errors.Is(err, nats.ErrReconnectBufExceeded):
		// Nothing is kept for later, and NATS says it in terms of its buffer.
		return freshet.Errorf(freshet.CodeUnavailable, "the %s could not be sent: there is no connection to the control plane", what)
	}
	return &freshet.Error{
		Code: freshet.CodeUnavailable, Message: fmt.Sprintf("the %s could not be sent", what), Err: err,
	}
}
