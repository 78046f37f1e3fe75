package usage

import (
	"reflect"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// quickStats is the property of VMs and hosts.
const quickStats = "summary.quickStats"

const mib = 1 << 20

// demand is what a VM asks for, or several together.
type demand struct{ cpuMHz, memoryMiB int64 }

func (d *demand) add(other demand) {
	d.cpuMHz += other.cpuMHz
	d.memoryMiB += other.memoryMiB
}

// capacity is what a host or a cluster has.
type capacity struct {
	cpuMHz, memoryMiB, memoryBytes int64
	cores, threads                 int16
	hosts                          int32
}

func (c *capacity) add(other capacity) {
	c.cpuMHz += other.cpuMHz
	c.memoryMiB += other.memoryMiB
	c.memoryBytes += other.memoryBytes
	c.cores += other.cores
	c.threads += other.threads
	c.hosts += other.hosts
}

// host is a host while it is summed up.
type host struct {
	obj      *simulator.HostSystem
	cluster  ref
	clockMHz int64
	has      capacity
	works    bool
	demand   demand
}

// cluster is a cluster while it is summed up.
type cluster struct {
	all, effective capacity
	demand         demand
	vms, off       int32
}

// sum writes all numbers that have changed.
func (u *Usage) sum() {
	ctx := u.context()
	hosts := readHosts(ctx)
	clusters := make(map[ref]*cluster)
	for _, h := range hosts {
		c := clusters[h.cluster]
		if c == nil {
			c = new(cluster)
			clusters[h.cluster] = c
		}
		c.all.add(h.has)
		if h.works {
			c.effective.add(h.has)
		}
	}
	pools := make(map[ref]demand)
	changed := make(map[ref]demand)
	u.mu.Lock()
	u.generation++
	generation := u.generation
	for vm, l := range u.loads {
		var d demand
		h := hosts[l.host]
		if l.on && h != nil {
			d = demand{l.cpus * h.clockMHz * int64(u.share.CPUPercent) / 100, l.memoryMiB * int64(u.share.MemoryPercent) / 100}
		}
		if u.shown[vm] != d {
			u.shown[vm], changed[vm] = d, d
		}
		if h == nil {
			continue
		}
		h.demand.add(d)
		c := clusters[h.cluster]
		c.demand.add(d)
		c.vms++
		if !l.on {
			c.off++
		}
		if d != (demand{}) {
			for pool, ok := ctx.Map.Get(l.pool).(mo.Entity); ok && isPool(pool); pool, ok = ctx.Map.Get(*pool.Entity().Parent).(mo.Entity) {
				sum := pools[pool.Reference()]
				sum.add(d)
				pools[pool.Reference()] = sum
			}
		}
	}
	u.mu.Unlock()
	for _, h := range hosts {
		h.show(ctx)
	}
	for ref, c := range clusters {
		if obj, ok := ctx.Map.Get(ref).(*simulator.ClusterComputeResource); ok {
			c.show(ctx, obj, generation)
		}
	}
	for _, kind := range []string{"ResourcePool", "VirtualApp"} {
		for _, obj := range ctx.Map.All(kind) {
			showPool(ctx, obj, pools[obj.Reference()])
		}
	}
	// VMs last: one that is being changed holds up the rest.
	for vm, d := range changed {
		showVM(ctx, vm, d)
	}
}

func isPool(e mo.Entity) bool {
	kind := e.Reference().Type
	return (kind == "ResourcePool" || kind == "VirtualApp") && e.Entity().Parent != nil
}

func readHosts(ctx *simulator.Context) map[ref]*host {
	hosts := make(map[ref]*host)
	for _, entity := range ctx.Map.All("HostSystem") {
		obj, ok := entity.(*simulator.HostSystem)
		if !ok {
			continue
		}
		ctx.WithLock(obj, func() {
			hardware := obj.Summary.Hardware
			if hardware == nil || obj.Parent == nil {
				return
			}
			hosts[obj.Self] = &host{obj: obj, cluster: *obj.Parent, clockMHz: int64(hardware.CpuMhz),
				has: capacity{cpuMHz: int64(hardware.CpuMhz) * int64(hardware.NumCpuCores), memoryMiB: hardware.MemorySize / mib,
					memoryBytes: hardware.MemorySize, cores: hardware.NumCpuCores, threads: hardware.NumCpuThreads, hosts: 1},
				works: obj.Runtime.ConnectionState == types.HostSystemConnectionStateConnected && !obj.Runtime.InMaintenanceMode}
		})
	}
	return hosts
}

func (h *host) show(ctx *simulator.Context) {
	ctx.WithLock(h.obj, func() {
		stats := h.obj.Summary.QuickStats
		stats.OverallCpuUsage = int32(min(h.demand.cpuMHz, h.has.cpuMHz))
		stats.OverallMemoryUsage = int32(min(h.demand.memoryMiB, h.has.memoryMiB))
		if stats != h.obj.Summary.QuickStats {
			ctx.Update(h.obj, []types.PropertyChange{{Name: quickStats, Val: stats}})
		}
	})
}

func (c *cluster) show(ctx *simulator.Context, obj *simulator.ClusterComputeResource, generation int64) {
	ctx.WithLock(obj, func() {
		old, ok := obj.Summary.(*types.ClusterComputeResourceSummary)
		if !ok {
			return
		}
		summary := *old
		summary.TotalCpu, summary.TotalMemory = int32(c.all.cpuMHz), c.all.memoryBytes
		summary.NumCpuCores, summary.NumCpuThreads = c.all.cores, c.all.threads
		summary.EffectiveCpu, summary.EffectiveMemory = int32(c.effective.cpuMHz), c.effective.memoryMiB
		summary.NumHosts, summary.NumEffectiveHosts = c.all.hosts, c.effective.hosts
		use := types.ClusterUsageSummary{
			TotalCpuCapacityMhz: int32(c.effective.cpuMHz), TotalMemCapacityMB: int32(c.effective.memoryMiB),
			CpuDemandMhz: int32(c.demand.cpuMHz), MemDemandMB: int32(c.demand.memoryMiB),
			CpuEntitledMhz: int32(min(c.demand.cpuMHz, c.effective.cpuMHz)),
			MemEntitledMB:  int32(min(c.demand.memoryMiB, c.effective.memoryMiB)),
			TotalVmCount:   c.vms, PoweredOffVmCount: c.off,
		}
		before := types.ClusterUsageSummary{}
		if old.UsageSummary != nil {
			before = *old.UsageSummary
		}
		use.StatsGenNumber = before.StatsGenNumber
		summary.UsageSummary = old.UsageSummary
		if use == before && reflect.DeepEqual(&summary, old) {
			return
		}
		use.StatsGenNumber = generation
		summary.UsageSummary = &use
		ctx.Update(obj, []types.PropertyChange{{Name: "summary", Val: &summary}})
	})
}

func showPool(ctx *simulator.Context, entity mo.Entity, d demand) {
	var pool *mo.ResourcePool
	switch p := entity.(type) {
	case *simulator.ResourcePool:
		pool = &p.ResourcePool
	case *simulator.VirtualApp:
		pool = &p.ResourcePool
	default:
		return
	}
	ctx.WithLock(entity, func() {
		if pool.Runtime.Cpu.OverallUsage == d.cpuMHz && pool.Runtime.Memory.OverallUsage == d.memoryMiB*mib && pool.Summary != nil &&
			pool.Summary.GetResourcePoolSummary().QuickStats != nil {
			return
		}
		runtime := pool.Runtime
		runtime.Cpu.OverallUsage, runtime.Memory.OverallUsage = d.cpuMHz, d.memoryMiB*mib
		changes := []types.PropertyChange{{Name: "runtime", Val: runtime}}
		if pool.Summary != nil {
			// A copy: in vcsim several pools share one summary.
			summary := *pool.Summary.GetResourcePoolSummary()
			summary.QuickStats = &types.ResourcePoolQuickStats{OverallCpuUsage: d.cpuMHz, OverallCpuDemand: d.cpuMHz,
				GuestMemoryUsage: d.memoryMiB, HostMemoryUsage: d.memoryMiB}
			summary.Runtime = runtime
			var whole types.BaseResourcePoolSummary = &summary
			if app, ok := pool.Summary.(*types.VirtualAppSummary); ok {
				copied := *app
				copied.ResourcePoolSummary = summary
				whole = &copied
			}
			changes = append(changes, types.PropertyChange{Name: "summary", Val: whole})
		}
		ctx.Update(entity, changes)
	})
}

func showVM(ctx *simulator.Context, vm ref, d demand) {
	obj, ok := ctx.Map.Get(vm).(*simulator.VirtualMachine)
	if !ok {
		return
	}
	ctx.WithLock(obj, func() {
		stats := obj.Summary.QuickStats
		stats.OverallCpuUsage, stats.OverallCpuDemand = int32(d.cpuMHz), int32(d.cpuMHz)
		stats.GuestMemoryUsage, stats.HostMemoryUsage = int32(d.memoryMiB), int32(d.memoryMiB)
		ctx.Update(obj, []types.PropertyChange{{Name: quickStats, Val: stats}})
	})
}

// resourceUsage answers ClusterComputeResource.GetResourceUsage.
func (u *Usage) resourceUsage(ctx *simulator.Context, this ref, _ types.AnyType) soap.HasFault {
	out := new(types.GetResourceUsageResponse)
	cluster, ok := ctx.Map.Get(this).(*simulator.ClusterComputeResource)
	if !ok {
		return &methods.GetResourceUsageBody{Fault_: simulator.Fault("There is no such cluster.", &types.ManagedObjectNotFound{Obj: this})}
	}
	if summary, ok := cluster.Summary.(*types.ClusterComputeResourceSummary); ok && summary.UsageSummary != nil {
		use := summary.UsageSummary
		out.Returnval = types.ClusterResourceUsageSummary{
			CpuUsedMHz: use.CpuEntitledMhz, CpuCapacityMHz: use.TotalCpuCapacityMhz,
			MemUsedMB: use.MemEntitledMB, MemCapacityMB: use.TotalMemCapacityMB,
		}
	}
	for _, ref := range cluster.Datastore {
		if ds, ok := ctx.Map.Get(ref).(*simulator.Datastore); ok {
			out.Returnval.StorageCapacityMB += ds.Summary.Capacity / mib
			out.Returnval.StorageUsedMB += (ds.Summary.Capacity - ds.Summary.FreeSpace) / mib
		}
	}
	return &methods.GetResourceUsageBody{Res: out}
}
