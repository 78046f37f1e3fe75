// Package access makes the rights of package auth bite in the simulated vCenter.
//
//	call ─► guard: table.go says which privileges it needs on what
//	     ─► the method itself
//	     ─► answer, less what the session may not see (reads, history, search)
//
// A session of somebody who is Administrator everywhere passes all of it with
// one look at a map. vcsim itself grants everybody everything.
package access

import (
	"reflect"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/auth"
	"hdm.dev/lab/vcenter/internal/hook"
)

// Access is what package auth decides, applied to vcsim's objects. It implements
// hook.Access and auth.Tree, and is a handler of the registry.
type Access struct {
	registry  *simulator.Registry
	authority *auth.Authority
	manager   *Manager
	pages     pages
	// attributed are the methods whose tasks tell who started them.
	attributed map[string]bool
	self       auth.Ref
}

// New puts the lab's AuthorizationManager in place of vcsim's, whose roles and
// privileges it takes over, and has logins checked.
func New(ctx *simulator.Context) *Access {
	a := &Access{registry: ctx.Map, self: auth.Ref{Type: "LabAccess", Value: "lab-access"},
		attributed: make(map[string]bool)}
	ref := *content(ctx.Map).AuthorizationManager
	stock, _ := ctx.Map.Get(ref).(*simulator.AuthorizationManager)
	a.authority = auth.New(a, stock.RoleList)
	a.manager = newManager(a, ref)
	ctx.Map.Put(a.manager)
	ctx.Map.AddHandler(a)
	ctx.Map.SessionManager().ValidLogin = a.validLogin
	return a
}

// Authority holds the users, roles and permissions.
func (a *Access) Authority() *auth.Authority { return a.authority }

// Register puts the guard before all methods and what filters around those that
// tell of the inventory. It must be the first to register.
func (a *Access) Register(table hook.Dispatcher) {
	table.Guard(a.guard)
	a.registerReads(table)
	a.registerHistory(table)
	a.registerSearch(table)
	a.registerUsers(table)
	a.registerExtensions(table)
	a.registerTasks(table)
}

func content(r *simulator.Registry) *types.ServiceContent {
	instance, _ := r.Get(vim25.ServiceInstance).(*simulator.ServiceInstance)
	return &instance.Content
}

// grants are the rights of a session. Calls that the lab makes in process have
// a session without a user, who may everything.
func (a *Access) grants(ctx *simulator.Context) *auth.Grants {
	return a.authority.Of(ctx.Session.UserName)
}

// All implements hook.Access: of an inventory of 10,000 VMs not each is looked at.
func (a *Access) All(ctx *simulator.Context) bool {
	return ctx.Session.UserName == "" || a.grants(ctx).ReadsEverything()
}

// mayAll tells that a session may do everything.
func (a *Access) mayAll(ctx *simulator.Context) bool {
	return ctx.Session.UserName == "" || a.grants(ctx).Everything()
}

// Visible implements hook.Access.
func (a *Access) Visible(ctx *simulator.Context, ref auth.Ref) bool {
	return a.All(ctx) || a.look(ctx).level(ref) != hidden
}

// Root implements auth.Tree.
func (a *Access) Root() auth.Ref { return content(a.registry).RootFolder }

// Parents implements auth.Tree. A VM inherits from its folder and from its pool
// (a template, which has none, from its host), a vApp from both its parents.
func (a *Access) Parents(ref auth.Ref) []auth.Ref {
	entity, ok := a.registry.Get(ref).(mo.Entity)
	if !ok {
		return nil
	}
	var parents []auth.Ref
	add := func(ref *auth.Ref) {
		if ref != nil {
			parents = append(parents, *ref)
		}
	}
	add(entity.Entity().Parent)
	switch e := entity.(type) {
	case *simulator.VirtualMachine:
		if e.ResourcePool != nil {
			add(e.ResourcePool)
		} else {
			add(e.Runtime.Host)
		}
	case *simulator.VirtualApp:
		add(e.ParentFolder)
	}
	return parents
}

// Reference makes it a handler of the registry.
func (a *Access) Reference() auth.Ref { return a.self }

// PutObject implements simulator.RegisterObject.
func (a *Access) PutObject(*simulator.Context, mo.Reference) {}

// UpdateObject implements simulator.RegisterObject.
func (a *Access) UpdateObject(_ *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	for _, change := range changes {
		switch change.Name {
		case "parent", "resourcePool", "parentFolder", "runtime.host":
			a.authority.Moved(obj.Reference())
			return
		}
	}
}

// RemoveObject implements simulator.RegisterObject.
func (a *Access) RemoveObject(_ *simulator.Context, ref auth.Ref) { a.authority.Forget(ref) }

// level is how much of an object a session may read.
type level int

const (
	// hidden objects are not there.
	hidden level = iota
	// viewed objects show their names and where they are: System.View.
	viewed
	// readable objects show everything: System.Read.
	readable
)

// look is what one session sees at one time.
type look struct {
	a    *Access
	ctx  *simulator.Context
	user string
	*auth.Grants
}

func (a *Access) look(ctx *simulator.Context) *look {
	return &look{a: a, ctx: ctx, user: ctx.Session.UserName, Grants: a.grants(ctx)}
}

// leased is a lease: it tells whose it is.
type leased interface {
	Holds() auth.Ref
	User() string
}

// level tells how much of any object may be read.
func (l *look) level(ref auth.Ref) level {
	switch obj := l.a.registry.Get(ref).(type) {
	case nil:
		// What is gone, or belongs to the session; of the inventory only the first.
		if inventory[ref.Type] || ref.Type == "Task" || ref.Type == "VirtualMachineSnapshot" {
			return hidden
		}
		return readable
	case *simulator.Task:
		if startedBy(&obj.Info, l.user) || obj.Info.Entity != nil && l.On(*obj.Info.Entity).Has(auth.SystemRead) {
			return readable
		}
		return hidden
	case *simulator.VirtualMachineSnapshot:
		return l.whole(obj.Vm)
	case leased:
		if auth.Same(obj.User(), l.user) {
			return readable
		}
		return l.whole(obj.Holds())
	case mo.Entity:
		rights := l.On(ref)
		switch {
		case rights.Has(auth.SystemRead):
			return readable
		case rights.Visible():
			return viewed
		}
		return hidden
	default:
		if host := hostOf(obj); host != nil {
			return l.whole(*host)
		}
		return readable
	}
}

// whole is for parts of an entity: they are readable with it or hidden.
func (l *look) whole(ref auth.Ref) level {
	if ref != (auth.Ref{}) && l.level(ref) == readable {
		return readable
	}
	return hidden
}

// owner is the inventory object whose permissions count for an object.
func (a *Access) owner(ref auth.Ref) auth.Ref {
	switch obj := a.registry.Get(ref).(type) {
	case *simulator.Task:
		if obj.Info.Entity != nil {
			return *obj.Info.Entity
		}
	case *simulator.VirtualMachineSnapshot:
		return obj.Vm
	case leased:
		return obj.Holds()
	case mo.Entity:
		return ref
	default:
		if host := hostOf(obj); host != nil {
			return *host
		}
	}
	return a.Root()
}

// hostOf is the host that one of its parts, such as a HostDatastoreSystem,
// belongs to.
func hostOf(obj mo.Reference) *auth.Ref {
	v := reflect.ValueOf(obj)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil
	}
	field := v.Elem().FieldByName("Host")
	if !field.IsValid() {
		return nil
	}
	if host, ok := field.Interface().(*mo.HostSystem); ok && host != nil {
		return &host.Self
	}
	return nil
}

// inventory are the types of the objects that permissions are about.
var inventory = map[string]bool{
	"Folder": true, "StoragePod": true, "Datacenter": true, "ComputeResource": true, "ClusterComputeResource": true,
	"HostSystem": true, "ResourcePool": true, "VirtualApp": true, "VirtualMachine": true, "Datastore": true,
	"Network": true, "OpaqueNetwork": true, "DistributedVirtualPortgroup": true, "DistributedVirtualSwitch": true,
	"VmwareDistributedVirtualSwitch": true,
}

func startedBy(info *types.TaskInfo, user string) bool {
	reason, ok := info.Reason.(*types.TaskReasonUser)
	return ok && auth.Same(reason.UserName, user)
}

var (
	_ hook.Access = (*Access)(nil)
	_ auth.Tree   = (*Access)(nil)
)
