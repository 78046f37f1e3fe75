// Package config holds the configuration file of one simulated vCenter: its
// structure, its defaults and what makes it invalid. Every key is optional, so
// that `{}` is a valid file.
package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"hdm.dev/lab/vcenter/internal/link"
)

// Config describes one simulated vCenter.
type Config struct {
	// Name is the vCenter's instance name. Default "vcenter".
	Name string `json:"name"`
	// Dir holds certificates and datastores. Default: a directory of the
	// vCenter's name below the system's temporary directory.
	Dir string `json:"dir"`
	// Listen is the address of the SOAP endpoint. Default "127.0.0.1:0".
	Listen string `json:"listen"`
	// AdminListen is the address of the admin API. Default "127.0.0.1:0".
	AdminListen string `json:"admin_listen"`
	// User and Password are the administrator's login. The password is made up
	// if none is given; the ready line tells it.
	User     string `json:"user"`
	Password string `json:"password"`
	// Users may log in beside the administrator. Who has no permission cannot.
	Users []User `json:"users"`
	// Roles are there beside vCenter's own.
	Roles []Role `json:"roles"`
	// Permissions give roles on objects that are there at the start.
	Permissions []Permission `json:"permissions"`
	// AdminToken is the bearer token of the admin API, made up if not given.
	AdminToken string `json:"admin_token"`
	// NFCListenIP is where every host listens for NFC, each on a port of its
	// own. Default "127.0.0.1".
	NFCListenIP string `json:"nfc_listen_ip"`
	// LeaseTimeoutSeconds is the time without HttpNfcLeaseProgress after which
	// a lease ends. Default 300, as on a real vCenter.
	LeaseTimeoutSeconds int `json:"lease_timeout_seconds"`
	// ThumbprintStar makes device URLs name the host "*", which is what a
	// direct connection to ESXi answers.
	ThumbprintStar bool `json:"thumbprint_star"`
	// RefuseChunked answers uploads without a Content-Length with 411.
	RefuseChunked bool `json:"refuse_chunked"`
	// RefuseSecondPost makes a host take each disk of an import once only, and a
	// connection that breaks fail the lease. Off, the disk can be sent again.
	RefuseSecondPost bool `json:"refuse_second_post"`
	// VerifyImportHash lets the importing host check the streams it receives:
	// grain order and range, checksums of the compressed data and the end of
	// the stream. Off, a host stores what it can make of a stream. Default on.
	VerifyImportHash *bool `json:"verify_import_hash"`
	// PrepareExports keeps the stream of each export of a disk and sends it again
	// until the disk changes: for who measures how fast disks are read, and not how
	// fast the lab deflates. Each takes as much space as the disk has data.
	PrepareExports bool `json:"prepare_exports"`
	// Link is what the vCenter and its hosts are reached over; its shape can be
	// changed through the admin API. Without it they are reached directly.
	Link *link.Shape `json:"link"`
	// Version is the product's: "7.0.3", "8.0.2" (the default), "8.0.3" or
	// another. It decides about.version, apiVersion and build, and what of the
	// API is not known yet.
	Version string `json:"version"`
	// Client is the stand-in of the vSphere Client; without it there is none.
	Client *Client `json:"client"`
	// Usage is what VMs use while they are on.
	Usage Usage `json:"usage"`
	// Inventory is what the vCenter manages.
	Inventory Inventory `json:"inventory"`
}

// Usage is the share of its configured CPU and memory that every VM demands while
// it is on, in percent. Default 20 and 50.
type Usage struct {
	CPUPercent    int `json:"cpu_percent"`
	MemoryPercent int `json:"memory_percent"`
}

// Inventory is what the vCenter manages at its start.
type Inventory struct {
	// Datacenters defaults to one, DC0, with one DRS cluster C0 of one host.
	Datacenters  []Datacenter `json:"datacenters"`
	VMs          []VM         `json:"vms"`
	GeneratedVMs GeneratedVMs `json:"generated_vms"`
}

// Datacenter is one datacenter with everything in it but VMs.
type Datacenter struct {
	Name string `json:"name"`
	// Folders are paths of VM folders, parents first, such as "Prod/Web". A
	// name holds %2f where the folder's own name holds a slash.
	Folders    []string    `json:"folders"`
	Clusters   []Cluster   `json:"clusters"`
	Datastores []Datastore `json:"datastores"`
	// DatastoreClusters put datastores together.
	DatastoreClusters []DatastoreCluster `json:"datastore_clusters"`
	Networks          []string           `json:"networks"`
	// NetworkHosts says which hosts see a network; every host sees the others.
	NetworkHosts map[string][]string `json:"network_hosts"`
}

// Cluster is one compute cluster.
type Cluster struct {
	Name string `json:"name"`
	// DRS allows child resource pools.
	DRS bool `json:"drs"`
	// Hosts is how many there are; they are named "C0-h0", "C0-h1" and so on,
	// with the vCenter's name and ".lab" behind that.
	Hosts int      `json:"hosts"`
	Pools []string `json:"pools"`
	// Maintenance and Disconnected name hosts that cannot be used.
	Maintenance  []string `json:"maintenance"`
	Disconnected []string `json:"disconnected"`
}

// HostNames are the short names of the cluster's hosts.
func (c *Cluster) HostNames() []string {
	names := make([]string, c.Hosts)
	for n := range names {
		names[n] = fmt.Sprintf("%s-h%d", c.Name, n)
	}
	return names
}

// Datastore is one datastore. FreeBytes 0 means capacity less what is used.
type Datastore struct {
	Name          string `json:"name"`
	CapacityBytes int64  `json:"capacity_bytes"`
	FreeBytes     int64  `json:"free_bytes"`
	// Hosts are those that see it, such as "C0-h0"; every host if there are none.
	Hosts []string `json:"hosts"`
}

// DatastoreCluster is a datastore cluster with its members.
type DatastoreCluster struct {
	Name       string   `json:"name"`
	Datastores []string `json:"datastores"`
}

// VM is one virtual machine.
type VM struct {
	Name       string `json:"name"`
	Datacenter string `json:"datacenter"`
	// Folder is the path of a VM folder below its datacenter's, "" the root.
	Folder    string `json:"folder"`
	Cluster   string `json:"cluster"`
	Pool      string `json:"pool"`
	Datastore string `json:"datastore"`
	CPU       int32  `json:"cpu"`
	MemoryMiB int64  `json:"memory_mib"`
	// Firmware is "bios" or "efi"; NVRAM is what an EFI firmware has written.
	Firmware string `json:"firmware"`
	NVRAM    string `json:"nvram"`
	// CoresPerSocket defaults to 1. BootOrder names disks ("disk-0") and network
	// cards ("nic-0") by their place in the configuration.
	CoresPerSocket int32    `json:"cores_per_socket"`
	SecureBoot     bool     `json:"secure_boot"`
	HotAdd         bool     `json:"hot_add"`
	BootOrder      []string `json:"boot_order"`
	// Power is "on", "off" or "suspended".
	Power string `json:"power"`
	NICs  []NIC  `json:"nics"`
	Disks []Disk `json:"disks"`
	// Snapshots are names, the oldest first, each a child of the one before.
	Snapshots []string `json:"snapshots"`
	// Bootable makes a power-on start a real guest from the first disk.
	Bootable    bool              `json:"bootable"`
	Annotation  string            `json:"annotation"`
	ExtraConfig map[string]string `json:"extra_config"`
	// Tools makes a VM that is not bootable behave as if VMware Tools ran in
	// it while it is on: it answers and obeys a guest shutdown.
	Tools               bool     `json:"tools"`
	Template            bool     `json:"template"`
	ManagedBy           string   `json:"managed_by"`
	FT                  bool     `json:"ft"`
	Encrypted           bool     `json:"encrypted"`
	VTPM                bool     `json:"vtpm"`
	Passthrough         bool     `json:"passthrough"`
	VGPU                bool     `json:"vgpu"`
	MultiWriter         bool     `json:"multi_writer"`
	RDM                 bool     `json:"rdm"`
	Independent         bool     `json:"independent"`
	SharedBus           bool     `json:"shared_bus"`
	Question            string   `json:"question"`
	DisabledMethods     []string `json:"disabled_methods"`
	HWVersion           string   `json:"hw_version"`
	VApp                string   `json:"vapp"`
	LinkedClone         bool     `json:"linked_clone"`
	ConsolidationNeeded bool     `json:"consolidation_needed"`
	// Tags are "Category/Tag"; Permissions are users that have a role on the VM
	// itself; StoragePolicy is the policy of its disks, by name.
	Tags          []string `json:"tags"`
	Permissions   []string `json:"permissions"`
	StoragePolicy string   `json:"storage_policy"`
}

// NIC is one virtual network card.
type NIC struct {
	Network string `json:"network"`
	// Type is "vmxnet3", "e1000", "e1000e" or "sriov", among others.
	Type string `json:"type"`
	// MAC is a manual address; "" lets the vCenter generate one.
	MAC string `json:"mac"`
	// StartConnected defaults to true.
	StartConnected *bool `json:"start_connected"`
}

// Disk is one virtual disk.
type Disk struct {
	SizeBytes int64 `json:"size_bytes"`
	// Content is the recipe of the disk's bytes: "random:SEED", "zero",
	// "sparse:SEED" (one block of sixteen is random, the others are zero),
	// "quarter:SEED" (one of four) or "file:/path". Default "zero".
	Content string `json:"content"`
	// Thin defaults to true.
	Thin *bool `json:"thin"`
	// Controller is pvscsi, lsilogic, buslogic, ide, sata or nvme.
	Controller string `json:"controller"`
}

// GeneratedVMs asks for Count VMs in the first cluster and datastore, in all folders
// and on all hosts in turn, that have 1 to Disks disks in turn.
type GeneratedVMs struct {
	// Folders are the folders they are in; default all of the datacenter's and its
	// own.
	Folders       []string `json:"folders"`
	Count         int      `json:"count"`
	Prefix        string   `json:"prefix"`
	Disks         int      `json:"disks"`
	DiskSizeBytes int64    `json:"disk_size_bytes"`
}

// IsThin tells whether the disk is thin provisioned.
func (d Disk) IsThin() bool { return d.Thin == nil || *d.Thin }

// ConnectsAtStart tells whether the card connects when its VM powers on.
func (n NIC) ConnectsAtStart() bool { return n.StartConnected == nil || *n.StartConnected }

// LeaseTimeout is LeaseTimeoutSeconds as a duration.
func (c *Config) LeaseTimeout() time.Duration {
	return time.Duration(c.LeaseTimeoutSeconds) * time.Second
}

// ChecksImports tells whether importing hosts check what they receive.
func (c *Config) ChecksImports() bool { return c.VerifyImportHash == nil || *c.VerifyImportHash }

// Load reads the file at path, fills in the defaults and validates it.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	c, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w", path, err)
	}
	return c, nil
}

// Parse reads a configuration from JSON, fills in the defaults and validates
// it. An unknown key is an error, because it is most likely a misspelt one.
func Parse(data []byte) (*Config, error) {
	c := new(Config)
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(c); err != nil {
		return nil, err
	}
	if err := dec.Decode(new(struct{})); err != io.EOF {
		return nil, fmt.Errorf("there is something after the configuration's closing brace")
	}
	c.applyDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}
