package inventory

import (
	"fmt"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/config"
	"hdm.dev/lab/vcenter/internal/hook"
)

// generate makes one VM as all others are made, and the rest as its copies,
// straight in the registry: through the API each would take 18 ms.
func (b *builder) generate() error {
	cfg := b.cfg.Inventory.GeneratedVMs
	name := func(n int) string { return fmt.Sprintf("%s%05d", cfg.Prefix, n) }
	first := &config.VM{Name: name(0)}
	for range cfg.Disks {
		first.Disks = append(first.Disks, config.Disk{SizeBytes: cfg.DiskSizeBytes, Content: "zero", Controller: "pvscsi"})
	}
	dc := b.cfg.Inventory.Datacenters[0]
	first.Datacenter, first.Cluster, first.Datastore = dc.Name, dc.Clusters[0].Name, dc.Datastores[0].Name
	first.CPU, first.MemoryMiB, first.Firmware, first.Power, first.HWVersion = 1, 256, "bios", "off", "vmx-19"
	first.NICs = []config.NIC{{Network: dc.Networks[0], Type: "vmxnet3"}}
	if err := b.machine(first); err != nil {
		return err
	}
	var template *simulator.VirtualMachine
	for _, entity := range b.ctx.Map.All("VirtualMachine") {
		if vm, ok := entity.(*simulator.VirtualMachine); ok && vm.Name == first.Name {
			template = vm
		}
	}
	folder, _ := b.ctx.Map.Get(*template.Parent).(*simulator.Folder)
	pool, _ := b.ctx.Map.Get(*template.ResourcePool).(*simulator.ResourcePool)
	host, _ := b.ctx.Map.Get(*template.Runtime.Host).(*simulator.HostSystem)
	if folder == nil || pool == nil || host == nil {
		return fmt.Errorf("the first one is not where it was put")
	}
	for n := 1; n < cfg.Count; n++ {
		vm, err := b.copyOf(template, name(n), first)
		if err != nil {
			return err
		}
		b.ctx.Map.Put(vm)
		vm.Summary.Vm = &vm.Self
		folder.ChildEntity = append(folder.ChildEntity, vm.Self)
		pool.Vm = append(pool.Vm, vm.Self)
		host.Vm = append(host.Vm, vm.Self)
	}
	return nil
}

func (b *builder) copyOf(template *simulator.VirtualMachine, name string, cfg *config.VM) (*simulator.VirtualMachine, error) {
	vm := new(simulator.VirtualMachine)
	vm.VirtualMachine = template.VirtualMachine
	vm.Self = types.ManagedObjectReference{}
	vm.Name = name
	vm.RecentTask = nil
	info := *template.Config
	vm.Config = &info
	vm.Config.Hardware.Device = copyDevices(template.Config.Hardware.Device)
	vm.Config.Name = name
	vm.Config.Uuid = uuid.NewString()
	vm.Config.InstanceUuid = uuid.NewString()
	vm.Config.Files.VmPathName = fmt.Sprintf("[%s] %s/%s.vmx", cfg.Datastore, name, name)
	vm.Summary.Config.Name = name
	vm.Summary.Config.Uuid = vm.Config.Uuid
	vm.Summary.Config.InstanceUuid = vm.Config.InstanceUuid
	vm.Summary.Config.VmPathName = vm.Config.Files.VmPathName
	disks := 0
	for _, device := range vm.Config.Hardware.Device {
		switch d := device.(type) {
		case *types.VirtualDisk:
			file := fmt.Sprintf("[%s] %s/%s_%d.vmdk", cfg.Datastore, name, name, disks)
			disks++
			if backing, ok := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
				backing.FileName = file
			}
			if err := b.disks.Define(hook.DiskSpec{File: file, CapacityBytes: d.CapacityInBytes, Content: "zero", Thin: true}); err != nil {
				return nil, err
			}
		case types.BaseVirtualEthernetCard:
			id := uuid.New()
			d.GetVirtualEthernetCard().MacAddress = fmt.Sprintf("00:50:56:%02x:%02x:%02x", id[0]&0x3f, id[1], id[2])
		}
	}
	return vm, nil
}

// copyDevices copies what differs between the VMs; the rest is never changed.
func copyDevices(devices []types.BaseVirtualDevice) []types.BaseVirtualDevice {
	out := make([]types.BaseVirtualDevice, len(devices))
	for n, device := range devices {
		switch d := device.(type) {
		case *types.VirtualDisk:
			disk := *d
			if backing, ok := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
				b := *backing
				disk.Backing = &b
			}
			out[n] = &disk
		case *types.VirtualVmxnet3:
			nic := *d
			out[n] = &nic
		default:
			out[n] = device
		}
	}
	return out
}
