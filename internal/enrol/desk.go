package enrol

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/store"
)

// Engine is what the Desk needs of the control plane's core.
type Engine interface {
	// POPs returns every member as an operator sees it.
	POPs(ctx context.Context) ([]freshet.POPStatus, error)
	// SetPOP marks a member down or up.
	SetPOP(ctx context.Context, id string, down bool) error
	// DrainPOP has load balancers send a member nobody, or ends that.
	DrainPOP(ctx context.Context, id string, drained bool) error
	// AddPOP makes a POP a member, or changes the parents of one.
	AddPOP(ctx context.Context, p freshet.POP) error
	// RemovePOP ends a membership. One that is no member is no error.
	RemovePOP(ctx context.Context, id string) error
}

// Bus is what the Desk needs of the bus.
type Bus interface {
	// Cut ends the live connections of a POP.
	Cut(pop string)
}

// DeskOptions are the parts of a Desk.
type DeskOptions struct {
	Book   *Book
	Engine Engine
	Bus    Bus
	// PeerKey is told to every POP that enrols.
	PeerKey []byte
	// SharedToken says that POPs without a credential may connect with the
	// token that all share.
	SharedToken bool
	// Control is where POPs connect to; empty: nowhere, and none can be added.
	Control string
	Log     *slog.Logger
}

// maxPOPs bounds the POPs that are added: every one of them is in every
// topology, which travels as one message.
const maxPOPs = 1000

// maxParents bounds the parents of one POP.
const maxParents = 16

// Desk adds POPs, revokes and removes them, and exchanges tokens for
// credentials. It is the POPs of the native API.
type Desk struct {
	o  DeskOptions
	mu sync.Mutex // one change at a time: store, book, log and bus follow each other
}

// NewDesk makes a Desk.
func NewDesk(o DeskOptions) *Desk { return &Desk{o: o} }

// now is as precise as the store.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// POPs returns every member, and the POPs that were added and have not joined
// yet, with how each proves who it is.
func (d *Desk) POPs(ctx context.Context) ([]freshet.POPStatus, error) {
	list, err := d.o.Engine.POPs(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range d.o.Book.added() {
		if !slices.ContainsFunc(list, func(s freshet.POPStatus) bool { return s.ID == id }) {
			parents, _ := d.o.Book.parentsOf(id)
			list = append(list, freshet.POPStatus{ID: id, Parents: parents, State: "never", Remote: true})
		}
	}
	at := now()
	for i := range list {
		d.o.Book.describe(&list[i], d.o.SharedToken, at)
	}
	slices.SortFunc(list, func(a, b freshet.POPStatus) int { return strings.Compare(a.ID, b.ID) })
	return list, nil
}

// status returns one POP.
func (d *Desk) status(ctx context.Context, id string) (freshet.POPStatus, error) {
	list, err := d.POPs(ctx)
	if err != nil {
		return freshet.POPStatus{}, err
	}
	for _, s := range list {
		if s.ID == id {
			return s, nil
		}
	}
	return freshet.POPStatus{}, noPOP(id)
}

func noPOP(id string) error {
	return freshet.Errorf(freshet.CodeNotFound, "There is no POP %q.", clip(id))
}

// SetPOP marks a member down or up, or drained or not. One that gets traffic,
// or of which that cannot be seen, is marked down only if the caller says that
// it is cut off.
func (d *Desk) SetPOP(ctx context.Context, id string, c freshet.POPChange) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.status(ctx, id)
	switch {
	case err != nil:
		return err
	case (c.Down == nil) == (c.Drained == nil):
		return freshet.Invalid("down", "One of down and drained must be true or false.")
	case c.Drained != nil && *c.Drained && s.State == "down":
		return freshet.Errorf(freshet.CodeConflict, "The POP %s is down: it gets no traffic that could be drained.", id)
	case c.Drained != nil:
		return d.o.Engine.DrainPOP(ctx, id, *c.Drained)
	case *c.Down && !c.CutOff:
		if err := cutOff(s, "marked down"); err != nil {
			return err
		}
	}
	return d.o.Engine.SetPOP(ctx, id, *c.Down)
}

// cutOff refuses a POP that may get traffic: what is to be done with it is safe
// only without.
func cutOff(s freshet.POPStatus, what string) error {
	var seen string
	switch {
	case s.State == "down", s.Access == freshet.AccessAwaiting, s.Access == freshet.AccessNone:
		return nil // excused already, or nothing was ever stored there
	case s.State != "up":
		seen = "is not heard, so that nobody can see whether viewers still reach it"
	case s.Traffic == freshet.TrafficUnknown:
		seen = "has caches that do not tell whether viewers reach it"
	case s.Traffic == freshet.TrafficBusy:
		seen = fmt.Sprintf("was asked by viewers within the last %v, or has just started", freshet.QuietFor)
	default:
		return nil
	}
	return freshet.Errorf(freshet.CodeConflict, "The POP %s %s; one that is %s must get no traffic.", s.ID, seen, what).Of(freshet.KindTraffic)
}

// AddPOP hands out a one-time token for a POP that is declared remote, that was
// added before, or that is new. No parents leave those that it has; a ttl of 0
// is DefaultTTL.
func (d *Desk) AddPOP(ctx context.Context, id string, parents []string, ttl time.Duration) (freshet.Invitation, error) {
	if ttl == 0 {
		ttl = DefaultTTL
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	added, parents, err := d.checkAdd(id, parents, ttl)
	if err != nil {
		return freshet.Invitation{}, err
	}
	token := newToken(id, now().Add(ttl))
	p, err := d.o.Book.store.InvitePOP(ctx, store.Invitation{
		ID: id, Added: added, Parents: parents, Token: digestOf(token.text), Expires: token.Expires,
	})
	if err != nil {
		return freshet.Invitation{}, err
	}
	d.o.Book.keep(p)
	if added && joined(p) { // its parents may be others now
		if err := d.o.Engine.AddPOP(ctx, member(p)); err != nil {
			return freshet.Invitation{}, err
		}
	}
	d.o.Log.LogAttrs(ctx, slog.LevelInfo, "a one-time token was made for a POP", slog.String("pop", id), slog.Time("expires", token.Expires))
	s, err := d.status(ctx, id)
	return freshet.Invitation{POP: s, Token: token.text, Expires: token.Expires, Control: d.o.Control}, err
}

// checkAdd tells whether the POP is to be kept as added, and with which parents.
func (d *Desk) checkAdd(id string, parents []string, ttl time.Duration) (added bool, _ []string, _ error) {
	book := d.o.Book
	declared, isDeclared := book.declared[id]
	switch {
	case !config.ValidPOPID(id):
		return false, nil, freshet.Invalid("id", "The ID of a POP is 1 to 63 letters, digits, hyphens and underscores.")
	case ttl < MinTTL || ttl > MaxTTL:
		return false, nil, freshet.Invalid("ttl", "The ttl must be from %s to %s.", MinTTL, MaxTTL)
	case d.o.Control == "":
		return false, nil, freshet.Errorf(freshet.CodeConflict, "A POP has nowhere to connect to: set bus.listen in the configuration of the control plane and start it again.")
	case isDeclared && !declared.Remote:
		return false, nil, freshet.Errorf(freshet.CodeConflict, "The POP %s runs inside the control plane's process and needs no token.", id)
	case isDeclared && len(parents) > 0 && !slices.Equal(parents, declared.Parents):
		return false, nil, freshet.Errorf(freshet.CodeConflict, "The parents of %s are set in the configuration: change them there.", id)
	case isDeclared:
		return false, nil, nil
	case len(parents) > maxParents:
		return false, nil, freshet.Errorf(freshet.CodeTooLarge, "A POP has at most %d parents.", maxParents)
	}
	had, known := book.parentsOf(id)
	if !known && len(book.added()) >= maxPOPs {
		return false, nil, freshet.Errorf(freshet.CodeTooLarge, "At most %d POPs can be added; declare more in the configuration.", maxPOPs)
	}
	if len(parents) == 0 {
		parents = had
	}
	return true, parents, book.checkParents(id, parents)
}

// RevokePOP ends a POP's credential, its one-time token and its live
// connection. The POP stays a member, and owes what it owes.
func (d *Desk) RevokePOP(ctx context.Context, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.exists(ctx, id); err != nil {
		return err
	}
	if p, ok := d.o.Book.declared[id]; ok && !p.Remote {
		return freshet.Errorf(freshet.CodeConflict, "The POP %s runs inside the control plane's process and has nothing to revoke.", id)
	}
	return d.revoke(ctx, id, false)
}

// exists refuses a POP that is neither a member nor added. A member may be one
// of which a removal got only half way.
func (d *Desk) exists(ctx context.Context, id string) error {
	_, err := d.status(ctx, id)
	return err
}

func (d *Desk) revoke(ctx context.Context, id string, forget bool) error {
	p, err := d.o.Book.store.RevokePOP(ctx, id, now(), forget)
	if err != nil {
		return err
	}
	d.o.Book.keep(p)
	d.o.Bus.Cut(id)
	d.o.Log.LogAttrs(ctx, slog.LevelWarn, "a POP was revoked", slog.String("pop", id), slog.Bool("removed", forget))
	return nil
}

// RemovePOP revokes a POP and ends its membership. One that may get traffic is
// removed only if the caller says that it is cut off: nothing is purged there any
// more.
func (d *Desk) RemovePOP(ctx context.Context, id string, cut bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.status(ctx, id)
	if err != nil {
		return err
	}
	if _, ok := d.o.Book.declared[id]; ok {
		return freshet.Errorf(freshet.CodeConflict,
			"The POP %s is declared in the configuration: take it out of pops there and start the control plane again; `freshet pop revoke` cuts it off now.", clip(id))
	}
	if children := d.o.Book.childrenOf(id); len(children) > 0 {
		return freshet.Errorf(freshet.CodeConflict, "POPs fill from %s: %s. Remove them first, or add them again with other parents.", id, strings.Join(children, ", "))
	}
	if !cut {
		if err := cutOff(s, "removed"); err != nil {
			return err
		}
	}
	// The record first: should this end half way, the next start removes what
	// is neither declared nor added.
	if err := d.revoke(ctx, id, true); err != nil {
		return err
	}
	return d.o.Engine.RemovePOP(ctx, id)
}

// Enrol answers a POP that shows a one-time token. That the POP may speak for
// its name was looked at when it connected.
func (d *Desk) Enrol(ctx context.Context, pop string, msg []byte) ([]byte, error) {
	r, err := DecodeRequest(msg)
	if err != nil || !nkeys.IsValidPublicUserKey(r.Key) {
		d.o.Log.LogAttrs(ctx, slog.LevelWarn, "the request of a POP that enrols is not understood", slog.String("pop", pop), slog.Any("error", err))
		return EncodeAnswer(Answer{Fault: FaultInvalid})
	}
	fault, err := d.enrol(ctx, pop, r)
	if err != nil {
		return nil, err
	}
	if fault != FaultNone {
		d.o.Log.LogAttrs(ctx, slog.LevelWarn, "a POP could not enrol", slog.String("pop", pop), slog.String("reason", string(fault)))
		return EncodeAnswer(Answer{Fault: fault})
	}
	return EncodeAnswer(Answer{PeerKey: d.o.PeerKey})
}

func (d *Desk) enrol(ctx context.Context, pop string, r Request) (Fault, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.o.Book.Key(pop)
	p, err := d.o.Book.store.EnrolPOP(ctx, store.Enrolment{ID: pop, Token: digestOf(r.Token), Key: r.Key, Now: now()})
	switch code := freshet.ErrorCode(err); {
	case code == freshet.CodeForbidden:
		return FaultUnknown, nil
	case code == freshet.CodeUnauthenticated:
		return FaultExpired, nil
	case code == freshet.CodeConflict:
		return FaultSpent, nil
	case err != nil:
		return FaultNone, err
	}
	d.o.Book.keep(p)
	if before != p.Key {
		// Whoever is connected by another key, or the token that all share, is
		// this POP no more.
		d.o.Bus.Cut(pop)
		d.o.Log.LogAttrs(ctx, slog.LevelInfo, "a POP enrolled", slog.String("pop", pop), slog.Bool("again", before != ""))
	}
	if _, declared := d.o.Book.declared[pop]; !declared && joined(p) {
		if err := d.o.Engine.AddPOP(ctx, member(p)); err != nil {
			return FaultNone, err // it tries again, and is let through then
		}
	}
	return FaultNone, nil
}
