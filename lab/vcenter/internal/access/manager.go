package access

import (
	"errors"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/auth"
)

// Manager is the lab's AuthorizationManager. vcsim finds its methods by their
// names and calls them with its lock held.
type Manager struct {
	mo.AuthorizationManager

	a *Access
}

func newManager(a *Access, self auth.Ref) *Manager {
	m := &Manager{a: a}
	m.Self = self
	m.show()
	return m
}

// show writes the roles and privileges into the manager's properties.
func (m *Manager) show() {
	m.RoleList = m.a.authority.Roles()
	m.PrivilegeList = privilegeList(m.a.authority.Privileges())
}

// ShowRoles writes the roles of the configuration into the properties of the
// AuthorizationManager.
func (a *Access) ShowRoles() { a.manager.show() }

// announce shows what has changed and tells those who wait for it. The
// manager's lock is held.
func (m *Manager) announce(ctx *simulator.Context) {
	m.show()
	ctx.Update(m, []types.PropertyChange{{Name: "roleList", Val: m.RoleList}, {Name: "privilegeList", Val: m.PrivilegeList}})
}

// privilegeList names the privileges; the first part of an id is its group.
func privilegeList(known map[string]string) []types.AuthorizationPrivilege {
	var out []types.AuthorizationPrivilege
	for id := range known {
		name, group := id, ""
		if dot := strings.LastIndexByte(id, '.'); dot >= 0 {
			group, name = id[:dot], id[dot+1:]
		}
		out = append(out, types.AuthorizationPrivilege{PrivId: id, Name: name, PrivGroupName: group})
	}
	slices.SortFunc(out, func(x, y types.AuthorizationPrivilege) int { return strings.Compare(x.PrivId, y.PrivId) })
	return out
}

// fault is how the API says what package auth says.
func fault(err error) *soap.Fault {
	if err == nil {
		return nil
	}
	var (
		invalid  *auth.Invalid
		missing  *auth.NotFound
		taken    *auth.Taken
		used     *auth.InUse
		last     *auth.LastAdministrator
		returned types.BaseMethodFault
	)
	switch {
	case errors.As(err, &invalid):
		returned = &types.InvalidArgument{InvalidProperty: invalid.Argument}
	case errors.As(err, &missing):
		returned = new(types.NotFound)
	case errors.As(err, &taken):
		returned = &types.AlreadyExists{Name: taken.Name}
	case errors.As(err, &used):
		returned = new(types.RemoveFailed)
	case errors.As(err, &last):
		returned = new(types.AuthMinimumAdminPermission)
	default:
		returned = &types.SystemError{Reason: err.Error()}
	}
	return simulator.Fault(err.Error(), returned)
}

// AddAuthorizationRole makes a role.
func (m *Manager) AddAuthorizationRole(ctx *simulator.Context, req *types.AddAuthorizationRole) soap.HasFault {
	id, err := m.a.authority.AddRole(req.Name, req.PrivIds)
	if err != nil {
		return &methods.AddAuthorizationRoleBody{Fault_: fault(err)}
	}
	m.announce(ctx)
	return &methods.AddAuthorizationRoleBody{Res: &types.AddAuthorizationRoleResponse{Returnval: id}}
}

// UpdateAuthorizationRole changes a role's name and privileges.
func (m *Manager) UpdateAuthorizationRole(ctx *simulator.Context, req *types.UpdateAuthorizationRole) soap.HasFault {
	if err := m.a.authority.UpdateRole(req.RoleId, req.NewName, req.PrivIds); err != nil {
		return &methods.UpdateAuthorizationRoleBody{Fault_: fault(err)}
	}
	m.announce(ctx)
	return &methods.UpdateAuthorizationRoleBody{Res: new(types.UpdateAuthorizationRoleResponse)}
}

// RemoveAuthorizationRole removes a role, and its permissions if it may.
func (m *Manager) RemoveAuthorizationRole(ctx *simulator.Context, req *types.RemoveAuthorizationRole) soap.HasFault {
	if err := m.a.authority.RemoveRole(req.RoleId, req.FailIfUsed); err != nil {
		return &methods.RemoveAuthorizationRoleBody{Fault_: fault(err)}
	}
	m.announce(ctx)
	return &methods.RemoveAuthorizationRoleBody{Res: new(types.RemoveAuthorizationRoleResponse)}
}

// MergePermissions gives the permissions of one role to another.
func (m *Manager) MergePermissions(req *types.MergePermissions) soap.HasFault {
	if err := m.a.authority.Merge(req.SrcRoleId, req.DstRoleId); err != nil {
		return &methods.MergePermissionsBody{Fault_: fault(err)}
	}
	return &methods.MergePermissionsBody{Res: new(types.MergePermissionsResponse)}
}

// SetEntityPermissions adds permissions to an object, or changes them.
func (m *Manager) SetEntityPermissions(req *types.SetEntityPermissions) soap.HasFault {
	permissions, refused := m.permissions(req.Entity, req.Permission)
	if refused == nil {
		refused = fault(m.a.authority.Grant(req.Entity, permissions...))
	}
	if refused != nil {
		return &methods.SetEntityPermissionsBody{Fault_: refused}
	}
	return &methods.SetEntityPermissionsBody{Res: new(types.SetEntityPermissionsResponse)}
}

// ResetEntityPermissions replaces the permissions on an object.
func (m *Manager) ResetEntityPermissions(req *types.ResetEntityPermissions) soap.HasFault {
	permissions, refused := m.permissions(req.Entity, req.Permission)
	if refused == nil {
		refused = fault(m.a.authority.Reset(req.Entity, permissions))
	}
	if refused != nil {
		return &methods.ResetEntityPermissionsBody{Fault_: refused}
	}
	return &methods.ResetEntityPermissionsBody{Res: new(types.ResetEntityPermissionsResponse)}
}

// permissions reads what is asked for; every principal must be known.
func (m *Manager) permissions(entity auth.Ref, asked []types.Permission) ([]auth.Permission, *soap.Fault) {
	if refused := m.entity(entity); refused != nil {
		return nil, refused
	}
	var out []auth.Permission
	for _, p := range asked {
		if !m.a.authority.Exists(p.Principal, p.Group) {
			return nil, unknownUser(p.Principal)
		}
		out = append(out, auth.Permission{Principal: p.Principal, Group: p.Group, Role: p.RoleId, Propagate: p.Propagate})
	}
	return out, nil
}

func unknownUser(name string) *soap.Fault {
	return simulator.Fault("There is no user or group "+name+".", &types.UserNotFound{Principal: name})
}

// entity refuses what is not an object of the inventory.
func (m *Manager) entity(ref auth.Ref) *soap.Fault {
	if _, ok := m.a.registry.Get(ref).(mo.Entity); ok {
		return nil
	}
	return simulator.Fault("There is no object "+ref.Value+" that can have permissions.", &types.ManagedObjectNotFound{Obj: ref})
}

// RemoveEntityPermission removes the permission of a user or a group on an object.
func (m *Manager) RemoveEntityPermission(req *types.RemoveEntityPermission) soap.HasFault {
	if err := m.a.authority.Revoke(req.Entity, req.User, req.IsGroup); err != nil {
		return &methods.RemoveEntityPermissionBody{Fault_: fault(err)}
	}
	return &methods.RemoveEntityPermissionBody{Res: new(types.RemoveEntityPermissionResponse)}
}

// RetrieveEntityPermissions lists the permissions on an object, and those it
// inherits if asked for.
func (m *Manager) RetrieveEntityPermissions(ctx *simulator.Context, req *types.RetrieveEntityPermissions) soap.HasFault {
	if refused := m.entity(req.Entity); refused != nil {
		return &methods.RetrieveEntityPermissionsBody{Fault_: refused}
	}
	out := m.a.authority.On(req.Entity)
	if req.Inherited {
		seen := map[auth.Ref]bool{req.Entity: true}
		for above := m.a.Parents(req.Entity); len(above) > 0; above = above[1:] {
			if seen[above[0]] {
				continue
			}
			seen[above[0]] = true
			for _, p := range m.a.authority.On(above[0]) {
				if p.Propagate {
					out = append(out, p)
				}
			}
			above = append(above, m.a.Parents(above[0])...)
		}
	}
	return &methods.RetrieveEntityPermissionsBody{Res: &types.RetrieveEntityPermissionsResponse{Returnval: m.seen(ctx, out)}}
}

// RetrieveAllPermissions lists the permissions on every object that is seen.
func (m *Manager) RetrieveAllPermissions(ctx *simulator.Context, _ *types.RetrieveAllPermissions) soap.HasFault {
	return &methods.RetrieveAllPermissionsBody{Res: &types.RetrieveAllPermissionsResponse{
		Returnval: m.seen(ctx, m.a.authority.Everywhere())}}
}

// RetrieveRolePermissions lists the permissions that give a role.
func (m *Manager) RetrieveRolePermissions(ctx *simulator.Context, req *types.RetrieveRolePermissions) soap.HasFault {
	if !slices.ContainsFunc(m.RoleList, func(r types.AuthorizationRole) bool { return r.RoleId == req.RoleId }) {
		return &methods.RetrieveRolePermissionsBody{Fault_: fault(&auth.NotFound{What: "The role"})}
	}
	all := slices.DeleteFunc(m.a.authority.Everywhere(), func(p types.Permission) bool { return p.RoleId != req.RoleId })
	return &methods.RetrieveRolePermissionsBody{Res: &types.RetrieveRolePermissionsResponse{Returnval: m.seen(ctx, all)}}
}

// seen leaves out permissions on objects that the session does not see.
func (m *Manager) seen(ctx *simulator.Context, all []types.Permission) []types.Permission {
	if m.a.All(ctx) {
		return all
	}
	l := m.a.look(ctx)
	return slices.DeleteFunc(all, func(p types.Permission) bool { return l.level(*p.Entity) == hidden })
}
