// Package ovf is the lab's OvfManager: it describes VMs and turns descriptions
// into import specs, and drops what a real one drops.
//
//	carried   name, guest id, CPUs, memory, controllers, disks, network cards' types and networks
//	dropped   BIOS UUID, MAC addresses, boot order, extraConfig, notes, connect flags, firmware settings
//	option    "uuid", "mac" and "extraconfig" carry those three: see OvfManager.ovfExportOption, ovfImportOption
//
// A descriptor names the files it is told to; an import spec repeats their paths
// beside the keys of the devices that a lease will name.
package ovf

import (
	"bytes"
	"fmt"
	"html"
	"reflect"
	"slices"
	"strings"
	"text/template"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/dispatch"
	"hdm.dev/lab/vcenter/internal/hook"
	"hdm.dev/lab/vcenter/internal/inventory"
	"hdm.dev/lab/vcenter/internal/nfc"
)

// Register puts the lab's methods in place of vcsim's.
func Register(ctx *simulator.Context, table hook.Dispatcher) {
	for _, ref := range ctx.Map.AllReference("OvfManager") {
		if manager, ok := ref.(*simulator.OvfManager); ok {
			manager.OvfExportOption, manager.OvfImportOption = options, options
		}
	}
	table.Around("OvfManager", "CreateDescriptor", func(hook.Call) hook.Call { return createDescriptor })
	table.Around("OvfManager", "CreateImportSpec", func(hook.Call) hook.Call { return createImportSpec })
}

// CIM resource types (DSP0004, CIM_ResourceAllocationSettingData.ResourceType).
const (
	cpu        = 3
	memory     = 4
	ide        = 5
	scsi       = 6
	nic        = 10
	hardDisk   = 17
	otherStore = 20
)

// item is one <Item> of the hardware section.
type item struct {
	ID, Type                      int
	Name, SubType, Connection     string
	Parent, Address, HostResource string
	Quantity                      int64
	// MAC is the address of a network card, if the option carries it.
	MAC string
}

// file is a file reference with its disk, if it is a disk.
type file struct {
	ID, Href      string
	SizeBytes     int64
	DiskID        string
	CapacityBytes int64
}

type document struct {
	Name, GuestID, Version string
	Files                  []file
	Networks               []string
	Items                  []item
	// NVRAM is the id of the file with the firmware's variables, if it is offered.
	NVRAM string
	// UUID and ExtraConfig are there if their options carry them.
	UUID        string
	ExtraConfig []option
}

type option struct{ Key, Value string }

// Keywords of options, of descriptors and of import specs.
const (
	optionMAC         = "mac"
	optionUUID        = "uuid"
	optionExtraConfig = "extraconfig"
)

// options are what OvfManager tells of them.
var options = []types.OvfOptionInfo{
	{Option: optionMAC, Description: types.LocalizableMessage{Key: optionMAC, Message: "MAC addresses of network cards"}},
	{Option: optionUUID, Description: types.LocalizableMessage{Key: optionUUID, Message: "BIOS UUID"}},
	{Option: optionExtraConfig, Description: types.LocalizableMessage{Key: optionExtraConfig, Message: "Extra configuration"}},
}

var page = template.Must(template.New("ovf").Funcs(template.FuncMap{"x": html.EscapeString}).Parse(`<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>{{range .Files}}
    <File ovf:href="{{x .Href}}" ovf:id="{{x .ID}}"{{if .SizeBytes}} ovf:size="{{.SizeBytes}}"{{end}}/>{{end}}
  </References>
  <DiskSection>
    <Info>Virtual disks</Info>{{range .Files}}{{if .DiskID}}
    <Disk ovf:capacity="{{.CapacityBytes}}" ovf:capacityAllocationUnits="byte" ovf:diskId="{{.DiskID}}" ovf:fileRef="{{x .ID}}" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>{{end}}{{end}}
  </DiskSection>
  <NetworkSection>
    <Info>Networks</Info>{{range .Networks}}
    <Network ovf:name="{{x .}}"><Description>{{x .}}</Description></Network>{{end}}
  </NetworkSection>
  <VirtualSystem ovf:id="{{x .Name}}">
    <Info>A virtual machine</Info>
    <Name>{{x .Name}}</Name>
    <OperatingSystemSection ovf:id="101" vmw:osType="{{x .GuestID}}"><Info>The guest operating system</Info></OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Virtual hardware</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>{{x .Name}}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>{{x .Version}}</vssd:VirtualSystemType>
      </System>{{range .Items}}
      <Item>{{if .Address}}
        <rasd:AddressOnParent>{{.Address}}</rasd:AddressOnParent>{{end}}{{if eq .Type 5 6 20}}
        <rasd:Address>{{.Quantity}}</rasd:Address>{{end}}{{if .MAC}}
        <rasd:Address>{{.MAC}}</rasd:Address>{{end}}{{if .Connection}}
        <rasd:Connection>{{x .Connection}}</rasd:Connection>{{end}}
        <rasd:ElementName>{{x .Name}}</rasd:ElementName>{{if .HostResource}}
        <rasd:HostResource>{{x .HostResource}}</rasd:HostResource>{{end}}
        <rasd:InstanceID>{{.ID}}</rasd:InstanceID>{{if .Parent}}
        <rasd:Parent>{{.Parent}}</rasd:Parent>{{end}}{{if .SubType}}
        <rasd:ResourceSubType>{{.SubType}}</rasd:ResourceSubType>{{end}}
        <rasd:ResourceType>{{.Type}}</rasd:ResourceType>{{if eq .Type 3 4}}
        <rasd:VirtualQuantity>{{.Quantity}}</rasd:VirtualQuantity>{{end}}
      </Item>{{end}}{{if .NVRAM}}
      <vmw:ExtraConfig ovf:required="false" vmw:key="nvram" vmw:value="ovf:/file/{{x .NVRAM}}"/>{{end}}{{if .UUID}}
      <vmw:Config ovf:required="false" vmw:key="uuid" vmw:value="{{x .UUID}}"/>{{end}}{{range .ExtraConfig}}
      <vmw:ExtraConfig ovf:required="false" vmw:key="{{x .Key}}" vmw:value="{{x .Value}}"/>{{end}}
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`))

func createDescriptor(ctx *simulator.Context, _ types.ManagedObjectReference, request types.AnyType) soap.HasFault {
	req, _ := request.(*types.CreateDescriptor)
	vm, ok := ctx.Map.Get(req.Obj).(*simulator.VirtualMachine)
	if !ok {
		return dispatch.Fault("Only VMs can be described.", &types.InvalidArgument{InvalidProperty: "obj"})
	}
	var doc document
	ctx.WithLock(vm, func() { doc = describe(vm, &req.Cdp) })
	var text bytes.Buffer
	if err := page.Execute(&text, doc); err != nil {
		return dispatch.Fault(err.Error(), &types.SystemError{Reason: err.Error()})
	}
	return &methods.CreateDescriptorBody{Res: &types.CreateDescriptorResponse{
		Returnval: types.OvfCreateDescriptorResult{OvfDescriptor: text.String()},
	}}
}

func describe(vm *simulator.VirtualMachine, cdp *types.OvfCreateDescriptorParams) document {
	doc := document{Name: cdp.Name, GuestID: vm.Config.GuestId, Version: vm.Config.Version}
	if doc.Name == "" {
		doc.Name = inventory.Unescape(vm.Name)
	}
	doc.Items = append(doc.Items,
		item{ID: 1, Type: cpu, Name: "CPU", Quantity: int64(vm.Config.Hardware.NumCPU)},
		item{ID: 2, Type: memory, Name: "Memory", Quantity: int64(vm.Config.Hardware.MemoryMB)})
	id := 3
	parents := make(map[int32]int)
	devices := vm.Config.Hardware.Device
	used := usedControllers(devices)
	for _, device := range devices {
		kind, sub := controllerKind(device)
		key := device.GetVirtualDevice().Key
		if kind == 0 || !used[key] {
			continue
		}
		controller, _ := device.(types.BaseVirtualController)
		doc.Items = append(doc.Items, item{ID: id, Type: kind, SubType: sub, Name: fmt.Sprintf("Controller %d", key),
			Quantity: int64(controller.GetVirtualController().BusNumber)})
		parents[key] = id
		id++
	}
	for n, f := range cdp.OvfFiles {
		entry := file{ID: fmt.Sprintf("file%d", n+1), Href: f.Path, SizeBytes: f.Size}
		if disk := diskOf(vm, devices, f.DeviceId); disk != nil {
			entry.DiskID = fmt.Sprintf("vmdisk%d", n+1)
			entry.CapacityBytes = nfc.Capacity(disk)
			unit := int32(0)
			if disk.UnitNumber != nil {
				unit = *disk.UnitNumber
			}
			doc.Items = append(doc.Items, item{ID: id, Type: hardDisk, Name: fmt.Sprintf("Hard Disk %d", n+1),
				HostResource: "ovf:/disk/" + entry.DiskID, Parent: fmt.Sprint(parents[disk.ControllerKey]), Address: fmt.Sprint(unit)})
			id++
		}
		if strings.HasSuffix(f.DeviceId, nfc.NVRAM) {
			doc.NVRAM = entry.ID
		}
		doc.Files = append(doc.Files, entry)
	}
	if slices.Contains(cdp.ExportOption, optionUUID) {
		doc.UUID = vm.Config.Uuid
	}
	if slices.Contains(cdp.ExportOption, optionExtraConfig) {
		for _, o := range vm.Config.ExtraConfig {
			value := o.GetOptionValue()
			doc.ExtraConfig = append(doc.ExtraConfig, option{value.Key, fmt.Sprint(value.Value)})
		}
	}
	seen := make(map[string]bool)
	for _, device := range devices {
		card, ok := device.(types.BaseVirtualEthernetCard)
		if !ok {
			continue
		}
		name := "none"
		if backing, ok := card.GetVirtualEthernetCard().Backing.(*types.VirtualEthernetCardNetworkBackingInfo); ok {
			name = backing.DeviceName
		}
		if !seen[name] {
			seen[name] = true
			doc.Networks = append(doc.Networks, name)
		}
		it := item{ID: id, Type: nic, SubType: reflect.TypeOf(device).Elem().Name()[len("Virtual"):],
			Name: "Network adapter", Connection: name, Address: fmt.Sprint(id)}
		if slices.Contains(cdp.ExportOption, optionMAC) {
			it.MAC = card.GetVirtualEthernetCard().MacAddress
		}
		doc.Items = append(doc.Items, it)
		id++
	}
	return doc
}

func usedControllers(devices []types.BaseVirtualDevice) map[int32]bool {
	used := make(map[int32]bool)
	for _, device := range devices {
		if disk, ok := device.(*types.VirtualDisk); ok {
			used[disk.ControllerKey] = true
		}
	}
	return used
}

// diskOf finds the disk that a lease names by this key.
func diskOf(vm *simulator.VirtualMachine, devices []types.BaseVirtualDevice, key string) *types.VirtualDisk {
	for _, device := range devices {
		if disk, ok := device.(*types.VirtualDisk); ok && nfc.DeviceKey(vm.Self.Value, devices, disk) == key {
			return disk
		}
	}
	return nil
}

// controllerKind is a controller's CIM resource type and subtype; 0 if the
// device is none that a disk can be on.
func controllerKind(device types.BaseVirtualDevice) (int, string) {
	switch device.(type) {
	case *types.VirtualIDEController:
		return ide, ""
	case *types.ParaVirtualSCSIController:
		return scsi, "VirtualSCSI"
	case *types.VirtualLsiLogicSASController:
		return scsi, "lsilogicsas"
	case *types.VirtualLsiLogicController:
		return scsi, "lsilogic"
	case *types.VirtualBusLogicController:
		return scsi, "buslogic"
	case *types.VirtualAHCIController:
		return otherStore, "vmware.sata.ahci"
	case *types.VirtualNVMEController:
		return otherStore, "vmware.nvme.controller"
	}
	return 0, ""
}
