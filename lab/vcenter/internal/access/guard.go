package access

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/auth"
)

// call is a call that is judged.
type call struct {
	a *Access
	// this is the object it is made on, owner the inventory object whose
	// permissions count for that.
	this, owner auth.Ref
	user        string
	request     reflect.Value
	body        any
}

// need is a privilege on an object.
type need struct {
	on        auth.Ref
	privilege string
}

// guard implements hook.Guard.
func (a *Access) guard(ctx *simulator.Context, method *simulator.Method) (string, types.BaseMethodFault) {
	if ctx.Session == nil {
		return a.admit(method)
	}
	if a.mayAll(ctx) {
		return "", nil
	}
	object := ctx.Session.Get(method.This)
	if object == nil {
		return "", nil // vcsim answers ManagedObjectNotFound
	}
	l := a.look(ctx)
	own := ctx.Session.Registry.Get(method.This) != nil
	if !own {
		if l.level(method.This) == hidden {
			return denied(need{method.This, auth.SystemView})
		}
		c := &call{a: a, this: method.This, owner: a.owner(method.This), user: l.user, body: method.Body,
			request: reflect.Indirect(reflect.ValueOf(method.Body))}
		for _, n := range ruleOf(object, method)(c) {
			if !l.On(n.on).Has(n.privilege) {
				return denied(n)
			}
		}
	}
	if unmentioned[method.Name] {
		return "", nil
	}
	if ref := l.mentions(reflect.ValueOf(method.Body), 0); ref != nil {
		return denied(need{*ref, auth.SystemView})
	}
	return "", nil
}

// admit lets the calls pass that make a session, or need none.
func (a *Access) admit(method *simulator.Method) (string, types.BaseMethodFault) {
	switch method.Name {
	case "Login":
		// Who is known and may see nothing is told so.
		login, ok := method.Body.(*types.Login)
		if !ok || !a.authority.Exists(login.UserName, false) || a.authority.Of(login.UserName).Any() {
			return "", nil
		}
		if _, ok := a.authority.Check(login.UserName, login.Password); ok {
			return denied(need{a.Root(), auth.SystemView})
		}
	case "LoginByToken", "LoginExtensionByCertificate":
		// vcsim believes whatever is in the token, and any certificate.
		return "The lab knows logins by name and password only.", new(types.InvalidLogin)
	}
	return "", nil
}

// denied is vCenter's way to say that a privilege is missing.
func denied(n need) (string, types.BaseMethodFault) {
	return fmt.Sprintf("Permission to perform this operation was denied. The privilege %s on %s is needed.", n.privilege, n.on.Value),
		&types.NoPermission{Object: &n.on, PrivilegeId: n.privilege}
}

// ruleOf finds the rule of a method, by the type of its object or those that
// this type extends.
func ruleOf(object mo.Reference, method *simulator.Method) rule {
	kinds := []string{method.This.Type, extends[method.This.Type]}
	if _, entity := object.(mo.Entity); entity {
		kinds = append(kinds, "ManagedEntity")
	}
	for _, kind := range kinds {
		if r, ok := needed[kind][method.Name]; ok {
			return r
		}
	}
	for _, prefix := range readers {
		if strings.HasPrefix(method.Name, prefix) {
			return here(auth.SystemRead)
		}
	}
	return here(unlisted)
}

// mentions finds an object of the inventory in a request that the session does
// not see.
func (l *look) mentions(v reflect.Value, depth int) *auth.Ref {
	if depth > maxRequestDepth || !v.IsValid() {
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return l.mentions(v.Elem(), depth+1)
		}
	case reflect.Slice:
		for i := range v.Len() {
			if ref := l.mentions(v.Index(i), depth+1); ref != nil {
				return ref
			}
		}
	case reflect.Struct:
		if ref, ok := v.Interface().(auth.Ref); ok {
			if inventory[ref.Type] && l.a.registry.Get(ref) != nil && l.level(ref) == hidden {
				return &ref
			}
			return nil
		}
		for i := range v.NumField() {
			if field := v.Type().Field(i); !field.IsExported() || depth <= 1 && field.Name == "This" {
				continue
			}
			if ref := l.mentions(v.Field(i), depth+1); ref != nil {
				return ref
			}
		}
	}
	return nil
}

// maxRequestDepth bounds the walk through a request.
const maxRequestDepth = 30
