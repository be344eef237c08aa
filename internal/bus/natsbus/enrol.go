package natsbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus/lane"
)

// enrolLimit bounds the requests of one POP that wait. It sends one at a time.
const enrolLimit = 4

// Enrol carries one request of a POP that shows a one-time token (o.Token) to
// the control plane, over a connection of its own, and returns the answer. A
// token that is refused is a CodeUnauthenticated error; anything else may be
// tried again.
func Enrol(ctx context.Context, o ConnectOptions, req []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !validPOP(o.POP) {
		return nil, badPOP(o.POP)
	}
	closed := make(chan struct{})
	opts := append(secured(o.URL, o.Roots),
		nats.Name("freshet "+o.POP+" enrols"), nats.UserInfo(o.POP, ""), nats.Token(o.Token),
		nats.CustomInboxPrefix(enrolInbox(o.POP)), nats.Timeout(dialTimeout), nats.NoReconnect(),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // the call fails
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	conn, err := nats.Connect(o.URL, opts...)
	if errors.Is(err, nats.ErrAuthorization) {
		return nil, &freshet.Error{Code: freshet.CodeUnauthenticated, Message: "the control plane refuses the token", Err: err}
	}
	if err != nil {
		return nil, &freshet.Error{Code: freshet.CodeUnavailable, Message: "the control plane cannot be reached", Err: err}
	}
	defer func() {
		conn.Close()
		<-closed
	}()
	brief, cancel := context.WithTimeout(ctx, 2*dialTimeout)
	defer cancel()
	m, err := conn.RequestWithContext(brief, subjectEnrol+o.POP, req)
	if err != nil {
		return nil, fault(ctx, "enrolment", err)
	}
	if m.Header.Get(failedHeader) != "" {
		return nil, freshet.Errorf(freshet.CodeUnavailable, "the control plane could not carry out the enrolment")
	}
	return m.Data, nil
}

// ServeEnrolment answers POPs that show a one-time token until stop is called,
// which waits for handlers in progress. An error of handle is not transmitted:
// the POP learns only that it failed, and tries again.
func (c *Control) ServeEnrolment(handle func(ctx context.Context, pop string, req []byte) ([]byte, error)) (func(), error) {
	ctx, cancel := context.WithCancel(context.Background())
	n := &node{log: c.log, ctx: ctx}
	lanes := lane.New[string](enrolLimit)
	sub, err := c.conn.QueueSubscribe(subjectEnrol+"*", controlQueue, func(m *nats.Msg) {
		pop := strings.TrimPrefix(m.Subject, subjectEnrol)
		taken := validPOP(pop) && lanes.Add(pop, func() {
			body, err := handle(ctx, pop, m.Data)
			if err != nil {
				n.log.LogAttrs(ctx, slog.LevelWarn, "enrolment of a POP failed", slog.String("pop", pop), slog.Any("error", err))
				n.fail(m)
				return
			}
			n.respond(m, &nats.Msg{Data: body})
		})
		if !taken {
			n.fail(m)
		}
	})
	if err != nil {
		cancel()
		lanes.Stop()
		return nil, fmt.Errorf("subscribing to enrolments: %w", err)
	}
	c.flush()
	return sync.OnceFunc(func() {
		_ = sub.Unsubscribe() // it fails only if the connection is gone
		c.flush()             // no request is under way to us after this
		cancel()
		lanes.Stop()
	}), nil
}
