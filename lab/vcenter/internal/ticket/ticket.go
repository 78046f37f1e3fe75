// Package ticket gives and takes clone tickets: whoever shows one gets a session
// like the one it was given out in. The rules are those of the vSphere API's
// SessionManager: a ticket works once, only at the vCenter that gave it, and not
// longer than the session it came from. vcsim's own tickets are sessions in
// themselves, which can be used as such and outlive the one they came from.
package ticket

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/dispatch"
	"hdm.dev/lab/vcenter/internal/hook"
)

const (
	// maxOpen tickets are kept; a further one drops the oldest.
	maxOpen = 1000
	// life of a ticket that nobody uses.
	life = 5 * time.Minute
)

type open struct {
	session types.UserSession
	given   time.Time
}

// Store holds the tickets that nobody has used yet. Make it with New.
type Store struct {
	live func() []hook.Session

	mu   sync.Mutex
	open map[string]open
}

// New returns a store; live tells which sessions there are.
func New(live func() []hook.Session) *Store {
	return &Store{live: live, open: make(map[string]open)}
}

// Register replaces vcsim's methods.
func (s *Store) Register(table hook.Dispatcher) {
	table.Around("SessionManager", "AcquireCloneTicket", func(hook.Call) hook.Call { return s.acquire })
	table.Around("SessionManager", "CloneSession", func(hook.Call) hook.Call {
		return func(*simulator.Context, types.ManagedObjectReference, types.AnyType) soap.HasFault {
			return dispatch.Fault("This connection has a session already.", new(types.InvalidLogin))
		}
	})
	table.CloneSession(s.clone)
}

// DropAll makes every ticket worthless.
func (s *Store) DropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.open)
}

func (s *Store) acquire(ctx *simulator.Context, _ types.ManagedObjectReference, _ types.AnyType) soap.HasFault {
	name := s.give(ctx.Session.UserSession, time.Now())
	return &methods.AcquireCloneTicketBody{Res: &types.AcquireCloneTicketResponse{Returnval: name}}
}

func (s *Store) clone(ctx *simulator.Context, _ types.ManagedObjectReference, request types.AnyType) soap.HasFault {
	req, _ := request.(*types.CloneSession)
	from, ok := s.take(req.CloneTicket, time.Now())
	if !ok {
		return dispatch.Fault("Cannot complete login: the clone ticket is unknown, used, or its session has ended.", new(types.InvalidLogin))
	}
	now := time.Now().UTC()
	from.Key = uuid.NewString()
	from.LoginTime, from.LastActiveTime, from.CallCount = now, now, 0
	ctx.SetSession(simulator.Session{UserSession: from, Registry: simulator.NewRegistry(), Map: ctx.Map}, true)
	return &methods.CloneSessionBody{Res: &types.CloneSessionResponse{Returnval: from}}
}

func (s *Store) give(session types.UserSession, now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	oldest := ""
	for name, t := range s.open {
		if now.Sub(t.given) > life {
			delete(s.open, name)
		} else if oldest == "" || t.given.Before(s.open[oldest].given) {
			oldest = name
		}
	}
	if len(s.open) >= maxOpen {
		delete(s.open, oldest)
	}
	name := "cst-VCT-" + rand.Text()
	s.open[name] = open{session: session, given: now}
	return name
}

// take uses a ticket up. It is gone even if its session is.
func (s *Store) take(name string, now time.Time) (types.UserSession, bool) {
	s.mu.Lock()
	t, known := s.open[name]
	delete(s.open, name)
	s.mu.Unlock()
	if !known || now.Sub(t.given) > life {
		return types.UserSession{}, false
	}
	for _, session := range s.live() {
		if session.Key == t.session.Key {
			return t.session, true
		}
	}
	return types.UserSession{}, false
}
