package access

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/auth"
)

// HasPrivilegeOnEntities tells which privileges the user of a session has.
func (m *Manager) HasPrivilegeOnEntities(ctx *simulator.Context, req *types.HasPrivilegeOnEntities) soap.HasFault {
	granted, refused := m.ofSession(ctx, req.SessionId, req.Entity, req.PrivId)
	if refused != nil {
		return &methods.HasPrivilegeOnEntitiesBody{Fault_: refused}
	}
	return &methods.HasPrivilegeOnEntitiesBody{Res: &types.HasPrivilegeOnEntitiesResponse{Returnval: granted}}
}

// HasPrivilegeOnEntity is the same for one object.
func (m *Manager) HasPrivilegeOnEntity(ctx *simulator.Context, req *types.HasPrivilegeOnEntity) soap.HasFault {
	granted, refused := m.ofSession(ctx, req.SessionId, []auth.Ref{req.Entity}, req.PrivId)
	if refused != nil {
		return &methods.HasPrivilegeOnEntityBody{Fault_: refused}
	}
	out := make([]bool, len(req.PrivId))
	for n, p := range granted[0].PrivAvailability {
		out[n] = p.IsGranted
	}
	if ctx.Session.UserName == "" { // in process, where the types count
		return &methods.HasPrivilegeOnEntityBody{Res: &types.HasPrivilegeOnEntityResponse{Returnval: out}}
	}
	return &hasPrivilegeOnEntityBody{Res: &HasPrivilegeOnEntityResponse{Returnval: out}}
}

// HasPrivilegeOnEntityResponse has the name that vcsim writes. With the API's own
// structure every false would be left out of the list.
type HasPrivilegeOnEntityResponse struct {
	Returnval []bool `xml:"returnval"`
}

type hasPrivilegeOnEntityBody struct {
	Res    *HasPrivilegeOnEntityResponse `xml:"HasPrivilegeOnEntityResponse,omitempty"`
	Fault_ *soap.Fault                   `xml:"http://schemas.xmlsoap.org/soap/envelope/ Fault,omitempty"`
}

// Fault implements soap.HasFault.
func (b *hasPrivilegeOnEntityBody) Fault() *soap.Fault { return b.Fault_ }

// HasUserPrivilegeOnEntities is the same for a user that need not be logged in.
func (m *Manager) HasUserPrivilegeOnEntities(req *types.HasUserPrivilegeOnEntities) soap.HasFault {
	granted, refused := m.ofUser(req.UserName, req.Entities, req.PrivId)
	if refused != nil {
		return &methods.HasUserPrivilegeOnEntitiesBody{Fault_: refused}
	}
	return &methods.HasUserPrivilegeOnEntitiesBody{Res: &types.HasUserPrivilegeOnEntitiesResponse{Returnval: granted}}
}

// FetchUserPrivilegeOnEntities lists the privileges of a user.
func (m *Manager) FetchUserPrivilegeOnEntities(req *types.FetchUserPrivilegeOnEntities) soap.HasFault {
	if !m.a.authority.Exists(req.UserName, false) {
		return &methods.FetchUserPrivilegeOnEntitiesBody{Fault_: unknownUser(req.UserName)}
	}
	known := m.a.authority.Privileges()
	grants := m.a.authority.Of(req.UserName)
	res := new(types.FetchUserPrivilegeOnEntitiesResponse)
	for _, ref := range req.Entities {
		if refused := m.entity(ref); refused != nil {
			return &methods.FetchUserPrivilegeOnEntitiesBody{Fault_: refused}
		}
		result := types.UserPrivilegeResult{Entity: ref}
		rights := grants.On(ref)
		for id := range known {
			if rights.Has(id) {
				result.Privileges = append(result.Privileges, id)
			}
		}
		slices.Sort(result.Privileges)
		res.Returnval = append(res.Returnval, result)
	}
	return &methods.FetchUserPrivilegeOnEntitiesBody{Res: res}
}

// ofSession answers for a session by its key.
func (m *Manager) ofSession(ctx *simulator.Context, key string, entities []auth.Ref, ids []string) ([]types.EntityPrivilege, *soap.Fault) {
	if key == ctx.Session.Key {
		return m.ofGrants(m.a.grants(ctx), ctx.Session.UserName == "", entities, ids)
	}
	sessions, ok := ctx.Session.Get(m.a.registry.SessionManager().Self).(*simulator.SessionManager)
	if ok {
		for _, session := range sessions.SessionList {
			if session.Key == key {
				return m.ofGrants(m.a.authority.Of(session.UserName), false, entities, ids)
			}
		}
	}
	return nil, simulator.Fault("There is no session with this key.", &types.InvalidArgument{InvalidProperty: "sessionId"})
}

func (m *Manager) ofUser(name string, entities []auth.Ref, ids []string) ([]types.EntityPrivilege, *soap.Fault) {
	if !m.a.authority.Exists(name, false) {
		return nil, unknownUser(name)
	}
	return m.ofGrants(m.a.authority.Of(name), false, entities, ids)
}

func (m *Manager) ofGrants(grants *auth.Grants, all bool, entities []auth.Ref, ids []string) ([]types.EntityPrivilege, *soap.Fault) {
	if unknown := m.a.authority.Unknown(ids); unknown != "" {
		return nil, simulator.Fault("There is no privilege "+unknown+".", &types.InvalidArgument{InvalidProperty: "privId"})
	}
	var out []types.EntityPrivilege
	for _, ref := range entities {
		if refused := m.entity(ref); refused != nil {
			return nil, refused
		}
		rights := grants.On(ref)
		entry := types.EntityPrivilege{Entity: ref}
		for _, id := range ids {
			entry.PrivAvailability = append(entry.PrivAvailability, types.PrivilegeAvailability{PrivId: id, IsGranted: all || rights.Has(id)})
		}
		out = append(out, entry)
	}
	return out, nil
}
