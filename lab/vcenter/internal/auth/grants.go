package auth

import (
	"slices"
	"sync"
)

// maxDepth bounds the walk up an inventory; vCenter's own limit is far below.
const maxDepth = 100

// Grants are the rights of one user at one time. They are safe for concurrent
// use and stay as they are: ask the Authority again after a change.
type Grants struct {
	tree Tree
	// on holds what the user's permissions on an object give.
	on map[Ref]assignment
	// above are the objects above those on which the user has rights.
	above      map[Ref]bool
	everything bool
	// reads tells that nothing is hidden from the user.
	reads bool
	any   bool

	mu sync.Mutex
	// inherited keeps what containers pass on.
	inherited map[Ref]Rights
}

// assignment is what one object's permissions give on it, and what they pass on.
type assignment struct{ here, below Rights }

// Rights are what a user may do to an object.
type Rights struct {
	roles []*role
	// decided tells that there is a permission, even if it gives nothing.
	decided bool
	// implied gives System.View because of something below.
	implied bool
}

// Has tells whether a privilege is among the rights.
func (r Rights) Has(privilege string) bool {
	for _, role := range r.roles {
		if role.allows(privilege) {
			return true
		}
	}
	return r.implied && (privilege == SystemView || privilege == SystemAnonymous)
}

// Visible tells whether the object is there at all for the user.
func (r Rights) Visible() bool { return r.Has(SystemView) }

// Roles are the ids of the roles the rights come from, lowest first.
func (r Rights) Roles() []int32 {
	var out []int32
	for _, role := range r.roles {
		out = append(out, role.id)
	}
	if len(out) == 0 && r.implied {
		return []int32{RoleView}
	}
	slices.Sort(out)
	return out
}

func (r Rights) and(other Rights) Rights {
	if !r.decided {
		return other
	}
	sum := Rights{roles: slices.Clone(r.roles), decided: true}
	for _, other := range other.roles {
		if !slices.ContainsFunc(sum.roles, func(r *role) bool { return r.id == other.id }) {
			sum.roles = append(sum.roles, other)
		}
	}
	return sum
}

// newGrants works out a user's rights. The authority's lock is held.
func (a *Authority) newGrants(key string) *Grants {
	g := &Grants{tree: a.tree, on: make(map[Ref]assignment), above: make(map[Ref]bool), inherited: make(map[Ref]Rights)}
	u := a.users[key]
	if u == nil {
		return g
	}
	groups := make(map[string]bool)
	for _, group := range u.groups {
		groups[canonical(group)] = true
	}
	mine := func(p Permission) bool { return !p.Group && canonical(p.Principal) == key }
	ours := func(p Permission) bool { return p.Group && groups[canonical(p.Principal)] }
	administers, reads := true, true
	for ref, list := range a.permissions {
		at := assignment{here: a.give(list, mine, ours, false), below: a.give(list, mine, ours, true)}
		if !at.here.decided {
			continue
		}
		g.on[ref] = at
		administers = administers && at.here.Has("") // only Administrator has what is no privilege
		reads = reads && at.here.Has(SystemRead) && (!at.below.decided || at.below.Has(SystemRead))
		g.any = g.any || at.here.Visible()
	}
	g.everything = administers && g.on[a.tree.Root()].below.Has("")
	g.reads = reads && g.on[a.tree.Root()].below.Has(SystemRead)
	for ref, at := range g.on {
		if at.here.Visible() {
			g.climb(ref, 0)
		}
	}
	return g
}

// give adds up the permissions of one object that count: the user's own, or
// else those of its groups; for what is below only those that propagate.
func (a *Authority) give(list []Permission, mine, ours func(Permission) bool, below bool) Rights {
	for _, counts := range []func(Permission) bool{mine, ours} {
		var sum Rights
		for _, p := range list {
			if counts(p) && (p.Propagate || !below) {
				sum = sum.and(Rights{roles: a.rolesOf(p.Role), decided: true})
			}
		}
		if sum.decided {
			return sum
		}
	}
	return Rights{}
}

// rolesOf is a role as it counts now: with the privileges that are known.
func (a *Authority) rolesOf(id int32) []*role {
	if id == RoleNoAccess {
		return nil
	}
	r := *a.roles[id]
	r.has = make(map[string]bool, len(r.has))
	for privilege := range a.roles[id].has {
		if _, known := a.known[privilege]; known {
			r.has[privilege] = true
		}
	}
	return []*role{&r}
}

// climb marks everything above an object.
func (g *Grants) climb(ref Ref, depth int) {
	if depth > maxDepth {
		return
	}
	for _, parent := range g.tree.Parents(ref) {
		if !g.above[parent] {
			g.above[parent] = true
			g.climb(parent, depth+1)
		}
	}
}

// Everything tells that the user is Administrator everywhere.
func (g *Grants) Everything() bool { return g.everything }

// ReadsEverything tells that the user may read every object, so that nothing
// has to be filtered.
func (g *Grants) ReadsEverything() bool { return g.reads }

// Any tells whether the user may see anything, without which it cannot log in.
func (g *Grants) Any() bool { return g.any }

// On are the rights on an object.
func (g *Grants) On(ref Ref) Rights {
	at, decided := g.on[ref]
	rights := at.here
	if !decided {
		rights = g.from(ref)
	}
	if !rights.decided && g.above[ref] {
		rights.implied = true
	}
	return rights
}

// from are the rights that an object inherits.
func (g *Grants) from(ref Ref) Rights {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inherit(ref, 0)
}

func (g *Grants) inherit(ref Ref, depth int) Rights {
	var sum Rights
	if depth > maxDepth {
		return sum
	}
	for _, parent := range g.tree.Parents(ref) {
		passed, known := g.inherited[parent]
		if !known {
			if passed = g.on[parent].below; !passed.decided {
				passed = g.inherit(parent, depth+1)
			}
			g.inherited[parent] = passed
		}
		sum = sum.and(passed)
	}
	return sum
}
