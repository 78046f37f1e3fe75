package auth

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"
)

// tree is an inventory by the parents of each object.
type tree map[string][]string

func ref(id string) Ref {
	kind := "Folder"
	if strings.HasPrefix(id, "vm") {
		kind = "VirtualMachine"
	}
	return Ref{Type: kind, Value: id}
}

func (t tree) Parents(r Ref) []Ref {
	var out []Ref
	for _, id := range t[r.Value] {
		out = append(out, ref(id))
	}
	return out
}

func (tree) Root() Ref { return ref("root") }

// inventory has a datacenter with folders Prod and Test, and clusters A and B
// with one VM each: vm-a in Prod, vm-b in Test.
var inventory = tree{
	"dc": {"root"}, "folders": {"dc"}, "hosts": {"dc"}, "stores": {"dc"},
	"Prod": {"folders"}, "Test": {"folders"}, "A": {"hosts"}, "B": {"hosts"}, "pool-a": {"A"}, "pool-b": {"B"},
	"vm-a": {"Prod", "pool-a"}, "vm-b": {"Test", "pool-b"}, "ds": {"stores"},
}

const (
	operate int32 = 1 // PowerOn
	pool    int32 = 2 // AssignVMToPool
)

func authority(t *testing.T) *Authority {
	t.Helper()
	a := New(inventory, []types.AuthorizationRole{
		{RoleId: RoleAdmin, System: true, Name: "Admin", Privilege: []string{"System.View", "System.Read", "System.Anonymous", "On", "Pool"}},
		{RoleId: RoleReadOnly, System: true, Name: "ReadOnly", Privilege: []string{"System.View", "System.Read", "System.Anonymous"}},
		{RoleId: RoleView, System: true, Name: "View", Privilege: []string{"System.View", "System.Anonymous"}},
		{RoleId: RoleNoAccess, System: true, Name: "NoAccess"},
	})
	if id, err := a.AddRole("Operate", []string{"On"}); err != nil || id != operate {
		t.Fatal(id, err)
	}
	if id, err := a.AddRole("Pools", []string{"Pool"}); err != nil || id != pool {
		t.Fatal(id, err)
	}
	a.SetUser("ann@lab", "a", []string{"Ops", "Night"})
	must(t, a.Grant(ref("root"), Permission{Principal: "root@lab", Role: RoleAdmin, Propagate: true}))
	a.SetUser("root@lab", "r", nil)
	return a
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestEffectiveRights(t *testing.T) {
	type on struct {
		object string
		Permission
	}
	ann := func(object string, role int32, propagate bool) on {
		return on{object, Permission{Principal: "ann@lab", Role: role, Propagate: propagate}}
	}
	group := func(object, name string, role int32) on {
		return on{object, Permission{Principal: name, Group: true, Role: role, Propagate: true}}
	}
	tests := []struct {
		name        string
		permissions []on
		// want are the privileges on an object, of On, Pool, System.Read and System.View.
		want map[string][]string
	}{
		{"nothing is given", nil, map[string][]string{"root": nil, "vm-a": nil}},
		{"a role propagates, and what is above can be seen", []on{ann("A", operate, true)}, map[string][]string{
			"A": {"On", "System.Read", "System.View"}, "vm-a": {"On", "System.Read", "System.View"},
			"vm-b": nil, "B": nil, "hosts": {"System.View"}, "root": {"System.View"}, "folders": nil, "Prod": nil}},
		{"a role does not propagate", []on{ann("A", operate, false)}, map[string][]string{
			"A": {"On", "System.Read", "System.View"}, "pool-a": nil, "vm-a": nil, "dc": {"System.View"}}},
		{"the nearest wins", []on{ann("dc", operate, true), ann("B", RoleReadOnly, true)}, map[string][]string{
			"A": {"On", "System.Read", "System.View"}, "B": {"System.Read", "System.View"},
			// vm-b inherits from its folder, too.
			"vm-b": {"On", "System.Read", "System.View"}}},
		{"a VM has what its folder or its pool gives", []on{ann("Prod", operate, true), ann("A", pool, true)}, map[string][]string{
			"vm-a": {"On", "Pool", "System.Read", "System.View"}, "vm-b": nil, "pool-a": {"Pool", "System.Read", "System.View"}}},
		{"a permission on the VM hides what it inherits", []on{ann("root", operate, true), ann("vm-a", RoleReadOnly, false)}, map[string][]string{
			"vm-a": {"System.Read", "System.View"}, "vm-b": {"On", "System.Read", "System.View"}}},
		{"no access takes away", []on{ann("root", operate, true), ann("vm-a", RoleNoAccess, true)}, map[string][]string{"vm-a": nil}},
		{"no access on one of two ways leaves the other", []on{ann("root", operate, true), ann("Prod", RoleNoAccess, true)}, map[string][]string{
			"Prod": nil, "vm-a": {"On", "System.Read", "System.View"}}},
		{"groups add up on one object", []on{group("A", "Ops", operate), group("A", "Night", pool)}, map[string][]string{
			"vm-a": {"On", "Pool", "System.Read", "System.View"}}},
		{"the user's own hides its groups'", []on{group("A", "Ops", operate), ann("A", pool, true)}, map[string][]string{
			"vm-a": {"Pool", "System.Read", "System.View"}}},
		{"the nearer group wins over the user's own above", []on{ann("root", operate, true), group("ds", "Ops", pool)}, map[string][]string{
			"ds": {"Pool", "System.Read", "System.View"}, "stores": {"On", "System.Read", "System.View"}}},
		{"other people's are not ours", []on{group("A", "Day", operate), {"B", Permission{Principal: "Ops", Role: operate, Propagate: true}}},
			map[string][]string{"vm-a": nil, "vm-b": nil}},
		{"no access is not seen for what is below", []on{ann("dc", RoleNoAccess, true), ann("Prod", RoleReadOnly, true)}, map[string][]string{
			"Prod": {"System.Read", "System.View"}, "folders": nil, "dc": nil, "root": {"System.View"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := authority(t)
			for _, p := range test.permissions {
				must(t, a.Grant(ref(p.object), p.Permission))
			}
			grants := a.Of("ann@lab")
			if grants.Everything() {
				t.Error("ann is Administrator")
			}
			for object, want := range test.want {
				var got []string
				for _, id := range []string{"On", "Pool", SystemRead, SystemView} {
					if grants.On(ref(object)).Has(id) {
						got = append(got, id)
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("on %s: %v, want %v", object, got, want)
				}
			}
		})
	}
}

func TestAdministratorHasWhatExtensionsBring(t *testing.T) {
	a := authority(t)
	if !a.Of("root@lab").Everything() || !a.Of(`LAB\Root`).Everything() {
		t.Fatal("the administrator is none")
	}
	if a.Unknown([]string{"Ext.Do"}) == "" {
		t.Fatal("a privilege is known before its extension")
	}
	a.SetExtension("com.ext", []string{"Ext.Do", "On"})
	if a.Unknown([]string{"Ext.Do"}) != "" || !a.Of("root@lab").On(ref("vm-a")).Has("Ext.Do") {
		t.Fatal("the extension's privilege is not there")
	}
	id, err := a.AddRole("Extended", []string{"Ext.Do"})
	must(t, err)
	must(t, a.Grant(ref("Prod"), Permission{Principal: "ann@lab", Role: id, Propagate: true}))
	if !a.Of("ann@lab").On(ref("vm-a")).Has("Ext.Do") {
		t.Fatal("a role with it does not give it")
	}
	a.SetExtension("com.ext", nil)
	if a.Unknown([]string{"Ext.Do"}) == "" || a.Of("ann@lab").On(ref("vm-a")).Has("Ext.Do") {
		t.Error("it stays when its extension goes")
	}
	if a.Unknown([]string{"On"}) != "" {
		t.Error("vCenter's own privilege went with an extension that named it")
	}
}

func TestAWeakerPermissionMakesAnAdministratorLess(t *testing.T) {
	a := authority(t)
	must(t, a.Grant(ref("vm-a"), Permission{Principal: "root@lab", Role: RoleReadOnly}))
	grants := a.Of("root@lab")
	if grants.Everything() || grants.On(ref("vm-a")).Has("On") || !grants.On(ref("vm-b")).Has("On") {
		t.Error("a permission on one object is not what counts there, and only there")
	}
}

func TestWhatIsRefused(t *testing.T) {
	a := authority(t)
	var last *LastAdministrator
	if err := a.Revoke(ref("root"), "root@lab", false); !errors.As(err, &last) {
		t.Errorf("the last administrator went: %v", err)
	}
	var invalid *Invalid
	if err := a.Grant(ref("A"), Permission{Principal: "ann@lab", Role: RoleView}); !errors.As(err, &invalid) {
		t.Errorf("the role View was given: %v", err)
	}
	if _, err := a.AddRole("x", []string{"No.Such"}); !errors.As(err, &invalid) {
		t.Errorf("a role has a privilege that is none: %v", err)
	}
	var taken *Taken
	if _, err := a.AddRole("operate", nil); !errors.As(err, &taken) {
		t.Errorf("two roles have one name: %v", err)
	}
	if err := a.UpdateRole(RoleAdmin, "Boss", nil); !errors.As(err, &invalid) {
		t.Errorf("a role of vCenter's own was changed: %v", err)
	}
	must(t, a.Grant(ref("A"), Permission{Principal: "ann@lab", Role: operate, Propagate: true}))
	var used *InUse
	if err := a.RemoveRole(operate, true); !errors.As(err, &used) {
		t.Errorf("a role in use was removed: %v", err)
	}
	must(t, a.RemoveRole(operate, false))
	if a.Of("ann@lab").Any() {
		t.Error("the permission outlived its role")
	}
	var missing *NotFound
	if err := a.Revoke(ref("A"), "ann@lab", false); !errors.As(err, &missing) {
		t.Errorf("a permission that is none was removed: %v", err)
	}
}

func TestRolesChange(t *testing.T) {
	a := authority(t)
	changes := 0
	a.OnChange(func() { changes++ })
	must(t, a.Grant(ref("A"), Permission{Principal: "ann@lab", Role: operate, Propagate: true}))
	before := a.Of("ann@lab")
	must(t, a.UpdateRole(operate, "Operate", []string{"Pool"}))
	if got := a.Of("ann@lab").On(ref("vm-a")); got.Has("On") || !got.Has("Pool") || !got.Has(SystemRead) {
		t.Error("the role's new privileges are not in effect")
	}
	if !before.On(ref("vm-a")).Has("On") {
		t.Error("rights that were asked for before have changed")
	}
	must(t, a.Merge(operate, RoleReadOnly))
	if a.Of("ann@lab").On(ref("vm-a")).Has("Pool") {
		t.Error("the permissions stayed with the merged role")
	}
	if changes != 3 {
		t.Errorf("%d changes were told, want 3", changes)
	}
}

func TestLogins(t *testing.T) {
	a := authority(t)
	for _, login := range [][2]string{{"ann@lab", "b"}, {"ann@lab", ""}, {"bob@lab", "a"}, {"", ""}} {
		if name, ok := a.Check(login[0], login[1]); ok {
			t.Errorf("%v logs in as %s", login, name)
		}
	}
	if name, ok := a.Check(`LAB\ANN`, "a"); !ok || name != "ann@lab" {
		t.Errorf("another way to write the name gives %q, %v", name, ok)
	}
	ticket, err := a.Ticket("ann@lab")
	must(t, err)
	if _, ok := a.Check("ann@lab", ticket); !ok {
		t.Error("the ticket is no good")
	}
	if _, ok := a.Check("ann@lab", ticket); ok {
		t.Error("the ticket is good twice")
	}
	must(t, a.Lock("ann@lab", true))
	if _, ok := a.Check("ann@lab", "a"); ok {
		t.Error("a locked user logs in")
	}
	must(t, a.Lock("ann@lab", false))
	must(t, a.RemoveUser("ann@lab"))
	if _, ok := a.Check("ann@lab", "a"); ok || a.Exists("ann@lab", false) || !a.Exists("root@lab", false) {
		t.Error("a removed user is there")
	}
}
