package inventory

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/config"
)

// block makes a VM something that cannot simply be moved, and shows it in the
// properties where a real vCenter does.
func (b *builder) block(p *place, c *cluster, vm *simulator.VirtualMachine, cfg *config.VM) error {
	if cfg.ManagedBy != "" {
		vm.Config.ManagedBy = &types.ManagedByInfo{ExtensionKey: cfg.ManagedBy, Type: "managed"}
	}
	vm.Runtime.FaultToleranceState = types.VirtualMachineFaultToleranceStateNotConfigured
	if cfg.FT {
		vm.Runtime.FaultToleranceState = types.VirtualMachineFaultToleranceStateEnabled
		vm.Config.FtInfo = &types.FaultToleranceConfigInfo{Role: 1, InstanceUuids: []string{vm.Config.InstanceUuid}}
	}
	if cfg.Encrypted {
		vm.Config.KeyId = &types.CryptoKeyId{KeyId: "key-1", ProviderId: &types.KeyProviderId{Id: "provider-1"}}
	}
	vm.Runtime.ConsolidationNeeded = cfg.ConsolidationNeeded
	if cfg.Question != "" {
		vm.Runtime.Question = Question(cfg.Question)
	}
	vm.DisabledMethod = append(vm.DisabledMethod, cfg.DisabledMethods...)
	blockDevices(vm, cfg)
	if cfg.VApp != "" {
		if err := b.putIntoVApp(c, vm, cfg.VApp); err != nil {
			return err
		}
	}
	if cfg.Template {
		vm.Config.Template = true
		vm.Summary.Config.Template = true
		vm.ResourcePool = nil
	}
	if cfg.Power == "suspended" {
		vm.Runtime.PowerState = types.VirtualMachinePowerStateSuspended
	}
	vm.Summary.Runtime = vm.Runtime
	return nil
}

func blockDevices(vm *simulator.VirtualMachine, cfg *config.VM) {
	add := func(device types.BaseVirtualDevice, label string) {
		d := device.GetVirtualDevice()
		d.Key = 11000 + int32(len(vm.Config.Hardware.Device))
		d.DeviceInfo = &types.Description{Label: label, Summary: label}
		vm.Config.Hardware.Device = append(vm.Config.Hardware.Device, device)
	}
	if cfg.VTPM {
		add(new(types.VirtualTPM), "Virtual TPM")
	}
	if cfg.Passthrough {
		add(&types.VirtualPCIPassthrough{VirtualDevice: types.VirtualDevice{
			Backing: &types.VirtualPCIPassthroughDeviceBackingInfo{
				VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: "0000:03:00.0"}, Id: "0000:03:00.0"},
		}}, "PCI device 0")
	}
	if cfg.VGPU {
		add(&types.VirtualPCIPassthrough{VirtualDevice: types.VirtualDevice{
			Backing: &types.VirtualPCIPassthroughVmiopBackingInfo{Vgpu: "grid_t4-8q"},
		}}, "PCI device 1")
	}
	for _, device := range vm.Config.Hardware.Device {
		switch d := device.(type) {
		case *types.VirtualDisk:
			backing, ok := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
			if !ok {
				continue
			}
			if cfg.Independent {
				backing.DiskMode = string(types.VirtualDiskModeIndependent_persistent)
			}
			if cfg.MultiWriter {
				backing.Sharing = string(types.VirtualDiskSharingSharingMultiWriter)
			}
			if cfg.LinkedClone {
				backing.Parent = &types.VirtualDiskFlatVer2BackingInfo{
					VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: "[" + cfg.Datastore + "] base/base.vmdk"},
					DiskMode:                     string(types.VirtualDiskModePersistent),
				}
			}
			if cfg.RDM {
				d.Backing = &types.VirtualDiskRawDiskMappingVer1BackingInfo{
					VirtualDeviceFileBackingInfo: backing.VirtualDeviceFileBackingInfo,
					LunUuid:                      "lun-1", DeviceName: "vml.1", CompatibilityMode: "physicalMode",
					DiskMode: string(types.VirtualDiskModeIndependent_persistent),
				}
			}
		case types.BaseVirtualSCSIController:
			if cfg.SharedBus {
				d.GetVirtualSCSIController().SharedBus = types.VirtualSCSISharingVirtualSharing
			}
		}
	}
}

// putIntoVApp moves a VM into a vApp, made when first needed.
func (b *builder) putIntoVApp(c *cluster, vm *simulator.VirtualMachine, name string) error {
	root, ok := b.ctx.Map.Get(c.root.Reference()).(*simulator.ResourcePool)
	if !ok {
		return fmt.Errorf("the cluster has no root pool")
	}
	res := root.CreateVApp(b.ctx, &types.CreateVApp{This: root.Self, Name: name,
		ResSpec: types.DefaultResourceConfigSpec(), ConfigSpec: simulator.NewVAppConfigSpec()})
	if res.Fault() != nil {
		return fmt.Errorf("vApp %q: %v", name, res.Fault().String)
	}
	for _, entity := range b.ctx.Map.All("VirtualApp") {
		app, ok := entity.(*simulator.VirtualApp)
		if !ok || app.Name != name {
			continue
		}
		self := app.Self
		vm.ParentVApp = &self
		vm.ResourcePool = &self
		app.Vm = append(app.Vm, vm.Self)
		root.Vm = remove(root.Vm, vm.Self)
		return nil
	}
	return fmt.Errorf("vApp %q was not made", name)
}

func remove(list []types.ManagedObjectReference, ref types.ManagedObjectReference) []types.ManagedObjectReference {
	var rest []types.ManagedObjectReference
	for _, r := range list {
		if r != ref {
			rest = append(rest, r)
		}
	}
	return rest
}

// Question is what a VM asks; its choices are those of a VM that was found
// moved, key "0" being the one that ends what waits for the answer.
func Question(text string) *types.VirtualMachineQuestionInfo {
	return &types.VirtualMachineQuestionInfo{
		Id: "1", Text: text,
		Choice: types.ChoiceOption{ChoiceInfo: []types.BaseElementDescription{
			&types.ElementDescription{Key: "0", Description: types.Description{Label: "Cancel"}},
			&types.ElementDescription{Key: "1", Description: types.Description{Label: "I moved it"}},
			&types.ElementDescription{Key: "2", Description: types.Description{Label: "I copied it"}},
		}, DefaultIndex: 2},
	}
}
