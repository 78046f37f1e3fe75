package vim

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/dispatch"
	"hdm.dev/lab/vcenter/internal/hook"
	"hdm.dev/lab/vcenter/internal/inventory"
)

// createVM gives the disks of a VM that a client creates their space and bytes
// before its task ends.
func (v *VIM) createVM(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this types.ManagedObjectReference, request types.AnyType) soap.HasFault {
		req, _ := request.(*types.CreateVM_Task)
		if fault, message := v.checkDisks(ctx, req.Config.DeviceChange); fault != nil {
			return dispatch.Fault(message, fault)
		}
		res := next(ctx, this, request)
		if res.Fault() != nil {
			return res
		}
		task := v.startTask(ctx, "Folder.createVm", "CreateVM_Task", this)
		forked := fork(ctx)
		go func() {
			result, fault := await(forked, res)
			forgetTask(forked, res)
			vm := machine(forked, refOf(result))
			if fault != nil || vm == nil {
				task.result(result, fault, "The VM could not be created.")
				return
			}
			var fail error
			forked.WithLock(vm, func() {
				inventory.Label(vm)
				fail = v.defineDisks(vm.Config.Hardware.Device)
			})
			v.spaceChanged()
			if fail != nil {
				fault, message := spaceFault(forked, fail)
				v.RemoveVM(forked, vm.Self)
				task.finish(fault, message)
				return
			}
			task.result(result, nil, "")
		}()
		return &methods.CreateVM_TaskBody{Res: &types.CreateVM_TaskResponse{Returnval: task.obj.Self}}
	}
}

func refOf(value types.AnyType) types.ManagedObjectReference {
	ref, _ := value.(types.ManagedObjectReference)
	return ref
}

// migrate is what vcsim only has as a relocation.
func (v *VIM) migrate(ctx *simulator.Context, this types.ManagedObjectReference, request types.AnyType) soap.HasFault {
	req, _ := request.(*types.MigrateVM_Task)
	vm := machine(ctx, this)
	if req.State != "" && req.State != vm.Runtime.PowerState {
		return dispatch.Fault("The VM is in another state.", &types.InvalidPowerState{RequestedState: req.State, ExistingState: vm.Runtime.PowerState})
	}
	res := vm.RelocateVMTask(ctx, &types.RelocateVM_Task{This: this,
		Spec: types.VirtualMachineRelocateSpec{Pool: req.Pool, Host: req.Host}, Priority: req.Priority})
	if fault := res.Fault(); fault != nil {
		return res
	}
	body, _ := res.(*methods.RelocateVM_TaskBody)
	return &methods.MigrateVM_TaskBody{Res: &types.MigrateVM_TaskResponse{Returnval: body.Res.Returnval}}
}

// powerOnMulti powers each VM on as a call of its own would, leases, guests and
// faults included; vcsim goes past all of them.
func (v *VIM) powerOnMulti(ctx *simulator.Context, this types.ManagedObjectReference, request types.AnyType) soap.HasFault {
	req, _ := request.(*types.PowerOnMultiVM_Task)
	powerOn := v.table.Call("VirtualMachine", "PowerOnVM_Task")
	task := v.startTask(ctx, "Datacenter.powerOnVm", "PowerOnMultiVM_Task", this)
	var result types.ClusterPowerOnVmResult
	for _, ref := range req.Vm {
		vm := machine(ctx, ref)
		if vm == nil {
			result.NotAttempted = append(result.NotAttempted, types.ClusterNotAttemptedVmInfo{Vm: ref,
				Fault: types.LocalizedMethodFault{Fault: &types.ManagedObjectNotFound{Obj: ref}}})
			continue
		}
		var res soap.HasFault
		ctx.WithLock(vm, func() { res = powerOn(ctx, ref, &types.PowerOnVM_Task{This: ref}) })
		if fault := res.Fault(); fault != nil {
			method, _ := fault.VimFault().(types.BaseMethodFault)
			result.NotAttempted = append(result.NotAttempted, types.ClusterNotAttemptedVmInfo{Vm: ref,
				Fault: types.LocalizedMethodFault{Fault: method, LocalizedMessage: fault.String}})
			continue
		}
		body, _ := res.(*methods.PowerOnVM_TaskBody)
		result.Attempted = append(result.Attempted, types.ClusterAttemptedVmInfo{Vm: ref, Task: &body.Res.Returnval})
	}
	go task.result(result, nil, "")
	return &methods.PowerOnMultiVM_TaskBody{Res: &types.PowerOnMultiVM_TaskResponse{Returnval: task.obj.Self}}
}
