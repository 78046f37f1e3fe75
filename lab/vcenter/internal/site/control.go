package site

import (
	"fmt"
	"net"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/auth"
	"hdm.dev/lab/vcenter/internal/cert"
	"hdm.dev/lab/vcenter/internal/hook"
)

// Running implements hook.Site.
func (s *Site) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// Start implements hook.Site.
func (s *Site) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.soap.open(); err != nil {
		return err
	}
	if err := s.openHosts(); err != nil {
		return err
	}
	if err := s.admin.open(); err != nil {
		return err
	}
	s.running = true
	if s.web != nil {
		s.web.Start()
	}
	return nil
}

// Stop implements hook.Site.
func (s *Site) Stop(leaveHalfMade bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.soap.close()
	s.closeHosts()
	s.leases.Forget(leaveHalfMade)
	s.ExpireSessions()
	s.forgetTasks(true)
	s.running = false
}

// own returns a fresh context of a session that is nobody's.
func (s *Site) own() *simulator.Context {
	ctx := *s.svc.Context
	ctx.Session = &simulator.Session{
		UserSession: types.UserSession{Key: uuid.NewString(), UserName: s.cfg.User},
		Registry:    simulator.NewRegistry(),
		Map:         ctx.Map,
	}
	return &ctx
}

// SetPassword implements hook.Site.
func (s *Site) SetPassword(user, password string) error {
	if user == "" || user == s.cfg.User {
		s.Authority().SetUser(s.cfg.User, password, []string{auth.Administrators})
		return nil
	}
	for _, known := range s.cfg.Users {
		if known.Name == user {
			s.Authority().SetUser(user, password, known.Groups)
			return nil
		}
	}
	return fmt.Errorf("there is no user %q", user)
}

// RenewCertificate implements hook.Site.
func (s *Site) RenewCertificate() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	host, _, err := net.SplitHostPort(s.soap.addr())
	if err != nil {
		return "", err
	}
	own, err := cert.New(s.cfg.Name, net.ParseIP(host))
	if err != nil {
		return "", err
	}
	// As on a real vCenter the service restarts with it, and connections break.
	s.soap.close()
	s.soap.use(s.offered(serverTLS(own)))
	thumbprint := cert.SHA256(own)
	s.thumbprint.Store(&thumbprint)
	if s.running {
		err = s.soap.open()
	}
	return thumbprint, err
}

// Sessions implements hook.Site.
func (s *Site) Sessions() []hook.Session {
	ctx := s.own()
	manager, ok := ctx.Session.Get(ctx.Map.SessionManager().Self).(*simulator.SessionManager)
	if !ok {
		return nil
	}
	out := make([]hook.Session, 0, len(manager.SessionList))
	for _, u := range manager.SessionList {
		out = append(out, hook.Session{Key: u.Key, User: u.UserName, UserAgent: u.UserAgent, Login: u.LoginTime.Truncate(time.Millisecond)})
	}
	return out
}

// ExpireSessions implements hook.Site.
func (s *Site) ExpireSessions() {
	ctx := s.own()
	for _, session := range s.Sessions() {
		// NotFound is all that can be wrong: it has just ended by itself.
		ctx.Map.SessionManager().TerminateSession(ctx, &types.TerminateSession{SessionId: []string{session.Key}})
	}
}

// ForgetTasks implements hook.Site.
func (s *Site) ForgetTasks() { s.forgetTasks(false) }

func (s *Site) forgetTasks(running bool) {
	ctx := s.own()
	for _, obj := range ctx.Map.AllReference("Task") {
		task, ok := obj.(*simulator.Task)
		if !ok {
			continue
		}
		ended := false
		ctx.WithLock(task, func() {
			ended = task.Info.State == types.TaskInfoStateSuccess || task.Info.State == types.TaskInfoStateError
		})
		if running || ended {
			ctx.Map.Remove(ctx, task.Self)
		}
	}
}

// RefreshDatastores implements hook.Site.
func (s *Site) RefreshDatastores() {
	ctx := s.own()
	for _, entity := range ctx.Map.All("Datastore") {
		ds, ok := entity.(*simulator.Datastore)
		if !ok {
			continue
		}
		var name string
		ctx.WithLock(ds, func() { name = ds.Name })
		capacity, free, ok := s.disks.Space(name)
		if !ok {
			continue
		}
		ctx.WithLock(ds, func() {
			// vcsim changes the free space by itself without a word: what was told counts.
			told, known := s.told.Swap(ds.Self, [2]int64{capacity, free})
			if known && told == [2]int64{capacity, free} && ds.Summary.FreeSpace == free {
				return
			}
			if info := ds.Info.GetDatastoreInfo(); info != nil {
				info.FreeSpace = free
			}
			ctx.Update(ds, []types.PropertyChange{
				{Name: "summary.capacity", Val: capacity},
				{Name: "summary.freeSpace", Val: free},
			})
		})
	}
}
