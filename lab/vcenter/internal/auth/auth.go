// Package auth decides who may do what in the simulated vCenter: users and
// groups, roles, permissions on inventory objects, and the rights that follow
// from them. It knows the inventory only by a Tree and makes no call of the API.
//
//	permission: principal × object × role (× propagate)
//
//	rights on an object
//	  = the permission on the object itself, if the user or its groups have one,
//	  else, for each of its parents, what the nearest ancestor with a
//	       propagating permission gives; a VM has two parents, its folder and
//	       its pool, and gets what either gives
//	  else System.View, if the user has rights on something below it
//
// On one object a permission of the user's own hides those of its groups; the
// permissions of several groups add up. The rules are those of VMware's
// vSphere Security guide, "Hierarchical Inheritance of Permissions".
package auth

import (
	"slices"
	"sync"

	"github.com/vmware/govmomi/vim25/types"
)

// Ref names an inventory object.
type Ref = types.ManagedObjectReference

// Tree knows where objects are in the inventory.
type Tree interface {
	// Parents are the objects that an object inherits permissions from, none
	// for the root folder and for what does not exist.
	Parents(ref Ref) []Ref
	// Root is the root folder.
	Root() Ref
}

// Authority holds users, roles and permissions. It is safe for concurrent use.
type Authority struct {
	tree Tree

	mu       sync.Mutex
	users    map[string]*user
	roles    map[int32]*role
	nextRole int32
	// known are the ids of the privileges, with where they come from: "" for
	// vCenter's own, else an extension's key.
	known       map[string]string
	permissions map[Ref][]Permission
	// grants are those of each user, made when asked for and dropped with any
	// change; generation counts the changes.
	grants     map[string]*Grants
	generation uint64
	changed    []func()
}

// New returns an authority that knows vCenter's own roles and privileges, given
// as AuthorizationManager lists them, and nobody.
func New(tree Tree, roles []types.AuthorizationRole) *Authority {
	a := &Authority{
		tree: tree, users: make(map[string]*user), roles: make(map[int32]*role), nextRole: 1,
		known: make(map[string]string), permissions: make(map[Ref][]Permission), grants: make(map[string]*Grants),
	}
	for _, r := range roles {
		for _, id := range r.Privilege {
			a.known[id] = ""
		}
		a.addRole(r)
	}
	return a
}

// OnChange has a function called after every change of anybody's rights. It is
// to be called before the authority is used.
func (a *Authority) OnChange(f func()) { a.changed = append(a.changed, f) }

// Moved tells that an object has got other parents.
func (a *Authority) Moved(ref Ref) {
	a.mu.Lock()
	// What is known of a VM is never kept, unless it has permissions itself:
	// then its ancestors can be seen because of it.
	matters := ref.Type != "VirtualMachine" || len(a.permissions[ref]) > 0
	if matters {
		a.forget()
	}
	a.mu.Unlock()
	if matters {
		a.tell()
	}
}

// forget drops what was worked out. The lock is held.
func (a *Authority) forget() {
	a.generation++
	clear(a.grants)
}

// tell calls those who want to know; the lock must not be held.
func (a *Authority) tell() {
	for _, f := range a.changed {
		f()
	}
}

// change does something under the lock, and on success makes it known.
func (a *Authority) change(do func() error) error {
	a.mu.Lock()
	err := do()
	if err == nil {
		a.forget()
	}
	a.mu.Unlock()
	if err == nil {
		a.tell()
	}
	return err
}

// Of returns the rights of a user as they are now. A name that is nobody's has
// no rights.
func (a *Authority) Of(name string) *Grants {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := canonical(name)
	if g := a.grants[key]; g != nil {
		return g
	}
	g := a.newGrants(key)
	a.grants[key] = g
	return g
}

// Privileges lists the ids of all privileges, and where each comes from: "" for
// vCenter's own, else the key of an extension.
func (a *Authority) Privileges() map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make(map[string]string, len(a.known))
	for id, from := range a.known {
		out[id] = from
	}
	return out
}

// Unknown returns the first id that names no privilege, or "".
func (a *Authority) Unknown(ids []string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.unknown(ids)
}

func (a *Authority) unknown(ids []string) string {
	for _, id := range ids {
		if _, known := a.known[id]; !known {
			return id
		}
	}
	return ""
}

// SetExtension makes the privileges of an extension known in place of those it
// had; none forgets them. A privilege that is not known counts in no role, but
// comes back there with its extension.
func (a *Authority) SetExtension(key string, ids []string) {
	_ = a.change(func() error {
		for id, from := range a.known {
			if from == key && !slices.Contains(ids, id) {
				delete(a.known, id)
			}
		}
		for _, id := range ids {
			if _, taken := a.known[id]; !taken {
				a.known[id] = key
			}
		}
		return nil
	})
}
