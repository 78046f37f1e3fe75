package access

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// reconfigured is what a change of a VM's configuration needs, by what is
// changed; see "VirtualMachine.ReconfigVM_Task" in the API reference.
func reconfigured(c *call) []need {
	req, ok := c.body.(*types.ReconfigVM_Task)
	if !ok {
		return nil
	}
	spec := &req.Spec
	var needs []need
	when := func(changed bool, privilege string) {
		if changed {
			needs = append(needs, need{c.owner, "VirtualMachine.Config." + privilege})
		}
	}
	when(spec.Name != "", "Rename")
	when(spec.Annotation != "", "Annotation")
	when(spec.NumCPUs != 0 || spec.NumCoresPerSocket != nil, "CPUCount")
	when(spec.MemoryMB != 0, "Memory")
	when(len(spec.ExtraConfig) > 0, "AdvancedConfig")
	when(spec.ChangeTrackingEnabled != nil, "ChangeTracking")
	when(spec.CpuAllocation != nil || spec.MemoryAllocation != nil || spec.CpuAffinity != nil || spec.MemoryAffinity != nil, "Resource")
	when(spec.SwapPlacement != "", "SwapPlacement")
	when(spec.ManagedBy != nil, "ManagedBy")
	when(spec.BootOptions != nil || spec.Flags != nil || spec.PowerOpInfo != nil || spec.Tools != nil || spec.GuestId != "" ||
		spec.Firmware != "" || spec.Uuid != "" || spec.InstanceUuid != "" || spec.Files != nil || spec.ConsolePreferences != nil ||
		spec.CpuHotAddEnabled != nil || spec.MemoryHotAddEnabled != nil, "Settings")
	for _, change := range spec.DeviceChange {
		needs = append(needs, c.device(change.GetVirtualDeviceConfigSpec())...)
	}
	if len(needs) == 0 {
		// Nothing that has a privilege of its own.
		when(true, "Settings")
	}
	return needs
}

// device is what adding, removing or changing one device needs.
func (c *call) device(change *types.VirtualDeviceConfigSpec) []need {
	config := func(privilege string) []need { return []need{{c.owner, "VirtualMachine.Config." + privilege}} }
	added := change.Operation == types.VirtualDeviceConfigSpecOperationAdd
	removed := change.Operation == types.VirtualDeviceConfigSpecOperationRemove
	switch d := change.Device.(type) {
	case *types.VirtualDisk:
		if _, raw := d.Backing.(*types.VirtualDiskRawDiskMappingVer1BackingInfo); raw {
			return config("RawDevice")
		}
		switch {
		case added && change.FileOperation == "":
			return config("AddExistingDisk")
		case added:
			needs := config("AddNewDisk")
			if backing, ok := d.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
				needs = append(needs, c.datastore(backing.GetVirtualDeviceFileBackingInfo().FileName, "Datastore.AllocateSpace")...)
			}
			return needs
		case removed:
			return config("RemoveDisk")
		case c.grows(d):
			return config("DiskExtend")
		}
		return config("EditDevice")
	default:
		if added || removed {
			needs := config("AddRemoveDevice")
			if added {
				needs = append(needs, c.connected(change.Device)...)
			}
			return needs
		}
		if c.reconnects(change.Device) {
			return append(config("EditDevice"), need{c.owner, "VirtualMachine.Interact.DeviceConnection"})
		}
		return append(config("EditDevice"), c.replugged(change.Device)...)
	}
}

// now is a device as it is.
func (c *call) now(key int32) types.BaseVirtualDevice {
	vm, ok := c.a.registry.Get(c.owner).(*simulator.VirtualMachine)
	if !ok || vm.Config == nil {
		return nil
	}
	for _, device := range vm.Config.Hardware.Device {
		if device.GetVirtualDevice().Key == key {
			return device
		}
	}
	return nil
}

func (c *call) grows(disk *types.VirtualDisk) bool {
	old, ok := c.now(disk.Key).(*types.VirtualDisk)
	return ok && (disk.CapacityInKB > old.CapacityInKB || disk.CapacityInBytes > old.CapacityInBytes)
}

// reconnects tells whether a device of a running VM is connected or disconnected.
func (c *call) reconnects(device types.BaseVirtualDevice) bool {
	vm, ok := c.a.registry.Get(c.owner).(*simulator.VirtualMachine)
	if !ok || vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
		return false
	}
	old := c.now(device.GetVirtualDevice().Key)
	asked := device.GetVirtualDevice().Connectable
	if old == nil || asked == nil || old.GetVirtualDevice().Connectable == nil {
		return false
	}
	return asked.Connected != old.GetVirtualDevice().Connectable.Connected
}

// replugged is what it takes to put a network card on another network.
func (c *call) replugged(device types.BaseVirtualDevice) []need {
	needs := c.connected(device)
	old, ok := c.now(device.GetVirtualDevice().Key).(types.BaseVirtualEthernetCard)
	if len(needs) == 0 || !ok {
		return nil
	}
	backing, ok := old.GetVirtualEthernetCard().Backing.(*types.VirtualEthernetCardNetworkBackingInfo)
	if ok && backing.Network != nil && *backing.Network == needs[0].on {
		return nil
	}
	return needs
}
