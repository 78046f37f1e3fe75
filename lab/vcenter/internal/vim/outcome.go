package vim

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/hook"
)

// taskCount numbers the lab's own tasks, apart from vcsim's.
var taskCount atomic.Int64

func nextTask() string { return fmt.Sprintf("task-lab-%d", taskCount.Add(1)) }

// answers makes the answer of each method whose task can be given another
// outcome.
var answers = map[string]func(types.ManagedObjectReference) soap.HasFault{
	"PowerOnVM_Task": func(t types.ManagedObjectReference) soap.HasFault {
		return &methods.PowerOnVM_TaskBody{Res: &types.PowerOnVM_TaskResponse{Returnval: t}}
	},
	"PowerOffVM_Task": func(t types.ManagedObjectReference) soap.HasFault {
		return &methods.PowerOffVM_TaskBody{Res: &types.PowerOffVM_TaskResponse{Returnval: t}}
	},
	"ResetVM_Task": func(t types.ManagedObjectReference) soap.HasFault {
		return &methods.ResetVM_TaskBody{Res: &types.ResetVM_TaskResponse{Returnval: t}}
	},
	"ReconfigVM_Task": func(t types.ManagedObjectReference) soap.HasFault {
		return &methods.ReconfigVM_TaskBody{Res: &types.ReconfigVM_TaskResponse{Returnval: t}}
	},
	"CreateSnapshot_Task": func(t types.ManagedObjectReference) soap.HasFault {
		return &methods.CreateSnapshot_TaskBody{Res: &types.CreateSnapshot_TaskResponse{Returnval: t}}
	},
	"RemoveSnapshot_Task": func(t types.ManagedObjectReference) soap.HasFault {
		return &methods.RemoveSnapshot_TaskBody{Res: &types.RemoveSnapshot_TaskResponse{Returnval: t}}
	},
	"RemoveAllSnapshots_Task": func(t types.ManagedObjectReference) soap.HasFault {
		return &methods.RemoveAllSnapshots_TaskBody{Res: &types.RemoveAllSnapshots_TaskResponse{Returnval: t}}
	},
	"Destroy_Task": func(t types.ManagedObjectReference) soap.HasFault {
		return &methods.Destroy_TaskBody{Res: &types.Destroy_TaskResponse{Returnval: t}}
	},
	"RelocateVM_Task": func(t types.ManagedObjectReference) soap.HasFault {
		return &methods.RelocateVM_TaskBody{Res: &types.RelocateVM_TaskResponse{Returnval: t}}
	},
	"ConsolidateVMDisks_Task": func(t types.ManagedObjectReference) soap.HasFault {
		return &methods.ConsolidateVMDisks_TaskBody{Res: &types.ConsolidateVMDisks_TaskResponse{Returnval: t}}
	},
}

// registerTaskOutcomes lets tasks fail, hang or end late.
func (v *VIM) registerTaskOutcomes(table hook.Dispatcher) {
	if v.Tasks == nil {
		return
	}
	for method, answer := range answers {
		table.Around("", method, func(next hook.Call) hook.Call {
			return func(ctx *simulator.Context, this types.ManagedObjectReference, req types.AnyType) soap.HasFault {
				outcome := v.Tasks.Outcome(ctx, method, this, req)
				if outcome == nil {
					return next(ctx, this, req)
				}
				return v.another(ctx, method, this, req, next, *outcome, answer)
			}
		})
	}
}

func (v *VIM) another(ctx *simulator.Context, method string, this types.ManagedObjectReference, req types.AnyType,
	next hook.Call, outcome hook.TaskOutcome, answer func(types.ManagedObjectReference) soap.HasFault) soap.HasFault {
	task := v.startTask(ctx, this.Type+"."+method, method, this)
	switch outcome.Kind {
	case hook.TaskFails:
		message := outcome.Message
		if message == "" {
			message = "The lab makes this task fail."
		}
		go task.finish(outcome.Fault, message)
	case hook.TaskEndsLate:
		res := next(ctx, this, req)
		if res.Fault() != nil {
			return res
		}
		forked := fork(ctx)
		go func() {
			result, fault := await(forked, res)
			time.Sleep(outcome.Delay)
			message := ""
			if fault != nil {
				message = fmt.Sprintf("%T", fault)
			}
			task.result(result, fault, message)
		}()
	case hook.TaskAsks:
		v.ask(ctx, this, outcome.Message, func(choice string) {
			if choice == "0" {
				task.finish(new(types.RequestCanceled), "The operation was cancelled by the answer to a question.")
				return
			}
			forked := fork(ctx)
			var res soap.HasFault
			forked.WithLock(machine(ctx, this), func() { res = next(forked, this, req) })
			result, fault := await(forked, res)
			message := ""
			if fault != nil {
				message = fmt.Sprintf("%T", fault)
			}
			task.result(result, fault, message)
		})
	case hook.TaskHangs:
		// Runs until somebody cancels it.
	}
	return answer(task.obj.Self)
}
