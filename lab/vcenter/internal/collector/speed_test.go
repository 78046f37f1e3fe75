package collector_test

import (
	"context"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/config"
	"hdm.dev/lab/vcenter/internal/site"
)

// A site of 10,000 VMs, as the collector is measured with. "half" may read all VMs by
// way of their cluster, "one" a single one by a permission of its own.
const siteConfig = `{"password": "root", "inventory": {"generated_vms": {"count": 10000}},
	"users": [{"name": "half@lab", "password": "h"}, {"name": "one@lab", "password": "o"}],
	"permissions": [{"path": "/DC0/host/C0", "principal": "half@lab", "role": "ReadOnly", "propagate": true},
		{"path": "/DC0/vm/vm-00007", "principal": "one@lab", "role": "ReadOnly"}]}`

// first reads all VMs of a user as a client does that keeps an inventory, and
// tells how many there are and how long it took; and how long one change takes.
func first(t *testing.T, lab *site.Site, user, password string) (count int, all, change time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	u, err := soap.ParseURL(lab.Ready().URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	client, err := govmomi.NewClient(ctx, u, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Logout(ctx) }()
	began := time.Now()
	viewer, err := view.NewManager(client.Client).CreateContainerView(ctx, client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		t.Fatal(err)
	}
	collector, err := property.DefaultCollector(client.Client).Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = collector.CreateFilter(ctx, types.CreateFilter{Spec: types.PropertyFilterSpec{
		PropSet:   []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"name", "config.annotation", "runtime.powerState", "summary.storage"}}},
		ObjectSet: []types.ObjectSpec{{Obj: viewer.Reference(), SelectSet: []types.BaseSelectionSpec{viewer.TraversalSpec()}}}}})
	if err != nil {
		t.Fatal(err)
	}
	version := ""
	wait := func() int {
		res, err := methods.WaitForUpdatesEx(ctx, client, &types.WaitForUpdatesEx{This: collector.Reference(), Version: version, Options: &types.WaitOptions{MaxWaitSeconds: types.NewInt32(60)}})
		if err != nil || res.Returnval == nil {
			t.Fatalf("%s is told nothing: %v", user, err)
		}
		version = res.Returnval.Version
		return len(res.Returnval.FilterSet[0].ObjectSet)
	}
	count = wait()
	all = time.Since(began)
	boss, err := govmomi.NewClient(ctx, &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, User: url.UserPassword(lab.Ready().User, "root")}, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = boss.Logout(ctx) }()
	vm, err := find.NewFinder(boss.Client).VirtualMachine(ctx, "/DC0/vm/vm-00007")
	if err != nil {
		t.Fatal(err)
	}
	task, err := vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{Annotation: user})
	if err == nil {
		err = task.Wait(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	wait()
	return count, all, time.Since(began)
}

// What a user sees costs about as much as everything does, never ten times as
// much; a change shows at once for all.
func TestRightsCostLittle(t *testing.T) {
	cfg, err := config.Parse([]byte(siteConfig))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Dir, err = os.MkdirTemp("", "lab-speed-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(cfg.Dir) })
	lab, err := site.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lab.Close)
	if err := lab.Start(); err != nil {
		t.Fatal(err)
	}
	count, everything, change := first(t, lab, lab.Ready().User, "root")
	t.Logf("the administrator: %d VMs in %v, a change in %v", count, everything, change)
	if count != 10000 {
		t.Errorf("the administrator sees %d VMs", count)
	}
	for user, want := range map[string]int{"half@lab": 10000, "one@lab": 1} {
		count, all, change := first(t, lab, user, user[:1])
		t.Logf("%s: %d VMs in %v, a change in %v", user, count, all, change)
		if count != want {
			t.Errorf("%s sees %d VMs, want %d", user, count, want)
		}
		if all > 10*everything+time.Second {
			t.Errorf("%s waits %v where the administrator waits %v", user, all, everything)
		}
		if change > 5*time.Second {
			t.Errorf("a change shows to %s after %v", user, change)
		}
	}
}
