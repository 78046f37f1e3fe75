package inventory

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/config"
)

func (b *builder) datacenter(cfg *config.Datacenter) error {
	ctx := context.Background()
	dc, err := object.NewRootFolder(b.client).CreateDatacenter(ctx, Escape(cfg.Name))
	if err != nil {
		return err
	}
	folders, err := dc.Folders(ctx)
	if err != nil {
		return err
	}
	p := &place{dc: dc, folders: map[string]*object.Folder{"": folders.VmFolder},
		clusters: make(map[string]*cluster), networks: make(map[string]types.ManagedObjectReference)}
	b.places[cfg.Name] = p
	for _, full := range cfg.Folders {
		parent := p.folders[parentOf(full)]
		if parent == nil {
			return fmt.Errorf("folder %q comes before the one it is in", full)
		}
		if p.folders[full], err = parent.CreateFolder(ctx, path.Base(full)); err != nil {
			return fmt.Errorf("folder %q: %w", full, err)
		}
	}
	if err := b.networks(p, cfg); err != nil {
		return err
	}
	var hosts []*object.HostSystem
	for n := range cfg.Clusters {
		c, err := b.cluster(folders.HostFolder, &cfg.Clusters[n])
		if err != nil {
			return fmt.Errorf("cluster %q: %w", cfg.Clusters[n].Name, err)
		}
		p.clusters[cfg.Clusters[n].Name] = c
		hosts = append(hosts, c.hosts...)
	}
	b.connectNetworks(p, cfg, hosts)
	for _, ds := range cfg.Datastores {
		if err := b.datastore(ds, hosts); err != nil {
			return fmt.Errorf("datastore %q: %w", ds.Name, err)
		}
	}
	for _, pod := range cfg.DatastoreClusters {
		if err := b.datastoreCluster(folders.DatastoreFolder, pod); err != nil {
			return fmt.Errorf("datastore cluster %q: %w", pod.Name, err)
		}
	}
	return nil
}

func parentOf(full string) string {
	if parent := path.Dir(full); parent != "." {
		return parent
	}
	return ""
}

func (b *builder) cluster(parent *object.Folder, cfg *config.Cluster) (*cluster, error) {
	ctx := context.Background()
	made, err := parent.CreateCluster(ctx, Escape(cfg.Name), types.ClusterConfigSpecEx{})
	if err != nil {
		return nil, err
	}
	// vcsim turns DRS on whatever the spec of a new cluster says.
	if simulated, ok := b.ctx.Map.Get(made.Reference()).(*simulator.ClusterComputeResource); ok {
		simulated.ConfigurationEx.(*types.ClusterConfigInfoEx).DrsConfig.Enabled = &cfg.DRS
	}
	c := &cluster{pools: make(map[string]*object.ResourcePool)}
	for _, short := range cfg.HostNames() {
		name := short + "." + b.cfg.Name + ".lab"
		task, err := made.AddHost(ctx, types.HostConnectSpec{HostName: name}, true, nil, nil)
		if err != nil {
			return nil, err
		}
		info, err := task.WaitForResult(ctx, nil)
		if err != nil {
			return nil, err
		}
		ref, _ := info.Result.(types.ManagedObjectReference)
		host, ok := b.ctx.Map.Get(ref).(*simulator.HostSystem)
		if !ok {
			return nil, fmt.Errorf("host %q was not made", name)
		}
		product := host.Config.Product
		product.Version = hostVersion(b.cfg.Version)
		product.FullName = "VMware ESXi " + b.cfg.Version + " (simulated)"
		host.Config.Product = product
		host.Summary.Config.Product = &product
		host.Runtime.InMaintenanceMode = slices.Contains(cfg.Maintenance, short)
		if slices.Contains(cfg.Disconnected, short) {
			host.Runtime.ConnectionState = types.HostSystemConnectionStateDisconnected
		}
		c.hosts = append(c.hosts, object.NewHostSystem(b.client, ref))
	}
	if c.root, err = made.ResourcePool(ctx); err != nil {
		return nil, err
	}
	for _, name := range cfg.Pools {
		if c.pools[name], err = c.root.Create(ctx, Escape(name), types.DefaultResourceConfigSpec()); err != nil {
			return nil, fmt.Errorf("pool %q: %w", name, err)
		}
	}
	return c, nil
}

// hostVersion is the version of a site's hosts. vcsim does not know the newest and makes nothing of their cluster;
// the one before has the same hardware versions.
func hostVersion(site string) string {
	if _, err := types.ParseESXiVersion(site); err == nil {
		return site
	}
	for _, known := range []string{"8.0.2", "7.0.2"} {
		if strings.HasPrefix(site, known[:len("8.0.")]) {
			return known
		}
	}
	return site
}

// networks makes standard networks beside the one every datacenter has.
func (b *builder) networks(p *place, cfg *config.Datacenter) error {
	dc, ok := b.ctx.Map.Get(p.dc.Reference()).(*simulator.Datacenter)
	if !ok {
		return fmt.Errorf("it was not made")
	}
	folder, _ := b.ctx.Map.Get(dc.NetworkFolder).(*simulator.Folder)
	for _, ref := range dc.Network {
		if network, ok := b.ctx.Map.Get(ref).(*mo.Network); ok {
			p.networks[network.Name] = ref
		}
	}
	for _, name := range cfg.Networks {
		if _, there := p.networks[name]; there {
			continue
		}
		network := new(mo.Network)
		network.Name = name
		network.Entity().Name = name
		network.Entity().Parent = &folder.Self
		ref := b.ctx.Map.Put(network).Reference()
		network.Summary = &types.NetworkSummary{Name: name, Accessible: true, Network: &ref}
		folder.ChildEntity = append(folder.ChildEntity, ref)
		dc.Network = append(dc.Network, ref)
		p.networks[name] = ref
	}
	return nil
}

// sees tells whether a host is among those of a list; an empty list is all.
func (b *builder) sees(host *simulator.HostSystem, among []string) bool {
	return len(among) == 0 || slices.Contains(among, strings.TrimSuffix(host.Name, "."+b.cfg.Name+".lab"))
}

// connectNetworks lets every host see its networks, and every cluster those of
// its hosts.
func (b *builder) connectNetworks(p *place, cfg *config.Datacenter, hosts []*object.HostSystem) {
	var all []types.ManagedObjectReference
	dc, _ := b.ctx.Map.Get(p.dc.Reference()).(*simulator.Datacenter)
	all = append(all, dc.Network...)
	for _, h := range hosts {
		host, ok := b.ctx.Map.Get(h.Reference()).(*simulator.HostSystem)
		if !ok {
			continue
		}
		parent, _ := b.ctx.Map.Get(*host.Parent).(*simulator.ClusterComputeResource)
		host.Network = nil
		if parent != nil && len(parent.Host) > 0 && parent.Host[0] == host.Self {
			parent.Network = nil
		}
		for _, ref := range all {
			network, ok := b.ctx.Map.Get(ref).(*mo.Network)
			if ok && !b.sees(host, cfg.NetworkHosts[network.Name]) {
				continue
			}
			host.Network = append(host.Network, ref)
			if parent != nil && !slices.Contains(parent.Network, ref) {
				parent.Network = append(parent.Network, ref)
			}
			if ok {
				network.Host = append(network.Host, host.Self)
			}
		}
	}
}

func (b *builder) datastore(cfg config.Datastore, hosts []*object.HostSystem) error {
	ctx := context.Background()
	for _, host := range hosts {
		if simulated, ok := b.ctx.Map.Get(host.Reference()).(*simulator.HostSystem); ok && !b.sees(simulated, cfg.Hosts) {
			continue
		}
		system, err := host.ConfigManager().DatastoreSystem(ctx)
		if err != nil {
			return err
		}
		if _, err := system.CreateLocalDatastore(ctx, cfg.Name, b.disks.Dir(cfg.Name)); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) datastoreCluster(folder *object.Folder, cfg config.DatastoreCluster) error {
	ctx := context.Background()
	pod, err := folder.CreateStoragePod(ctx, cfg.Name)
	if err != nil {
		return err
	}
	var members []types.ManagedObjectReference
	for _, entity := range b.ctx.Map.All("Datastore") {
		if slices.Contains(cfg.Datastores, entity.Entity().Name) {
			members = append(members, entity.Reference())
		}
	}
	task, err := pod.MoveInto(ctx, members)
	if err != nil {
		return err
	}
	return task.Wait(ctx)
}
