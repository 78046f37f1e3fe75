package vim

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/dispatch"
	"hdm.dev/lab/vcenter/internal/hook"
	"hdm.dev/lab/vcenter/internal/inventory"
	"hdm.dev/lab/vcenter/internal/nfc"
)

// registerLeases lets a lease block what would change its VM underneath it.
func (v *VIM) registerLeases(table hook.Dispatcher) {
	blocked := func(next hook.Call) hook.Call {
		return func(ctx *simulator.Context, this types.ManagedObjectReference, req types.AnyType) soap.HasFault {
			vm := this
			if snapshot, ok := ctx.Map.Get(this).(*simulator.VirtualMachineSnapshot); ok {
				vm = snapshot.Vm
			}
			if lease := v.Leases.Holding(vm); lease != nil {
				return dispatch.Fault(fmt.Sprintf("%s is held by %s.", vm.Value, lease.Self.Value),
					&types.MethodDisabled{Source: lease.Self.Value})
			}
			return next(ctx, this, req)
		}
	}
	for _, method := range []string{"PowerOnVM_Task", "Destroy_Task", "MigrateVM_Task", "RelocateVM_Task",
		"UnregisterVM", "RevertToCurrentSnapshot_Task", "RemoveAllSnapshots_Task"} {
		table.Around("VirtualMachine", method, blocked)
	}
	table.Around("VirtualMachineSnapshot", "RevertToSnapshot_Task", blocked)
	table.Around("VirtualMachineSnapshot", "RemoveSnapshot_Task", blocked)
}

func (v *VIM) registerTransfers(table hook.Dispatcher) {
	table.Around("VirtualMachine", "ExportVm", func(hook.Call) hook.Call { return v.exportVM })
	table.Around("VirtualMachineSnapshot", "ExportSnapshot", func(hook.Call) hook.Call { return v.exportSnapshot })
	table.Around("ResourcePool", "ImportVApp", func(hook.Call) hook.Call { return v.importVApp })
	table.Around("VirtualApp", "ImportVApp", func(hook.Call) hook.Call { return v.importVApp })
}

func (v *VIM) exportVM(ctx *simulator.Context, this types.ManagedObjectReference, _ types.AnyType) soap.HasFault {
	vm := machine(ctx, this)
	if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff {
		return dispatch.Fault("The VM must be powered off.", &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: vm.Runtime.PowerState})
	}
	lease, fault := v.export(ctx, vm, vm.Config)
	if fault != nil {
		return fault
	}
	return &methods.ExportVmBody{Res: &types.ExportVmResponse{Returnval: lease.Self}}
}

func (v *VIM) exportSnapshot(ctx *simulator.Context, this types.ManagedObjectReference, _ types.AnyType) soap.HasFault {
	snapshot, ok := ctx.Map.Get(this).(*simulator.VirtualMachineSnapshot)
	if !ok {
		return dispatch.Fault("", &types.ManagedObjectNotFound{Obj: this})
	}
	vm := machine(ctx, snapshot.Vm)
	if vm == nil {
		return dispatch.Fault("", &types.ManagedObjectNotFound{Obj: snapshot.Vm})
	}
	lease, fault := v.export(ctx, vm, &snapshot.Config)
	if fault != nil {
		return fault
	}
	return &methods.ExportSnapshotBody{Res: &types.ExportSnapshotResponse{Returnval: lease.Self}}
}

// export makes a lease of the disks of a configuration.
func (v *VIM) export(ctx *simulator.Context, vm *simulator.VirtualMachine, config *types.VirtualMachineConfigInfo) (*nfc.Lease, soap.HasFault) {
	if held := v.Leases.Holding(vm.Self); held != nil {
		return nil, dispatch.Fault(fmt.Sprintf("%s is held by %s.", vm.Name, held.Self.Value), new(types.InvalidState))
	}
	if vm.Runtime.Host == nil {
		return nil, dispatch.Fault("The VM has no host.", new(types.InvalidState))
	}
	lease := v.Leases.New(ctx, nfc.Export, vm.Self, nil)
	devices := v.devices(vm.Self, vm.Name, config)
	host := *vm.Runtime.Host
	// As on a real vCenter, the lease is not ready when the call is answered.
	go lease.Ready(fork(ctx), host, devices)
	return lease, nil
}

// devices are the disks and, with EFI, the variables of the firmware.
func (v *VIM) devices(vm types.ManagedObjectReference, name string, config *types.VirtualMachineConfigInfo) []*nfc.Device {
	devices := nfc.DiskDevices(vm, inventory.Unescape(name), config.Hardware.Device)
	if config.Firmware == string(types.GuestOsDescriptorFirmwareTypeEfi) {
		devices = append(devices, &nfc.Device{
			Key: "/" + vm.Value + nfc.NVRAM, ImportKey: "/" + inventory.Unescape(name) + nfc.NVRAM, Name: "nvram.nvram", Index: -1,
			File: inventory.NVRAMFile(v.Disks.Dir, config.Files.VmPathName),
		})
	}
	return devices
}
