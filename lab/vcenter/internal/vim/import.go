package vim

import (
	"errors"
	"log"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/dispatch"
	"hdm.dev/lab/vcenter/internal/hook"
	"hdm.dev/lab/vcenter/internal/inventory"
	"hdm.dev/lab/vcenter/internal/nfc"
)

// importVApp answers a lease at once and creates the VM behind it.
func (v *VIM) importVApp(ctx *simulator.Context, this types.ManagedObjectReference, request types.AnyType) soap.HasFault {
	req, _ := request.(*types.ImportVApp)
	spec, ok := req.Spec.(*types.VirtualMachineImportSpec)
	if !ok {
		return dispatch.Fault("Only specs of a single VM are supported.", &types.InvalidArgument{InvalidProperty: "spec"})
	}
	if spec.ConfigSpec.Annotation == emptied {
		spec.ConfigSpec.Annotation = ""
	}
	folder, fault := importFolder(ctx, this, req.Folder)
	if fault != nil {
		return fault
	}
	if req.Host == nil && !picksHost(ctx, this) {
		return dispatch.Fault("A cluster without DRS needs a host.", &types.InvalidArgument{InvalidProperty: "host"})
	}
	if req.Host != nil && ctx.Map.Get(*req.Host) == nil {
		return dispatch.Fault("", &types.ManagedObjectNotFound{Obj: *req.Host})
	}
	task := v.startTask(ctx, "ResourcePool.ImportVAppLRO", "ImportVAppLRO", this)
	lease := v.Leases.New(ctx, nfc.Import, types.ManagedObjectReference{}, task.finish)
	go v.create(fork(ctx), lease, folder, &types.CreateVM_Task{
		This: folder.Self, Config: spec.ConfigSpec, Pool: this, Host: req.Host})
	return &methods.ImportVAppBody{Res: &types.ImportVAppResponse{Returnval: lease.Self}}
}

func importFolder(ctx *simulator.Context, pool types.ManagedObjectReference, asked *types.ManagedObjectReference) (*simulator.Folder, soap.HasFault) {
	ref := asked
	if ref == nil {
		dc, ok := ancestor(ctx, pool, "Datacenter").(*simulator.Datacenter)
		if !ok {
			return nil, dispatch.Fault("The pool is in no datacenter.", &types.InvalidArgument{InvalidProperty: "pool"})
		}
		ref = &dc.VmFolder
	}
	folder, ok := ctx.Map.Get(*ref).(*simulator.Folder)
	if !ok {
		return nil, dispatch.Fault("", &types.ManagedObjectNotFound{Obj: *ref})
	}
	return folder, nil
}

// picksHost tells whether vCenter chooses the host by itself.
func picksHost(ctx *simulator.Context, pool types.ManagedObjectReference) bool {
	cluster, ok := ancestor(ctx, pool, "ClusterComputeResource", "ComputeResource").(*simulator.ClusterComputeResource)
	return !ok || hasDRS(cluster)
}

// create makes the VM and gets the lease ready, or fails it.
func (v *VIM) create(ctx *simulator.Context, lease *nfc.Lease, folder *simulator.Folder, req *types.CreateVM_Task) {
	if taken := takenName(ctx, folder, inventory.Escape(inventory.Unescape(req.Config.Name))); taken != nil {
		lease.Fail(ctx, taken, "The name "+req.Config.Name+" is taken.")
		return
	}
	if fault, message := v.checkDisks(ctx, req.Config.DeviceChange); fault != nil {
		lease.Fail(ctx, fault, message)
		return
	}
	// A client may have escaped the name already.
	name := inventory.Unescape(req.Config.Name)
	req.Config.Name = inventory.Plain(name)
	answer := folder.CreateVMTask(ctx, req)
	result, fault := await(ctx, answer)
	forgetTask(ctx, answer)
	if fault != nil {
		lease.Fail(ctx, fault, "The VM could not be created.")
		return
	}
	ref, _ := result.(types.ManagedObjectReference)
	vm := machine(ctx, ref)
	if vm == nil {
		lease.Fail(ctx, &types.ManagedObjectNotFound{Obj: ref}, "The VM has vanished.")
		return
	}
	if inventory.Plain(name) != name {
		ctx.WithLock(vm, func() { inventory.Rename(ctx, vm, name) })
	}
	ctx.WithLock(vm, func() { inventory.Label(vm) })
	lease.SetVM(ref)
	var devices []*nfc.Device
	var host types.ManagedObjectReference
	var fail error
	ctx.WithLock(vm, func() {
		devices = v.devices(ref, vm.Name, vm.Config)
		host = *vm.Runtime.Host
		fail = v.defineDisks(vm.Config.Hardware.Device)
	})
	v.spaceChanged()
	if fail != nil {
		fault, message := spaceFault(ctx, fail)
		lease.Fail(ctx, fault, message)
		return
	}
	if lease.Ended() { // while the VM was made, so nobody has removed it
		v.RemoveVM(ctx, ref)
		return
	}
	lease.Ready(ctx, host, devices)
}

// takenName refuses a second entity of one name in a folder, as vCenter does.
func takenName(ctx *simulator.Context, folder *simulator.Folder, name string) types.BaseMethodFault {
	var children []types.ManagedObjectReference
	ctx.WithLock(folder, func() { children = append(children, folder.ChildEntity...) })
	for _, ref := range children {
		child, ok := ctx.Map.Get(ref).(mo.Entity)
		if !ok {
			continue
		}
		same := false
		ctx.WithLock(child, func() { same = child.Entity().Name == name })
		if same {
			return &types.DuplicateName{Name: name, Object: ref}
		}
	}
	return nil
}

// checkDisks refuses, before anything is made, what cannot fit.
func (v *VIM) checkDisks(ctx *simulator.Context, changes []types.BaseVirtualDeviceConfigSpec) (types.BaseMethodFault, string) {
	need := make(map[string]int64)
	for _, change := range changes {
		disk, ok := change.GetVirtualDeviceConfigSpec().Device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		var p object.DatastorePath
		if backing, ok := disk.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok &&
			p.FromString(backing.GetVirtualDeviceFileBackingInfo().FileName) {
			need[p.Datastore] += nfc.Capacity(disk)
		}
	}
	for name, bytes := range need {
		if _, free, ok := v.Disks.Space(name); ok && bytes > free {
			return spaceFault(ctx, &hook.NoSpace{Datastore: name, NeededBytes: bytes, FreeBytes: free})
		}
	}
	return nil, ""
}

func spaceFault(_ *simulator.Context, err error) (types.BaseMethodFault, string) {
	var full *hook.NoSpace
	if errors.As(err, &full) {
		return full.Fault()
	}
	return &types.SystemError{Reason: err.Error()}, err.Error()
}

// defineDisks makes the disks among devices known to the store.
func (v *VIM) defineDisks(devices []types.BaseVirtualDevice) error {
	for _, device := range devices {
		disk, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		if !ok || backing.FileName == "" || backing.Parent != nil {
			continue
		}
		err := v.Disks.Ensure(hook.DiskSpec{File: backing.FileName, CapacityBytes: nfc.Capacity(disk),
			Thin: backing.ThinProvisioned != nil && *backing.ThinProvisioned})
		if err != nil {
			return err
		}
	}
	return nil
}

// RemoveVM powers a VM off and destroys it, whoever holds it.
func (v *VIM) RemoveVM(ctx *simulator.Context, ref types.ManagedObjectReference) {
	vm := machine(ctx, ref)
	if vm == nil {
		return
	}
	on := false
	ctx.WithLock(vm, func() { on = vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff })
	if on {
		answer := vm.PowerOffVMTask(ctx, &types.PowerOffVM_Task{This: ref})
		_, _ = await(ctx, answer)
		forgetTask(ctx, answer)
	}
	answer := vm.DestroyTask(ctx, &types.Destroy_Task{This: ref})
	if _, fault := await(ctx, answer); fault != nil {
		log.Printf("removing the half-made VM %s: %T", ref.Value, fault)
	}
	forgetTask(ctx, answer)
}
