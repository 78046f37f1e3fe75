package vim

import (
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/dispatch"
	"hdm.dev/lab/vcenter/internal/hook"
)

// taskLog knows the tasks that extensions have made, by their activation id,
// and which collector asks for which ids: vcsim's filters do not know them.
type taskLog struct {
	mu         sync.Mutex
	byMark     map[string][]*simulator.Task
	collectors map[types.ManagedObjectReference][]string
}

func (v *VIM) registerTasks(table hook.Dispatcher) {
	v.log.byMark = make(map[string][]*simulator.Task)
	v.log.collectors = make(map[types.ManagedObjectReference][]string)
	table.Around("TaskManager", "CreateTask", func(hook.Call) hook.Call { return v.createTask })
	table.Around("Task", "CancelTask", v.cancelTask)
	table.Around("EventManager", "PostEvent", v.postEvent)
	table.Around("TaskManager", "CreateCollectorForTasks", v.createCollector)
	table.Around("TaskHistoryCollector", "ReadNextTasks", v.readNext)
	// Without the collector's lock, which tasks take under the manager's.
	table.Around("TaskHistoryCollector", "DestroyCollector", v.destroyCollector)
	table.Unlocked("TaskHistoryCollector", "DestroyCollector")
}

// createTask makes a task of a type that an extension has registered.
func (v *VIM) createTask(ctx *simulator.Context, _ types.ManagedObjectReference, request types.AnyType) soap.HasFault {
	req, _ := request.(*types.CreateTask)
	if !registered(ctx, req.TaskTypeId) {
		return dispatch.Fault("No extension has registered the task type "+req.TaskTypeId+".",
			&types.InvalidArgument{InvalidProperty: "taskType"})
	}
	if ctx.Map.Get(req.Obj) == nil {
		return dispatch.Fault("", &types.ManagedObjectNotFound{Obj: req.Obj})
	}
	user := req.InitiatedBy
	if user == "" {
		user = ctx.Session.UserName
	}
	obj := req.Obj
	task := new(simulator.Task)
	task.Info = types.TaskInfo{
		DescriptionId: req.TaskTypeId, Entity: &obj, EntityName: entityName(ctx, obj), Cancelable: req.Cancelable,
		Reason: &types.TaskReasonUser{UserName: user}, QueueTime: time.Now(), State: types.TaskInfoStateQueued,
		ParentTaskKey: req.ParentTaskKey, ActivationId: req.ActivationId,
	}
	putTask(ctx, task)
	v.log.mu.Lock()
	defer v.log.mu.Unlock()
	if req.ActivationId != "" {
		v.log.byMark[req.ActivationId] = append(v.log.byMark[req.ActivationId], task)
	}
	return &methods.CreateTaskBody{Res: &types.CreateTaskResponse{Returnval: task.Info}}
}

// content names the managers.
func content(ctx *simulator.Context) *types.ServiceContent {
	instance, _ := ctx.Map.Get(vim25.ServiceInstance).(*simulator.ServiceInstance)
	return &instance.Content
}

func registered(ctx *simulator.Context, taskType string) bool {
	manager, ok := ctx.Map.Get(*content(ctx).ExtensionManager).(*simulator.ExtensionManager)
	if !ok {
		return false
	}
	for _, extension := range manager.ExtensionList {
		for _, task := range extension.TaskList {
			if task.TaskID == taskType {
				return true
			}
		}
	}
	return false
}

// cancelTask only tells an extension that somebody wants its task cancelled:
// to end it is the extension's own affair.
func (v *VIM) cancelTask(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this types.ManagedObjectReference, req types.AnyType) soap.HasFault {
		task, ok := ctx.Map.Get(this).(*simulator.Task)
		if !ok || !strings.HasPrefix(task.Info.DescriptionId, "com.") {
			return next(ctx, this, req)
		}
		if ended(task) || !task.Info.Cancelable {
			return dispatch.Fault("The task cannot be cancelled.", new(types.InvalidState))
		}
		ctx.Update(task, []types.PropertyChange{{Name: "info.cancelled", Val: true}})
		return &methods.CancelTaskBody{Res: new(types.CancelTaskResponse)}
	}
}

func (v *VIM) createCollector(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this types.ManagedObjectReference, request types.AnyType) soap.HasFault {
		req, _ := request.(*types.CreateCollectorForTasks)
		res := alone(ctx, next, this, request)
		filter := req.Filter
		body, made := res.(*methods.CreateCollectorForTasksBody)
		if made && body.Res != nil && len(filter.ActivationId) > 0 {
			v.log.mu.Lock()
			v.log.collectors[body.Res.Returnval] = filter.ActivationId
			v.log.mu.Unlock()
		}
		return res
	}
}

func (v *VIM) destroyCollector(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this types.ManagedObjectReference, request types.AnyType) soap.HasFault {
		v.log.mu.Lock()
		delete(v.log.collectors, this)
		v.log.mu.Unlock()
		return alone(ctx, next, this, request)
	}
}

// alone makes a call that changes which collectors there are. Every new task goes
// through them under the manager's own mutex, which vcsim forgets here: Go ends a
// process that changes a map somebody else walks through.
func alone(ctx *simulator.Context, next hook.Call, this types.ManagedObjectReference, request types.AnyType) soap.HasFault {
	if manager, ok := ctx.Map.Get(*content(ctx).TaskManager).(*simulator.TaskManager); ok {
		manager.Lock()
		defer manager.Unlock()
	}
	return next(ctx, this, request)
}

// readNext answers a collector that asks for activation ids: everything at
// once, then nothing.
func (v *VIM) readNext(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this types.ManagedObjectReference, req types.AnyType) soap.HasFault {
		v.log.mu.Lock()
		marks, ours := v.log.collectors[this]
		var tasks []*simulator.Task
		for _, mark := range marks {
			tasks = append(tasks, v.log.byMark[mark]...)
		}
		if ours {
			v.log.collectors[this] = nil
		}
		v.log.mu.Unlock()
		if !ours {
			return next(ctx, this, req)
		}
		res := new(types.ReadNextTasksResponse)
		for _, task := range tasks {
			if ctx.Map.Get(task.Self) == nil {
				continue
			}
			ctx.WithLock(task, func() { res.Returnval = append(res.Returnval, task.Info) })
		}
		return &methods.ReadNextTasksBody{Res: res}
	}
}
