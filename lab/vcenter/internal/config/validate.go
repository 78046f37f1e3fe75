package config

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	maxGeneratedVMs  = 100_000
	maxHosts         = 1_000
	maxDisksPerVM    = 60
	sectorBytes      = 512
	maxDiskBytes     = 62 << 40
	maxLeaseSeconds  = 24 * 60 * 60
	maxSnapshotsDeep = 32
)

// Validate reports everything that is wrong with the configuration at once.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if strings.ContainsAny(c.Name, "/\\\x00") || c.Name == "." || c.Name == ".." {
		bad("name %q cannot be part of a path", c.Name)
	}
	for key, address := range map[string]string{"listen": c.Listen, "admin_listen": c.AdminListen} {
		if err := loopback(address); err != nil {
			bad("%s: %w", key, err)
		}
	}
	if ip := net.ParseIP(c.NFCListenIP); ip == nil || !ip.IsLoopback() {
		bad("nfc_listen_ip %q is not a loopback address", c.NFCListenIP)
	}
	if c.LeaseTimeoutSeconds < 1 || c.LeaseTimeoutSeconds > maxLeaseSeconds {
		bad("lease_timeout_seconds %d is not within 1 and %d", c.LeaseTimeoutSeconds, maxLeaseSeconds)
	}
	if c.Link != nil {
		if err := c.Link.Check(); err != nil {
			bad("link: %w", err)
		}
	}
	for key, percent := range map[string]int{"cpu_percent": c.Usage.CPUPercent, "memory_percent": c.Usage.MemoryPercent} {
		if percent < 1 || percent > 100 {
			bad("usage.%s %d is not within 1 and 100", key, percent)
		}
	}
	c.validateAccess(bad)
	if c.Client != nil {
		c.Client.validate(bad)
	}
	c.Inventory.validate(bad)
	return errors.Join(errs...)
}

// loopback refuses other addresses: the lab has known passwords and runs guests.
func loopback(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%q is not a loopback address", host)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q is not a port", port)
	}
	return nil
}

type report func(format string, args ...any)

func (i *Inventory) validate(bad report) {
	byName := make(map[string]*Datacenter)
	stores := make(map[string]string)
	for n := range i.Datacenters {
		dc := &i.Datacenters[n]
		if dc.Name == "" {
			bad("a datacenter has no name")
		}
		if byName[dc.Name] != nil {
			bad("datacenter %q is there twice", dc.Name)
		}
		byName[dc.Name] = dc
		dc.validate(bad)
		for _, ds := range dc.Datastores {
			if in, ok := stores[ds.Name]; ok {
				bad("datastore %q is there twice, in datacenters %q and %q", ds.Name, in, dc.Name)
			}
			stores[ds.Name] = dc.Name
		}
	}
	for n := range i.VMs {
		i.VMs[n].validate(byName, bad)
	}
	g := &i.GeneratedVMs
	if g.Count < 0 || g.Count > maxGeneratedVMs {
		bad("generated_vms.count %d is not within 0 and %d", g.Count, maxGeneratedVMs)
	}
	if g.Disks < 0 || g.Disks > maxDisksPerVM {
		bad("generated_vms.disks %d is not within 0 and %d", g.Disks, maxDisksPerVM)
	}
	if err := diskSize(g.DiskSizeBytes); err != nil {
		bad("generated_vms.disk_size_bytes: %w", err)
	}
}

func (d *Datacenter) validate(bad report) {
	seen := make(map[string]bool)
	for _, c := range d.Clusters {
		if c.Name == "" || seen[c.Name] {
			bad("datacenter %q: cluster name %q is empty or there twice", d.Name, c.Name)
		}
		seen[c.Name] = true
		if c.Hosts < 1 || c.Hosts > maxHosts {
			bad("cluster %q: %d hosts are not within 1 and %d", c.Name, c.Hosts, maxHosts)
		}
		if !c.DRS && len(c.Pools) > 0 {
			bad("cluster %q: child resource pools need DRS", c.Name)
		}
	}
	for _, ds := range d.Datastores {
		if ds.Name == "" || strings.ContainsAny(ds.Name, "/\\[]\x00") || ds.Name == "." || ds.Name == ".." {
			bad("datastore name %q cannot name a directory", ds.Name)
		}
		if ds.CapacityBytes < 0 || ds.FreeBytes < 0 || ds.FreeBytes > ds.CapacityBytes {
			bad("datastore %q: free_bytes %d does not fit into capacity_bytes %d", ds.Name, ds.FreeBytes, ds.CapacityBytes)
		}
	}
	d.validateVisibility(bad)
	if slices.Contains(d.Networks, "") {
		bad("datacenter %q: a network has no name", d.Name)
	}
}

// validateVisibility checks that what refers to hosts and datastores finds them.
func (d *Datacenter) validateVisibility(bad report) {
	var hosts []string
	for n := range d.Clusters {
		c := &d.Clusters[n]
		hosts = append(hosts, c.HostNames()...)
		for _, host := range slices.Concat(c.Maintenance, c.Disconnected) {
			if !slices.Contains(c.HostNames(), host) {
				bad("cluster %q: there is no host %q", c.Name, host)
			}
		}
	}
	known := func(of string, names []string) {
		for _, host := range names {
			if !slices.Contains(hosts, host) {
				bad("%s: there is no host %q", of, host)
			}
		}
	}
	for _, ds := range d.Datastores {
		known("datastore "+strconv.Quote(ds.Name), ds.Hosts)
	}
	for network, names := range d.NetworkHosts {
		known("network "+strconv.Quote(network), names)
		if !slices.Contains(d.Networks, network) {
			bad("network_hosts: there is no network %q", network)
		}
	}
	for _, pod := range d.DatastoreClusters {
		for _, name := range pod.Datastores {
			if !slices.ContainsFunc(d.Datastores, func(ds Datastore) bool { return ds.Name == name }) {
				bad("datastore cluster %q: there is no datastore %q", pod.Name, name)
			}
		}
	}
}

func (v *VM) validate(dcs map[string]*Datacenter, bad report) {
	if v.Name == "" {
		bad("a VM has no name")
	}
	dc := dcs[v.Datacenter]
	if dc == nil {
		bad("VM %q: there is no datacenter %q", v.Name, v.Datacenter)
		return
	}
	cluster := dc.cluster(v.Cluster)
	if cluster == nil {
		bad("VM %q: datacenter %q has no cluster %q", v.Name, v.Datacenter, v.Cluster)
	} else if v.Pool != "" && !slices.Contains(cluster.Pools, v.Pool) {
		bad("VM %q: cluster %q has no pool %q", v.Name, v.Cluster, v.Pool)
	}
	if v.Folder != "" && !slices.Contains(dc.Folders, v.Folder) {
		bad("VM %q: datacenter %q has no folder %q", v.Name, v.Datacenter, v.Folder)
	}
	if !slices.ContainsFunc(dc.Datastores, func(d Datastore) bool { return d.Name == v.Datastore }) {
		bad("VM %q: datacenter %q has no datastore %q", v.Name, v.Datacenter, v.Datastore)
	}
	oneOf := func(key, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			bad("VM %q: %s %q is none of %s", v.Name, key, value, strings.Join(allowed, ", "))
		}
	}
	oneOf("firmware", v.Firmware, "bios", "efi")
	oneOf("power", v.Power, "on", "off", "suspended")
	if v.CPU < 1 || v.MemoryMiB < 4 {
		bad("VM %q: %d CPUs and %d MiB are too little", v.Name, v.CPU, v.MemoryMiB)
	}
	for _, nic := range v.NICs {
		oneOf("NIC type", nic.Type, "vmxnet3", "vmxnet2", "vmxnet", "e1000", "e1000e", "pcnet32", "sriov")
		if !slices.Contains(dc.Networks, nic.Network) {
			bad("VM %q: datacenter %q has no network %q", v.Name, v.Datacenter, nic.Network)
		}
		if _, err := net.ParseMAC(nic.MAC); nic.MAC != "" && err != nil {
			bad("VM %q: MAC: %w", v.Name, err)
		}
	}
	if len(v.Disks) > maxDisksPerVM {
		bad("VM %q: more than %d disks", v.Name, maxDisksPerVM)
	}
	if len(v.Snapshots) > maxSnapshotsDeep {
		bad("VM %q: more than %d snapshots", v.Name, maxSnapshotsDeep)
	}
	if v.Bootable && len(v.Disks) == 0 {
		bad("VM %q: a bootable VM needs a disk", v.Name)
	}
	for n, d := range v.Disks {
		oneOf("controller", d.Controller, "pvscsi", "lsilogic", "lsilogic-sas", "buslogic", "ide", "sata", "nvme")
		if err := diskSize(d.SizeBytes); err != nil {
			bad("VM %q, disk %d: %w", v.Name, n, err)
		}
		if err := ValidContent(d.Content); err != nil {
			bad("VM %q, disk %d: %w", v.Name, n, err)
		}
	}
}

func diskSize(size int64) error {
	if size <= 0 || size > maxDiskBytes || size%sectorBytes != 0 {
		return fmt.Errorf("size %d is not a positive multiple of %d up to %d", size, sectorBytes, int64(maxDiskBytes))
	}
	return nil
}

// ValidContent checks a recipe of a disk's bytes: zero, random:SEED,
// sparse:SEED, quarter:SEED (an unsigned 64-bit number) or file:/absolute/path.
func ValidContent(recipe string) error {
	kind, arg, _ := strings.Cut(recipe, ":")
	switch kind {
	case "zero":
		if arg == "" {
			return nil
		}
	case "random", "sparse", "quarter":
		if _, err := strconv.ParseUint(arg, 10, 64); err == nil {
			return nil
		}
	case "file":
		if filepath.IsAbs(arg) {
			return nil
		}
	}
	return fmt.Errorf("content %q is none of zero, random:SEED, sparse:SEED, quarter:SEED and file:/path", recipe)
}
