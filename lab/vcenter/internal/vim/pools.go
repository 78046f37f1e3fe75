package vim

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/dispatch"
	"hdm.dev/lab/vcenter/internal/hook"
)

func (v *VIM) registerPools(table hook.Dispatcher) {
	table.Around("ResourcePool", "MoveIntoResourcePool", func(hook.Call) hook.Call { return v.moveIntoPool })
	// Pools and VMs are locked one after the other, never one within the other:
	// others lock them the other way round.
	table.Unlocked("ResourcePool", "MoveIntoResourcePool")
	table.Around("ResourcePool", "CreateResourcePool", func(next hook.Call) hook.Call {
		return func(ctx *simulator.Context, this types.ManagedObjectReference, req types.AnyType) soap.HasFault {
			cluster, ok := ancestor(ctx, this, "ClusterComputeResource").(*simulator.ClusterComputeResource)
			if ok && !hasDRS(cluster) {
				return dispatch.Fault("Child resource pools need a cluster with DRS.", new(types.NotSupported))
			}
			res := next(ctx, this, req)
			if body, ok := res.(*methods.CreateResourcePoolBody); ok && body.Res != nil {
				// vcsim shows a pool to views before it hangs it below its parent,
				// where they look for it: they need to be told again.
				ctx.Map.Put(ctx.Map.Get(body.Res.Returnval))
			}
			return res
		}
	})
}

func hasDRS(cluster *simulator.ClusterComputeResource) bool {
	config, ok := cluster.ConfigurationEx.(*types.ClusterConfigInfoEx)
	return ok && config.DrsConfig.Enabled != nil && *config.DrsConfig.Enabled
}

// moveIntoPool is what vcsim lacks: VMs change their pool at once, by name of
// the call even while they run. All move or none.
func (v *VIM) moveIntoPool(ctx *simulator.Context, this types.ManagedObjectReference, request types.AnyType) soap.HasFault {
	req, _ := request.(*types.MoveIntoResourcePool)
	target, ok := ctx.Map.Get(this).(*simulator.ResourcePool)
	if !ok {
		return dispatch.Fault("", &types.ManagedObjectNotFound{Obj: this})
	}
	var vms []*simulator.VirtualMachine
	for _, ref := range req.List {
		vm := machine(ctx, ref)
		if vm == nil {
			return dispatch.Fault("", &types.ManagedObjectNotFound{Obj: ref})
		}
		if vm.Config.Template || vm.ResourcePool == nil {
			return dispatch.Fault("A template has no resource pool.", &types.InvalidArgument{InvalidProperty: "list"})
		}
		if ancestor(ctx, *vm.ResourcePool, "ClusterComputeResource") != ancestor(ctx, this, "ClusterComputeResource") {
			return dispatch.Fault("The VM is in another cluster.", &types.InvalidArgument{InvalidProperty: "list"})
		}
		vms = append(vms, vm)
	}
	for _, vm := range vms {
		var before types.ManagedObjectReference
		ctx.WithLock(vm, func() {
			before = *vm.ResourcePool
			ctx.Update(vm, []types.PropertyChange{{Name: "resourcePool", Val: target.Self}})
		})
		if former, ok := ctx.Map.Get(before).(*simulator.ResourcePool); ok {
			ctx.WithLock(former, func() { ctx.Map.RemoveReference(ctx, former, &former.Vm, vm.Self) })
		}
		ctx.WithLock(target, func() { ctx.Map.AddReference(ctx, target, &target.Vm, vm.Self) })
	}
	return &methods.MoveIntoResourcePoolBody{Res: new(types.MoveIntoResourcePoolResponse)}
}
