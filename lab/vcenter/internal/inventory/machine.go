package inventory

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/config"
	"hdm.dev/lab/vcenter/internal/hook"
)

// machine makes one VM through the API, and then what the API cannot make.
func (b *builder) machine(cfg *config.VM) error {
	p := b.places[cfg.Datacenter]
	if p == nil {
		return fmt.Errorf("there is no datacenter %q", cfg.Datacenter)
	}
	folder, c := p.folders[cfg.Folder], p.clusters[cfg.Cluster]
	if folder == nil || c == nil {
		return fmt.Errorf("there is no folder %q or no cluster %q", cfg.Folder, cfg.Cluster)
	}
	pool := c.root
	if cfg.Pool != "" {
		if pool = c.pools[cfg.Pool]; pool == nil {
			return fmt.Errorf("there is no pool %q", cfg.Pool)
		}
	}
	host := c.hosts[c.next%len(c.hosts)]
	c.next++
	devices, err := b.devices(p, cfg)
	if err != nil {
		return err
	}
	spec := types.VirtualMachineConfigSpec{
		Name: Plain(cfg.Name), GuestId: string(types.VirtualMachineGuestOsIdentifierOtherLinux64Guest),
		NumCPUs: cfg.CPU, NumCoresPerSocket: types.NewInt32(max(1, cfg.CoresPerSocket)), MemoryMB: cfg.MemoryMiB,
		Firmware: cfg.Firmware, Annotation: cfg.Annotation, Version: cfg.HWVersion,
		Files: &types.VirtualMachineFileInfo{VmPathName: "[" + cfg.Datastore + "]"},
	}
	if cfg.HotAdd {
		spec.CpuHotAddEnabled, spec.MemoryHotAddEnabled = &cfg.HotAdd, &cfg.HotAdd
	}
	for _, key := range sortedKeys(cfg.ExtraConfig) {
		spec.ExtraConfig = append(spec.ExtraConfig, &types.OptionValue{Key: key, Value: cfg.ExtraConfig[key]})
	}
	if cfg.Bootable {
		spec.ExtraConfig = append(spec.ExtraConfig, &types.OptionValue{Key: Bootable, Value: "true"})
	}
	if cfg.Tools {
		spec.ExtraConfig = append(spec.ExtraConfig, &types.OptionValue{Key: Tools, Value: "true"})
	}
	if spec.DeviceChange, err = devices.ConfigSpec(types.VirtualDeviceConfigSpecOperationAdd); err != nil {
		return err
	}
	ctx := context.Background()
	task, err := folder.CreateVM(ctx, spec, pool, host)
	if err != nil {
		return err
	}
	info, err := task.WaitForResult(ctx, nil)
	if err != nil {
		return err
	}
	ref, _ := info.Result.(types.ManagedObjectReference)
	vm, ok := b.ctx.Map.Get(ref).(*simulator.VirtualMachine)
	if !ok {
		return fmt.Errorf("it was not made")
	}
	if Plain(cfg.Name) != cfg.Name {
		Rename(b.ctx, vm, cfg.Name)
	}
	if err := b.defineDisks(vm, cfg); err != nil {
		return err
	}
	finishNICs(vm, cfg)
	if err := b.firmware(vm, cfg); err != nil {
		return err
	}
	Label(vm)
	for _, name := range cfg.Snapshots {
		task, err := object.NewVirtualMachine(b.client, ref).CreateSnapshot(ctx, name, "", false, false)
		if err != nil {
			return err
		}
		if _, err := task.WaitForResult(ctx, nil); err != nil {
			return err
		}
	}
	if err := b.block(p, c, vm, cfg); err != nil {
		return err
	}
	if cfg.Power == "on" {
		b.built.On = append(b.built.On, ref)
	}
	if len(cfg.Tags)+len(cfg.Permissions) > 0 || cfg.StoragePolicy != "" {
		b.built.Attached = append(b.built.Attached, Attached{ref, cfg})
	}
	return nil
}

// devices are the controllers, disks and network cards of a VM.
func (b *builder) devices(p *place, cfg *config.VM) (object.VirtualDeviceList, error) {
	var devices object.VirtualDeviceList
	controllers := make(map[string]types.BaseVirtualController)
	for _, d := range cfg.Disks {
		controller := controllers[d.Controller]
		if controller == nil {
			made, err := newController(devices, d.Controller)
			if err != nil {
				return nil, err
			}
			made.GetVirtualDevice().Key = -int32(101 + len(controllers))
			devices = append(devices, made)
			controller, _ = made.(types.BaseVirtualController)
			controllers[d.Controller] = controller
		}
		thin := d.IsThin()
		disk := &types.VirtualDisk{
			VirtualDevice: types.VirtualDevice{
				Backing: &types.VirtualDiskFlatVer2BackingInfo{
					DiskMode: string(types.VirtualDiskModePersistent), ThinProvisioned: &thin,
					VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: ""},
				},
			},
			CapacityInKB: d.SizeBytes / 1024, CapacityInBytes: d.SizeBytes,
		}
		if !thin {
			backing, _ := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
			backing.EagerlyScrub = types.NewBool(false)
		}
		disk.Key = -int32(1001 + len(devices))
		devices.AssignController(disk, controller)
		devices = append(devices, disk)
	}
	for _, n := range cfg.NICs {
		network, ok := p.networks[n.Network]
		if !ok {
			return nil, fmt.Errorf("there is no network %q", n.Network)
		}
		nic, err := devices.CreateEthernetCard(n.Type, &types.VirtualEthernetCardNetworkBackingInfo{
			VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: n.Network},
			Network:                        &network,
		})
		if err != nil {
			return nil, err
		}
		card := nic.(types.BaseVirtualEthernetCard).GetVirtualEthernetCard()
		card.AddressType = string(types.VirtualEthernetCardMacTypeGenerated)
		if n.MAC != "" {
			card.AddressType = string(types.VirtualEthernetCardMacTypeManual)
			card.MacAddress = n.MAC
		}
		card.WakeOnLanEnabled = types.NewBool(true)
		devices = append(devices, nic)
	}
	return devices, nil
}

func newController(devices object.VirtualDeviceList, kind string) (types.BaseVirtualDevice, error) {
	switch kind {
	case "ide":
		return devices.CreateIDEController()
	case "sata":
		return devices.CreateSATAController()
	case "nvme":
		return devices.CreateNVMEController()
	default:
		return devices.CreateSCSIController(kind)
	}
}

// defineDisks gives the disks their recipes.
func (b *builder) defineDisks(vm *simulator.VirtualMachine, cfg *config.VM) error {
	n := 0
	for _, device := range vm.Config.Hardware.Device {
		disk, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		if !ok || n >= len(cfg.Disks) {
			return fmt.Errorf("disk %d is not as it was asked for", n)
		}
		d := cfg.Disks[n]
		n++
		err := b.disks.Define(hook.DiskSpec{File: backing.FileName, CapacityBytes: d.SizeBytes, Content: d.Content, Thin: d.IsThin()})
		if err != nil {
			return err
		}
	}
	if n != len(cfg.Disks) {
		return fmt.Errorf("it has %d disks instead of %d", n, len(cfg.Disks))
	}
	return nil
}

// firmware sets what the firmware boots from and what it remembers.
func (b *builder) firmware(vm *simulator.VirtualMachine, cfg *config.VM) error {
	vm.Config.BootOptions = &types.VirtualMachineBootOptions{EfiSecureBootEnabled: &cfg.SecureBoot}
	keys := make(map[string]types.BaseVirtualMachineBootOptionsBootableDevice)
	disks, nics := 0, 0
	for _, device := range vm.Config.Hardware.Device {
		key := device.GetVirtualDevice().Key
		switch device.(type) {
		case *types.VirtualDisk:
			keys[fmt.Sprintf("disk-%d", disks)] = &types.VirtualMachineBootOptionsBootableDiskDevice{DeviceKey: key}
			disks++
		case types.BaseVirtualEthernetCard:
			keys[fmt.Sprintf("nic-%d", nics)] = &types.VirtualMachineBootOptionsBootableEthernetDevice{DeviceKey: key}
			nics++
		}
	}
	for _, name := range cfg.BootOrder {
		if keys[name] == nil {
			return fmt.Errorf("it cannot boot from %q", name)
		}
		vm.Config.BootOptions.BootOrder = append(vm.Config.BootOptions.BootOrder, keys[name])
	}
	if cfg.NVRAM == "" {
		return nil
	}
	return os.WriteFile(NVRAMFile(b.disks.Dir, vm.Config.Files.VmPathName), []byte(cfg.NVRAM), 0o600)
}

// finishNICs sets the connect flags, which CreateVM leaves to itself.
func finishNICs(vm *simulator.VirtualMachine, cfg *config.VM) {
	n := 0
	for _, device := range vm.Config.Hardware.Device {
		nic, ok := device.(types.BaseVirtualEthernetCard)
		if !ok || n >= len(cfg.NICs) {
			continue
		}
		nic.GetVirtualEthernetCard().Connectable = &types.VirtualDeviceConnectInfo{
			StartConnected: cfg.NICs[n].ConnectsAtStart(), AllowGuestControl: true, Status: "untried",
		}
		n++
	}
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
