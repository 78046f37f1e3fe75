package vim

import (
	"reflect"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// task is a task that the lab runs itself: it holds no lock while it lasts.
type task struct {
	v   *VIM
	obj *simulator.Task
}

// startTask makes a running task of an entity.
func (v *VIM) startTask(ctx *simulator.Context, descriptionID, name string, entity types.ManagedObjectReference) *task {
	now := time.Now()
	t := &task{v: v, obj: new(simulator.Task)}
	t.obj.Info = types.TaskInfo{
		DescriptionId: descriptionID, Name: name, Entity: &entity, EntityName: entityName(ctx, entity),
		Reason:    &types.TaskReasonUser{UserName: ctx.Session.UserName},
		QueueTime: now, StartTime: &now, State: types.TaskInfoStateRunning,
	}
	putTask(ctx, t.obj)
	return t
}

// putTask gives the task its id and shows it. The id is in the info before
// anybody can see the object.
func putTask(ctx *simulator.Context, obj *simulator.Task) {
	obj.Self = types.ManagedObjectReference{Type: "Task", Value: nextTask()}
	obj.Info.Key = obj.Self.Value
	obj.Info.Task = obj.Self
	ctx.Map.Put(obj)
}

// finish ends the task; fault nil is success.
func (t *task) finish(fault types.BaseMethodFault, message string) {
	t.result(nil, fault, message)
}

func (t *task) result(result types.AnyType, fault types.BaseMethodFault, message string) {
	ctx := t.v.Context()
	changes := []types.PropertyChange{{Name: "info.completeTime", Val: time.Now()}}
	if fault != nil {
		changes = append(changes,
			types.PropertyChange{Name: "info.error", Val: &types.LocalizedMethodFault{Fault: fault, LocalizedMessage: message}},
			types.PropertyChange{Name: "info.state", Val: types.TaskInfoStateError})
	} else {
		changes = append(changes,
			types.PropertyChange{Name: "info.result", Val: result},
			types.PropertyChange{Name: "info.state", Val: types.TaskInfoStateSuccess})
	}
	ctx.WithLock(t.obj, func() {
		if !ended(t.obj) {
			ctx.Update(t.obj, changes)
		}
	})
}

// ended is called with the task's lock held.
func ended(t *simulator.Task) bool {
	return t.Info.State == types.TaskInfoStateSuccess || t.Info.State == types.TaskInfoStateError
}

// forgetTask removes the task that a method of vcsim has answered, where the
// lab called the method and no client knows of it.
func forgetTask(ctx *simulator.Context, answer soap.HasFault) {
	if answer.Fault() == nil {
		res := reflect.ValueOf(answer).Elem().FieldByName("Res").Elem()
		if ref, ok := res.FieldByName("Returnval").Interface().(types.ManagedObjectReference); ok {
			ctx.Map.Remove(ctx, ref)
		}
	}
}

func entityName(ctx *simulator.Context, ref types.ManagedObjectReference) string {
	if entity, ok := ctx.Map.Get(ref).(mo.Entity); ok {
		return entity.Entity().Name
	}
	return ref.Value
}
