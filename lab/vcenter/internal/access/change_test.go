package access_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// waiter waits for updates and keeps what it was told last.
type waiter struct {
	t         *testing.T
	ctx       context.Context
	client    *govmomi.Client
	collector types.ManagedObjectReference
	version   string
	there     map[types.ManagedObjectReference]bool
}

func newWaiter(ctx context.Context, t *testing.T, client *govmomi.Client, spec types.PropertyFilterSpec) *waiter {
	t.Helper()
	collector, err := property.DefaultCollector(client.Client).Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := collector.CreateFilter(ctx, types.CreateFilter{Spec: spec}); err != nil {
		t.Fatal(err)
	}
	return &waiter{t: t, ctx: ctx, client: client, collector: collector.Reference(), there: make(map[types.ManagedObjectReference]bool)}
}

// until waits until an object is there, or is not.
func (w *waiter) until(ref types.ManagedObjectReference, there bool) {
	w.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for w.version == "" || w.there[ref] != there {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s there: still %v", ref.Value, w.there[ref])
		}
		res, err := methods.WaitForUpdatesEx(w.ctx, w.client, &types.WaitForUpdatesEx{This: w.collector, Version: w.version,
			Options: &types.WaitOptions{MaxWaitSeconds: types.NewInt32(2)}})
		if err != nil {
			w.t.Fatal(err)
		}
		if res.Returnval == nil {
			continue
		}
		w.version = res.Returnval.Version
		for _, filter := range res.Returnval.FilterSet {
			for _, update := range filter.ObjectSet {
				w.there[update.Obj] = update.Kind != types.ObjectUpdateKindLeave
			}
		}
	}
}

func set(ctx context.Context, t *testing.T, boss *govmomi.Client, on types.ManagedObjectReference, user string, role int32) {
	t.Helper()
	manager := object.NewAuthorizationManager(boss.Client)
	if err := manager.SetEntityPermissions(ctx, on, []types.Permission{{Principal: user, RoleId: role, Propagate: true}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = manager.RemoveEntityPermission(context.Background(), on, user, false) })
}

func TestObjectsComeAndGoWithRights(t *testing.T) {
	ctx, client, _ := login(t, "mover@lab")
	_, boss, _ := login(t, root)
	web, secret := at(t, "/DC0/vm/Prod/Web/web-01"), at(t, "/DC0/vm/Test/secret-01")
	test := at(t, "/DC0/vm/Test")
	viewer, err := view.NewManager(client.Client).CreateContainerView(ctx, client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		t.Fatal(err)
	}
	waiters := map[string]*waiter{
		"a view": newWaiter(ctx, t, client, types.PropertyFilterSpec{
			PropSet:   []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"name"}}},
			ObjectSet: []types.ObjectSpec{{Obj: viewer.Reference(), SelectSet: []types.BaseSelectionSpec{viewer.TraversalSpec()}}}}),
		"a traversal": newWaiter(ctx, t, client, types.PropertyFilterSpec{
			PropSet:   []types.PropertySpec{{Type: "ManagedEntity", PathSet: []string{"name"}}},
			ObjectSet: []types.ObjectSpec{{Obj: client.ServiceContent.RootFolder, SelectSet: []types.BaseSelectionSpec{walkDown()}}}}),
		"one object": newWaiter(ctx, t, client, types.PropertyFilterSpec{
			PropSet:   []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"name"}}},
			ObjectSet: []types.ObjectSpec{{Obj: secret}, {Obj: web}}}),
	}
	for name, w := range waiters {
		w.until(web, true)
		if w.there[secret] {
			t.Fatalf("%s tells of a VM that is hidden", name)
		}
	}
	set(ctx, t, boss, test, "mover@lab", -2)
	for _, w := range waiters {
		w.until(secret, true)
	}
	set(ctx, t, boss, secret, "mover@lab", -5)
	for _, w := range waiters {
		w.until(secret, false)
		if !w.there[web] {
			t.Error("another VM went, too")
		}
	}
	var vm mo.VirtualMachine
	lacks(t, property.DefaultCollector(client.Client).RetrieveOne(ctx, secret, []string{"name"}, &vm), secret, "System.View")
	if found, _ := object.NewSearchIndex(client.Client).FindByInventoryPath(ctx, "/DC0/vm/Test/secret-01"); found != nil {
		t.Error("it is found by its path")
	}
}

func TestAMoveChangesWhoSeesAVM(t *testing.T) {
	ctx, client, _ := login(t, "mover@lab")
	_, boss, _ := login(t, root)
	prod, test, moving := at(t, "/DC0/vm/Prod"), at(t, "/DC0/vm/Test"), at(t, "/DC0/vm/Test/secret-02")
	w := newWaiter(ctx, t, client, types.PropertyFilterSpec{
		PropSet:   []types.PropertySpec{{Type: "ManagedEntity", PathSet: []string{"name"}}},
		ObjectSet: []types.ObjectSpec{{Obj: client.ServiceContent.RootFolder, SelectSet: []types.BaseSelectionSpec{walkDown()}}}})
	w.until(prod, true)
	move := func(to types.ManagedObjectReference) {
		t.Helper()
		task, err := object.NewFolder(boss.Client, to).MoveInto(ctx, []types.ManagedObjectReference{moving})
		if err == nil {
			err = task.Wait(ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	move(prod)
	w.until(moving, true)
	move(test)
	w.until(moving, false)
}

func TestPrivilegesAreToldTruly(t *testing.T) {
	ctx, client, _ := login(t, "operator@lab")
	_, boss, _ := login(t, root)
	this := *client.ServiceContent.AuthorizationManager
	mine, other := at(t, "/DC0/vm/Prod/Web/web-01"), at(t, "/DC0/vm/Prod/web-02")
	session, err := client.SessionManager.UserSession(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{"VirtualMachine.Interact.PowerOn", "VirtualMachine.Interact.PowerOff", "System.Read"}
	for name, caller := range map[string]*govmomi.Client{"itself": client, "the administrator": boss} {
		res, err := methods.HasPrivilegeOnEntities(ctx, caller, &types.HasPrivilegeOnEntities{This: this, SessionId: session.Key,
			Entity: []types.ManagedObjectReference{mine, other}, PrivId: ids})
		if err != nil {
			t.Fatal(name, err)
		}
		var got []bool
		for _, entity := range res.Returnval {
			for _, p := range entity.PrivAvailability {
				got = append(got, p.IsGranted)
			}
		}
		if want := []bool{true, false, true, false, false, false}; !slices.Equal(got, want) {
			t.Errorf("%s is told %v, want %v", name, got, want)
		}
	}
	one, err := methods.HasPrivilegeOnEntity(ctx, client, &types.HasPrivilegeOnEntity{This: this, SessionId: session.Key, Entity: mine, PrivId: ids})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(one.Returnval, []bool{true, false, true}) {
		t.Errorf("HasPrivilegeOnEntity tells %v", one.Returnval)
	}
	user, err := methods.HasUserPrivilegeOnEntities(ctx, boss, &types.HasUserPrivilegeOnEntities{This: this, UserName: `LAB\Operator`, Entities: []types.ManagedObjectReference{mine}, PrivId: ids[:1]})
	if err != nil || !user.Returnval[0].PrivAvailability[0].IsGranted {
		t.Errorf("HasUserPrivilegeOnEntities tells %+v, %v", user, err)
	}
	all, err := methods.FetchUserPrivilegeOnEntities(ctx, boss, &types.FetchUserPrivilegeOnEntities{This: this, UserName: "operator@lab", Entities: []types.ManagedObjectReference{mine, other}})
	if err != nil || !slices.Contains(all.Returnval[0].Privileges, ids[0]) || len(all.Returnval[0].Privileges) != 8 || len(all.Returnval[1].Privileges) != 0 {
		t.Errorf("FetchUserPrivilegeOnEntities tells %+v, %v", all, err)
	}
	ask := func(id string) error {
		_, err := methods.HasPrivilegeOnEntity(ctx, client, &types.HasPrivilegeOnEntity{This: this, SessionId: session.Key, Entity: mine, PrivId: []string{id}})
		return err
	}
	refused(t, ask("No.Such"), "InvalidArgument")
	refused(t, ask("com.lab.Ext.Do"), "InvalidArgument")
	extensions := object.NewExtensionManager(boss.Client)
	extension := types.Extension{Key: "com.lab.ext", Description: &types.Description{}, PrivilegeList: []types.ExtensionPrivilegeInfo{{PrivID: "com.lab.Ext.Do", PrivGroupName: "com.lab.Ext"}}}
	if err := extensions.Register(ctx, extension); err != nil {
		t.Fatal(err)
	}
	if err := ask("com.lab.Ext.Do"); err != nil {
		t.Error("the extension's privilege is not known:", err)
	}
	extension.PrivilegeList[0].PrivID = "com.lab.Ext.Other"
	if err := extensions.Update(ctx, extension); err != nil {
		t.Fatal(err)
	}
	refused(t, ask("com.lab.Ext.Do"), "InvalidArgument")
	if err := extensions.Unregister(ctx, extension.Key); err != nil {
		t.Fatal(err)
	}
	refused(t, ask("com.lab.Ext.Other"), "InvalidArgument")
}

func TestRolesAndPermissionsThroughTheAPI(t *testing.T) {
	ctx, boss, _ := login(t, root)
	manager := object.NewAuthorizationManager(boss.Client)
	vm, folder := at(t, "/DC0/vm/Prod/Web/web-01"), at(t, "/DC0/vm/Prod/Web")
	id, err := manager.AddRole(ctx, "Snapshots", []string{"VirtualMachine.State.CreateSnapshot"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = manager.AddRole(ctx, "Snapshots", nil)
	refused(t, err, "AlreadyExists")
	_, err = manager.AddRole(ctx, "Wrong", []string{"No.Such"})
	refused(t, err, "InvalidArgument")
	roles, err := manager.RoleList(ctx)
	if err != nil || roles.ById(id) == nil || !slices.Contains(roles.ById(id).Privilege, "System.View") || roles.ByName("Admin").RoleId != -1 {
		t.Fatalf("the roles are %v, %v", roles, err)
	}
	refused(t, manager.SetEntityPermissions(ctx, folder, []types.Permission{{Principal: "stranger@lab", RoleId: id}}), "UserNotFound")
	refused(t, manager.SetEntityPermissions(ctx, folder, []types.Permission{{Principal: "viewer@lab", RoleId: -3}}), "InvalidArgument")
	set(ctx, t, boss, folder, "viewer@lab", id)
	inherited, err := manager.RetrieveEntityPermissions(ctx, vm, true)
	if err != nil || !slices.ContainsFunc(inherited, func(p types.Permission) bool { return *p.Entity == folder && p.RoleId == id }) {
		t.Errorf("the VM inherits %+v, %v", inherited, err)
	}
	if own, err := manager.RetrieveEntityPermissions(ctx, vm, false); err != nil || len(own) != 0 {
		t.Errorf("the VM has %+v, %v", own, err)
	}
	if of, err := manager.RetrieveRolePermissions(ctx, id); err != nil || len(of) != 1 {
		t.Errorf("the role has %+v, %v", of, err)
	}
	if all, err := manager.RetrieveAllPermissions(ctx); err != nil || len(all) < 8 {
		t.Errorf("there are %+v, %v", all, err)
	}
	_, viewer, _ := login(t, "viewer@lab")
	snapshot := func() error {
		_, err := object.NewVirtualMachine(viewer.Client, vm).CreateSnapshot(ctx, "x", "", false, false)
		return err
	}
	if err := snapshot(); err != nil {
		t.Error("the role gives nothing:", err)
	}
	if err := manager.UpdateRole(ctx, id, "Snapshots", []string{"VirtualMachine.State.RemoveSnapshot"}); err != nil {
		t.Fatal(err)
	}
	lacks(t, snapshot(), vm, "VirtualMachine.State.CreateSnapshot")
	refused(t, manager.RemoveRole(ctx, id, true), "RemoveFailed")
	if _, err := methods.ResetEntityPermissions(ctx, boss, &types.ResetEntityPermissions{This: manager.Reference(), Entity: folder}); err != nil {
		t.Fatal(err)
	}
	if err := manager.RemoveRole(ctx, id, true); err != nil {
		t.Error(err)
	}
	rootFolder := boss.ServiceContent.RootFolder
	_, err = methods.ResetEntityPermissions(ctx, boss, &types.ResetEntityPermissions{This: manager.Reference(), Entity: rootFolder})
	refused(t, err, "AuthMinimumAdminPermission")
	if _, err := methods.MergePermissions(ctx, boss, &types.MergePermissions{This: manager.Reference(), SrcRoleId: 12345, DstRoleId: -2}); err == nil {
		t.Error("the permissions of a role that is none were merged")
	}
}
