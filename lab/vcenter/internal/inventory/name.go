package inventory

import (
	"strings"

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

// NVRAM is the path of the file with the firmware's variables beside a VM's own,
// such as "web/web.vmx".
func NVRAM(vmx string) string { return strings.TrimSuffix(vmx, ".vmx") + ".nvram" }
