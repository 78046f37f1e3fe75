package config

import (
	"strings"
)

// User is an account beside the administrator's.
type User struct {
	Name     string   `json:"name"`
	Password string   `json:"password"`
	Groups   []string `json:"groups"`
}

// Role is a set of privileges with a name. Those that every role but No access
// has are included: System.Anonymous, System.View, System.Read. A privilege of
// an extension counts as long as that is registered.
type Role struct {
	Name       string   `json:"name"`
	Privileges []string `json:"privileges"`
}

// Permission gives a user or a group a role on an object of the inventory.
type Permission struct {
	// Path is the object's inventory path: "/" is the root folder,
	// "/DC0/host/C0" a cluster, "/DC0/vm/Prod/web-01" a VM.
	Path      string `json:"path"`
	Principal string `json:"principal"`
	Group     bool   `json:"group"`
	// Role is the name of a role of the configuration or of vCenter: "Admin",
	// "ReadOnly", "NoAccess".
	Role string `json:"role"`
	// Propagate lets what is below inherit the permission.
	Propagate bool `json:"propagate"`
}

func (c *Config) validateAccess(bad report) {
	users := map[string]bool{strings.ToLower(c.User): true}
	groups := make(map[string]bool)
	for _, u := range c.Users {
		if u.Name == "" || u.Password == "" {
			bad("user %q: a user needs a name and a password", u.Name)
		}
		if users[strings.ToLower(u.Name)] {
			bad("user %q is there twice", u.Name)
		}
		users[strings.ToLower(u.Name)] = true
		for _, g := range u.Groups {
			groups[strings.ToLower(g)] = true
		}
	}
	roles := make(map[string]bool)
	for _, r := range c.Roles {
		if r.Name == "" || roles[strings.ToLower(r.Name)] {
			bad("role name %q is empty or there twice", r.Name)
		}
		roles[strings.ToLower(r.Name)] = true
	}
	for _, p := range c.Permissions {
		if !strings.HasPrefix(p.Path, "/") {
			bad("permission of %q: the path %q does not begin with /", p.Principal, p.Path)
		}
		known := users
		if p.Group {
			known = groups
		}
		if !known[strings.ToLower(p.Principal)] {
			bad("permission on %q: there is no user or group %q", p.Path, p.Principal)
		}
		if p.Role == "" {
			bad("permission of %q on %q: there is no role", p.Principal, p.Path)
		}
	}
}
