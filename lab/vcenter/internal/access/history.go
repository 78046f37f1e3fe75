package access

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/auth"
	"hdm.dev/lab/vcenter/internal/hook"
)

// maxHistory is how many entries vcsim keeps and tells at most.
const maxHistory = 1000

// registerHistory filters what is told of events and tasks.
func (a *Access) registerHistory(table hook.Dispatcher) {
	table.Around("EventManager", "QueryEvents", a.queryEvents)
	for _, method := range []string{"ReadNextEvents", "ReadPreviousEvents", "ReadNextTasks", "ReadPreviousTasks"} {
		table.Around("EventHistoryCollector", method, a.readOn)
		table.Around("TaskHistoryCollector", method, a.readOn)
	}
}

func (a *Access) queryEvents(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this auth.Ref, request types.AnyType) soap.HasFault {
		req, ok := request.(*types.QueryEvents)
		if !ok || a.All(ctx) {
			return next(ctx, this, request)
		}
		most := int(req.Filter.MaxCount)
		if most <= 0 || most > maxHistory {
			return next(ctx, this, request) // refused, or answered with vcsim's few
		}
		req.Filter.MaxCount = maxHistory
		body, ok := next(ctx, this, req).(*methods.QueryEventsBody)
		if ok && body.Res != nil {
			seen := a.look(ctx).events(body.Res.Returnval)
			body.Res.Returnval = seen[:min(most, len(seen))]
		}
		return body
	}
}

func (l *look) events(all []types.BaseEvent) []types.BaseEvent {
	var seen []types.BaseEvent
	for _, event := range all {
		if l.sees(event) {
			seen = append(seen, l.veil(event))
		}
	}
	return seen
}

func (l *look) tasks(all []types.TaskInfo) []types.TaskInfo {
	var seen []types.TaskInfo
	for _, info := range all {
		if l.level(info.Task) != hidden {
			seen = append(seen, info)
		}
	}
	return seen
}

// readOn reads on while a page holds nothing that the session may see: an empty
// answer would mean the end.
func (a *Access) readOn(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this auth.Ref, request types.AnyType) soap.HasFault {
		res := next(ctx, this, request)
		if a.All(ctx) {
			return res
		}
		l := a.look(ctx)
		for {
			told, seen := l.part(res)
			if told == 0 || seen > 0 {
				return res
			}
			res = next(ctx, this, request)
		}
	}
}

// part filters one answer and counts what vcsim told and what is left.
func (l *look) part(res soap.HasFault) (told, seen int) {
	if res.Fault() != nil {
		return 0, 0
	}
	switch body := res.(type) {
	case *methods.ReadNextEventsBody:
		told = len(body.Res.Returnval)
		body.Res.Returnval = l.events(body.Res.Returnval)
		seen = len(body.Res.Returnval)
	case *methods.ReadPreviousEventsBody:
		told = len(body.Res.Returnval)
		body.Res.Returnval = l.events(body.Res.Returnval)
		seen = len(body.Res.Returnval)
	case *methods.ReadNextTasksBody:
		told = len(body.Res.Returnval)
		body.Res.Returnval = l.tasks(body.Res.Returnval)
		seen = len(body.Res.Returnval)
	case *methods.ReadPreviousTasksBody:
		told = len(body.Res.Returnval)
		body.Res.Returnval = l.tasks(body.Res.Returnval)
		seen = len(body.Res.Returnval)
	}
	return told, seen
}
