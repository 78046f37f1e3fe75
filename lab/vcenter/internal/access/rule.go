package access

import (
	"reflect"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/auth"
)

// rule works out what a call needs.
type rule func(c *call) []need

// free needs nothing but a login.
func free(*call) []need { return nil }

// here needs a privilege on the object of the call: of a snapshot its VM, of a
// part of a host the host, of a manager the root folder.
func here(privileges ...string) rule {
	return func(c *call) []need {
		var needs []need
		for _, p := range privileges {
			needs = append(needs, need{c.owner, p})
		}
		return needs
	}
}

// at needs a privilege on the objects that an argument names, such as "Entity"
// or "Spec.Pool"; an argument that is not given needs nothing.
func at(argument, privilege string) rule {
	return func(c *call) []need {
		var needs []need
		for _, ref := range refsAt(c.request, argument) {
			if c.a.registry.Get(ref) != nil {
				needs = append(needs, need{ref, privilege})
			}
		}
		return needs
	}
}

// all needs what each of the rules needs.
func all(rules ...rule) rule {
	return func(c *call) []need {
		var needs []need
		for _, r := range rules {
			needs = append(needs, r(c)...)
		}
		return needs
	}
}

// byKind needs another privilege for every type of object.
func byKind(privileges map[string]string) rule {
	return func(c *call) []need {
		privilege, ok := privileges[c.this.Type]
		if !ok {
			privilege = unlisted
		}
		return []need{{c.owner, privilege}}
	}
}

// onDatastore needs a privilege on the datastores of arguments that are paths
// ("[ds0] web-01/web-01.vmdk").
func onDatastore(privilege string, arguments ...string) rule {
	return func(c *call) []need {
		var needs []need
		for _, argument := range arguments {
			if v := field(c.request, argument); v.IsValid() && v.Kind() == reflect.String {
				needs = append(needs, c.datastore(v.String(), privilege)...)
			}
		}
		return needs
	}
}

func (c *call) datastore(path, privilege string) []need {
	var p object.DatastorePath
	if !p.FromString(path) {
		return nil
	}
	for _, entity := range c.a.registry.All("Datastore") {
		if entity.Entity().Name == p.Datastore {
			return []need{{entity.Reference(), privilege}}
		}
	}
	return nil
}

// unlessMine needs the privilege for the tasks of others only.
func unlessMine(r rule) rule {
	return func(c *call) []need {
		if task, ok := c.a.registry.Get(c.this).(*simulator.Task); ok && startedBy(&task.Info, c.user) {
			return nil
		}
		return r(c)
	}
}

// whenOn needs one privilege for a VM that runs and another for one that does not.
func whenOn(on, off string) rule {
	return func(c *call) []need {
		if vm, ok := c.a.registry.Get(c.owner).(*simulator.VirtualMachine); ok &&
			vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
			return []need{{c.owner, on}}
		}
		return []need{{c.owner, off}}
	}
}

// moved needs privileges for what is moved, where it is and where it goes.
func moved(list string, privileges map[string]string) rule {
	return func(c *call) []need {
		var needs []need
		for _, ref := range refsAt(c.request, list) {
			privilege, ok := privileges[ref.Type]
			if !ok {
				privilege = unlisted
			}
			needs = append(needs, need{ref, privilege}, need{c.owner, privilege})
			if entity, is := c.a.registry.Get(ref).(mo.Entity); is && ref.Type != "VirtualMachine" && entity.Entity().Parent != nil {
				needs = append(needs, need{*entity.Entity().Parent, privilege})
			}
		}
		return needs
	}
}

// onEvent needs a privilege on what an event is about, or on the root folder.
func onEvent(privilege string) rule {
	return func(c *call) []need {
		req, ok := c.body.(*types.PostEvent)
		if !ok || req.EventToPost == nil {
			return nil
		}
		about := subject(req.EventToPost)
		if about == nil || c.a.registry.Get(*about) == nil {
			return []need{{c.a.Root(), privilege}}
		}
		return []need{{*about, privilege}}
	}
}

// imported are the privileges for a new VM: to import on the pool and, if it is
// given, the folder; space and networks where it goes.
func imported(c *call) []need {
	req, ok := c.body.(*types.ImportVApp)
	if !ok {
		return nil
	}
	needs := []need{{c.owner, "VApp.Import"}}
	if req.Folder != nil {
		needs = append(needs, need{*req.Folder, "VApp.Import"})
	}
	if spec, ok := req.Spec.(*types.VirtualMachineImportSpec); ok {
		needs = append(needs, c.created(&spec.ConfigSpec)...)
	}
	return needs
}

// created are the privileges for the space and the networks of a new VM.
func (c *call) created(spec *types.VirtualMachineConfigSpec) []need {
	var needs []need
	if spec.Files != nil {
		needs = append(needs, c.datastore(spec.Files.VmPathName, "Datastore.AllocateSpace")...)
	}
	for _, change := range spec.DeviceChange {
		device := change.GetVirtualDeviceConfigSpec().Device
		if disk, ok := device.(*types.VirtualDisk); ok {
			if backing, ok := disk.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
				needs = append(needs, c.datastore(backing.GetVirtualDeviceFileBackingInfo().FileName, "Datastore.AllocateSpace")...)
			}
		}
		needs = append(needs, c.connected(device)...)
	}
	return needs
}

// connected is what it takes to put a network card on its network.
func (c *call) connected(device types.BaseVirtualDevice) []need {
	card, ok := device.(types.BaseVirtualEthernetCard)
	if !ok {
		return nil
	}
	backing, ok := card.GetVirtualEthernetCard().Backing.(*types.VirtualEthernetCardNetworkBackingInfo)
	if !ok || backing.Network == nil || c.a.registry.Get(*backing.Network) == nil {
		return nil
	}
	return []need{{*backing.Network, "Network.Assign"}}
}

// newVM is for Folder.CreateVM_Task.
func newVM(c *call) []need {
	req, ok := c.body.(*types.CreateVM_Task)
	if !ok {
		return nil
	}
	return c.created(&req.Config)
}

// field is a field of a structure, or of what points to one; invalid if there is none.
func field(v reflect.Value, name string) reflect.Value {
	for v.IsValid() && (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) {
		v = v.Elem()
	}
	if !v.IsValid() || v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return v.FieldByName(name)
}

// refsOf reads a reference, a pointer to one or a list.
func refsOf(v reflect.Value) []auth.Ref {
	if !v.IsValid() {
		return nil
	}
	switch refs := v.Interface().(type) {
	case auth.Ref:
		return []auth.Ref{refs}
	case *auth.Ref:
		if refs != nil {
			return []auth.Ref{*refs}
		}
	case []auth.Ref:
		return refs
	}
	return nil
}

// refsAt reads the references that an argument names, of every entry of a list.
func refsAt(v reflect.Value, argument string) []auth.Ref {
	name, rest, more := strings.Cut(argument, ".")
	v = field(v, name)
	if !more {
		return refsOf(v)
	}
	if v.IsValid() && v.Kind() == reflect.Slice {
		var refs []auth.Ref
		for i := range v.Len() {
			refs = append(refs, refsAt(v.Index(i), rest)...)
		}
		return refs
	}
	return refsAt(v, rest)
}
