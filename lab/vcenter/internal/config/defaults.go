package config

import (
	"crypto/rand"
	"os"
	"path/filepath"
)

const (
	defaultCapacityBytes = 100 << 30
	defaultDiskBytes     = 1 << 20
	defaultLeaseSeconds  = 300
	defaultCPUPercent    = 20
	defaultMemoryPercent = 50
)

func (c *Config) applyDefaults() {
	setDefault(&c.Name, "vcenter")
	setDefault(&c.Dir, filepath.Join(os.TempDir(), "lab-vcenter-"+c.Name))
	setDefault(&c.Listen, "127.0.0.1:0")
	setDefault(&c.AdminListen, "127.0.0.1:0")
	setDefault(&c.User, "administrator@vsphere.local")
	setDefault(&c.NFCListenIP, "127.0.0.1")
	setDefault(&c.LeaseTimeoutSeconds, defaultLeaseSeconds)
	setDefault(&c.Version, "8.0.2")
	setDefault(&c.Usage.CPUPercent, defaultCPUPercent)
	setDefault(&c.Usage.MemoryPercent, defaultMemoryPercent)
	if c.Password == "" {
		c.Password = rand.Text()
	}
	if c.AdminToken == "" {
		c.AdminToken = rand.Text()
	}
	if c.Client != nil {
		c.Client.applyDefaults()
	}
	c.Inventory.applyDefaults()
}

func (i *Inventory) applyDefaults() {
	if len(i.Datacenters) == 0 {
		i.Datacenters = []Datacenter{{Name: "DC0"}}
	}
	for n := range i.Datacenters {
		i.Datacenters[n].applyDefaults()
	}
	for n := range i.VMs {
		i.VMs[n].applyDefaults(i.Datacenters)
	}
	setDefault(&i.GeneratedVMs.Prefix, "vm-")
	setDefault(&i.GeneratedVMs.Disks, 1)
	setDefault(&i.GeneratedVMs.DiskSizeBytes, defaultDiskBytes)
}

func (d *Datacenter) applyDefaults() {
	if len(d.Clusters) == 0 {
		d.Clusters = []Cluster{{Name: "C0", DRS: true}}
	}
	for n := range d.Clusters {
		setDefault(&d.Clusters[n].Hosts, 1)
	}
	if len(d.Datastores) == 0 {
		d.Datastores = []Datastore{{Name: "ds0"}}
	}
	for n := range d.Datastores {
		setDefault(&d.Datastores[n].CapacityBytes, defaultCapacityBytes)
	}
	if len(d.Networks) == 0 {
		d.Networks = []string{"VM Network"}
	}
}

// applyDefaults places the VM in the first datacenter that fits what is named.
func (v *VM) applyDefaults(dcs []Datacenter) {
	dc := &dcs[0]
	for n := range dcs {
		if v.Datacenter == dcs[n].Name ||
			v.Datacenter == "" && v.Cluster != "" && dcs[n].cluster(v.Cluster) != nil {
			dc = &dcs[n]
			break
		}
	}
	setDefault(&v.Datacenter, dc.Name)
	setDefault(&v.Cluster, dc.Clusters[0].Name)
	setDefault(&v.Datastore, dc.Datastores[0].Name)
	setDefault(&v.CPU, 1)
	setDefault(&v.MemoryMiB, 256)
	setDefault(&v.Firmware, "bios")
	setDefault(&v.Power, "off")
	setDefault(&v.HWVersion, "vmx-19")
	for n := range v.NICs {
		setDefault(&v.NICs[n].Type, "vmxnet3")
		setDefault(&v.NICs[n].Network, dc.Networks[0])
	}
	for n := range v.Disks {
		setDefault(&v.Disks[n].Content, "zero")
		setDefault(&v.Disks[n].Controller, "pvscsi")
		setDefault(&v.Disks[n].SizeBytes, defaultDiskBytes)
	}
}

func (d *Datacenter) cluster(name string) *Cluster {
	for n := range d.Clusters {
		if d.Clusters[n].Name == name {
			return &d.Clusters[n]
		}
	}
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
