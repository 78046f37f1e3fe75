package auth

import (
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// Permission is the role of a user or a group on an object.
type Permission struct {
	Principal string
	Group     bool
	Role      int32
	Propagate bool
}

func (p Permission) same(q Permission) bool {
	return p.Group == q.Group && canonical(p.Principal) == canonical(q.Principal)
}

// Grant sets permissions on an object, in place of those that the same users
// and groups have there.
func (a *Authority) Grant(ref Ref, permissions ...Permission) error {
	return a.change(func() error {
		list := slices.Clone(a.permissions[ref])
		for _, p := range permissions {
			if err := a.grantable(p); err != nil {
				return err
			}
			list = append(slices.DeleteFunc(list, p.same), p)
		}
		return a.replace(ref, list)
	})
}

// Reset sets permissions on an object in place of all there are.
func (a *Authority) Reset(ref Ref, permissions []Permission) error {
	return a.change(func() error {
		for _, p := range permissions {
			if err := a.grantable(p); err != nil {
				return err
			}
		}
		return a.replace(ref, slices.Clone(permissions))
	})
}

// Revoke takes a principal's permission on an object away.
func (a *Authority) Revoke(ref Ref, principal string, group bool) error {
	return a.change(func() error {
		list := a.permissions[ref]
		rest := slices.DeleteFunc(slices.Clone(list), Permission{Principal: principal, Group: group}.same)
		if len(rest) == len(list) {
			return &NotFound{"A permission of " + principal + " on this object"}
		}
		return a.replace(ref, rest)
	})
}

// Merge gives the permissions of one role to another and removes none.
func (a *Authority) Merge(from, to int32) error {
	return a.change(func() error {
		if a.roles[from] == nil || a.roles[to] == nil {
			return &NotFound{"The role"}
		}
		if err := a.grantable(Permission{Role: to}); err != nil {
			return err
		}
		for ref, list := range a.permissions {
			list = slices.Clone(list)
			for n := range list {
				if list[n].Role == from {
					list[n].Role = to
				}
			}
			if err := a.replace(ref, list); err != nil {
				return err
			}
		}
		return nil
	})
}

// Forget drops the permissions on an object that is gone.
func (a *Authority) Forget(ref Ref) {
	a.mu.Lock()
	_, had := a.permissions[ref]
	if had {
		delete(a.permissions, ref)
		a.forget()
	}
	a.mu.Unlock()
	if had {
		a.tell()
	}
}

func (a *Authority) grantable(p Permission) error {
	switch {
	case a.roles[p.Role] == nil:
		return &NotFound{"The role"}
	case p.Role == RoleView, p.Role == RoleAnonymous:
		return &Invalid{"permission.roleId", "The role " + a.roles[p.Role].name + " cannot be given to anybody."}
	}
	return nil
}

// replace keeps somebody who may everything. The lock is held.
func (a *Authority) replace(ref Ref, list []Permission) error {
	administers := func(p Permission) bool { return p.Role == RoleAdmin && p.Propagate }
	if ref == a.tree.Root() && slices.ContainsFunc(a.permissions[ref], administers) &&
		!slices.ContainsFunc(list, administers) {
		return &LastAdministrator{}
	}
	a.put(ref, list)
	return nil
}

func (a *Authority) put(ref Ref, list []Permission) {
	if len(list) == 0 {
		delete(a.permissions, ref)
		return
	}
	a.permissions[ref] = list
}

// On lists the permissions on an object, as the API does.
func (a *Authority) On(ref Ref) []types.Permission {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []types.Permission
	for _, p := range a.permissions[ref] {
		out = append(out, types.Permission{Entity: &ref, Principal: p.Principal, Group: p.Group,
			RoleId: p.Role, Propagate: p.Propagate})
	}
	return out
}

// Everywhere lists all permissions, in the order of their objects' ids.
func (a *Authority) Everywhere() []types.Permission {
	a.mu.Lock()
	refs := make([]Ref, 0, len(a.permissions))
	for ref := range a.permissions {
		refs = append(refs, ref)
	}
	a.mu.Unlock()
	slices.SortFunc(refs, func(x, y Ref) int { return strings.Compare(x.Value, y.Value) })
	var out []types.Permission
	for _, ref := range refs {
		out = append(out, a.On(ref)...)
	}
	return out
}
