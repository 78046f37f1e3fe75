package access

import (
	"reflect"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/auth"
)

// maxValueDepth bounds the walk through a property.
const maxValueDepth = 40

// scrub takes out of a property that was read, which must be a copy of its own,
// what tells of objects that the session does not see: references in lists,
// entries of lists that are about one object, tasks and events. A single
// reference, such as a VM's host, stays: it tells an id, not a name.
func (l *look) scrub(of auth.Ref, name string, value any) any {
	switch v := value.(type) {
	case nil, string, bool, int32, int64, *types.ArrayOfString:
		return value
	case types.BaseEvent:
		if !l.sees(v) {
			return nil
		}
		return l.veil(v)
	}
	if name == "effectiveRole" {
		return &types.ArrayOfInt{Int: l.On(of).Roles()}
	}
	v := reflect.ValueOf(value)
	if v.Kind() == reflect.Pointer {
		l.clean(v, 0)
		return value
	}
	whole := reflect.New(v.Type())
	whole.Elem().Set(v)
	l.clean(whole, 0)
	return whole.Elem().Interface()
}

// clean walks through a value that can be changed.
func (l *look) clean(v reflect.Value, depth int) {
	if depth > maxValueDepth {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			l.clean(v.Elem(), depth+1)
		}
	case reflect.Interface:
		// What is in an interface can be changed only if it is a pointer.
		if !v.IsNil() && v.Elem().Kind() == reflect.Pointer {
			l.clean(v.Elem(), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				l.clean(f, depth+1)
			}
		}
	case reflect.Slice:
		if v.IsNil() || !holdsValues(v.Type().Elem()) {
			return
		}
		kept := reflect.MakeSlice(v.Type(), 0, v.Len())
		for i := range v.Len() {
			entry := v.Index(i)
			if !l.stays(entry) {
				continue
			}
			if event, ok := entry.Interface().(types.BaseEvent); ok {
				entry = reflect.ValueOf(l.veil(event))
			} else {
				l.clean(entry, depth+1)
			}
			kept = reflect.Append(kept, entry)
		}
		v.Set(kept)
	}
}

// holdsValues tells whether values of a type can lead to a reference.
func holdsValues(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct, reflect.Pointer, reflect.Interface, reflect.Slice:
		return true
	}
	return false
}

// stays tells whether an entry of a list is about something the session sees.
func (l *look) stays(entry reflect.Value) bool {
	for entry.Kind() == reflect.Interface || entry.Kind() == reflect.Pointer {
		if entry.IsNil() {
			return true
		}
		if event, ok := entry.Interface().(types.BaseEvent); ok {
			return l.sees(event)
		}
		entry = entry.Elem()
	}
	if entry.Kind() != reflect.Struct {
		return true
	}
	switch e := entry.Interface().(type) {
	case auth.Ref:
		return l.level(e) != hidden
	case types.TaskInfo:
		return l.level(e.Task) != hidden
	}
	for i := range entry.NumField() {
		for _, ref := range refsOfField(entry.Field(i)) {
			if ref.Type != "" && l.level(ref) == hidden {
				return false
			}
		}
	}
	return true
}

// refsOfField reads a field that is a reference, not one that is a list.
func refsOfField(f reflect.Value) []auth.Ref {
	if f.Kind() == reflect.Slice || !f.CanInterface() {
		return nil
	}
	return refsOf(f)
}

// sees tells whether an event is about what the session may read. An event about
// no object is for those who may read the root folder.
func (l *look) sees(event types.BaseEvent) bool {
	about := subject(event)
	if about == nil {
		return l.On(l.a.Root()).Has(auth.SystemRead)
	}
	if l.level(*about) != readable {
		return false
	}
	// Some events name other VMs, such as the source of a clone.
	return !l.namesHiddenVM(reflect.ValueOf(event), 0)
}

// veil returns a copy of an event without the names of what the session does not
// see, such as the host of a VM that it does see.
func (l *look) veil(event types.BaseEvent) types.BaseEvent {
	original := reflect.ValueOf(event).Elem()
	whole := reflect.New(original.Type())
	whole.Elem().Set(original)
	veiled, _ := whole.Interface().(types.BaseEvent)
	e := veiled.GetEvent()
	hide := func(ref auth.Ref, name string) bool {
		if l.level(ref) != hidden {
			return false
		}
		if name != "" {
			e.FullFormattedMessage = strings.ReplaceAll(e.FullFormattedMessage, name, "…")
		}
		return true
	}
	if e.Host != nil && hide(e.Host.Host, e.Host.Name) {
		e.Host = nil
	}
	if e.ComputeResource != nil && hide(e.ComputeResource.ComputeResource, e.ComputeResource.Name) {
		e.ComputeResource = nil
	}
	if e.Ds != nil && hide(e.Ds.Datastore, e.Ds.Name) {
		e.Ds = nil
	}
	if e.Net != nil && hide(e.Net.Network, e.Net.Name) {
		e.Net = nil
	}
	if e.Datacenter != nil && hide(e.Datacenter.Datacenter, e.Datacenter.Name) {
		e.Datacenter = nil
	}
	return veiled
}

func (l *look) namesHiddenVM(v reflect.Value, depth int) bool {
	if depth > maxValueDepth {
		return true
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && l.namesHiddenVM(v.Elem(), depth+1)
	case reflect.Slice:
		for i := range v.Len() {
			if l.namesHiddenVM(v.Index(i), depth+1) {
				return true
			}
		}
	case reflect.Struct:
		if !v.CanInterface() {
			return false
		}
		if ref, ok := v.Interface().(auth.Ref); ok {
			return ref.Type == "VirtualMachine" && l.level(ref) == hidden
		}
		for i := range v.NumField() {
			if l.namesHiddenVM(v.Field(i), depth+1) {
				return true
			}
		}
	}
	return false
}

// subject is the object an event is about: the most particular one it names.
func subject(event types.BaseEvent) *auth.Ref {
	if e, ok := event.(*types.EventEx); ok && e.ObjectId != "" && inventory[e.ObjectType] {
		return &auth.Ref{Type: e.ObjectType, Value: e.ObjectId}
	}
	e := event.GetEvent()
	switch {
	case e.Vm != nil:
		return &e.Vm.Vm
	case e.Ds != nil:
		return &e.Ds.Datastore
	case e.Net != nil:
		return &e.Net.Network
	case e.Dvs != nil:
		return &e.Dvs.Dvs
	case e.Host != nil:
		return &e.Host.Host
	case e.ComputeResource != nil:
		return &e.ComputeResource.ComputeResource
	case e.Datacenter != nil:
		return &e.Datacenter.Datacenter
	}
	return nil
}
