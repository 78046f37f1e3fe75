// Package usage plays how much CPU and memory the VMs that run use, and sums it
// up for their hosts, pools and clusters.
//
//	registry ── power, size, host, pool of a VM ──► loads ──► worker ──► summaries
//
// Every VM that is powered on demands the same share of what it is configured
// with: of its CPUs at its host's clock, and of its memory. A host uses no more
// than it has; its demand may be larger. Numbers are in MHz and MiB. They follow
// a change within settle, not at once, as on a vCenter.
package usage

import (
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/config"
	"hdm.dev/lab/vcenter/internal/hook"
)

// settle is how long changes are gathered before they are summed up.
const settle = 50 * time.Millisecond

type ref = types.ManagedObjectReference

// load is what is known of a VM. Its zero value demands nothing.
type load struct {
	on         bool
	cpus       int64
	memoryMiB  int64
	host, pool ref
}

// Usage keeps the numbers. It is a handler of the registry.
type Usage struct {
	context func() *simulator.Context
	share   config.Usage
	self    ref

	mu    sync.Mutex
	loads map[ref]load
	// shown are the demands that VMs show.
	shown map[ref]demand
	// generation counts the sums.
	generation int64

	dirty, done chan struct{}
	ended       sync.WaitGroup
}

// New starts to follow the registry, whose inventory must be complete, and sums
// up what is there. context makes a context that shares no locks.
func New(context func() *simulator.Context, share config.Usage, table hook.Dispatcher) *Usage {
	u := &Usage{context: context, share: share, self: ref{Type: "LabUsage", Value: "lab-usage"},
		loads: make(map[ref]load), shown: make(map[ref]demand), dirty: make(chan struct{}, 1), done: make(chan struct{})}
	ctx := context()
	for _, entity := range ctx.Map.All("VirtualMachine") {
		if vm, ok := entity.(*simulator.VirtualMachine); ok {
			ctx.WithLock(vm, func() { u.loads[vm.Self] = loadOf(&vm.VirtualMachine) })
		}
	}
	u.sum()
	ctx.Map.AddHandler(u)
	table.Around("ClusterComputeResource", "GetResourceUsage", func(hook.Call) hook.Call { return u.resourceUsage })
	u.ended.Add(1)
	go u.work()
	return u
}

// Close ends the worker.
func (u *Usage) Close() {
	close(u.done)
	u.ended.Wait()
}

func (u *Usage) work() {
	defer u.ended.Done()
	for {
		select {
		case <-u.done:
			return
		case <-u.dirty:
		}
		select {
		case <-u.done:
			return
		case <-time.After(settle):
		}
		u.sum()
	}
}

func loadOf(vm *mo.VirtualMachine) load {
	l := load{on: vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn}
	if vm.Config != nil {
		l.cpus, l.memoryMiB = int64(vm.Config.Hardware.NumCPU), int64(vm.Config.Hardware.MemoryMB)
	}
	if vm.Runtime.Host != nil {
		l.host = *vm.Runtime.Host
	}
	if vm.ResourcePool != nil {
		l.pool = *vm.ResourcePool
	}
	return l
}

// Reference makes it a handler of the registry.
func (u *Usage) Reference() ref { return u.self }

// PutObject implements simulator.RegisterObject.
func (u *Usage) PutObject(_ *simulator.Context, obj mo.Reference) {
	switch o := obj.(type) {
	case *simulator.VirtualMachine:
		u.note(o.Self, loadOf(&o.VirtualMachine))
	case *simulator.HostSystem, *simulator.ResourcePool, *simulator.ClusterComputeResource:
		u.wake()
	}
}

// UpdateObject implements simulator.RegisterObject. The object's lock is held.
func (u *Usage) UpdateObject(_ *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	switch o := obj.(type) {
	case *mo.VirtualMachine:
		u.note(o.Self, loadOf(o))
	case *mo.HostSystem:
		for _, change := range changes {
			if change.Name != quickStats {
				u.wake()
				return
			}
		}
	}
}

// RemoveObject implements simulator.RegisterObject.
func (u *Usage) RemoveObject(_ *simulator.Context, gone ref) {
	u.mu.Lock()
	_, known := u.loads[gone]
	delete(u.loads, gone)
	delete(u.shown, gone)
	u.mu.Unlock()
	if known || gone.Type == "HostSystem" {
		u.wake()
	}
}

func (u *Usage) note(vm ref, l load) {
	u.mu.Lock()
	before, known := u.loads[vm]
	u.loads[vm] = l
	u.mu.Unlock()
	if !known || before != l {
		u.wake()
	}
}

func (u *Usage) wake() {
	select {
	case u.dirty <- struct{}{}:
	default: // it will be summed up anyway
	}
}
