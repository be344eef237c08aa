package apitest

import (
	"context"
	"maps"
	"slices"

	"github.com/freshet-vod/freshet"
)

// PutDomain implements [api.Domains].
func (f *Fake) PutDomain(_ context.Context, d freshet.Domain) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if old, ok := f.DomainSet[d.Name]; d.Name == "taken.example.com" || ok && old.Account != d.Account {
		return freshet.Errorf(freshet.CodeConflict, "The name %s is taken.", d.Name)
	} else if ok {
		d = d.Replacing(old)
	}
	f.DomainSet[d.Name] = d
	return nil
}

// Domains implements [api.Domains].
func (f *Fake) Domains(_ context.Context, account string) ([]freshet.Domain, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []freshet.Domain
	for _, name := range slices.Sorted(maps.Keys(f.DomainSet)) {
		if d := f.DomainSet[name]; account == "" || d.Account == account {
			list = append(list, d)
		}
	}
	return list, f.Err
}

// ChangeDomains implements [api.Domains].
func (f *Fake) ChangeDomains(_ context.Context, account string, names []string, change func(*freshet.Domain) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed := map[string]freshet.Domain{}
	for _, name := range names {
		d, ok := f.DomainSet[name]
		if !ok || account != "" && d.Account != account {
			return freshet.Errorf(freshet.CodeNotFound, "There is no domain %q.", name)
		}
		if err := change(&d); err != nil {
			return err
		}
		changed[name] = d
	}
	maps.Copy(f.DomainSet, changed)
	return nil
}

// RemoveDomain implements [api.Domains].
func (f *Fake) RemoveDomain(_ context.Context, account, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, ok := f.DomainSet[name]
	switch {
	case !ok || account != "" && d.Account != account:
		return freshet.Errorf(freshet.CodeNotFound, "There is no domain %q.", name)
	case !d.Unapproved:
		return freshet.Errorf(freshet.CodeConflict, "The domain %s was approved.", name)
	}
	delete(f.DomainSet, name)
	return nil
}
