package access

import (
	"reflect"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/auth"
	"hdm.dev/lab/vcenter/internal/hook"
)

// registerSearch lets searches find only what the session sees.
func (a *Access) registerSearch(table hook.Dispatcher) {
	for method := range needed["SearchIndex"] {
		table.Around("SearchIndex", method, a.search)
		table.Unlocked("SearchIndex", method)
	}
}

func (a *Access) search(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this auth.Ref, request types.AnyType) soap.HasFault {
		res := next(ctx, this, request)
		if a.All(ctx) || res.Fault() != nil {
			return res
		}
		// Every answer is one reference or a list of them.
		found := reflect.ValueOf(res).Elem().FieldByName("Res").Elem().FieldByName("Returnval")
		l := a.look(ctx)
		switch refs := found.Interface().(type) {
		case *auth.Ref:
			if refs != nil && l.level(*refs) == hidden {
				found.SetZero()
			}
		case []auth.Ref:
			var seen []auth.Ref
			for _, ref := range refs {
				if l.level(ref) != hidden {
					seen = append(seen, ref)
				}
			}
			found.Set(reflect.ValueOf(seen))
		}
		return res
	}
}
