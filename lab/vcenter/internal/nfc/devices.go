package nfc

import (
	"fmt"
	"reflect"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// NVRAM is how the key of the file with the firmware's variables ends.
const NVRAM = "/nvram"

// DeviceKey names a disk in leases and import specs the way vCenter does: the
// VM, the controller's type and number, and the unit on it, such as
// "/web-01/ParaVirtualSCSIController0:0". owner is the VM's id in a key and its
// name in an import key. devices must hold the disk's controller.
func DeviceKey(owner string, devices []types.BaseVirtualDevice, disk *types.VirtualDisk) string {
	kind, bus, unit := "VirtualController", int32(0), int32(0)
	if disk.UnitNumber != nil {
		unit = *disk.UnitNumber
	}
	controller := object.VirtualDeviceList(devices).FindByKey(disk.ControllerKey)
	if controller != nil {
		kind = reflect.TypeOf(controller).Elem().Name()
	}
	if c, ok := controller.(types.BaseVirtualController); ok {
		bus = c.GetVirtualController().BusNumber
	}
	return fmt.Sprintf("/%s/%s%d:%d", owner, kind, bus, unit)
}

// DiskDevices lists the virtual disks among devices as what a lease transfers.
func DiskDevices(vm types.ManagedObjectReference, name string, devices []types.BaseVirtualDevice) []*Device {
	var out []*Device
	for _, device := range devices {
		disk, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		backing, ok := disk.Backing.(types.BaseVirtualDeviceFileBackingInfo)
		if !ok {
			continue
		}
		n := len(out)
		out = append(out, &Device{
			Key:           DeviceKey(vm.Value, devices, disk),
			ImportKey:     DeviceKey(name, devices, disk),
			Disk:          backing.GetVirtualDeviceFileBackingInfo().FileName,
			Name:          fmt.Sprintf("disk-%d.vmdk", n),
			CapacityBytes: Capacity(disk),
			Index:         n,
		})
	}
	return out
}

// Capacity is the size of a disk in bytes, whichever way it is given.
func Capacity(disk *types.VirtualDisk) int64 {
	if disk.CapacityInBytes != 0 {
		return disk.CapacityInBytes
	}
	return disk.CapacityInKB * 1024
}
