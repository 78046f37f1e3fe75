package auth

import (
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// Ids of vCenter's own roles.
const (
	RoleAdmin     int32 = -1
	RoleReadOnly  int32 = -2
	RoleView      int32 = -3
	RoleAnonymous int32 = -4
	RoleNoAccess  int32 = -5
)

// Privileges that every role but No access includes.
const (
	SystemAnonymous = "System.Anonymous"
	SystemView      = "System.View"
	SystemRead      = "System.Read"
)

// role is a set of privileges. A role is replaced when it changes, never
// changed, so that grants can hold on to it.
type role struct {
	id     int32
	name   string
	label  string
	system bool
	has    map[string]bool
}

// all is the role of those who may everything, including what extensions bring.
func (r *role) all() bool { return r.id == RoleAdmin }

func (r *role) allows(privilege string) bool { return r.all() || r.has[privilege] }

func (a *Authority) addRole(r types.AuthorizationRole) *role {
	made := &role{id: r.RoleId, name: r.Name, label: r.Name, system: r.System, has: make(map[string]bool, len(r.Privilege))}
	if r.Info != nil {
		made.label = r.Info.GetDescription().Label
	}
	for _, id := range r.Privilege {
		made.has[id] = true
	}
	a.roles[r.RoleId] = made
	a.nextRole = max(a.nextRole, r.RoleId+1)
	return made
}

// Roles lists the roles as AuthorizationManager.roleList does: vCenter's own
// first, by id.
func (a *Authority) Roles() []types.AuthorizationRole {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []types.AuthorizationRole
	for _, r := range a.roles {
		out = append(out, types.AuthorizationRole{RoleId: r.id, System: r.system, Name: r.name,
			Info: &types.Description{Label: r.label, Summary: r.label}, Privilege: a.privilegesOf(r)})
	}
	slices.SortFunc(out, func(x, y types.AuthorizationRole) int { return int(x.RoleId - y.RoleId) })
	return out
}

// privilegesOf lists a role's privileges by id. The lock is held.
func (a *Authority) privilegesOf(r *role) []string {
	var out []string
	for id := range a.known {
		if r.allows(id) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// AddRole makes a role and returns its id.
func (a *Authority) AddRole(name string, privileges []string) (id int32, err error) {
	err = a.change(func() error {
		if err := a.checkRole(name, privileges, 0); err != nil {
			return err
		}
		id = a.nextRole
		a.addRole(types.AuthorizationRole{RoleId: id, Name: name, Privilege: withSystem(privileges)})
		return nil
	})
	return id, err
}

// DefineRole makes a role that may have privileges of extensions which are not
// registered yet. A privilege that looks like one of vCenter's must be one.
func (a *Authority) DefineRole(name string, privileges []string) error {
	return a.change(func() error {
		own := make(map[string]bool)
		for id := range a.known {
			group, _, _ := strings.Cut(id, ".")
			own[group] = true
		}
		for _, id := range privileges {
			group, _, _ := strings.Cut(id, ".")
			if _, known := a.known[id]; !known && own[group] {
				return &Invalid{"privIds", "There is no privilege " + id + "."}
			}
		}
		if err := a.checkRole(name, nil, 0); err != nil {
			return err
		}
		a.addRole(types.AuthorizationRole{RoleId: a.nextRole, Name: name, Privilege: withSystem(privileges)})
		return nil
	})
}

// UpdateRole gives a role another name and other privileges; none leaves them.
func (a *Authority) UpdateRole(id int32, name string, privileges []string) error {
	return a.change(func() error {
		old := a.roles[id]
		if old == nil {
			return &NotFound{"The role"}
		}
		if old.system {
			return &Invalid{"roleId", "The role " + old.name + " is vCenter's own and cannot be changed."}
		}
		if err := a.checkRole(name, privileges, id); err != nil {
			return err
		}
		updated := types.AuthorizationRole{RoleId: id, Name: name, Privilege: withSystem(privileges)}
		if len(privileges) == 0 {
			updated.Privilege = a.privilegesOf(old)
		}
		a.addRole(updated)
		return nil
	})
}

// RemoveRole removes a role. With failIfUsed it must have no permissions, else
// these go with it.
func (a *Authority) RemoveRole(id int32, failIfUsed bool) error {
	return a.change(func() error {
		r := a.roles[id]
		if r == nil {
			return &NotFound{"The role"}
		}
		if r.system {
			return &Invalid{"roleId", "The role " + r.name + " is vCenter's own and cannot be removed."}
		}
		for ref, list := range a.permissions {
			rest := slices.DeleteFunc(slices.Clone(list), func(p Permission) bool { return p.Role == id })
			if len(rest) < len(list) && failIfUsed {
				return &InUse{r.name}
			}
			a.put(ref, rest)
		}
		delete(a.roles, id)
		return nil
	})
}

// checkRole looks at a role's name and privileges; id is the role's own.
func (a *Authority) checkRole(name string, privileges []string, id int32) error {
	if name == "" {
		return &Invalid{"name", "A role needs a name."}
	}
	for _, r := range a.roles {
		if strings.EqualFold(r.name, name) && r.id != id {
			return &Taken{name}
		}
	}
	if unknown := a.unknown(privileges); unknown != "" {
		return &Invalid{"privIds", "There is no privilege " + unknown + "."}
	}
	return nil
}

// withSystem adds what every role has that can be given to somebody.
func withSystem(privileges []string) []string {
	return append(slices.Clone(privileges), SystemAnonymous, SystemView, SystemRead)
}

// RoleNamed returns the id of a role by its name or its label: "Admin" or
// "Administrator".
func (a *Authority) RoleNamed(name string) (int32, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.roles {
		if strings.EqualFold(r.name, name) || strings.EqualFold(r.label, name) {
			return r.id, true
		}
	}
	return 0, false
}
