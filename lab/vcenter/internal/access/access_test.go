package access_test

import (
	"context"
	"net/url"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/event"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/access"
)

func names(ctx context.Context, t *testing.T, client *govmomi.Client) []string {
	t.Helper()
	viewer, err := view.NewManager(client.Client).CreateContainerView(ctx, client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		t.Fatal(err)
	}
	var vms []mo.VirtualMachine
	if err := viewer.Retrieve(ctx, []string{"VirtualMachine"}, []string{"name"}, &vms); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, vm := range vms {
		out = append(out, vm.Name)
	}
	sort.Strings(out)
	return out
}

func TestEverybodySeesWhatIsTheirs(t *testing.T) {
	for user, want := range map[string][]string{
		"operator@lab": {"secret-01", "web-01"}, // and the generated ones, which are in C0
		"viewer@lab":   {"web-01", "web-02"},
		"member@lab":   {"web-01", "web-02"}, // and the generated ones that are in no folder of tests
	} {
		ctx, client, _ := login(t, user)
		got := slices.DeleteFunc(names(ctx, t, client), func(name string) bool {
			return strings.HasPrefix(name, "secret-0000") || strings.HasPrefix(name, "secret-0001")
		})
		if !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", user, got, want)
		}
	}
	ctx, client, _ := login(t, root)
	if got := names(ctx, t, client); len(got) != 25 {
		t.Errorf("the administrator sees %d VMs, want 25", len(got))
	}
}

func TestLoginsAreChecked(t *testing.T) {
	ctx := context.Background()
	for _, test := range []struct{ user, password, fault string }{
		{"viewer@lab", "wrong", "InvalidLogin"}, {"viewer@lab", "", "InvalidLogin"}, {"stranger@lab", "view", "InvalidLogin"},
		{"nobody@lab", "no", "NoPermission"}, {"nobody@lab", "wrong", "InvalidLogin"},
	} {
		u, _ := soap.ParseURL(theSite.Ready().URL)
		u.User = url.UserPassword(test.user, test.password)
		client, err := govmomi.NewClient(ctx, u, true)
		if err == nil {
			_ = client.Logout(ctx)
			t.Errorf("%s logs in with %q", test.user, test.password)
			continue
		}
		if got := reflect.TypeOf(soap.ToSoapFault(err).VimFault()).Name(); got != test.fault {
			t.Errorf("%s with %q: %s, want %s", test.user, test.password, got, test.fault)
		}
	}
	_, client, _ := login(t, "viewer@lab")
	session, err := client.SessionManager.UserSession(ctx)
	if err != nil || session.UserName != "viewer@lab" {
		t.Errorf("the session is %+v, %v", session, err)
	}
}

func TestAMethodNeedsItsPrivilege(t *testing.T) {
	ctx, client, _ := login(t, "operator@lab")
	c0, web := at(t, "/DC0/host/C0"), at(t, "/DC0/vm/Prod/Web/web-01")
	other := at(t, "/DC0/vm/Prod/web-02")
	vm := object.NewVirtualMachine(client.Client, web)
	task, err := vm.PowerOn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := task.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	var info mo.Task
	if err := task.Properties(ctx, task.Reference(), []string{"info"}, &info); err != nil {
		t.Fatal(err)
	}
	if by := info.Info.Reason.(*types.TaskReasonUser).UserName; by != "operator@lab" {
		t.Errorf("the task was started by %q", by)
	}
	_, err = vm.PowerOff(ctx)
	lacks(t, err, web, "VirtualMachine.Interact.PowerOff")
	_, err = vm.Destroy(ctx)
	lacks(t, err, web, "VirtualMachine.Inventory.Delete")
	_, err = vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{Annotation: "x"})
	lacks(t, err, web, "VirtualMachine.Config.Annotation")
	_, err = vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: "a", Value: "b"}}})
	lacks(t, err, web, "VirtualMachine.Config.AdvancedConfig")
	_, err = vm.Export(ctx)
	lacks(t, err, web, "VApp.Export")
	// The VM of the other cluster is not even there.
	_, err = object.NewVirtualMachine(client.Client, other).PowerOn(ctx)
	lacks(t, err, other, "System.View")
	rootFolder := client.ServiceContent.RootFolder
	err = object.NewExtensionManager(client.Client).Register(ctx, types.Extension{Key: "com.x", Description: &types.Description{}})
	lacks(t, err, rootFolder, "Extension.Register")
	_, err = methods.TerminateSession(ctx, client, &types.TerminateSession{This: *client.ServiceContent.SessionManager, SessionId: []string{"x"}})
	lacks(t, err, rootFolder, "Sessions.TerminateSession")
	pool := at(t, "/DC0/host/C0/Resources")
	_, err = object.NewResourcePool(client.Client, pool).Create(ctx, "New", types.DefaultResourceConfigSpec())
	lacks(t, err, pool, "Resource.CreatePool")
	_, err = methods.MoveIntoResourcePool(ctx, client, &types.MoveIntoResourcePool{This: at(t, "/DC0/host/C0/Resources/Gold"), List: []types.ManagedObjectReference{web}})
	lacks(t, err, web, "Resource.AssignVMToPool")
	_, err = methods.ImportVApp(ctx, client, &types.ImportVApp{This: pool, Spec: &types.VirtualMachineImportSpec{}})
	lacks(t, err, pool, "VApp.Import")
	_, err = methods.SetEntityPermissions(ctx, client, &types.SetEntityPermissions{This: *client.ServiceContent.AuthorizationManager, Entity: c0})
	lacks(t, err, c0, "Authorization.ModifyPermissions")
	_, err = methods.AddAuthorizationRole(ctx, client, &types.AddAuthorizationRole{This: *client.ServiceContent.AuthorizationManager, Name: "x"})
	lacks(t, err, rootFolder, "Authorization.ModifyRoles")
	// Events can be posted about what the role reaches, and no further.
	post := func(ref types.ManagedObjectReference) error {
		return event.NewManager(client.Client).PostEvent(ctx, &types.EventEx{EventTypeId: "com.test", ObjectId: ref.Value, ObjectType: ref.Type, Message: "hello"})
	}
	if err := post(web); err != nil {
		t.Error(err)
	}
	lacks(t, post(rootFolder), rootFolder, "Global.LogEvent")
}

// Every method that the lab and vcsim have is in the table, so that none is open
// or closed by accident.
func TestEveryMethodIsInTheTable(t *testing.T) {
	result := reflect.TypeOf((*soap.HasFault)(nil)).Elem()
	own := []string{"PropertyFilter", "ContainerView", "ListView"}
	for _, obj := range theSite.Context().Map.AllReference("") {
		kind := obj.Reference().Type
		if slices.Contains(own, kind) {
			continue
		}
		typ := reflect.TypeOf(obj)
		for i := range typ.NumMethod() {
			m := typ.Method(i)
			if m.Type.NumOut() != 1 || m.Type.Out(0) != result || m.Type.NumIn() < 2 {
				continue
			}
			request := m.Type.In(m.Type.NumIn() - 1).Elem().Name()
			// Methods that are in no published API.
			internal := strings.Replace(strings.TrimSuffix(request, "Request"), "InfoTask", "Info_Task", 1)
			if !access.Listed(obj, request) && !access.Listed(obj, internal) {
				t.Errorf("%s of %s needs no privilege that is known", request, kind)
			}
		}
	}
}

func TestTheViewerNeverHearsOfOthers(t *testing.T) {
	ctx, client, heard := login(t, "viewer@lab")
	_, boss, _ := login(t, root)
	secret := at(t, "/DC0/vm/Test/secret-01")
	// Something happens to a VM that is not the viewer's.
	secretVM := object.NewVirtualMachine(boss.Client, secret)
	if task, err := secretVM.PowerOn(ctx); err != nil || task.Wait(ctx) != nil {
		t.Fatal("the VM was not powered on")
	}
	defer func() {
		if task, err := secretVM.PowerOff(ctx); err == nil {
			_ = task.Wait(ctx)
		}
	}()
	if err := event.NewManager(boss.Client).PostEvent(ctx, &types.EventEx{EventTypeId: "com.test", ObjectId: secret.Value,
		ObjectType: secret.Type, Message: "about secret-01"}); err != nil {
		t.Fatal(err)
	}
	everything(ctx, t, client, secret)
	// Of the generated ones, which go round all folders, those in the viewer's own are not secret.
	for _, word := range []string{"secret-01", "secret-02", "secret-template", "secret-snapshot", "secret-00000", "secret-00003", "C0-h0", "C1-h0", "Gold"} {
		if heard.about(word) {
			t.Errorf("the viewer was told of %q", word)
		}
	}
	if !heard.about("web-01") || !heard.about("Prod") || !heard.about("DC0") {
		t.Error("the viewer was not told of what is its own")
	}
}

// everything asks for all there is, in every way.
func everything(ctx context.Context, t *testing.T, client *govmomi.Client, secret types.ManagedObjectReference) {
	t.Helper()
	content := client.ServiceContent
	pc := property.DefaultCollector(client.Client)
	// Every object of the site, by name and with all properties.
	var objects []types.ObjectSpec
	kinds := make(map[string]bool)
	for _, obj := range theSite.Context().Map.AllReference("") {
		if ref := obj.Reference(); ref.Type != "LabAccess" && ref.Type != "LabWatch" && ref.Type != "LabCollectors" && !strings.HasPrefix(ref.Value, "session[") {
			objects = append(objects, types.ObjectSpec{Obj: ref})
			kinds[ref.Type] = true
		}
	}
	for kind := range kinds {
		var of []types.ObjectSpec
		for _, o := range objects {
			if o.Obj.Type == kind {
				of = append(of, o)
			}
		}
		_, err := pc.RetrieveProperties(ctx, types.RetrieveProperties{SpecSet: []types.PropertyFilterSpec{{
			PropSet: []types.PropertySpec{{Type: kind, All: types.NewBool(true)}}, ObjectSet: of}}})
		if err != nil {
			t.Errorf("reading every %s: %v", kind, err)
		}
	}
	// All through a view, and its own list.
	viewer, err := view.NewManager(client.Client).CreateContainerView(ctx, content.RootFolder, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	var refs []types.ObjectContent
	if err := viewer.Retrieve(ctx, []string{"ManagedEntity"}, nil, &refs); err != nil {
		t.Fatalf("retrieving through the view: %v", err)
	}
	var list mo.ContainerView
	if err := viewer.Properties(ctx, viewer.Reference(), []string{"view"}, &list); err != nil {
		t.Fatalf("reading the view: %v", err)
	}
	if slices.Contains(list.View, secret) {
		t.Error("the view lists a VM that is hidden")
	}
	// Updates, through the view and along a traversal.
	for _, selection := range []types.BaseSelectionSpec{viewer.TraversalSpec(), walkDown()} {
		start := viewer.Reference()
		if selection.GetSelectionSpec().Name == "walk" {
			start = content.RootFolder
		}
		collector, err := pc.Create(ctx)
		if err != nil {
			t.Fatal(err)
		}
		_, err = collector.CreateFilter(ctx, types.CreateFilter{Spec: types.PropertyFilterSpec{
			PropSet:   []types.PropertySpec{{Type: "ManagedEntity", PathSet: []string{"name"}}},
			ObjectSet: []types.ObjectSpec{{Obj: start, SelectSet: []types.BaseSelectionSpec{selection}}}}})
		if err != nil {
			t.Fatal(err)
		}
		res, err := methods.WaitForUpdatesEx(ctx, client, &types.WaitForUpdatesEx{This: collector.Reference(), Options: &types.WaitOptions{MaxWaitSeconds: types.NewInt32(1)}})
		if err != nil || res.Returnval == nil {
			t.Fatalf("no updates: %v", err)
		}
		var seen []string
		for _, u := range res.Returnval.FilterSet[0].ObjectSet {
			seen = append(seen, u.ChangeSet[0].Val.(string))
		}
		for _, want := range []string{"web-01", "web-02", "Prod", "Web"} {
			if !slices.Contains(seen, want) {
				t.Errorf("the updates tell of %v, not of %s", seen, want)
			}
		}
		_ = collector.Destroy(ctx)
	}
	history(ctx, t, client)
	searches(ctx, t, client, secret)
}

// walkDown follows folders and datacenters without a view.
func walkDown() *types.TraversalSpec {
	again := &types.SelectionSpec{Name: "walk"}
	down := &types.SelectionSpec{Name: "down"}
	return &types.TraversalSpec{SelectionSpec: types.SelectionSpec{Name: "walk"}, Type: "Folder", Path: "childEntity",
		SelectSet: []types.BaseSelectionSpec{again, &types.TraversalSpec{SelectionSpec: *down, Type: "Datacenter", Path: "vmFolder",
			SelectSet: []types.BaseSelectionSpec{again}}}}
}

func history(ctx context.Context, t *testing.T, client *govmomi.Client) {
	t.Helper()
	events, err := event.NewManager(client.Client).QueryEvents(ctx, types.EventFilterSpec{MaxCount: 1000})
	if err != nil {
		t.Error(err)
	}
	for _, e := range events {
		if e.GetEvent().Vm != nil && strings.HasPrefix(e.GetEvent().Vm.Name, "secret") {
			t.Errorf("an event about %s", e.GetEvent().Vm.Name)
		}
	}
	collector, err := event.NewManager(client.Client).CreateCollectorForEvents(ctx, types.EventFilterSpec{MaxCount: 100})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := collector.ReadNextEvents(ctx, 1000); err != nil {
		t.Error(err)
	}
	if _, err := collector.LatestPage(ctx); err != nil {
		t.Error(err)
	}
	_ = collector.Destroy(ctx)
	var manager mo.TaskManager
	if err := property.DefaultCollector(client.Client).RetrieveOne(ctx, *client.ServiceContent.TaskManager, []string{"recentTask"}, &manager); err != nil {
		t.Fatal(err)
	}
	for _, ref := range manager.RecentTask {
		var task mo.Task
		if err := property.DefaultCollector(client.Client).RetrieveOne(ctx, ref, []string{"info"}, &task); err != nil {
			t.Errorf("a task that is listed cannot be read: %v", err)
		}
	}
}

func searches(ctx context.Context, t *testing.T, client *govmomi.Client, secret types.ManagedObjectReference) {
	t.Helper()
	index := object.NewSearchIndex(client.Client)
	for path, want := range map[string]bool{"/DC0/vm/Prod/Web/web-01": true, "/DC0/vm/Test": false, "/DC0/vm/Test/secret-01": false, "/DC0/host/C0": false, "/DC0": true} {
		found, err := index.FindByInventoryPath(ctx, path)
		if err != nil || (found != nil) != want {
			t.Errorf("%s: found %v, %v", path, found, err)
		}
	}
	if found, err := index.FindByDatastorePath(ctx, object.NewDatacenter(client.Client, at(t, "/DC0")), "[ds0] secret-01/secret-01.vmx"); found != nil || err != nil {
		t.Errorf("found %v by its file, %v", found, err)
	}
	for _, pattern := range []string{"/DC0/vm/*", "/DC0/vm/Prod/*", "/DC0/host/*", "*"} {
		_, _ = find.NewFinder(client.Client).ManagedObjectList(ctx, pattern)
	}
	// By the id, in arguments of other calls.
	for name, err := range map[string]error{
		"CreateContainerView": func() error {
			_, err := view.NewManager(client.Client).CreateContainerView(ctx, at(t, "/DC0/vm/Test"), nil, true)
			return err
		}(),
		"CreateListView": func() error {
			_, err := view.NewManager(client.Client).CreateListView(ctx, []types.ManagedObjectReference{secret})
			return err
		}(),
		"RetrieveEntityPermissions": func() error {
			_, err := object.NewAuthorizationManager(client.Client).RetrieveEntityPermissions(ctx, secret, true)
			return err
		}(),
	} {
		if err == nil {
			t.Errorf("%s takes what is hidden", name)
		}
	}
	// Read by id: the object is there, but may not be read.
	var vm mo.VirtualMachine
	err := property.DefaultCollector(client.Client).RetrieveOne(ctx, secret, []string{"name", "summary.config.name"}, &vm)
	lacks(t, err, secret, "System.View")
}
