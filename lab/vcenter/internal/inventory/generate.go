package inventory

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/config"
	"hdm.dev/lab/vcenter/internal/hook"
)

// generate makes one VM for each number of disks as all others are made, and
// the rest as their copies, straight in the registry: through the API each would
// take 18 ms. Copies go round all folders and hosts.
func (b *builder) generate() error {
	cfg := b.cfg.Inventory.GeneratedVMs
	dc := b.cfg.Inventory.Datacenters[0]
	folders := cfg.Folders
	if len(folders) == 0 {
		folders = append([]string{""}, dc.Folders...)
	}
	for _, folder := range folders {
		if b.places[dc.Name].folders[folder] == nil {
			return fmt.Errorf("there is no folder %q", folder)
		}
	}
	kinds := max(cfg.Disks, 1)
	var templates []*generated
	for n := range cfg.Count {
		folder := folders[n%len(folders)]
		name := fmt.Sprintf("%s%05d", cfg.Prefix, n)
		if n < kinds {
			template, err := b.template(&dc, name, folder, min(n+1, cfg.Disks))
			if err != nil {
				return err
			}
			templates = append(templates, template)
			continue
		}
		if err := b.copyOf(templates[n%kinds], name, b.places[dc.Name].folders[folder], n); err != nil {
			return err
		}
	}
	return nil
}

// generated is a VM that others are copies of, with what is around it.
type generated struct {
	vm        *simulator.VirtualMachine
	cfg       *config.VM
	pool      *simulator.ResourcePool
	hosts     []*simulator.HostSystem
	datastore *simulator.Datastore
	network   *mo.Network
}

func (b *builder) template(dc *config.Datacenter, name, folder string, disks int) (*generated, error) {
	cfg := &config.VM{Name: name, Folder: folder, Datacenter: dc.Name, Cluster: dc.Clusters[0].Name, Datastore: dc.Datastores[0].Name,
		CPU: 1, MemoryMiB: 256, Firmware: "bios", Power: "off", HWVersion: "vmx-19",
		NICs: []config.NIC{{Network: dc.Networks[0], Type: "vmxnet3"}}}
	for range disks {
		cfg.Disks = append(cfg.Disks, config.Disk{SizeBytes: b.cfg.Inventory.GeneratedVMs.DiskSizeBytes, Content: "zero", Controller: "pvscsi"})
	}
	if err := b.machine(cfg); err != nil {
		return nil, err
	}
	g := &generated{cfg: cfg}
	for _, entity := range b.ctx.Map.All("VirtualMachine") {
		if vm, ok := entity.(*simulator.VirtualMachine); ok && vm.Name == name {
			g.vm = vm
		}
	}
	if g.vm == nil {
		return nil, fmt.Errorf("%s is not where it was put", name)
	}
	g.pool, _ = b.ctx.Map.Get(*g.vm.ResourcePool).(*simulator.ResourcePool)
	for _, host := range b.places[dc.Name].clusters[cfg.Cluster].hosts {
		if h, ok := b.ctx.Map.Get(host.Reference()).(*simulator.HostSystem); ok {
			g.hosts = append(g.hosts, h)
		}
	}
	if len(g.vm.Datastore) > 0 {
		g.datastore, _ = b.ctx.Map.Get(g.vm.Datastore[0]).(*simulator.Datastore)
	}
	g.network, _ = b.ctx.Map.Get(b.places[dc.Name].networks[dc.Networks[0]]).(*mo.Network)
	if g.pool == nil || len(g.hosts) == 0 || g.datastore == nil || g.network == nil {
		return nil, fmt.Errorf("%s is not where it was put", name)
	}
	return g, nil
}

func (b *builder) copyOf(g *generated, name string, folder *object.Folder, n int) error {
	vm := new(simulator.VirtualMachine)
	vm.VirtualMachine = clone(g.vm.VirtualMachine)
	vm.Self = types.ManagedObjectReference{}
	vm.Name = name
	vm.RecentTask = nil
	vm.Config.Name = name
	vm.Config.Uuid = uuid.NewString()
	vm.Config.InstanceUuid = uuid.NewString()
	vm.Config.Files.VmPathName = fmt.Sprintf("[%s] %s/%s.vmx", g.cfg.Datastore, name, name)
	vm.Summary.Config.Name = name
	vm.Summary.Config.Uuid = vm.Config.Uuid
	vm.Summary.Config.InstanceUuid = vm.Config.InstanceUuid
	vm.Summary.Config.VmPathName = vm.Config.Files.VmPathName
	if err := b.own(vm, g, name); err != nil {
		return err
	}
	in, ok := b.ctx.Map.Get(folder.Reference()).(*simulator.Folder)
	if !ok {
		return fmt.Errorf("%s has no folder", name)
	}
	host := g.hosts[n%len(g.hosts)]
	vm.Parent = &in.Self
	vm.Runtime.Host, vm.Summary.Runtime.Host = &host.Self, &host.Self
	b.ctx.Map.Put(vm)
	vm.Summary.Vm = &vm.Self
	in.ChildEntity = append(in.ChildEntity, vm.Self)
	g.pool.Vm = append(g.pool.Vm, vm.Self)
	host.Vm = append(host.Vm, vm.Self)
	g.datastore.Vm = append(g.datastore.Vm, vm.Self)
	g.network.Vm = append(g.network.Vm, vm.Self)
	return nil
}

// own gives a copy disks and addresses of its own.
func (b *builder) own(vm *simulator.VirtualMachine, g *generated, name string) error {
	disks := 0
	for _, device := range vm.Config.Hardware.Device {
		switch d := device.(type) {
		case *types.VirtualDisk:
			file := fmt.Sprintf("[%s] %s/%s_%d.vmdk", g.cfg.Datastore, name, name, disks)
			disks++
			if backing, ok := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
				backing.FileName = file
			}
			if err := b.disks.Define(hook.DiskSpec{File: file, CapacityBytes: d.CapacityInBytes, Content: "zero", Thin: true}); err != nil {
				return err
			}
		case types.BaseVirtualEthernetCard:
			id := uuid.New()
			d.GetVirtualEthernetCard().MacAddress = fmt.Sprintf("00:50:56:%02x:%02x:%02x", id[0]&0x3f, id[1], id[2])
		}
	}
	renameFiles(vm, g.vm.Name, name)
	if vm.Guest != nil {
		vm.Guest.Net = nil // what vcsim derives from the cards of the first one
	}
	return nil
}

// renameFiles puts a copy's name into the names of its files.
func renameFiles(vm *simulator.VirtualMachine, from, to string) {
	files := &vm.Config.Files
	for _, name := range []*string{&files.SnapshotDirectory, &files.SuspendDirectory, &files.LogDirectory} {
		*name = strings.ReplaceAll(*name, from, to)
	}
	if vm.Layout != nil {
		vm.Layout.SwapFile = strings.ReplaceAll(vm.Layout.SwapFile, from, to)
		for n := range vm.Layout.Disk {
			for m, file := range vm.Layout.Disk[n].DiskFile {
				vm.Layout.Disk[n].DiskFile[m] = strings.ReplaceAll(file, from, to)
			}
		}
		for _, files := range [][]string{vm.Layout.ConfigFile, vm.Layout.LogFile} {
			for n, file := range files {
				files[n] = strings.ReplaceAll(file, from, to)
			}
		}
	}
	if vm.LayoutEx != nil {
		for n := range vm.LayoutEx.File {
			vm.LayoutEx.File[n].Name = strings.ReplaceAll(vm.LayoutEx.File[n].Name, from, to)
		}
	}
}
