package collector

import (
	"strconv"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// readAtOnce is how many objects are read by one call.
const readAtOnce = 500

// state is what one collector knows. It is guarded by Collectors.mu.
type state struct {
	filters []*filter
	// foreign counts the filters that are not served here.
	foreign int
	version int
	// pending are the objects to be looked at, in order.
	pending []item
	queued  map[item]bool
	// signal is closed when something is pending, or the wait is cancelled.
	signal    chan struct{}
	cancelled bool
	// restricted tells that the session may not see everything, as far as is
	// known; walks that it was so once, and filters of all kinds are served.
	restricted, walks bool
	// regrant is set when rights have changed.
	regrant bool
}

// item is one object of one filter.
type item struct {
	filter *filter
	ref    types.ManagedObjectReference
}

// filter is one filter with the objects it has.
type filter struct {
	ref  types.ManagedObjectReference
	spec types.PropertyFilterSpec
	// roots are the objects meant themselves; views those whose members are meant.
	roots, views []types.ManagedObjectReference
	ours         bool
	// paths are the properties that a filter of another kind walks along.
	paths map[string]bool
	// stale is set when its members are to be looked at again.
	stale bool
	// members are the objects that belong to it; told those the client knows.
	members, told map[types.ManagedObjectReference]bool
}

func newState() *state {
	return &state{queued: make(map[item]bool), signal: make(chan struct{})}
}

func (s *state) ours() bool { return (s.foreign == 0 || s.walks) && len(s.filters) > 0 }

// restrict notes whether the session sees everything. After a change of rights
// everything is looked at and told again, if that can have changed anything.
func (s *state) restrict(restricted bool) {
	if s.regrant && (restricted || s.restricted) {
		for _, f := range s.filters {
			f.stale = true
			for ref := range f.members {
				s.push(item{f, ref})
			}
		}
	}
	s.regrant, s.restricted = false, restricted
}

func (s *state) add(ref types.ManagedObjectReference, spec types.PropertyFilterSpec) {
	f := &filter{ref: ref, spec: spec, ours: true, stale: true, members: make(map[types.ManagedObjectReference]bool),
		told: make(map[types.ManagedObjectReference]bool)}
	for _, set := range spec.ObjectSet {
		skip := set.Skip != nil && *set.Skip
		switch {
		case len(set.SelectSet) == 0 && !skip:
			f.roots = append(f.roots, set.Obj)
		case viewOnly(set) && (skip || !asked(spec.PropSet, set.Obj)):
			f.views = append(f.views, set.Obj)
		default:
			f.ours = false
		}
	}
	if !f.ours {
		s.foreign++
		f.paths = make(map[string]bool)
		for _, set := range spec.ObjectSet {
			walked(set.SelectSet, f.paths)
		}
	}
	s.filters = append(s.filters, f)
}

// walked collects the properties that selections follow.
func walked(selections []types.BaseSelectionSpec, into map[string]bool) {
	for _, s := range selections {
		if traversal, ok := s.(*types.TraversalSpec); ok {
			name, _, _ := strings.Cut(traversal.Path, ".")
			into[name] = true
			walked(traversal.SelectSet, into)
		}
	}
}

// reshapes tells whether a change can make others belong to a filter: always, if
// the object has come or gone.
func (f *filter) reshapes(changes []types.PropertyChange) bool {
	for _, change := range changes {
		name, _, _ := strings.Cut(change.Name, ".")
		if moves[name] || f.paths[name] {
			return true
		}
	}
	return len(changes) == 0 && !f.ours
}

// moves are the properties that change what a session sees of an object.
var moves = map[string]bool{"parent": true, "resourcePool": true, "parentVApp": true, "parentFolder": true}

// asked tells whether properties of an object of this type are asked for.
func asked(specs []types.PropertySpec, ref types.ManagedObjectReference) bool {
	for _, spec := range specs {
		if isKind(spec.Type, ref.Type) {
			return true
		}
	}
	return false
}

// viewOnly tells whether a set means the members of a view and nothing else.
func viewOnly(set types.ObjectSpec) bool {
	if len(set.SelectSet) != 1 {
		return false
	}
	traversal, ok := set.SelectSet[0].(*types.TraversalSpec)
	return ok && traversal.Path == "view" && len(traversal.SelectSet) == 0
}

func (s *state) drop(ref types.ManagedObjectReference) {
	for n, f := range s.filters {
		if f.ref == ref {
			if !f.ours {
				s.foreign--
			}
			s.filters = append(s.filters[:n:n], s.filters[n+1:]...)
			return
		}
	}
}

// feed notes that an object has changed, has come or has gone.
func (s *state) feed(ref types.ManagedObjectReference, changes []types.PropertyChange) {
	for _, f := range s.filters {
		if s.restricted && f.reshapes(changes) {
			f.stale = true
			s.wake()
		}
		if f.members[ref] || f.told[ref] {
			s.push(item{f, ref})
			continue
		}
		for _, view := range f.views {
			if view == ref {
				f.stale = true
				s.wake()
			}
		}
	}
}

func (s *state) push(i item) {
	if s.queued[i] {
		return
	}
	s.queued[i] = true
	s.pending = append(s.pending, i)
	s.wake()
}

func (s *state) wake() {
	select {
	case <-s.signal:
	default:
		close(s.signal)
	}
}

func (s *state) cancel() {
	s.cancelled = true
	s.wake()
}

// begin starts anew for an empty version, and refuses one that is not the last.
func (s *state) begin(version string) types.BaseMethodFault {
	s.cancelled = false
	if version != "" && version != strconv.Itoa(s.version) {
		return new(types.InvalidCollectorVersion)
	}
	if version != "" {
		return nil
	}
	for _, f := range s.filters {
		clear(f.told)
		clear(f.members)
		f.stale = true
	}
	return nil
}

// staleFilters are those whose members are to be looked at again.
func (s *state) staleFilters() []*filter {
	var out []*filter
	for _, f := range s.filters {
		if f.stale {
			f.stale = false
			out = append(out, f)
		}
	}
	return out
}

// look reads who belongs to a filter now.
func (f *filter) look(ctx *simulator.Context, collector types.ManagedObjectReference) map[types.ManagedObjectReference]bool {
	now := make(map[types.ManagedObjectReference]bool)
	if !f.ours {
		f.walk(ctx, collector, now)
		return now
	}
	for _, root := range f.roots {
		now[root] = true
	}
	for _, ref := range f.views {
		view := ctx.Session.Get(ref)
		if view == nil {
			continue
		}
		var list []types.ManagedObjectReference
		ctx.WithLock(view, func() {
			switch v := view.(type) {
			case *simulator.ContainerView:
				list = append(list, v.View...)
			case *simulator.ListView:
				list = append(list, v.View...)
			}
		})
		for _, ref := range list {
			now[ref] = true
		}
	}
	return now
}

// walk finds who belongs to a filter by collecting it without properties.
func (f *filter) walk(ctx *simulator.Context, collector types.ManagedObjectReference, into map[types.ManagedObjectReference]bool) {
	pc, ok := ctx.Session.Get(collector).(*simulator.PropertyCollector)
	if !ok {
		return
	}
	spec := f.spec
	spec.ReportMissingObjectsInResults = types.NewBool(true)
	spec.PropSet = nil
	for _, p := range f.spec.PropSet {
		spec.PropSet = append(spec.PropSet, types.PropertySpec{Type: p.Type})
	}
	body, ok := pc.RetrievePropertiesEx(ctx, &types.RetrievePropertiesEx{This: collector, SpecSet: []types.PropertyFilterSpec{spec}}).(*methods.RetrievePropertiesExBody)
	if ok && body.Res != nil && body.Res.Returnval != nil {
		for _, content := range body.Res.Returnval.Objects {
			into[content.Obj] = true
		}
	}
}

// refresh queues whoever has come to a filter or gone from it.
func (s *state) refresh(f *filter, now map[types.ManagedObjectReference]bool) {
	before := f.members
	f.members = now
	for ref := range now {
		if !before[ref] {
			s.push(item{f, ref})
		}
	}
	for ref := range before {
		if !now[ref] {
			s.push(item{f, ref})
		}
	}
}

// take removes the next objects from what is pending.
func (s *state) take(limit int) []item {
	n := len(s.pending)
	if limit > 0 {
		n = min(n, limit)
	}
	batch := append([]item(nil), s.pending[:n]...)
	s.pending = append(s.pending[:0:0], s.pending[n:]...)
	for _, i := range batch {
		delete(s.queued, i)
	}
	if len(s.pending) == 0 && !s.cancelled {
		s.signal = make(chan struct{})
	}
	return batch
}

// contents is what was read of each object of each filter.
type contents map[item]types.ObjectContent

// read collects a batch, less what the session may not read.
func read(ctx *simulator.Context, collector types.ManagedObjectReference, batch []item,
	cut func(*simulator.Context, []types.ObjectContent) []types.ObjectContent) contents {
	byFilter := make(map[*filter][]types.ManagedObjectReference)
	for _, i := range batch {
		byFilter[i.filter] = append(byFilter[i.filter], i.ref)
	}
	out := make(contents)
	for f, refs := range byFilter {
		found := make(map[types.ManagedObjectReference]types.ObjectContent)
		for len(refs) > 0 {
			n := min(len(refs), readAtOnce)
			collect(ctx, collector, f.spec.PropSet, refs[:n], found)
			refs = refs[n:]
		}
		all := make([]types.ObjectContent, 0, len(found))
		for _, content := range found {
			all = append(all, content)
		}
		for _, content := range cut(ctx, all) {
			out[item{f, content.Obj}] = content
		}
	}
	return out
}

// tell makes an update of what was read; nil if there is nothing to tell.
func (s *state) tell(batch []item, read contents) *types.UpdateSet {
	set := new(types.UpdateSet)
	for _, f := range s.filters {
		update := types.PropertyFilterUpdate{Filter: f.ref}
		for _, i := range batch {
			if i.filter != f {
				continue
			}
			content, there := read[i]
			there = there && f.members[i.ref]
			kind := types.ObjectUpdateKindModify
			switch {
			case !there && f.told[i.ref]:
				kind = types.ObjectUpdateKindLeave
				delete(f.told, i.ref)
			case !there:
				continue
			case !f.told[i.ref]:
				kind = types.ObjectUpdateKindEnter
				f.told[i.ref] = true
			}
			entry := types.ObjectUpdate{Kind: kind, Obj: i.ref}
			if there {
				entry.MissingSet = content.MissingSet
				entry.ChangeSet = changes(f.spec.PropSet, i.ref, content, kind == types.ObjectUpdateKindModify)
			}
			update.ObjectSet = append(update.ObjectSet, entry)
		}
		if len(update.ObjectSet) > 0 {
			set.FilterSet = append(set.FilterSet, update)
		}
	}
	if len(set.FilterSet) == 0 {
		return nil
	}
	s.version++
	set.Version = strconv.Itoa(s.version)
	set.Truncated = types.NewBool(len(s.pending) > 0)
	return set
}

// changes tells the properties of an object; in a change also those that are
// not set any more.
func changes(specs []types.PropertySpec, ref types.ManagedObjectReference, content types.ObjectContent, unset bool) []types.PropertyChange {
	var out []types.PropertyChange
	seen := make(map[string]bool)
	for _, p := range content.PropSet {
		seen[p.Name] = true
		out = append(out, types.PropertyChange{Name: p.Name, Op: types.PropertyChangeOpAssign, Val: p.Val})
	}
	if !unset {
		return out
	}
	for _, spec := range specs {
		if !isKind(spec.Type, ref.Type) {
			continue
		}
		for _, path := range spec.PathSet {
			if !seen[path] {
				seen[path] = true
				out = append(out, types.PropertyChange{Name: path, Op: types.PropertyChangeOpAssign})
			}
		}
	}
	return out
}

// isKind tells whether a type of a property spec covers an object's type, as far
// as an object of this type can have properties it was not asked for.
func isKind(spec, object string) bool {
	return spec == object || spec == "ManagedEntity" ||
		spec == "ComputeResource" && object == "ClusterComputeResource" ||
		spec == "ResourcePool" && object == "VirtualApp" ||
		spec == "Network" && object == "DistributedVirtualPortgroup" ||
		spec == "Folder" && object == "StoragePod"
}

// collect reads objects; those that have gone are left out.
func collect(ctx *simulator.Context, collector types.ManagedObjectReference, specs []types.PropertySpec,
	refs []types.ManagedObjectReference, into map[types.ManagedObjectReference]types.ObjectContent) {
	pc, ok := ctx.Session.Get(collector).(*simulator.PropertyCollector)
	if !ok {
		return
	}
	req := &types.RetrievePropertiesEx{This: collector, SpecSet: []types.PropertyFilterSpec{{PropSet: specs}}}
	for _, ref := range refs {
		req.SpecSet[0].ObjectSet = append(req.SpecSet[0].ObjectSet, types.ObjectSpec{Obj: ref})
	}
	body, ok := pc.RetrievePropertiesEx(ctx, req).(*methods.RetrievePropertiesExBody)
	switch {
	case ok && body.Res != nil && body.Res.Returnval != nil:
		for _, content := range body.Res.Returnval.Objects {
			into[content.Obj] = content
		}
	case len(refs) > 1:
		// One of them has gone; the others are read one by one.
		for _, ref := range refs {
			collect(ctx, collector, specs, []types.ManagedObjectReference{ref}, into)
		}
	}
}

var _ mo.Reference = (*Collectors)(nil)
