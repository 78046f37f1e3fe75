package access

import (
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/auth"
	"hdm.dev/lab/vcenter/internal/hook"
)

// validLogin checks a login. The session will have the name of the account,
// however the login spells it.
func (a *Access) validLogin(login *types.Login) bool {
	name, ok := a.authority.Check(login.UserName, login.Password)
	if ok {
		login.UserName = name
	}
	return ok
}

func (a *Access) registerUsers(table hook.Dispatcher) {
	table.Around("UserDirectory", "RetrieveUserGroups", func(hook.Call) hook.Call { return a.retrieveUserGroups })
}

// retrieveUserGroups finds users and groups by a part of their names, or by the
// whole one.
func (a *Access) retrieveUserGroups(_ *simulator.Context, _ auth.Ref, request types.AnyType) soap.HasFault {
	req, _ := request.(*types.RetrieveUserGroups)
	matches := func(name string) bool {
		if req.ExactMatch {
			return auth.Same(name, req.SearchStr)
		}
		return strings.Contains(strings.ToLower(name), strings.ToLower(req.SearchStr))
	}
	res := new(types.RetrieveUserGroupsResponse)
	add := func(name string, group bool) {
		res.Returnval = append(res.Returnval, &types.UserSearchResult{Principal: name, FullName: name, Group: group})
	}
	if req.FindUsers {
		for _, user := range a.authority.Users() {
			if matches(user.Name) && (req.BelongsToGroup == "" || in(user.Groups, req.BelongsToGroup)) {
				add(user.Name, false)
			}
		}
	}
	if req.FindGroups {
		for _, group := range a.authority.Groups() {
			if matches(group) && (req.BelongsToUser == "" || a.isIn(req.BelongsToUser, group)) {
				add(group, true)
			}
		}
	}
	return &methods.RetrieveUserGroupsBody{Res: res}
}

func in(groups []string, group string) bool {
	for _, g := range groups {
		if auth.Same(g, group) {
			return true
		}
	}
	return false
}

func (a *Access) isIn(user, group string) bool {
	for _, u := range a.authority.Users() {
		if auth.Same(u.Name, user) {
			return in(u.Groups, group)
		}
	}
	return false
}
