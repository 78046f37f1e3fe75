// Package collector makes WaitForUpdatesEx fast: it collects again only the
// objects that have changed. vcsim's own collects the whole filter for each
// change, which takes 30 s with 10,000 VMs.
//
//	registry ── put, update, remove ──► feed ──► every state: dirty objects ──► waiter
//
// A filter is served here if each of its object sets names its object itself, or
// a view whose members are meant. Collectors with other filters, and everything
// that is not waiting, stay vcsim's own; but sessions that may not see everything
// are served here whatever their filters, so that objects come and go with the
// session's rights. Other filters than the two kinds are then walked through
// again whenever the inventory changes its shape. An object that has changed is reported
// with all properties the filter asks for, which is more than a vCenter reports
// and never less.
package collector

import (
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/dispatch"
	"hdm.dev/lab/vcenter/internal/hook"
)

// maxHold is how long a call without a limit of its own is held.
const maxHold = 30 * time.Minute

// look is how often a waiter looks whether its session still lives.
const look = 250 * time.Millisecond

// Collectors holds the state of all collectors. It is a handler of the registry.
type Collectors struct {
	self     types.ManagedObjectReference
	sessions func() []hook.Session
	access   hook.Access

	mu     sync.Mutex
	states map[key]*state
}

// key names a collector: every session has its own "propertyCollector".
type key struct{ session, collector string }

// Register puts the lab's waiting in place of vcsim's.
func Register(ctx *simulator.Context, table hook.Dispatcher, sessions func() []hook.Session, access hook.Access) *Collectors {
	c := &Collectors{self: types.ManagedObjectReference{Type: "LabCollectors", Value: "lab-collectors"},
		sessions: sessions, access: access, states: make(map[key]*state)}
	ctx.Map.AddHandler(c)
	table.Around("PropertyCollector", "CreateFilter", c.createFilter)
	table.Around("PropertyCollector", "WaitForUpdatesEx", c.wait)
	table.Unlocked("PropertyCollector", "WaitForUpdatesEx")
	table.Around("PropertyCollector", "WaitForUpdates", c.waitOld)
	table.Unlocked("PropertyCollector", "WaitForUpdates")
	table.Around("PropertyCollector", "CancelWaitForUpdates", c.cancel)
	table.Around("PropertyCollector", "DestroyPropertyCollector", c.destroyCollector)
	table.Around("PropertyFilter", "DestroyPropertyFilter", c.destroyFilter)
	return c
}

// Regrant is told that rights have changed: who waits looks again.
func (c *Collectors) Regrant() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.states {
		s.regrant = true
		s.wake()
	}
}

// Reference makes it a handler of the registry.
func (c *Collectors) Reference() types.ManagedObjectReference { return c.self }

// PutObject implements simulator.RegisterObject.
func (c *Collectors) PutObject(_ *simulator.Context, obj mo.Reference) {
	c.feed(obj.Reference(), nil)
}

// UpdateObject implements simulator.RegisterObject.
func (c *Collectors) UpdateObject(_ *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	c.feed(obj.Reference(), changes)
}

// RemoveObject implements simulator.RegisterObject.
func (c *Collectors) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	c.feed(ref, nil)
}

// feed is called with the object's lock held: it only notes what has changed.
// Without changes the object has come or gone.
func (c *Collectors) feed(ref types.ManagedObjectReference, changes []types.PropertyChange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.states {
		s.feed(ref, changes)
	}
}

func (c *Collectors) find(ctx *simulator.Context, collector types.ManagedObjectReference) *state {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.states[key{ctx.Session.Key, collector.Value}]
}

func (c *Collectors) alive(session string) bool {
	for _, s := range c.sessions() {
		if s.Key == session {
			return true
		}
	}
	return false
}

// prune forgets collectors of sessions that are gone.
func (c *Collectors) prune() {
	live := make(map[string]bool)
	for _, s := range c.sessions() {
		live[s.Key] = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := range c.states {
		if !live[k.session] {
			delete(c.states, k)
		}
	}
}

func (c *Collectors) createFilter(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this types.ManagedObjectReference, request types.AnyType) soap.HasFault {
		req, _ := request.(*types.CreateFilter)
		c.prune()
		// vcsim's own filter is made too: it is what the reference names.
		res := next(ctx, this, request)
		body, ok := res.(*methods.CreateFilterBody)
		if !ok || body.Res == nil {
			return res
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		k := key{ctx.Session.Key, this.Value}
		s := c.states[k]
		if s == nil {
			s = newState()
			c.states[k] = s
		}
		s.add(body.Res.Returnval, req.Spec)
		return res
	}
}

func (c *Collectors) destroyFilter(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this types.ManagedObjectReference, req types.AnyType) soap.HasFault {
		c.mu.Lock()
		for k, s := range c.states {
			if k.session == ctx.Session.Key {
				s.drop(this)
			}
		}
		c.mu.Unlock()
		return next(ctx, this, req)
	}
}

func (c *Collectors) destroyCollector(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this types.ManagedObjectReference, req types.AnyType) soap.HasFault {
		c.mu.Lock()
		k := key{ctx.Session.Key, this.Value}
		if s := c.states[k]; s != nil {
			s.cancel()
			delete(c.states, k)
		}
		c.mu.Unlock()
		return next(ctx, this, req)
	}
}

func (c *Collectors) cancel(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this types.ManagedObjectReference, req types.AnyType) soap.HasFault {
		s := c.find(ctx, this)
		if s == nil || !c.serves(ctx, s) {
			return next(ctx, this, req)
		}
		c.mu.Lock()
		s.cancel()
		c.mu.Unlock()
		return &methods.CancelWaitForUpdatesBody{Res: new(types.CancelWaitForUpdatesResponse)}
	}
}

func (c *Collectors) wait(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this types.ManagedObjectReference, request types.AnyType) soap.HasFault {
		req, _ := request.(*types.WaitForUpdatesEx)
		s := c.find(ctx, this)
		if s == nil || !c.serves(ctx, s) {
			return next(ctx, this, request)
		}
		return c.serve(ctx, s, req)
	}
}

// waitOld is what older clients wait with: it never ends without an update.
func (c *Collectors) waitOld(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this types.ManagedObjectReference, request types.AnyType) soap.HasFault {
		req, _ := request.(*types.WaitForUpdates)
		s := c.find(ctx, this)
		if s == nil || c.access.All(ctx) {
			return next(ctx, this, request)
		}
		for {
			res := c.serve(ctx, s, &types.WaitForUpdatesEx{This: this, Version: req.Version})
			body, ok := res.(*methods.WaitForUpdatesExBody)
			if !ok || body.Res == nil {
				return res
			}
			if body.Res.Returnval != nil {
				return &methods.WaitForUpdatesBody{Res: &types.WaitForUpdatesResponse{Returnval: *body.Res.Returnval}}
			}
		}
	}
}

// serves tells whether a session waits here and not with vcsim.
func (c *Collectors) serves(ctx *simulator.Context, s *state) bool {
	all := c.access.All(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !all {
		s.walks = true
	}
	return s.ours()
}

// hide leaves out whom the session does not see.
func (c *Collectors) hide(ctx *simulator.Context, members map[types.ManagedObjectReference]bool) {
	for ref := range members {
		if !c.access.Visible(ctx, ref) {
			delete(members, ref)
		}
	}
}

// serve waits until there is something to tell, or the time is up.
func (c *Collectors) serve(ctx *simulator.Context, s *state, req *types.WaitForUpdatesEx) soap.HasFault {
	hold, limit := maxHold, 0
	if req.Options != nil {
		if req.Options.MaxWaitSeconds != nil {
			hold = time.Duration(*req.Options.MaxWaitSeconds) * time.Second
		}
		limit = int(req.Options.MaxObjectUpdates)
	}
	deadline := time.Now().Add(hold)
	c.mu.Lock()
	fault := s.begin(req.Version)
	c.mu.Unlock()
	if fault != nil {
		return dispatch.Fault("The version is not the last one.", fault)
	}
	// The lab's own client has no login that could end.
	listed := c.alive(ctx.Session.Key)
	for {
		// Objects are looked at without our lock: looking locks them, and who
		// changes one holds its lock and feeds us.
		all := c.access.All(ctx)
		c.mu.Lock()
		s.restrict(!all)
		stale := s.staleFilters()
		c.mu.Unlock()
		for _, f := range stale {
			now := f.look(ctx, req.This)
			if !all {
				c.hide(ctx, now)
			}
			c.mu.Lock()
			s.refresh(f, now)
			c.mu.Unlock()
		}
		c.mu.Lock()
		batch := s.take(limit)
		signal, cancelled := s.signal, s.cancelled
		c.mu.Unlock()
		if cancelled {
			return dispatch.Fault("The wait was cancelled.", new(types.RequestCanceled))
		}
		contents := read(ctx, req.This, batch, c.access.Cut)
		c.mu.Lock()
		set := s.tell(batch, contents)
		c.mu.Unlock()
		if set != nil {
			return &methods.WaitForUpdatesExBody{Res: &types.WaitForUpdatesExResponse{Returnval: set}}
		}
		left := time.Until(deadline)
		if left <= 0 {
			return &methods.WaitForUpdatesExBody{Res: new(types.WaitForUpdatesExResponse)}
		}
		select {
		case <-signal:
		case <-ctx.Done():
			// Nobody waits any more: the connection is closed, or an order of the lab's own has taken too long.
			return dispatch.Fault("The wait was cancelled.", new(types.RequestCanceled))
		case <-time.After(min(left, look)):
			if listed && !c.alive(ctx.Session.Key) {
				return dispatch.Fault("The session has ended.", new(types.NotAuthenticated))
			}
		}
	}
}
