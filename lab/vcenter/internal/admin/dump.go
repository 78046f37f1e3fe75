// Package admin is the lab's own API: the truth about the site, faults, and
// what other people do to its VMs.
package admin

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/hook"
	"hdm.dev/lab/vcenter/internal/inventory"
)

// maxEvents is how many of the newest events are told.
const maxEvents = 1000

// Dump is the whole truth about a site.
type Dump struct {
	Name       string         `json:"name"`
	VMs        []VM           `json:"vms"`
	Pools      []Pool         `json:"pools"`
	Leases     []hook.Lease   `json:"leases"`
	Sessions   []hook.Session `json:"sessions"`
	Tasks      []Task         `json:"tasks"`
	Events     []Event        `json:"events"`
	Extensions []string       `json:"extensions"`
	Datastores []Datastore    `json:"datastores"`
}

// VM is a virtual machine. Pool is "" for a template; Path has slashes in names
// as %2f.
type VM struct {
	Ref        string `json:"ref"`
	Name       string `json:"name"`
	Path       string `json:"path"`
	UUID       string `json:"uuid"`
	Power      string `json:"power"`
	Pool       string `json:"pool"`
	Cluster    string `json:"cluster"`
	Folder     string `json:"folder"`
	Annotation string `json:"annotation"`
	CPU        int32  `json:"cpu"`
	MemoryMiB  int32  `json:"memory_mib"`
	Firmware   string `json:"firmware"`
	// NVRAM is what an EFI firmware has written.
	NVRAM          string            `json:"nvram,omitempty"`
	CoresPerSocket int32             `json:"cores_per_socket"`
	SecureBoot     bool              `json:"secure_boot"`
	HotAdd         bool              `json:"hot_add"`
	BootOrder      []string          `json:"boot_order"`
	ExtraConfig    map[string]string `json:"extra_config"`
	NICs           []NIC             `json:"nics"`
	Disks          []Disk            `json:"disks"`
	Snapshots      []Snapshot        `json:"snapshots"`
}

// NIC is a network card.
type NIC struct {
	Key            int32  `json:"key"`
	Type           string `json:"type"`
	Network        string `json:"network"`
	MAC            string `json:"mac"`
	AddressType    string `json:"address_type"`
	StartConnected bool   `json:"start_connected"`
	Connected      bool   `json:"connected"`
}

// Disk is a disk; SHA256 is of its content as a guest would read it.
type Disk struct {
	Label         string `json:"label"`
	Controller    string `json:"controller"`
	Unit          int32  `json:"unit"`
	CapacityBytes int64  `json:"capacity_bytes"`
	Thin          bool   `json:"thin"`
	File          string `json:"file"`
	SHA256        string `json:"sha256,omitempty"`
}

// Snapshot is a snapshot.
type Snapshot struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Pool is a resource pool; "Resources" is a cluster's root.
type Pool struct {
	Name    string `json:"name"`
	Cluster string `json:"cluster"`
}

// Task is a task that vCenter still knows.
type Task struct {
	Ref          string `json:"ref"`
	Name         string `json:"name"`
	TypeID       string `json:"type_id"`
	Entity       string `json:"entity"`
	State        string `json:"state"`
	Parent       string `json:"parent"`
	ActivationID string `json:"activation_id"`
	Error        string `json:"error"`
}

// Event is an event; Type is the id of an extension's own event.
type Event struct {
	Type    string `json:"type"`
	Message string `json:"message"`
	VM      string `json:"vm"`
}

// Datastore is a datastore.
type Datastore struct {
	Name          string `json:"name"`
	CapacityBytes int64  `json:"capacity_bytes"`
	FreeBytes     int64  `json:"free_bytes"`
}

// dump asks every object under its lock.
func (a *API) dump(disks bool) (*Dump, error) {
	ctx := a.context()
	d := &Dump{Name: a.site.Config().Name, VMs: []VM{}, Pools: []Pool{}, Leases: []hook.Lease{}, Sessions: []hook.Session{},
		Tasks: []Task{}, Events: []Event{}, Extensions: []string{}, Datastores: []Datastore{}}
	for _, entity := range ctx.Map.All("VirtualMachine") {
		if vm, ok := entity.(*simulator.VirtualMachine); ok {
			ctx.WithLock(vm, func() {
				// It may have gone since it was listed, and has no place then.
				if ctx.Map.Get(vm.Self) != nil {
					d.VMs = append(d.VMs, a.machine(ctx, vm))
				}
			})
		}
	}
	slices.SortFunc(d.VMs, func(x, y VM) int { return strings.Compare(x.Path+x.Ref, y.Path+y.Ref) })
	if disks {
		for n := range d.VMs {
			for m := range d.VMs[n].Disks {
				sum, err := a.site.Disks().SHA256(d.VMs[n].Disks[m].File)
				if err != nil {
					// A VM that goes while it is looked at has no disks any more.
					sum = "gone: " + err.Error()
				}
				d.VMs[n].Disks[m].SHA256 = sum
			}
		}
	}
	for _, entity := range ctx.Map.All("ResourcePool") {
		name := inventory.Unescape(entity.Entity().Name)
		d.Pools = append(d.Pools, Pool{name, clusterOf(ctx, entity.Reference())})
	}
	slices.SortFunc(d.Pools, func(x, y Pool) int { return strings.Compare(x.Cluster+"/"+x.Name, y.Cluster+"/"+y.Name) })
	d.Leases = append(d.Leases, a.site.Leases().Live()...)
	d.Sessions = append(d.Sessions, a.site.Sessions()...)
	for _, obj := range ctx.Map.AllReference("Task") {
		if task, ok := obj.(*simulator.Task); ok {
			ctx.WithLock(task, func() { d.Tasks = append(d.Tasks, describeTask(ctx, &task.Info)) })
		}
	}
	slices.SortFunc(d.Tasks, func(x, y Task) int { return strings.Compare(x.Ref, y.Ref) })
	d.Events = append(d.Events, a.events(ctx)...)
	d.Extensions = append(d.Extensions, extensions(ctx)...)
	for _, dc := range a.site.Config().Inventory.Datacenters {
		for _, ds := range dc.Datastores {
			capacity, free, _ := a.site.Disks().Space(ds.Name)
			d.Datastores = append(d.Datastores, Datastore{ds.Name, capacity, free})
		}
	}
	return d, nil
}

func (a *API) machine(ctx *simulator.Context, vm *simulator.VirtualMachine) VM {
	path := pathOf(ctx, vm.Self)
	out := VM{Ref: vm.Self.Value, Name: inventory.Unescape(vm.Name), Path: path, Folder: path[:strings.LastIndexByte(path, '/')],
		UUID: vm.Config.Uuid, Power: string(vm.Runtime.PowerState), Annotation: vm.Config.Annotation,
		CPU: vm.Config.Hardware.NumCPU, MemoryMiB: vm.Config.Hardware.MemoryMB, Firmware: vm.Config.Firmware,
		ExtraConfig: make(map[string]string), NICs: []NIC{}, Disks: []Disk{}, Snapshots: []Snapshot{}}
	if vm.ResourcePool != nil {
		if pool, ok := ctx.Map.Get(*vm.ResourcePool).(mo.Entity); ok {
			out.Pool = inventory.Unescape(pool.Entity().Name)
		}
		out.Cluster = clusterOf(ctx, *vm.ResourcePool)
	}
	out.CoresPerSocket = 1
	if cores := vm.Config.Hardware.NumCoresPerSocket; cores != nil {
		out.CoresPerSocket = *cores
	}
	out.HotAdd = isTrue(vm.Config.CpuHotAddEnabled) && isTrue(vm.Config.MemoryHotAddEnabled)
	out.BootOrder = []string{}
	if boot := vm.Config.BootOptions; boot != nil {
		out.SecureBoot = isTrue(boot.EfiSecureBootEnabled)
		for _, device := range boot.BootOrder {
			out.BootOrder = append(out.BootOrder, bootName(vm, device))
		}
	}
	out.NVRAM = a.nvram(vm)
	for _, option := range vm.Config.ExtraConfig {
		o := option.GetOptionValue()
		out.ExtraConfig[o.Key] = fmt.Sprint(o.Value)
	}
	for _, device := range vm.Config.Hardware.Device {
		switch d := device.(type) {
		case types.BaseVirtualEthernetCard:
			out.NICs = append(out.NICs, nic(device, d.GetVirtualEthernetCard()))
		case *types.VirtualDisk:
			out.Disks = append(out.Disks, describeDisk(vm, d))
		}
	}
	if vm.Snapshot != nil {
		out.Snapshots = appendSnapshots(out.Snapshots, vm.Snapshot.RootSnapshotList)
	}
	return out
}

func isTrue(flag *bool) bool { return flag != nil && *flag }

// bootName names a device that is booted from by its label.
func bootName(vm *simulator.VirtualMachine, device types.BaseVirtualMachineBootOptionsBootableDevice) string {
	key := int32(0)
	switch d := device.(type) {
	case *types.VirtualMachineBootOptionsBootableDiskDevice:
		key = d.DeviceKey
	case *types.VirtualMachineBootOptionsBootableEthernetDevice:
		key = d.DeviceKey
	}
	for _, device := range vm.Config.Hardware.Device {
		if d := device.GetVirtualDevice(); d.Key == key && d.DeviceInfo != nil {
			return d.DeviceInfo.GetDescription().Label
		}
	}
	return fmt.Sprintf("%T", device)
}

// nvram reads what the firmware has written; vcsim makes an empty file for each VM.
func (a *API) nvram(vm *simulator.VirtualMachine) string {
	data, _ := os.ReadFile(inventory.NVRAMFile(a.site.Disks().Dir, vm.Config.Files.VmPathName))
	return string(data)
}

func nic(device types.BaseVirtualDevice, card *types.VirtualEthernetCard) NIC {
	out := NIC{Key: card.Key, Type: reflect.TypeOf(device).Elem().Name(), MAC: card.MacAddress, AddressType: strings.ToLower(card.AddressType)}
	if backing, ok := card.Backing.(*types.VirtualEthernetCardNetworkBackingInfo); ok {
		out.Network = backing.DeviceName
	}
	if card.Connectable != nil {
		out.StartConnected, out.Connected = card.Connectable.StartConnected, card.Connectable.Connected
	}
	return out
}

func describeDisk(vm *simulator.VirtualMachine, d *types.VirtualDisk) Disk {
	out := Disk{CapacityBytes: d.CapacityInBytes}
	if d.DeviceInfo != nil {
		out.Label = d.DeviceInfo.GetDescription().Label
	}
	if d.UnitNumber != nil {
		out.Unit = *d.UnitNumber
	}
	for _, device := range vm.Config.Hardware.Device {
		if controller, ok := device.(types.BaseVirtualController); ok && device.GetVirtualDevice().Key == d.ControllerKey {
			out.Controller = fmt.Sprintf("%s%d", reflect.TypeOf(device).Elem().Name(), controller.GetVirtualController().BusNumber)
		}
	}
	if backing, ok := d.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
		out.File = backing.GetVirtualDeviceFileBackingInfo().FileName
	}
	if backing, ok := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
		out.Thin = backing.ThinProvisioned != nil && *backing.ThinProvisioned
	}
	return out
}

func appendSnapshots(list []Snapshot, trees []types.VirtualMachineSnapshotTree) []Snapshot {
	for _, tree := range trees {
		list = append(list, Snapshot{tree.Name, tree.Description})
		list = appendSnapshots(list, tree.ChildSnapshotList)
	}
	return list
}

func describeTask(ctx *simulator.Context, info *types.TaskInfo) Task {
	out := Task{Ref: info.Task.Value, Name: info.Name, TypeID: info.DescriptionId, State: string(info.State),
		Parent: info.ParentTaskKey, ActivationID: info.ActivationId, Entity: info.EntityName}
	if info.Error != nil {
		out.Error = info.Error.LocalizedMessage
	}
	return out
}

// events reads the history, oldest first.
func (a *API) events(ctx *simulator.Context) []Event {
	manager := ctx.Map.EventManager()
	body := manager.QueryEvents(ctx, &types.QueryEvents{This: manager.Self, Filter: types.EventFilterSpec{MaxCount: maxEvents}})
	if body.Fault() != nil {
		return nil
	}
	res := reflect.ValueOf(body).Elem().FieldByName("Res").Elem().FieldByName("Returnval")
	events, _ := res.Interface().([]types.BaseEvent)
	slices.Reverse(events)
	out := make([]Event, 0, len(events))
	for _, event := range events {
		e := event.GetEvent()
		line := Event{Type: reflect.TypeOf(event).Elem().Name(), Message: e.FullFormattedMessage}
		if ex, ok := event.(*types.EventEx); ok {
			line.Type = ex.EventTypeId
			if line.Message == "" {
				line.Message = ex.Message
			}
		}
		if e.Vm != nil {
			line.VM = e.Vm.Name
		}
		out = append(out, line)
	}
	return out
}

func extensions(ctx *simulator.Context) []string {
	manager, ok := ctx.Map.Get(types.ManagedObjectReference{Type: "ExtensionManager", Value: "ExtensionManager"}).(*simulator.ExtensionManager)
	if !ok {
		return nil
	}
	var keys []string
	for _, e := range manager.ExtensionList {
		keys = append(keys, e.Key)
	}
	return keys
}

// pathOf is the inventory path from the datacenter down.
func pathOf(ctx *simulator.Context, ref types.ManagedObjectReference) string {
	path := ""
	for {
		entity, ok := ctx.Map.Get(ref).(mo.Entity)
		if !ok || entity.Entity().Parent == nil {
			return path
		}
		name := strings.ReplaceAll(inventory.Unescape(entity.Entity().Name), "/", "%2f")
		path = "/" + name + path
		ref = *entity.Entity().Parent
	}
}

func clusterOf(ctx *simulator.Context, ref types.ManagedObjectReference) string {
	for {
		entity, ok := ctx.Map.Get(ref).(mo.Entity)
		if !ok || entity.Entity().Parent == nil {
			return ""
		}
		if ref.Type == "ClusterComputeResource" || ref.Type == "ComputeResource" {
			return inventory.Unescape(entity.Entity().Name)
		}
		ref = *entity.Entity().Parent
	}
}
