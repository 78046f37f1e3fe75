package vim

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/dispatch"
	"hdm.dev/lab/vcenter/internal/hook"
)

// postEvent gives an extension's event the object it is about. vcsim panics over
// one that names none, and keeps a lock with it.
func (v *VIM) postEvent(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this types.ManagedObjectReference, request types.AnyType) soap.HasFault {
		req, _ := request.(*types.PostEvent)
		event, is := req.EventToPost.(*types.EventEx)
		if !is {
			return next(ctx, this, request)
		}
		about := types.ManagedObjectReference{Type: event.ObjectType, Value: event.ObjectId}
		if about.Value == "" {
			about = subject(ctx, &event.Event)
			event.ObjectType, event.ObjectId = about.Type, about.Value
		}
		if _, known := ctx.Map.Get(about).(mo.Entity); !known {
			return dispatch.Fault("The event is about "+about.String()+", which does not exist.", &types.InvalidArgument{InvalidProperty: "eventToPost.objectId"})
		}
		return next(ctx, this, request)
	}
}

// subject is the most particular object that an event names; the root folder if
// it names none.
func subject(ctx *simulator.Context, e *types.Event) types.ManagedObjectReference {
	switch {
	case e.Vm != nil:
		return e.Vm.Vm
	case e.Host != nil:
		return e.Host.Host
	case e.Ds != nil:
		return e.Ds.Datastore
	case e.Net != nil:
		return e.Net.Network
	case e.ComputeResource != nil:
		return e.ComputeResource.ComputeResource
	case e.Datacenter != nil:
		return e.Datacenter.Datacenter
	}
	return content(ctx).RootFolder
}
