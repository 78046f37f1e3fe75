// Command lab-mover moves VMs the way others do, to measure against: "copy" exports and then imports as
// govc does, with govmomi's own exporter and importer; "urls" opens both leases and tells where the
// disks are read and written, for whoever copies them.
//
//	lab-mover copy|urls -from URL -to URL [flags] VM…
//
// Results are lines of JSON. Certificates are not checked.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/nfc"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/ovf"
	"github.com/vmware/govmomi/ovf/importer"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "lab-mover:", err)
		os.Exit(1)
	}
}

func run() error {
	var from, to, dir, cluster, datastore string
	flags := flag.NewFlagSet("lab-mover copy|urls VM...", flag.ContinueOnError)
	flags.StringVar(&from, "from", "", "The source vCenter's `URL` with user and password.")
	flags.StringVar(&to, "to", "", "The target vCenter's.")
	flags.StringVar(&dir, "dir", os.TempDir(), "The `directory` for what is exported.")
	flags.StringVar(&cluster, "cluster", "C0", "The target's cluster.")
	flags.StringVar(&datastore, "datastore", "ds0", "The target's datastore.")
	if len(os.Args) < 2 {
		flags.Usage()
		return flag.ErrHelp
	}
	if err := flags.Parse(os.Args[2:]); err != nil {
		return err
	}
	ctx := context.Background()
	m := mover{dir: dir}
	source, err := login(ctx, from)
	if err != nil {
		return err
	}
	target, err := login(ctx, to)
	if err != nil {
		return err
	}
	m.source = source
	if err := m.place(ctx, target, cluster, datastore); err != nil {
		return err
	}
	switch os.Args[1] {
	case "copy":
		return m.copy(ctx, flags.Args())
	case "urls":
		return m.urls(ctx, flags.Args())
	}
	return fmt.Errorf("there is no command %q", os.Args[1])
}

func login(ctx context.Context, address string) (*govmomi.Client, error) {
	u, err := soap.ParseURL(address)
	if err != nil {
		return nil, err
	}
	return govmomi.NewClient(ctx, u, true)
}

// mover knows where VMs come from and where they go.
type mover struct {
	dir    string
	source *govmomi.Client
	into   importer.Importer
	hosts  []*object.HostSystem
}

func (m *mover) place(ctx context.Context, target *govmomi.Client, cluster, datastore string) error {
	finder := find.NewFinder(target.Client)
	dc, err := finder.DefaultDatacenter(ctx)
	if err != nil {
		return err
	}
	finder.SetDatacenter(dc)
	m.into = importer.Importer{Log: func(string) (int, error) { return 0, nil }, Client: target.Client, Finder: finder, Datacenter: dc}
	if m.into.Datastore, err = finder.Datastore(ctx, datastore); err != nil {
		return err
	}
	if m.into.ResourcePool, err = finder.ResourcePool(ctx, cluster+"/Resources"); err != nil {
		return err
	}
	folders, err := dc.Folders(ctx)
	if err != nil {
		return err
	}
	m.into.Folder = folders.VmFolder
	m.hosts, err = finder.HostSystemList(ctx, cluster+"/*")
	return err
}

// exported is a lease that is ready, with the files it offers.
type exported struct {
	name  string
	lease *nfc.Lease
	info  *nfc.LeaseInfo
	ovf   string
}

// export opens the lease and writes the descriptor, as "govc export.ovf" does.
func (m *mover) export(ctx context.Context, name, descriptorFor string) (*exported, error) {
	finder := find.NewFinder(m.source.Client)
	dc, err := finder.DefaultDatacenter(ctx)
	if err != nil {
		return nil, err
	}
	finder.SetDatacenter(dc)
	vm, err := finder.VirtualMachine(ctx, name)
	if err != nil {
		return nil, err
	}
	lease, err := vm.Export(ctx)
	if err != nil {
		return nil, err
	}
	info, err := lease.Wait(ctx, nil)
	if err != nil {
		return nil, err
	}
	params := types.OvfCreateDescriptorParams{Name: descriptorFor}
	for n := range info.Items {
		item := &info.Items[n]
		item.Path = descriptorFor + "-" + item.Path
		params.OvfFiles = append(params.OvfFiles, item.File())
	}
	described, err := ovf.NewManager(m.source.Client).CreateDescriptor(ctx, vm, params)
	if err != nil {
		return nil, err
	}
	e := &exported{name: descriptorFor, lease: lease, info: info, ovf: filepath.Join(m.dir, descriptorFor+".ovf")}
	return e, os.WriteFile(e.ovf, []byte(described.OvfDescriptor), 0o600)
}

// importing is the importer of the n-th VM, on one of the hosts in turn.
func (m *mover) importing(n int, e *exported) (importer.Importer, importer.Options) {
	into := m.into
	into.Archive = &importer.FileArchive{Path: e.ovf}
	into.Host = m.hosts[n%len(m.hosts)]
	network := []importer.Network{{Name: "VM Network", Network: "VM Network"}}
	return into, importer.Options{Name: &e.name, DiskProvisioning: "thin", NetworkMapping: network}
}

// copy exports each VM to files and then imports it from these.
func (m *mover) copy(ctx context.Context, names []string) error {
	for n, name := range names {
		begun := time.Now()
		e, err := m.export(ctx, name, name)
		if err != nil {
			return err
		}
		updater := e.lease.StartUpdater(ctx, e.info)
		for _, item := range e.info.Items {
			err := e.lease.DownloadFile(ctx, filepath.Join(m.dir, item.Path), item, soap.Download{})
			if err != nil {
				return err
			}
		}
		updater.Done()
		if err := e.lease.Complete(ctx); err != nil {
			return err
		}
		middle := time.Now()
		into, options := m.importing(n, e)
		if _, err := into.Import(ctx, filepath.Base(e.ovf), options); err != nil {
			return err
		}
		ended := time.Now()
		for _, item := range e.info.Items {
			_ = os.Remove(filepath.Join(m.dir, item.Path))
		}
		tell(map[string]any{"vm": name, "export_seconds": middle.Sub(begun).Seconds(),
			"import_seconds": ended.Sub(middle).Seconds()})
	}
	return nil
}

// way is a disk's source and target.
type way struct {
	VM   string `json:"vm"`
	From string `json:"from"`
	To   string `json:"to"`
}

// opened is a pair of leases that are kept alive.
type opened struct {
	ways     []way
	leases   []*nfc.Lease
	updaters []*nfc.LeaseUpdater
}

func (m *mover) open(ctx context.Context, n int, name string) (*opened, error) {
	e, err := m.export(ctx, name, name)
	if err != nil {
		return nil, err
	}
	into, options := m.importing(n, e)
	info, lease, err := into.ImportVApp(ctx, filepath.Base(e.ovf), options)
	if err != nil {
		return nil, err
	}
	o := &opened{leases: []*nfc.Lease{lease, e.lease},
		// Nobody tells these of progress; they only keep the leases alive.
		updaters: []*nfc.LeaseUpdater{lease.StartUpdater(ctx, info), e.lease.StartUpdater(ctx, e.info)}}
	for _, item := range info.Items {
		for _, from := range e.info.Items {
			if from.Path == item.Path {
				o.ways = append(o.ways, way{VM: name, From: from.URL.String(), To: item.URL.String()})
			}
		}
	}
	return o, nil
}

func (o *opened) close(ctx context.Context) error {
	for _, updater := range o.updaters {
		updater.Done()
	}
	for _, lease := range o.leases {
		if err := lease.Complete(ctx); err != nil {
			return err
		}
	}
	return nil
}

// urls opens the leases of all VMs, tells the ways of their disks, waits for a line and ends the leases.
func (m *mover) urls(ctx context.Context, names []string) error {
	all := make([]*opened, len(names))
	var group errgroup
	begun := time.Now()
	for n, name := range names {
		group.run(func() (err error) {
			all[n], err = m.open(ctx, n, name)
			return err
		})
	}
	if err := group.wait(); err != nil {
		return err
	}
	opening := time.Since(begun)
	var ways []way
	for _, o := range all {
		ways = append(ways, o.ways...)
	}
	tell(map[string]any{"ways": ways})
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	begun = time.Now()
	for _, o := range all {
		group.run(func() error { return o.close(ctx) })
	}
	if err := group.wait(); err != nil {
		return err
	}
	tell(map[string]any{"open_seconds": opening.Seconds(), "close_seconds": time.Since(begun).Seconds()})
	return nil
}

// errgroup runs functions at once and keeps an error of theirs.
type errgroup struct {
	wg  sync.WaitGroup
	mu  sync.Mutex
	err error
}

func (g *errgroup) run(f func() error) {
	g.wg.Go(func() {
		if err := f(); err != nil {
			g.mu.Lock()
			g.err = err
			g.mu.Unlock()
		}
	})
}

func (g *errgroup) wait() error {
	g.wg.Wait()
	return g.err
}

func tell(what any) {
	_ = json.NewEncoder(os.Stdout).Encode(what) // to a pipe whose reader has asked
}
