package store

import (
	"context"
	"time"
)

// Duties keeps what POPs were told besides who is a member and who is down.
type Duties interface {
	// ListDuties returns every duty, in order of POP.
	ListDuties(ctx context.Context) ([]Duty, error)
	// SaveDuty replaces the duty of a POP, durably; one without anything in it
	// is forgotten.
	SaveDuty(ctx context.Context, d Duty) error
}

// Duty is what one POP was told.
type Duty struct {
	POP     string
	Drained time.Time // since when balancers are to send it nobody; zero: it is not drained
	// Permit says that the POP may hold a permit to declare itself not ready when
	// the control plane is silent. It is told first and withdrawn last: nobody
	// else gets it before the POP has said that it holds it no more.
	Permit bool
}

// None reports whether there is nothing in the duty.
func (d Duty) None() bool { return d.Drained.IsZero() && !d.Permit }
