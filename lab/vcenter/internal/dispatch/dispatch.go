// Package dispatch puts code of the lab around methods of vcsim's objects.
//
// vcsim looks a method's receiver up in its registry after the registry's
// Handler was asked, and prefers what it finds there. Wrapping the objects in
// the registry breaks type assertions all over vcsim. Handler is given the
// decoded call by pointer, however: for a wrapped method it points the call to
// a reference that nothing has and to a method of our own receiver. vcsim then
// finds nothing in its registry, takes the receiver that Handler returned and
// locks the original object, because that is the receiver's Reference.
package dispatch

import (
	"reflect"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/hook"
)

// unknown is never in a registry.
var unknown = types.ManagedObjectReference{Type: "LabCall", Value: "lab-call"}

type key struct{ kind, method string }

// Table holds what is around which method. Make it with New.
type Table struct {
	wraps    []entry
	calls    map[key]hook.Call
	unlocked map[key]bool
	guards   []hook.Guard
	// cloned answers CloneSession, the one wrapped method that has no session yet.
	cloned hook.Call
}

type entry struct {
	key
	wrap hook.Wrap
}

// New returns an empty table.
func New() *Table { return &Table{unlocked: make(map[key]bool)} }

// Around implements hook.Dispatcher.
func (t *Table) Around(kind, method string, wrap hook.Wrap) {
	t.wraps = append(t.wraps, entry{key{kind, method}, wrap})
}

// Unlocked implements hook.Dispatcher.
func (t *Table) Unlocked(kind, method string) { t.unlocked[key{kind, method}] = true }

// Call implements hook.Dispatcher. It is looked up when it is called, since wraps
// may still come.
func (t *Table) Call(kind, method string) hook.Call {
	return func(ctx *simulator.Context, this types.ManagedObjectReference, req types.AnyType) soap.HasFault {
		if call, ok := t.calls[key{kind, method}]; ok {
			return call(ctx, this, req)
		}
		return stock(method)(ctx, this, req)
	}
}

// Guard implements hook.Dispatcher.
func (t *Table) Guard(guard hook.Guard) { t.guards = append(t.guards, guard) }

// CloneSession answers the method of that name of callers without a session.
func (t *Table) CloneSession(call hook.Call) { t.cloned = call }

// Install makes the registry use the table, which must not change any more.
func (t *Table) Install(r *simulator.Registry) {
	t.calls = make(map[key]hook.Call)
	for _, e := range t.wraps {
		if _, done := t.calls[e.key]; !done {
			t.calls[e.key] = t.build(e.key)
		}
	}
	r.Handler = t.handle
}

// build nests the wraps of a method, the first registered outermost. Those for
// all types and those for one type keep the order of their registration.
func (t *Table) build(k key) hook.Call {
	call := stock(k.method)
	for _, e := range slices.Backward(t.wraps) {
		if e.method == k.method && (e.kind == "" || e.kind == k.kind) {
			call = e.wrap(call)
		}
	}
	return call
}

func (t *Table) handle(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	for _, guard := range t.guards {
		message, fault := guard(ctx, method)
		if fault == nil {
			continue
		}
		if ctx.Session == nil {
			return nil, fault // and no message: vcsim calls nothing of ours
		}
		answer := func(*simulator.Context, types.ManagedObjectReference, types.AnyType) soap.HasFault {
			return Fault(message, fault)
		}
		return redirect(method, &receiver{ref: method.This, call: answer}, true)
	}
	if ctx.Session == nil {
		if t.cloned != nil && method.Name == "CloneSession" {
			receiver := &receiver{ref: method.This, call: t.cloned}
			method.This = unknown
			return &lockless{receiver}, nil
		}
		if readsInventory(method.Body) {
			return nil, &types.NotAuthenticated{NoPermission: types.NoPermission{Object: &method.This, PrivilegeId: "System.View"}}
		}
		return nil, nil
	}
	call, ok := t.calls[key{method.This.Type, method.Name}]
	if !ok {
		call, ok = t.calls[key{"", method.Name}]
	}
	object := ctx.Session.Get(method.This)
	if object == nil {
		return nil, nil // vcsim answers ManagedObjectNotFound
	}
	if entity, is := object.(mo.Entity); is && slices.Contains(entity.Entity().DisabledMethod, method.Name) {
		return nil, new(types.MethodDisabled)
	}
	if !ok {
		return nil, nil
	}
	return redirect(method, &receiver{ref: method.This, call: call}, t.unlocked[key{method.This.Type, method.Name}])
}

// redirect points a call to a receiver of ours.
func redirect(method *simulator.Method, to *receiver, unlocked bool) (mo.Reference, types.BaseMethodFault) {
	method.This = unknown
	method.Name = "LabCall"
	if unlocked {
		return &lockless{to}, nil
	}
	return to, nil
}

// readsInventory tells what vcsim lets pass without a login, and a vCenter does
// not: reading properties of anything but the service itself.
func readsInventory(body any) bool {
	var specs []types.PropertyFilterSpec
	switch req := body.(type) {
	case *types.RetrievePropertiesEx:
		specs = req.SpecSet
	case *types.RetrieveProperties:
		specs = req.SpecSet
	case nil:
		return false
	default:
		// "Fetch" is in no published API: one property of the object it is called on.
		if v := reflect.Indirect(reflect.ValueOf(body)); v.Type().Name() == "Fetch" {
			this, _ := v.FieldByName("This").Interface().(types.ManagedObjectReference)
			return this.Type != "ServiceInstance"
		}
	}
	for _, spec := range specs {
		for _, object := range spec.ObjectSet {
			if object.Obj.Type != "ServiceInstance" && object.Obj.Type != "SessionManager" {
				return true
			}
		}
	}
	return false
}

// receiver is the object whose method vcsim calls in place of the original.
type receiver struct {
	ref  types.ManagedObjectReference
	call hook.Call
}

// Reference is what vcsim locks: the original object.
func (r *receiver) Reference() types.ManagedObjectReference { return r.ref }

// lockless is a receiver that vcsim does not lock, because it brings a lock of
// its own.
type lockless struct{ *receiver }

// Lock implements sync.Locker.
func (*lockless) Lock() {}

// Unlock implements sync.Locker.
func (*lockless) Unlock() {}

// LabCall is found by vcsim by its name.
func (r *receiver) LabCall(ctx *simulator.Context, req types.AnyType) soap.HasFault {
	ctx.Caller = &r.ref
	return r.call(ctx, r.ref, req)
}

// CloneSession is found by vcsim by its name, which it has to keep: vcsim lets
// nothing else pass without a session.
func (r *receiver) CloneSession(ctx *simulator.Context, req types.AnyType) soap.HasFault {
	return r.LabCall(ctx, req)
}

// stock calls the method of vcsim's own object.
func stock(name string) hook.Call {
	goName := strings.ToUpper(name[:1]) + name[1:]
	if base, is := strings.CutSuffix(goName, "_Task"); is {
		goName = base + "Task"
	}
	return func(ctx *simulator.Context, this types.ManagedObjectReference, req types.AnyType) soap.HasFault {
		object := ctx.Session.Get(this)
		if object == nil {
			return Fault("managed object not found: "+this.String(), &types.ManagedObjectNotFound{Obj: this})
		}
		method := reflect.ValueOf(object).MethodByName(goName)
		if !method.IsValid() {
			return Fault(this.String()+" does not implement "+name, &types.MethodNotFound{Receiver: this, Method: name})
		}
		var args []reflect.Value
		if method.Type().NumIn() == 2 {
			args = append(args, reflect.ValueOf(ctx))
		}
		args = append(args, reflect.ValueOf(req))
		return method.Call(args)[0].Interface().(soap.HasFault)
	}
}

// Fault is an answer that is a fault, whatever the method.
func Fault(message string, fault types.BaseMethodFault) soap.HasFault {
	// Any body will do: vcsim encodes the fault alone.
	return &methods.CurrentTimeBody{Fault_: simulator.Fault(message, fault)}
}
