// Package inventory fills vcsim's registry with what the configuration asks for.
package inventory

import (
	"fmt"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/config"
	"hdm.dev/lab/vcenter/internal/disk"
)

// Keys of extraConfig by which the lab knows what a VM is. They move with it.
const (
	// Bootable is "true" for a VM whose power-on starts a real guest.
	Bootable = "lab.bootable"
	// Tools is "true" for a VM that behaves as if VMware Tools ran in it.
	Tools = "lab.tools"
)

// builder holds what is needed while the inventory grows.
type builder struct {
	ctx    *simulator.Context
	client *vim25.Client
	cfg    *config.Config
	disks  *disk.Store
	places map[string]*place
	built  Built
}

// Built is what is left to be done once everything is wired.
type Built struct {
	// On are the VMs to be powered on.
	On []types.ManagedObjectReference
	// Attached are the VMs with tags, permissions or a policy of their own.
	Attached []Attached
}

// Attached is a VM with what is not part of it.
type Attached struct {
	Ref types.ManagedObjectReference
	VM  *config.VM
}

// place is one datacenter with its objects by name.
type place struct {
	dc       *object.Datacenter
	folders  map[string]*object.Folder
	clusters map[string]*cluster
	networks map[string]types.ManagedObjectReference
}

type cluster struct {
	hosts []*object.HostSystem
	root  *object.ResourcePool
	pools map[string]*object.ResourcePool
	next  int
}

// Build makes everything but what it returns.
func Build(ctx *simulator.Context, client *vim25.Client, cfg *config.Config, disks *disk.Store) (Built, error) {
	b := &builder{ctx: ctx, client: client, cfg: cfg, disks: disks, places: make(map[string]*place)}
	for n := range cfg.Inventory.Datacenters {
		dc := &cfg.Inventory.Datacenters[n]
		if err := b.datacenter(dc); err != nil {
			return Built{}, fmt.Errorf("datacenter %q: %w", dc.Name, err)
		}
	}
	for n := range cfg.Inventory.VMs {
		vm := &cfg.Inventory.VMs[n]
		if err := b.machine(vm); err != nil {
			return Built{}, fmt.Errorf("VM %q: %w", vm.Name, err)
		}
	}
	if cfg.Inventory.GeneratedVMs.Count > 0 {
		if err := b.generate(); err != nil {
			return Built{}, fmt.Errorf("generated VMs: %w", err)
		}
	}
	return b.built, nil
}
