package engine

import (
	"context"
	"slices"

	"github.com/freshet-vod/freshet"
)

// MaxDomains bounds the domains of an account: each is told to every POP, and
// looked through when an address is read.
const MaxDomains = 1000

// AddDomain adds a domain and tells the POPs. One that exists, whoever has it,
// is a CodeConflict error; more than MaxDomains are CodeTooLarge.
func (e *Engine) AddDomain(ctx context.Context, d freshet.Domain) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	if _, ok := e.domain(d.Name); ok {
		return freshet.Errorf(freshet.CodeConflict, "The name %s is taken by another domain.", d.Name)
	}
	return e.putDomain(ctx, d)
}

// PutDomain inserts a domain, or declares one of that name anew (see
// [freshet.Domain.Replacing]), and tells the POPs.
func (e *Engine) PutDomain(ctx context.Context, d freshet.Domain) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	if old, ok := e.domain(d.Name); ok {
		d = d.Replacing(old)
	}
	return e.putDomain(ctx, d)
}

// ChangeDomains changes domains by name: those of an account, or of any with
// "". Either all are there or nothing is changed and the error, CodeNotFound,
// names the first that is not. What change refuses stays as it is, as does
// what comes after it.
func (e *Engine) ChangeDomains(ctx context.Context, account string, names []string, change func(*freshet.Domain) error) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	list := make([]freshet.Domain, len(names))
	for i, name := range names {
		d, ok := e.domain(name)
		if !ok || account != "" && d.Account != account {
			return freshet.Errorf(freshet.CodeNotFound, "There is no domain %q.", name)
		}
		list[i] = d
	}
	for i := range list {
		if err := change(&list[i]); err != nil {
			return err
		}
	}
	for _, d := range list {
		if err := e.putDomain(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// RemoveDomain removes a domain that was never approved. One that served is
// stopped instead: caches still hold what they fetched for it, which nobody
// else may serve under its name.
func (e *Engine) RemoveDomain(ctx context.Context, account, name string) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	switch d, ok := e.domain(name); {
	case !ok || account != "" && d.Account != account:
		return freshet.Errorf(freshet.CodeNotFound, "There is no domain %q.", name)
	case !d.Unapproved:
		return freshet.Errorf(freshet.CodeConflict, "The domain %s was approved, so caches may hold objects of it; stop it instead.", name)
	}
	if err := e.store.Catalog.RemoveDomain(ctx, name); err != nil {
		return err
	}
	return e.reloadDomains(ctx) // no POP was told of it
}

// domain returns a domain by its own name.
func (e *Engine) domain(name string) (freshet.Domain, bool) {
	all := e.members.accountDomains("")
	i := slices.IndexFunc(all, func(d freshet.Domain) bool { return d.Name == name })
	if i < 0 {
		return freshet.Domain{}, false
	}
	return all[i], true
}

// putDomain stores a domain; e.changing is held.
func (e *Engine) putDomain(ctx context.Context, d freshet.Domain) error {
	if d.Created.IsZero() {
		d.Created = now()
		if _, exists := e.domain(d.Name); !exists && len(e.members.accountDomains(d.Account)) >= MaxDomains {
			return freshet.Errorf(freshet.CodeTooLarge, "An account has at most %d domains.", MaxDomains)
		}
	}
	d.Modified = now()
	if err := e.store.Catalog.PutDomain(ctx, d); err != nil {
		return err
	}
	if err := e.reloadDomains(ctx); err != nil {
		return err
	}
	e.pushTopology(ctx)
	return nil
}

func (e *Engine) reloadDomains(ctx context.Context) error {
	list, err := e.store.Catalog.Domains(ctx, "")
	if err != nil {
		return err
	}
	e.members.setDomains(list)
	return nil
}

// Domains returns the domains of an account, of all with "".
func (e *Engine) Domains(_ context.Context, account string) ([]freshet.Domain, error) {
	return e.members.accountDomains(account), nil
}

// approved returns the domains that caches may know.
func approved(list []freshet.Domain) []freshet.Domain {
	return slices.DeleteFunc(slices.Clone(list), func(d freshet.Domain) bool { return d.Unapproved })
}
