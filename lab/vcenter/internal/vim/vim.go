// Package vim changes methods of vcsim's objects where a real vCenter does more,
// less or something else.
package vim

import (
	"reflect"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/disk"
	"hdm.dev/lab/vcenter/internal/hook"
	"hdm.dev/lab/vcenter/internal/nfc"
)

// Options are what VIM works with. Guests is asked for late, because guests
// are made after it; it and Tasks may be or return nil.
type Options struct {
	// Context returns a context that shares no locks, of a session that is
	// nobody's.
	Context func() *simulator.Context
	Disks   *disk.Store
	Leases  *nfc.Manager
	Guests  func() hook.Guests
	Tasks   hook.Tasks
	// SpaceChanged is called when disks have come or gone.
	SpaceChanged func()
}

// VIM holds what the methods share. It implements hook.GuestHost.
type VIM struct {
	Options
	watch *watch
	log   taskLog
	table hook.Dispatcher
	// asking holds, by VM, what waits for the answer to its question.
	asking sync.Map
}

// New registers the changed methods with the dispatcher and starts to watch the
// registry, whose inventory must be complete.
func New(opts Options, table hook.Dispatcher) *VIM {
	v := &VIM{Options: opts, table: table}
	v.registerTaskOutcomes(table)
	v.registerLeases(table)
	v.registerTransfers(table)
	v.registerPools(table)
	v.registerVMs(table)
	v.registerTasks(table)
	v.watch = newWatch(v)
	ctx := opts.Context()
	ctx.Map.AddHandler(v.watch)
	return v
}

func (v *VIM) spaceChanged() {
	if v.SpaceChanged != nil {
		v.SpaceChanged()
	}
}

// fork returns a context of the same caller that shares no locks with ctx, for
// what goes on after the call was answered.
func fork(ctx *simulator.Context) *simulator.Context {
	c := *ctx
	return &c
}

// machine returns a VM of the registry.
func machine(ctx *simulator.Context, ref types.ManagedObjectReference) *simulator.VirtualMachine {
	vm, _ := ctx.Map.Get(ref).(*simulator.VirtualMachine)
	return vm
}

// await returns the ended task that a *_Task method of vcsim has answered.
func await(ctx *simulator.Context, answer soap.HasFault) (types.AnyType, types.BaseMethodFault) {
	if fault := answer.Fault(); fault != nil {
		if method, ok := fault.VimFault().(types.BaseMethodFault); ok {
			return nil, method
		}
		return nil, new(types.RuntimeFault)
	}
	res := reflect.ValueOf(answer).Elem().FieldByName("Res")
	ref, _ := res.Elem().FieldByName("Returnval").Interface().(types.ManagedObjectReference)
	task, ok := ctx.Map.Get(ref).(*simulator.Task)
	if !ok {
		return nil, &types.ManagedObjectNotFound{Obj: ref}
	}
	task.Wait()
	if task.Info.Error != nil {
		return nil, task.Info.Error.Fault
	}
	return task.Info.Result, nil
}

// ancestor walks up from an entity to the first of one of the types.
func ancestor(ctx *simulator.Context, ref types.ManagedObjectReference, kinds ...string) mo.Reference {
	for {
		for _, kind := range kinds {
			if ref.Type == kind {
				return ctx.Map.Get(ref)
			}
		}
		entity, ok := ctx.Map.Get(ref).(mo.Entity)
		if !ok || entity.Entity().Parent == nil {
			return nil
		}
		ref = *entity.Entity().Parent
	}
}
