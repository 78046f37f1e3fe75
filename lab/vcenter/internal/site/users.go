package site

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"

	"hdm.dev/lab/vcenter/internal/access"
	"hdm.dev/lab/vcenter/internal/auth"
	"hdm.dev/lab/vcenter/internal/config"
)

// makeAccess makes the accounts of the configuration and gives the
// administrator its role. The rest of the permissions wait for the inventory.
func (s *Site) makeAccess() error {
	s.access = access.New(s.svc.Context)
	authority := s.access.Authority()
	authority.SetUser(s.cfg.User, s.cfg.Password, []string{auth.Administrators})
	for _, u := range s.cfg.Users {
		authority.SetUser(u.Name, u.Password, u.Groups)
	}
	for _, r := range s.cfg.Roles {
		if err := authority.DefineRole(r.Name, r.Privileges); err != nil {
			return fmt.Errorf("role %q: %w", r.Name, err)
		}
	}
	s.access.ShowRoles()
	return authority.Grant(s.access.Root(),
		auth.Permission{Principal: s.cfg.User, Role: auth.RoleAdmin, Propagate: true},
		auth.Permission{Principal: auth.Administrators, Group: true, Role: auth.RoleAdmin, Propagate: true})
}

// grantConfigured gives the permissions of the configuration.
func (s *Site) grantConfigured() error {
	for _, p := range s.cfg.Permissions {
		if err := s.SetPermission(p); err != nil {
			return err
		}
	}
	return nil
}

// SetPermission implements hook.Site.
func (s *Site) SetPermission(p config.Permission) error {
	ctx := s.own()
	body, _ := ctx.Map.SearchIndex().FindByInventoryPath(ctx, &types.FindByInventoryPath{InventoryPath: p.Path}).(*methods.FindByInventoryPathBody)
	if body == nil || body.Res == nil || body.Res.Returnval == nil {
		return fmt.Errorf("permission of %q: there is nothing at %q", p.Principal, p.Path)
	}
	object := *body.Res.Returnval
	if !s.Authority().Exists(p.Principal, p.Group) {
		return fmt.Errorf("permission on %q: there is no user or group %q", p.Path, p.Principal)
	}
	var err error
	if p.Role == "" {
		err = s.Authority().Revoke(object, p.Principal, p.Group)
	} else {
		role, known := s.Authority().RoleNamed(p.Role)
		if !known {
			return fmt.Errorf("permission of %q on %q: there is no role %q", p.Principal, p.Path, p.Role)
		}
		err = s.Authority().Grant(object, auth.Permission{Principal: p.Principal, Group: p.Group, Role: role, Propagate: p.Propagate})
	}
	if err != nil {
		return fmt.Errorf("permission of %q on %q: %w", p.Principal, p.Path, err)
	}
	return nil
}

// Authority holds the users, roles and permissions. Its Check tells whether a
// user and a password belong together.
func (s *Site) Authority() *auth.Authority { return s.access.Authority() }

// OpenSession logs a user in, for who has made sure otherwise who it is, and
// returns the session's key: the value of the cookie vmware_soap_session. It
// fails for a user that is unknown, locked or without any permission.
func (s *Site) OpenSession(user, userAgent string) (string, error) {
	ticket, err := s.Authority().Ticket(user)
	if err != nil {
		return "", err
	}
	login := types.Login{This: s.svc.Context.Map.SessionManager().Self, UserName: user, Password: ticket}
	body, err := xml.Marshal(soap.Envelope{Body: &methods.LoginBody{Req: &login}})
	if err != nil {
		return "", fmt.Errorf("writing the login of %s: %w", user, err)
	}
	request := httptest.NewRequest(http.MethodPost, vim25.Path, strings.NewReader(string(body)))
	request.Header.Set("User-Agent", userAgent)
	recorder := httptest.NewRecorder()
	s.svc.ServeSDK(recorder, request)
	for _, cookie := range recorder.Result().Cookies() {
		if cookie.Name == soap.SessionCookieName {
			return cookie.Value, nil
		}
	}
	return "", fmt.Errorf("the user %s cannot log in: it has no permission on any object", user)
}

// Users implements hook.Site.
func (s *Site) Users() []auth.User { return s.Authority().Users() }

// ChangeUser implements hook.Site.
func (s *Site) ChangeUser(name, do string) (int, error) {
	var err error
	switch do {
	case "lock":
		err = s.Authority().Lock(name, true)
	case "unlock":
		return 0, s.Authority().Lock(name, false)
	case "remove":
		err = s.Authority().RemoveUser(name)
	default:
		err = fmt.Errorf("%q is nothing that can be done to a user: lock, unlock or remove", do)
	}
	if err != nil {
		return 0, err
	}
	return s.EndSessions(name), nil
}

// EndSessions ends the sessions of a user and tells how many there were.
func (s *Site) EndSessions(user string) int {
	ctx := s.own()
	ended := 0
	for _, session := range s.Sessions() {
		if auth.Same(session.User, user) {
			ctx.Map.SessionManager().TerminateSession(ctx, &types.TerminateSession{SessionId: []string{session.Key}})
			ended++
		}
	}
	return ended
}

// UserOf tells whose a live session is, by its key.
func (s *Site) UserOf(key string) (string, bool) {
	for _, session := range s.Sessions() {
		if session.Key == key {
			return session.User, true
		}
	}
	return "", false
}
