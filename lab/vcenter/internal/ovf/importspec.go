package ovf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/ovf"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/dispatch"
	"hdm.dev/lab/vcenter/internal/inventory"
	"hdm.dev/lab/vcenter/internal/nfc"
)

// reader turns one descriptor into one spec.
type reader struct {
	ctx    *simulator.Context
	req    *types.CreateImportSpec
	cisp   *types.OvfCreateImportSpecParams
	env    *ovf.Envelope
	result types.OvfCreateImportSpecResult
	config types.VirtualMachineConfigSpec
	// devices of the spec, and their keys by the items' instance ids.
	devices []types.BaseVirtualDevice
	keys    map[string]int32
	thin    bool
	eager   bool
}

func createImportSpec(ctx *simulator.Context, _ types.ManagedObjectReference, request types.AnyType) soap.HasFault {
	req, _ := request.(*types.CreateImportSpec)
	env, err := ovf.Unmarshal(strings.NewReader(req.OvfDescriptor))
	if err != nil || env.VirtualSystem == nil || len(env.VirtualSystem.VirtualHardware) == 0 {
		return dispatch.Fault("The descriptor cannot be understood.", &types.InvalidArgument{InvalidProperty: "ovfDescriptor"})
	}
	datastore, ok := ctx.Map.Get(req.Datastore).(*simulator.Datastore)
	if !ok {
		return dispatch.Fault("", &types.ManagedObjectNotFound{Obj: req.Datastore})
	}
	if ctx.Map.Get(req.ResourcePool) == nil {
		return dispatch.Fault("", &types.ManagedObjectNotFound{Obj: req.ResourcePool})
	}
	r := &reader{ctx: ctx, req: req, cisp: req.Cisp.GetOvfCreateImportSpecParams(), env: env, keys: make(map[string]int32)}
	r.thin = r.cisp.DiskProvisioning == "" || r.cisp.DiskProvisioning == "thin"
	r.eager = r.cisp.DiskProvisioning == "eagerZeroedThick"
	r.config = types.VirtualMachineConfigSpec{
		Name: r.cisp.EntityName, Version: "vmx-19", GuestId: "otherGuest",
		Files:   &types.VirtualMachineFileInfo{VmPathName: "[" + datastore.Name + "]"},
		NumCPUs: 1, MemoryMB: 32,
	}
	if r.config.Name == "" {
		r.config.Name = env.VirtualSystem.ID
	}
	if os := env.VirtualSystem.OperatingSystem; os != nil && os.OSType != nil {
		r.config.GuestId = *os.OSType
	}
	hardware := env.VirtualSystem.VirtualHardware[0]
	r.optional(&hardware)
	if hardware.System != nil && hardware.System.VirtualSystemType != nil {
		r.config.Version = strings.TrimSpace(strings.Split(*hardware.System.VirtualSystemType, ",")[0])
	}
	for n := range hardware.Item {
		if err := r.item(&hardware.Item[n]); err != nil {
			fault := types.LocalizedMethodFault{Fault: &types.OvfUnsupportedElement{}, LocalizedMessage: err.Error()}
			r.result.Error = append(r.result.Error, fault)
		}
	}
	if len(r.result.Error) == 0 {
		r.fileItems(&hardware)
		for _, device := range r.devices {
			change := &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: device}
			if _, is := device.(*types.VirtualDisk); is {
				change.FileOperation = types.VirtualDeviceConfigSpecFileOperationCreate
			}
			r.config.DeviceChange = append(r.config.DeviceChange, change)
		}
		r.result.ImportSpec = &types.VirtualMachineImportSpec{ConfigSpec: r.config}
	}
	return &methods.CreateImportSpecBody{Res: &types.CreateImportSpecResponse{Returnval: r.result}}
}

// optional takes what only options carry.
func (r *reader) optional(hardware *ovf.VirtualHardwareSection) {
	if slices.Contains(r.cisp.ImportOption, optionUUID) {
		for _, config := range hardware.Config {
			if config.Key == "uuid" {
				r.config.Uuid = config.Value
			}
		}
	}
	if slices.Contains(r.cisp.ImportOption, optionExtraConfig) {
		for _, config := range hardware.ExtraConfig {
			if config.Key != "nvram" {
				r.config.ExtraConfig = append(r.config.ExtraConfig, &types.OptionValue{Key: config.Key, Value: config.Value})
			}
		}
	}
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// item adds what one piece of hardware needs.
func (r *reader) item(it *ovf.ResourceAllocationSettingData) error {
	kind := 0
	if it.ResourceType != nil {
		kind = int(*it.ResourceType)
	}
	quantity := int64(0)
	if it.VirtualQuantity != nil {
		quantity = int64(*it.VirtualQuantity)
	}
	switch kind {
	case cpu:
		r.config.NumCPUs = int32(quantity)
	case memory:
		r.config.MemoryMB = quantity
	case ide, scsi, otherStore:
		return r.controller(it, kind)
	case hardDisk:
		return r.disk(it)
	case nic:
		return r.nic(it)
	}
	return nil
}

func (r *reader) add(id string, device types.BaseVirtualDevice) {
	key := -int32(101 + len(r.devices))
	device.GetVirtualDevice().Key = key
	r.keys[id] = key
	r.devices = append(r.devices, device)
}

func (r *reader) controller(it *ovf.ResourceAllocationSettingData, kind int) error {
	bus, err := strconv.Atoi(strings.TrimSpace(text(it.Address)))
	if err != nil {
		bus = 0
	}
	base := types.VirtualController{BusNumber: int32(bus)}
	shared := types.VirtualSCSIController{VirtualController: base, SharedBus: types.VirtualSCSISharingNoSharing, ScsiCtlrUnitNumber: 7,
		HotAddRemove: types.NewBool(true)}
	var device types.BaseVirtualDevice
	switch sub := text(it.ResourceSubType); {
	case kind == ide:
		device = &types.VirtualIDEController{VirtualController: base}
	case sub == "VirtualSCSI":
		device = &types.ParaVirtualSCSIController{VirtualSCSIController: shared}
	case sub == "lsilogic":
		device = &types.VirtualLsiLogicController{VirtualSCSIController: shared}
	case sub == "lsilogicsas":
		device = &types.VirtualLsiLogicSASController{VirtualSCSIController: shared}
	case sub == "buslogic":
		device = &types.VirtualBusLogicController{VirtualSCSIController: shared}
	case sub == "vmware.sata.ahci":
		device = &types.VirtualAHCIController{VirtualSATAController: types.VirtualSATAController{VirtualController: base}}
	case sub == "vmware.nvme.controller":
		device = &types.VirtualNVMEController{VirtualController: base}
	default:
		return fmt.Errorf("the controller type %q is not supported", sub)
	}
	r.add(it.InstanceID, device)
	return nil
}

func (r *reader) disk(it *ovf.ResourceAllocationSettingData) error {
	desc := r.diskOf(it)
	if desc == nil {
		return fmt.Errorf("the disk %q is not described", it.ElementName)
	}
	capacity, err := strconv.ParseInt(desc.Capacity, 10, 64)
	if err != nil {
		return fmt.Errorf("the disk %q has no size", it.ElementName)
	}
	if desc.CapacityAllocationUnits != nil && *desc.CapacityAllocationUnits != "byte" {
		return fmt.Errorf("the unit %q of a disk's size is not supported", *desc.CapacityAllocationUnits)
	}
	unit, err := strconv.Atoi(text(it.AddressOnParent))
	if err != nil {
		return fmt.Errorf("the disk %q has no place", it.ElementName)
	}
	number := int32(unit)
	thin, eager := r.thin, r.eager
	r.add(it.InstanceID, &types.VirtualDisk{
		VirtualDevice: types.VirtualDevice{
			ControllerKey: r.keys[text(it.Parent)], UnitNumber: &number,
			Backing: &types.VirtualDiskFlatVer2BackingInfo{DiskMode: string(types.VirtualDiskModePersistent),
				ThinProvisioned: &thin, EagerlyScrub: &eager},
		},
		CapacityInKB: capacity / 1024, CapacityInBytes: capacity,
	})
	return nil
}

func (r *reader) diskOf(it *ovf.ResourceAllocationSettingData) *ovf.VirtualDiskDesc {
	if r.env.Disk == nil || len(it.HostResource) == 0 {
		return nil
	}
	for n := range r.env.Disk.Disks {
		if strings.HasSuffix(it.HostResource[0], "/"+r.env.Disk.Disks[n].DiskID) {
			return &r.env.Disk.Disks[n]
		}
	}
	return nil
}

func (r *reader) nic(it *ovf.ResourceAllocationSettingData) error {
	name := ""
	if len(it.Connection) > 0 {
		name = it.Connection[0]
	}
	var network *mo.Network
	for _, mapping := range r.cisp.NetworkMapping {
		if mapping.Name == name {
			network, _ = r.ctx.Map.Get(mapping.Network).(*mo.Network)
		}
	}
	if network == nil {
		return fmt.Errorf("the network %q is mapped to none that is here", name)
	}
	ref := network.Self
	card := types.VirtualEthernetCard{
		VirtualDevice: types.VirtualDevice{Backing: &types.VirtualEthernetCardNetworkBackingInfo{
			VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: network.Name}, Network: &ref}},
		AddressType: string(types.VirtualEthernetCardMacTypeGenerated),
	}
	if mac := text(it.Address); mac != "" && slices.Contains(r.cisp.ImportOption, optionMAC) {
		card.AddressType, card.MacAddress = string(types.VirtualEthernetCardMacTypeManual), mac
	}
	var device types.BaseVirtualDevice
	switch strings.ToLower(text(it.ResourceSubType)) {
	case "e1000":
		device = &types.VirtualE1000{VirtualEthernetCard: card}
	case "e1000e":
		device = &types.VirtualE1000e{VirtualEthernetCard: card}
	default:
		device = &types.VirtualVmxnet3{VirtualVmxnet: types.VirtualVmxnet{VirtualEthernetCard: card}}
	}
	r.add(it.InstanceID, device)
	return nil
}

// fileItems names for each disk, and the firmware's variables, the file they come
// from.
func (r *reader) fileItems(hardware *ovf.VirtualHardwareSection) {
	name := inventory.Unescape(r.config.Name)
	for _, option := range hardware.ExtraConfig {
		id, is := strings.CutPrefix(option.Value, "ovf:/file/")
		if !is || option.Key != "nvram" {
			continue
		}
		for _, f := range r.env.References {
			if f.ID == id {
				r.result.FileItem = append(r.result.FileItem, types.OvfFileItem{
					DeviceId: "/" + name + nfc.NVRAM, Path: f.Href, Size: int64(f.Size), Create: true})
			}
		}
	}
	for n := range hardware.Item {
		it := &hardware.Item[n]
		if it.ResourceType == nil || int(*it.ResourceType) != hardDisk {
			continue
		}
		desc := r.diskOf(it)
		for _, f := range r.env.References {
			if desc == nil || desc.FileRef == nil || f.ID != *desc.FileRef {
				continue
			}
			var disk *types.VirtualDisk
			for _, device := range r.devices {
				if device.GetVirtualDevice().Key == r.keys[it.InstanceID] {
					disk, _ = device.(*types.VirtualDisk)
				}
			}
			if disk == nil {
				continue
			}
			r.result.FileItem = append(r.result.FileItem, types.OvfFileItem{
				DeviceId: nfc.DeviceKey(name, r.devices, disk), Path: f.Href, Size: int64(f.Size), CimType: hardDisk, Create: false,
			})
		}
	}
}
