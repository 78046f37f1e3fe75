package access

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/auth"
	"hdm.dev/lab/vcenter/internal/hook"
)

// registerExtensions makes the privileges of extensions known as long as these
// are registered.
func (a *Access) registerExtensions(table hook.Dispatcher) {
	for _, method := range []string{"RegisterExtension", "UpdateExtension", "UnregisterExtension"} {
		table.Around("ExtensionManager", method, a.extension)
	}
}

func (a *Access) extension(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this auth.Ref, request types.AnyType) soap.HasFault {
		res := next(ctx, this, request)
		if res.Fault() != nil {
			return res
		}
		switch req := request.(type) {
		case *types.RegisterExtension:
			a.authority.SetExtension(req.Extension.Key, privilegesOf(req.Extension))
		case *types.UpdateExtension:
			a.authority.SetExtension(req.Extension.Key, privilegesOf(req.Extension))
		case *types.UnregisterExtension:
			a.authority.SetExtension(req.ExtensionKey, nil)
		}
		ctx.WithLock(a.manager, func() { a.manager.announce(ctx) })
		return res
	}
}

func privilegesOf(extension types.Extension) []string {
	var ids []string
	for _, p := range extension.PrivilegeList {
		ids = append(ids, p.PrivID)
	}
	return ids
}
