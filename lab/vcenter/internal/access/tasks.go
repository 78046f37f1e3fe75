package access

import (
	"reflect"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/auth"
	"hdm.dev/lab/vcenter/internal/hook"
)

// registerTasks writes into every task who started it. vcsim says that it did.
func (a *Access) registerTasks(table hook.Dispatcher) {
	for _, list := range needed {
		for method := range list {
			if strings.HasSuffix(method, "_Task") && !a.attributed[method] {
				a.attributed[method] = true
				table.Around("", method, a.attribute)
			}
		}
	}
}

func (a *Access) attribute(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this auth.Ref, request types.AnyType) soap.HasFault {
		res := next(ctx, this, request)
		if ctx.Session.UserName == "" || res.Fault() != nil {
			return res
		}
		ref, _ := field(field(reflect.ValueOf(res), "Res"), "Returnval").Interface().(auth.Ref)
		task, ok := a.registry.Get(ref).(*simulator.Task)
		if !ok {
			return res
		}
		// Not with the caller's context: the task runs with that, and would
		// share the lock.
		own := *ctx
		own.WithLock(task, func() {
			own.Update(task, []types.PropertyChange{{Name: "info.reason", Val: &types.TaskReasonUser{UserName: ctx.Session.UserName}}})
		})
		return res
	}
}
