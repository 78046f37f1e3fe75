package usage_test

import (
	"context"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/config"
	"hdm.dev/lab/vcenter/internal/site"
)

// A VM that runs and one that will, in a pool of a cluster of two hosts.
const siteConfig = `{"usage": {"cpu_percent": 25, "memory_percent": 50}, "inventory": {
	"datacenters": [{"name": "DC0", "clusters": [{"name": "C0", "drs": true, "hosts": 2, "pools": ["Gold"]}]}],
	"vms": [{"name": "on", "power": "on", "cpu": 2, "memory_mib": 512}, {"name": "off", "cpu": 1, "memory_mib": 256, "pool": "Gold"}]}}`

func TestUsageFollowsPower(t *testing.T) {
	cfg, err := config.Parse([]byte(siteConfig))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Dir, err = os.MkdirTemp("", "lab-usage-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(cfg.Dir) })
	lab, err := site.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lab.Close)
	if err := lab.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	u, _ := soap.ParseURL(lab.Ready().URL)
	u.User = url.UserPassword(lab.Ready().User, lab.Ready().Password)
	client, err := govmomi.NewClient(ctx, u, true)
	if err != nil {
		t.Fatal(err)
	}
	finder := find.NewFinder(client.Client)
	cluster, err := finder.ClusterComputeResource(ctx, "/DC0/host/C0")
	if err != nil {
		t.Fatal(err)
	}
	gold, err := finder.ResourcePool(ctx, "/DC0/host/C0/Resources/Gold")
	if err != nil {
		t.Fatal(err)
	}
	var host mo.HostSystem
	hosts, _ := cluster.Hosts(ctx)
	pc := property.DefaultCollector(client.Client)
	if err := pc.RetrieveOne(ctx, hosts[0].Reference(), []string{"summary"}, &host); err != nil {
		t.Fatal(err)
	}
	clock := host.Summary.Hardware.CpuMhz
	perHost := clock * int32(host.Summary.Hardware.NumCpuCores)

	// wait waits until the cluster shows a demand.
	wait := func(cpuMHz, memoryMB, off int32) *types.ClusterComputeResourceSummary {
		t.Helper()
		var summary *types.ClusterComputeResourceSummary
		err := property.Wait(ctx, pc, cluster.Reference(), []string{"summary"}, func(changes []types.PropertyChange) bool {
			for _, change := range changes {
				value, _ := change.Val.(types.ClusterComputeResourceSummary)
				summary = &value
			}
			use := summary.UsageSummary
			return use.CpuDemandMhz == cpuMHz && use.MemDemandMB == memoryMB && use.PoweredOffVmCount == off
		})
		if err != nil {
			t.Fatalf("the cluster never came to %d MHz and %d MB: %v; it has %+v", cpuMHz, memoryMB, err, summary.UsageSummary)
		}
		return summary
	}
	summary := wait(2*clock/4, 256, 1)
	if summary.NumHosts != 2 || summary.NumEffectiveHosts != 2 || summary.TotalCpu != 2*perHost || summary.EffectiveCpu != 2*perHost ||
		summary.TotalMemory != 2*host.Summary.Hardware.MemorySize || summary.EffectiveMemory != 2*(host.Summary.Hardware.MemorySize>>20) {
		t.Errorf("the cluster has %+v, its hosts %d MHz and %d bytes each", summary, perHost, host.Summary.Hardware.MemorySize)
	}
	vm, err := finder.VirtualMachine(ctx, "/DC0/vm/off")
	if err != nil {
		t.Fatal(err)
	}
	task, err := vm.PowerOn(ctx)
	if err == nil {
		err = task.Wait(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	wait(2*clock/4+clock/4, 256+128, 0)
	var pool mo.ResourcePool
	var off mo.VirtualMachine
	// The VM's own numbers come last.
	err = property.Wait(ctx, pc, vm.Reference(), []string{"summary.quickStats"}, func(changes []types.PropertyChange) bool {
		off.Summary.QuickStats, _ = changes[0].Val.(types.VirtualMachineQuickStats)
		return off.Summary.QuickStats.OverallCpuUsage == clock/4 && off.Summary.QuickStats.GuestMemoryUsage == 128
	})
	if err != nil {
		t.Fatalf("the VM uses %+v: %v", off.Summary.QuickStats, err)
	}
	if err := pc.RetrieveOne(ctx, gold.Reference(), []string{"runtime", "summary"}, &pool); err != nil {
		t.Fatal(err)
	}
	stats := pool.Summary.GetResourcePoolSummary().QuickStats
	if pool.Runtime.Cpu.OverallUsage != int64(clock/4) || pool.Runtime.Memory.OverallUsage != 128<<20 || stats == nil || stats.HostMemoryUsage != 128 {
		t.Errorf("the pool uses %+v, %+v", pool.Runtime, stats)
	}
	res, err := methods.GetResourceUsage(ctx, client, &types.GetResourceUsage{This: cluster.Reference()})
	if err != nil {
		t.Fatal(err)
	}
	if use := res.Returnval; use.CpuUsedMHz != 2*clock/4+clock/4 || use.MemUsedMB != 384 || use.CpuCapacityMHz != 2*perHost || use.StorageCapacityMB == 0 {
		t.Errorf("GetResourceUsage tells %+v", use)
	}
	task, err = vm.PowerOff(ctx)
	if err == nil {
		err = task.Wait(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	wait(2*clock/4, 256, 1)
}
