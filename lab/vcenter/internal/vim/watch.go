package vim

import (
	"log"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// watch hears of every change of the registry: the disks of a VM that goes
// give their space back, and deltas that no snapshot needs are merged.
type watch struct {
	v    *VIM
	self types.ManagedObjectReference

	mu    sync.Mutex
	files map[types.ManagedObjectReference][]string
}

func newWatch(v *VIM) *watch {
	return &watch{v: v, self: types.ManagedObjectReference{Type: "LabWatch", Value: "lab-watch"},
		files: make(map[types.ManagedObjectReference][]string)}
}

// Reference makes it a handler of the registry.
func (w *watch) Reference() types.ManagedObjectReference { return w.self }

// PutObject implements simulator.RegisterObject.
func (w *watch) PutObject(*simulator.Context, mo.Reference) {}

// UpdateObject implements simulator.RegisterObject.
func (w *watch) UpdateObject(_ *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	if obj.Reference().Type != "VirtualMachine" {
		return
	}
	for _, change := range changes {
		if change.Name == "snapshot" || change.Name == "snapshot.rootSnapshotList" {
			go w.v.mergeDeltas(obj.Reference())
			return
		}
	}
}

// RemoveObject implements simulator.RegisterObject.
func (w *watch) RemoveObject(ctx *simulator.Context, ref types.ManagedObjectReference) {
	vm := machine(ctx, ref)
	if vm == nil || vm.Config == nil {
		return
	}
	var files []string
	for _, device := range vm.Config.Hardware.Device {
		if disk, ok := device.(*types.VirtualDisk); ok {
			if backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
				for b := backing; b != nil; b = b.Parent {
					files = append(files, b.FileName)
				}
			}
		}
	}
	// At once: the next VM of that name has disks of the same names.
	for _, file := range files {
		if err := w.v.Disks.Remove(file); err != nil {
			log.Printf("removing disks of %s: %v", ref.Value, err)
		}
	}
	go w.v.spaceChanged()
}

// mergeDeltas gives each disk above a snapshot that is gone its parent's name.
func (v *VIM) mergeDeltas(ref types.ManagedObjectReference) {
	ctx := v.Context()
	vm := machine(ctx, ref)
	if vm == nil {
		return
	}
	ctx.WithLock(vm, func() {
		for _, device := range vm.Config.Hardware.Device {
			disk, ok := device.(*types.VirtualDisk)
			if !ok {
				continue
			}
			backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
			if !ok || backing.Parent == nil || v.kept(ctx, vm, backing.Parent.FileName) {
				continue
			}
			if _, known := v.Disks.Spec(backing.Parent.FileName); !known {
				continue // a linked clone's base, which is nobody's here
			}
			if err := v.Disks.Collapse(backing.Parent.FileName, backing.FileName); err != nil {
				log.Printf("merging %s: %v", backing.FileName, err)
				continue
			}
			disk.Backing = backing.Parent
		}
	})
}
