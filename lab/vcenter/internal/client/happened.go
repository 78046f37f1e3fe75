package client

import (
	"cmp"
	"fmt"
	"log"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/inventory"
)

const (
	maxTasks  = 100
	maxEvents = 200
)

// ownLabels are vCenter's texts of tasks that vcsim calls otherwise than vCenter.
var ownLabels = map[string]string{
	"VirtualMachine.reconfigVm":     "Reconfigure virtual machine",
	"VirtualMachine.removeSnapshot": "Delete virtual machine snapshot",
}

type taskEntry struct {
	Key       string `json:"key"`
	Name      string `json:"name"`
	Target    *link  `json:"target,omitempty"`
	State     string `json:"state"`
	Progress  int32  `json:"progress"`
	Details   string `json:"details,omitempty"`
	Error     string `json:"error,omitempty"`
	Initiator string `json:"initiator"`
	QueuedMs  int64  `json:"queuedMs"`
	StartMs   int64  `json:"startMs,omitempty"`
	EndMs     int64  `json:"endMs,omitempty"`
	VCenter   string `json:"vcenter"`
	Cancel    bool   `json:"cancelable"`
}

// tasks answers the recent tasks of all vCenters of the session, newest first.
// With ?of they are those of one object.
func (c *Client) tasks(r *http.Request, s *session) (any, error) {
	var entries []taskEntry
	var failed error
	for _, v := range s.vcenters {
		if v.client == nil {
			continue
		}
		some, err := c.tasksOf(r, v)
		if err != nil {
			failed = err
			log.Printf("client: reading the tasks of %s: %v", v.Name, err)
		}
		entries = append(entries, some...)
	}
	if len(entries) == 0 && failed != nil {
		return nil, failed
	}
	if of := r.FormValue("of"); of != "" {
		entries = slices.DeleteFunc(entries, func(e taskEntry) bool { return e.Target == nil || e.Target.ID != of })
	}
	slices.SortFunc(entries, func(a, b taskEntry) int {
		return cmp.Or(cmp.Compare(b.StartMs, a.StartMs), strings.Compare(b.Key, a.Key))
	})
	return map[string]any{"tasks": append([]taskEntry{}, entries[:min(len(entries), maxTasks)]...)}, nil
}

func (c *Client) tasksOf(r *http.Request, v *vcenter) ([]taskEntry, error) {
	ref := v.client.ServiceContent.TaskManager
	if ref == nil {
		return nil, errNoManager
	}
	var manager mo.TaskManager
	if err := retrieveOne(r.Context(), v, *ref, []string{"recentTask", "description"}, &manager); err != nil {
		return nil, err
	}
	if len(manager.RecentTask) == 0 {
		return nil, nil
	}
	var tasks []mo.Task
	collector := property.DefaultCollector(v.client)
	err := collector.Retrieve(r.Context(), manager.RecentTask, []string{"info"}, &tasks)
	if err != nil && !gone(err) {
		return nil, err
	}
	if err != nil { // One has been forgotten: the others are still to be shown.
		tasks = nil
		for _, ref := range manager.RecentTask {
			var task mo.Task
			switch err := collector.RetrieveOne(r.Context(), ref, []string{"info"}, &task); {
			case err == nil:
				tasks = append(tasks, task)
			case !gone(err):
				return nil, err
			}
		}
	}
	labels := make(map[string]string)
	for _, m := range manager.Description.MethodInfo {
		if d := m.GetElementDescription(); d != nil {
			labels[d.Key] = d.Label
		}
	}
	c.extensionLabels(labels)
	entries := make([]taskEntry, 0, len(tasks))
	names := make(map[types.ManagedObjectReference]*link)
	for n := range tasks {
		e := v.taskEntry(&tasks[n].Info, labels)
		// A task of vcsim's has the id where the name should be.
		if on := tasks[n].Info.Entity; on != nil && e.Target.Name == on.Value {
			if _, known := names[*on]; !known {
				names[*on] = v.linkTo(r.Context(), on)
			}
			if names[*on] != nil {
				e.Target = names[*on]
			}
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// extensionLabels adds the names that extensions give their tasks.
func (c *Client) extensionLabels(labels map[string]string) {
	for _, e := range c.opts.Extensions() {
		for _, resources := range e.ResourceList {
			if !strings.HasPrefix(resources.Locale, "en") {
				continue
			}
			for _, d := range resources.Data {
				if task, is := strings.CutSuffix(d.Key, ".label"); is {
					labels[task] = d.Value
				}
			}
		}
	}
}

func (v *vcenter) taskEntry(info *types.TaskInfo, labels map[string]string) taskEntry {
	e := taskEntry{Key: info.Key, State: string(info.State), Progress: info.Progress, VCenter: v.Name, Cancel: info.Cancelable,
		Name: cmp.Or(labels[info.DescriptionId], ownLabels[info.DescriptionId], info.DescriptionId+".label")}
	if info.Entity != nil {
		e.Target = &link{ID: v.urn(*info.Entity), Name: inventory.Unescape(info.EntityName), Type: info.Entity.Type}
	}
	if info.Description != nil {
		e.Details = info.Description.Message
	}
	if info.Error != nil {
		e.Error = cmp.Or(info.Error.LocalizedMessage, strings.TrimPrefix(fmt.Sprintf("%T", info.Error.Fault), "*types."))
	}
	switch reason := info.Reason.(type) {
	case *types.TaskReasonUser:
		e.Initiator = reason.UserName
	case *types.TaskReasonSchedule:
		e.Initiator = reason.Name
	}
	if info.StartTime != nil {
		e.StartMs, e.QueuedMs = info.StartTime.UnixMilli(), max(0, info.StartTime.Sub(info.QueueTime).Milliseconds())
	} else {
		e.QueuedMs = max(0, time.Since(info.QueueTime).Milliseconds())
	}
	if info.CompleteTime != nil {
		e.EndMs = info.CompleteTime.UnixMilli()
	}
	return e
}

type eventEntry struct {
	Key      int32  `json:"key"`
	Type     string `json:"type"`
	Severity string `json:"severity"`
	Message  string `json:"message"`
	User     string `json:"user"`
	Target   *link  `json:"target,omitempty"`
	AtMs     int64  `json:"atMs"`
}

// events answers the newest events of an object and what is below it, of those
// whose type contains ?type.
func (c *Client) events(r *http.Request, s *session) (any, error) {
	v, ref, err := s.resolve(r.FormValue("of"))
	if err != nil {
		return nil, err
	}
	manager := v.client.ServiceContent.EventManager
	if manager == nil {
		return nil, errNoManager
	}
	res, err := methods.QueryEvents(r.Context(), v.client, &types.QueryEvents{This: *manager, Filter: types.EventFilterSpec{
		Entity: &types.EventFilterSpecByEntity{Entity: ref, Recursion: types.EventFilterSpecRecursionOptionAll}, MaxCount: 1000}})
	if err != nil {
		return nil, err
	}
	want := strings.ToLower(r.FormValue("type"))
	entries := []eventEntry{}
	for _, base := range res.Returnval {
		e := v.eventEntry(base)
		if strings.Contains(strings.ToLower(e.Type), want) {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b eventEntry) int { return cmp.Compare(b.Key, a.Key) })
	return map[string]any{"total": len(entries), "events": entries[:min(len(entries), maxEvents)]}, nil
}

func (v *vcenter) eventEntry(base types.BaseEvent) eventEntry {
	event := base.GetEvent()
	name := reflect.TypeOf(base).Elem().Name()
	e := eventEntry{Key: event.Key, Type: "vim.event." + name, Severity: "info", Message: event.FullFormattedMessage,
		User: event.UserName, AtMs: event.CreatedTime.UnixMilli()}
	if strings.HasSuffix(name, "FailedEvent") {
		e.Severity = "error"
	}
	if extended, is := base.(*types.EventEx); is {
		e.Type, e.Severity = extended.EventTypeId, cmp.Or(extended.Severity, "info")
		e.Message = cmp.Or(e.Message, extended.Message)
	}
	e.Message = cmp.Or(e.Message, e.Type)
	for _, arg := range []struct {
		ref  *types.ManagedObjectReference
		name string
	}{vmArg(event), hostArg(event), clusterArg(event), datacenterArg(event)} {
		if arg.ref != nil {
			e.Target = &link{ID: v.urn(*arg.ref), Name: inventory.Unescape(arg.name), Type: arg.ref.Type}
			break
		}
	}
	return e
}

type eventArg = struct {
	ref  *types.ManagedObjectReference
	name string
}

func vmArg(e *types.Event) (a eventArg) {
	if e.Vm != nil {
		a = eventArg{&e.Vm.Vm, e.Vm.Name}
	}
	return a
}

func hostArg(e *types.Event) (a eventArg) {
	if e.Host != nil {
		a = eventArg{&e.Host.Host, e.Host.Name}
	}
	return a
}

func clusterArg(e *types.Event) (a eventArg) {
	if e.ComputeResource != nil {
		a = eventArg{&e.ComputeResource.ComputeResource, e.ComputeResource.Name}
	}
	return a
}

func datacenterArg(e *types.Event) (a eventArg) {
	if e.Datacenter != nil {
		a = eventArg{&e.Datacenter.Datacenter, e.Datacenter.Name}
	}
	return a
}

// searched are the types that a search finds.
var searched = []string{"Datacenter", "Folder", "ComputeResource", "HostSystem", "ResourcePool", "VirtualMachine"}

// search answers the objects of all vCenters whose names contain ?q.
func (c *Client) search(r *http.Request, s *session) (any, error) {
	want := strings.ToLower(strings.TrimSpace(r.FormValue("q")))
	found := []node{}
	if want == "" {
		return map[string]any{"nodes": found}, nil
	}
	for _, v := range s.vcenters {
		if v.client == nil {
			continue
		}
		nodes, err := v.below(r.Context(), v.client.ServiceContent.RootFolder, searched)
		if err != nil {
			return nil, err
		}
		for _, n := range nodes {
			if strings.Contains(strings.ToLower(n.Name), want) && len(found) < maxFound {
				found = append(found, n)
			}
		}
	}
	return map[string]any{"nodes": found}, nil
}
