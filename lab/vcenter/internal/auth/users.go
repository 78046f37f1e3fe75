package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"slices"
	"strings"
)

// Administrators is the group that may everything, as vCenter names it.
const Administrators = `VSPHERE.LOCAL\Administrators`

// maxTickets is how many one-time passwords may be waiting.
const maxTickets = 1000

type user struct {
	name, password string
	groups         []string
	locked         bool
	// tickets are passwords that are good for one login.
	tickets []string
}

// User is an account as others see it.
type User struct {
	Name   string   `json:"name"`
	Groups []string `json:"groups"`
	Locked bool     `json:"locked"`
}

// canonical makes both ways to write a principal one: DOMAIN\name and
// name@domain, in any case.
func canonical(principal string) string {
	principal = strings.ToLower(principal)
	if domain, name, ok := strings.Cut(principal, `\`); ok {
		return name + "@" + domain
	}
	return principal
}

// SetUser makes an account, or gives it another password and other groups.
func (a *Authority) SetUser(name, password string, groups []string) {
	_ = a.change(func() error {
		a.users[canonical(name)] = &user{name: name, password: password, groups: slices.Clone(groups)}
		return nil
	})
}

// RemoveUser forgets an account; its permissions stay, as on a vCenter.
func (a *Authority) RemoveUser(name string) error {
	return a.change(func() error {
		key := canonical(name)
		if a.users[key] == nil {
			return &NotFound{"The user " + name}
		}
		delete(a.users, key)
		return nil
	})
}

// Lock keeps a user from logging in, or lets it again.
func (a *Authority) Lock(name string, locked bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.users[canonical(name)]
	if u == nil {
		return &NotFound{"The user " + name}
	}
	u.locked, u.tickets = locked, nil
	return nil
}

// Check returns the name of the account that a login is good for, as it is
// spelt in the configuration.
func (a *Authority) Check(name, password string) (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.users[canonical(name)]
	if u == nil || u.locked {
		return "", false
	}
	if u.password != "" && subtle.ConstantTimeCompare([]byte(u.password), []byte(password)) == 1 {
		return u.name, true
	}
	if n := slices.Index(u.tickets, password); n >= 0 && password != "" {
		u.tickets = slices.Delete(u.tickets, n, n+1)
		return u.name, true
	}
	return "", false
}

// Ticket makes a password that is good for one login of a user, for those who
// have made sure by themselves who it is.
func (a *Authority) Ticket(name string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.users[canonical(name)]
	if u == nil || u.locked {
		return "", &NotFound{"The user " + name}
	}
	if len(u.tickets) >= maxTickets {
		u.tickets = u.tickets[1:]
	}
	ticket := rand.Text()
	u.tickets = append(u.tickets, ticket)
	return ticket, nil
}

// Users lists the accounts by name.
func (a *Authority) Users() []User {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]User, 0, len(a.users))
	for _, u := range a.users {
		out = append(out, User{Name: u.name, Groups: slices.Clone(u.groups), Locked: u.locked})
	}
	slices.SortFunc(out, func(x, y User) int { return strings.Compare(x.Name, y.Name) })
	return out
}

// Groups lists the groups that somebody is in, by name.
func (a *Authority) Groups() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	seen := make(map[string]bool)
	for _, u := range a.users {
		for _, group := range u.groups {
			if key := canonical(group); !seen[key] {
				seen[key] = true
				out = append(out, group)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Exists tells whether there is such a user, or such a group.
func (a *Authority) Exists(principal string, group bool) bool {
	key := canonical(principal)
	if !group {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.users[key] != nil
	}
	return slices.ContainsFunc(a.Groups(), func(g string) bool { return canonical(g) == key })
}

// Same tells whether two names are the same principal.
func Same(x, y string) bool { return canonical(x) == canonical(y) }
