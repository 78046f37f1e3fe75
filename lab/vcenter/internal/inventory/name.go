package inventory

import (
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// Escape writes a name the way vCenter keeps it.
func Escape(name string) string {
	return strings.NewReplacer("%", "%25", "/", "%2f", "\\", "%5c").Replace(name)
}

// Unescape reads a name the way vCenter keeps it.
func Unescape(name string) string {
	return strings.NewReplacer("%25", "%", "%2f", "/", "%2F", "/", "%5c", "\\", "%5C", "\\").Replace(name)
}

// Plain is a name without the characters that vCenter escapes. vcsim spoils the
// specs of VMs whose names have them (its copy of a spec loses every pointer to
// zero), so a VM is made under its plain name and gets its own by Rename.
func Plain(name string) string {
	return strings.NewReplacer("%", "_", "/", "_", "\\", "_").Replace(name)
}

// Rename gives a VM the name that vCenter would keep. Its lock must be held, or
// nobody else know it.
func Rename(ctx *simulator.Context, vm *simulator.VirtualMachine, name string) {
	escaped := Escape(name)
	ctx.Update(vm, []types.PropertyChange{
		{Name: "name", Val: escaped},
		{Name: "config.name", Val: escaped},
		{Name: "summary.config.name", Val: escaped},
	})
}

// NVRAMFile is the local file with the firmware's variables of a VM whose own
// file is "[ds0] web/web.vmx"; dir tells where the files of a datastore are.
func NVRAMFile(dir func(datastore string) string, vmx string) string {
	var p object.DatastorePath
	if !p.FromString(vmx) {
		return ""
	}
	return filepath.Join(dir(p.Datastore), strings.TrimSuffix(p.Path, ".vmx")+".nvram")
}
