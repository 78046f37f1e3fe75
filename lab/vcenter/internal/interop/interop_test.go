// Package interop tries the whole vCenter with other people's clients.
package interop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/event"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/ovf"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/config"
	"hdm.dev/lab/vcenter/internal/site"
	"hdm.dev/lab/vcenter/internal/vmdk"
)

const diskBytes = 4 << 20

// The simulator has package variables: one vCenter for all tests.
var theSite *site.Site

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "lab-interop-")
	if err != nil {
		panic(err)
	}
	cfg, err := config.Parse([]byte(`{"name": "lab", "dir": "` + dir + `", "inventory": {
		"vms": [{"name": "web-01", "nics": [{}], "disks": [{"size_bytes": 4194304, "content": "random:7"}], "snapshots": ["before"]},
			{"name": "odd/name 100%", "disks": [{"size_bytes": 1048576}]}],
		"generated_vms": {"count": 300}}}`))
	if err != nil {
		panic(err)
	}
	if theSite, err = site.New(cfg); err != nil {
		panic(err)
	}
	if err := theSite.Start(); err != nil {
		panic(err)
	}
	code := m.Run()
	theSite.Close()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func login(t *testing.T) (context.Context, *govmomi.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	u, err := soap.ParseURL(theSite.Ready().URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(theSite.Ready().User, theSite.Ready().Password)
	client, err := govmomi.NewClient(ctx, u, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Logout(context.Background()) })
	return ctx, client
}

// admin calls the lab's own API and reads the answer into a value, if there is one.
func admin(t *testing.T, method, path, body string, into any) {
	t.Helper()
	req, err := http.NewRequest(method, theSite.Ready().AdminURL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+theSite.Ready().AdminToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, res.Status)
	}
	if into == nil {
		return
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// dump reads the truth.
func dump(t *testing.T) (all map[string]any) {
	t.Helper()
	admin(t, http.MethodGet, "/dump?disks=1", "", &all)
	return all
}

func vmOf(t *testing.T, all map[string]any, name string) map[string]any {
	t.Helper()
	for _, vm := range all["vms"].([]any) {
		if vm.(map[string]any)["name"] == name {
			return vm.(map[string]any)
		}
	}
	t.Fatalf("there is no VM %q", name)
	return nil
}

func TestGovmomiFindsEverything(t *testing.T) {
	ctx, client := login(t)
	vms, err := find.NewFinder(client.Client).VirtualMachineList(ctx, "/DC0/vm/*")
	if err != nil {
		t.Fatal(err)
	}
	if len(vms) != 302 {
		t.Fatalf("%d VMs, want 302", len(vms))
	}
}

func TestAnExportIsTheDisksContent(t *testing.T) {
	ctx, client := login(t)
	vm, err := find.NewFinder(client.Client).VirtualMachine(ctx, "/DC0/vm/web-01")
	if err != nil {
		t.Fatal(err)
	}
	stream, _ := export(ctx, t, client, vm, func() {
		if task, err := vm.PowerOn(ctx); err == nil {
			if err = task.Wait(ctx); err == nil {
				t.Fatal("a VM under a lease was powered on")
			}
		}
	})
	want := vmOf(t, dump(t), "web-01")["disks"].([]any)[0].(map[string]any)["sha256"]
	if got := sum(decoded(t, stream)); got != want {
		t.Fatalf("the export has %s, the disk %s", got, want)
	}
}

// export downloads the disk of a VM that has one, and does something meanwhile.
func export(ctx context.Context, t *testing.T, client *govmomi.Client, vm *object.VirtualMachine, meanwhile func()) ([]byte, []types.OvfFile) {
	t.Helper()
	lease, err := vm.Export(ctx)
	if err != nil {
		t.Fatal(err)
	}
	info, err := lease.Wait(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	meanwhile()
	var stream bytes.Buffer
	var files []types.OvfFile
	for _, item := range info.Items {
		if !strings.HasSuffix(item.Path, ".vmdk") {
			continue
		}
		reader, _, err := client.Download(ctx, item.URL, &soap.DefaultDownload)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&stream, reader); err != nil {
			t.Fatal(err)
		}
		_ = reader.Close()
		files = append(files, types.OvfFile{DeviceId: item.DeviceId, Path: "disk-0.vmdk"})
	}
	if err := lease.Complete(ctx); err != nil {
		t.Fatal(err)
	}
	return stream.Bytes(), files
}

// decoded is the content of a stream.
func decoded(t *testing.T, stream []byte) []byte {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "disk.raw"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := vmdk.Decode(file, bytes.NewReader(stream), vmdk.Options{SizeBytes: diskBytes}); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return append(raw, make([]byte, diskBytes-len(raw))...)
}

func sum(raw []byte) string {
	hash := sha256.Sum256(raw)
	return hex.EncodeToString(hash[:])
}

func TestANewVMShowsInAViewThatIsWaitedFor(t *testing.T) {
	ctx, client := login(t)
	pool, err := find.NewFinder(client.Client).ResourcePool(ctx, "/DC0/host/C0/Resources")
	if err != nil {
		t.Fatal(err)
	}
	child, err := pool.Create(ctx, "Silver", types.DefaultResourceConfigSpec())
	if err != nil {
		t.Fatal(err)
	}
	var properties mo.ResourcePool
	if err := child.Properties(ctx, child.Reference(), []string{"name", "parent"}, &properties); err != nil {
		t.Fatal(err)
	}
	if properties.Name != "Silver" || *properties.Parent != pool.Reference() {
		t.Fatalf("the pool is %q in %v", properties.Name, properties.Parent)
	}
}

func TestAReconfigurationForAnotherVersionIsRefused(t *testing.T) {
	ctx, client := login(t)
	vm, err := find.NewFinder(client.Client).VirtualMachine(ctx, "/DC0/vm/vm-00001")
	if err != nil {
		t.Fatal(err)
	}
	task, err := vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{ChangeVersion: "another", Annotation: "x"})
	if err != nil {
		t.Fatal(err)
	}
	err = task.Wait(ctx)
	if err == nil {
		t.Fatal("it was not refused")
	}
	task, err = vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{Annotation: "x"})
	if err == nil {
		err = task.Wait(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestNothingIsReadWithoutALogin(t *testing.T) {
	ctx, client := login(t)
	vm := object.NewVirtualMachine(client.Client, types.ManagedObjectReference{Type: "VirtualMachine", Value: vmOf(t, dump(t), "web-01")["ref"].(string)})
	if err := client.Logout(ctx); err != nil {
		t.Fatal(err)
	}
	var properties mo.VirtualMachine
	if err := vm.Properties(ctx, vm.Reference(), []string{"name"}, &properties); err == nil {
		t.Fatal("it was read")
	}
}

func TestPyVmomi(t *testing.T) {
	python := os.Getenv("HDM_PYTHON")
	if python == "" {
		t.Skip("HDM_PYTHON does not name a Python with pyVmomi; `cargo xtask test go` does")
	}
	u, err := url.Parse(theSite.Ready().URL)
	if err != nil {
		t.Fatal(err)
	}
	const script = `
import sys
from pyVim.connect import SmartConnect, Disconnect
from pyVmomi import vim
host, port, user, password = sys.argv[1:]
si = SmartConnect(host=host, port=int(port), user=user, pwd=password, disableSslCertValidation=True)
content = si.RetrieveContent()
view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], True)
names = sorted(vm.name for vm in view.view if not vm.name.startswith("vm-"))
vm = [vm for vm in view.view if vm.name == "web-01"][0]
task = vm.ReconfigVM_Task(vim.vm.ConfigSpec(annotation="seen by pyVmomi"))
while task.info.state not in ("success", "error"):
    pass
print(names, task.info.state, vm.config.annotation, vm.snapshot.rootSnapshotList[0].name)
Disconnect(si)
`
	output, err := exec.Command(python, "-c", script, u.Hostname(), u.Port(), theSite.Ready().User, theSite.Ready().Password).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	want := "['odd%2fname 100%25', 'web-01'] success seen by pyVmomi before"
	if got := strings.TrimSpace(string(output)); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

func TestACallWhoseAnswerIsLostHasTakenEffect(t *testing.T) {
	ctx, client := login(t)
	vm, err := find.NewFinder(client.Client).VirtualMachine(ctx, "/DC0/vm/vm-00002")
	if err != nil {
		t.Fatal(err)
	}
	admin(t, http.MethodPost, "/faults", `{"on": {"method": "CreateSnapshot_Task"}, "do": {"lose_answer": true}}`, nil)
	if _, err := vm.CreateSnapshot(ctx, "lost", "", false, false); err == nil {
		t.Fatal("the answer came")
	}
	var properties mo.VirtualMachine
	for properties.Snapshot == nil {
		if err := vm.Properties(ctx, vm.Reference(), []string{"snapshot"}, &properties); err != nil {
			t.Fatal(err)
		}
	}
	if got := properties.Snapshot.RootSnapshotList[0].Name; got != "lost" {
		t.Fatalf("the snapshot is %q", got)
	}
}

func TestAFilterOverAViewTellsOneChangeAndNoMore(t *testing.T) {
	ctx, client := login(t)
	viewer, err := view.NewManager(client.Client).CreateContainerView(ctx, client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		t.Fatal(err)
	}
	filter := new(property.WaitFilter).Add(viewer.Reference(), "VirtualMachine", []string{"config.annotation"}, viewer.TraversalSpec())
	vm, err := find.NewFinder(client.Client).VirtualMachine(ctx, "/DC0/vm/vm-00003")
	if err != nil {
		t.Fatal(err)
	}
	all := len(dump(t)["vms"].([]any))
	var first, changed int
	err = property.WaitForUpdates(ctx, property.DefaultCollector(client.Client), filter, func(updates []types.ObjectUpdate) bool {
		// What is there comes in pages.
		if first < all {
			first += len(updates)
			if first < all {
				return false
			}
			task, err := vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{Annotation: "changed"})
			if err != nil || task.Wait(ctx) != nil {
				t.Error("the change was refused")
			}
			return false
		}
		changed = len(updates)
		if updates[0].Obj != vm.Reference() || updates[0].ChangeSet[0].Val != "changed" {
			t.Errorf("the update is %+v", updates[0])
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	if first != all || changed != 1 {
		t.Errorf("first %d of %d objects, then %d; want all, then one", first, all, changed)
	}
}

// An import through govc's own path: descriptor, spec, lease, upload, manifest.
func TestAnImportKeepsTheBytesAndDropsWhatARealOneDrops(t *testing.T) {
	ctx, client := login(t)
	finder := find.NewFinder(client.Client)
	source, err := finder.VirtualMachine(ctx, "/DC0/vm/web-01")
	if err != nil {
		t.Fatal(err)
	}
	stream, files := export(ctx, t, client, source, func() {})
	readable(t, stream)

	manager := ovf.NewManager(client.Client)
	described, err := manager.CreateDescriptor(ctx, source, types.OvfCreateDescriptorParams{Name: "copy", OvfFiles: files})
	if err != nil {
		t.Fatal(err)
	}
	datastore, err := finder.DefaultDatastore(ctx)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := finder.ResourcePool(ctx, "/DC0/host/C0/Resources")
	if err != nil {
		t.Fatal(err)
	}
	network, err := finder.DefaultNetwork(ctx)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := manager.CreateImportSpec(ctx, described.OvfDescriptor, pool, datastore, &types.OvfCreateImportSpecParams{
		EntityName:     "copy",
		NetworkMapping: []types.OvfNetworkMapping{{Name: "VM Network", Network: network.Reference()}},
	})
	if err != nil || len(spec.Error) > 0 {
		t.Fatalf("%v %+v", err, spec)
	}
	config := spec.ImportSpec.(*types.VirtualMachineImportSpec).ConfigSpec
	if config.Uuid != "" || config.Annotation != "" || len(config.ExtraConfig) > 0 {
		t.Errorf("the spec carries what a descriptor does not: %q %q %v", config.Uuid, config.Annotation, config.ExtraConfig)
	}
	folder, err := finder.Folder(ctx, "/DC0/vm")
	if err != nil {
		t.Fatal(err)
	}
	into, err := pool.ImportVApp(ctx, spec.ImportSpec, folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	ready, err := into.Wait(ctx, spec.FileItem)
	if err != nil {
		t.Fatal(err)
	}
	updater := into.StartUpdater(ctx, ready)
	defer updater.Done()
	upload := soap.Upload{ContentLength: int64(len(stream))}
	if err := into.Upload(ctx, ready.Items[0], bytes.NewReader(stream), upload); err != nil {
		t.Fatal(err)
	}
	if err := into.Complete(ctx); err != nil {
		t.Fatal(err)
	}
	all := dump(t)
	disk := func(name string) any { return vmOf(t, all, name)["disks"].([]any)[0].(map[string]any)["sha256"] }
	if disk("copy") != disk("web-01") {
		t.Error("the copy's disk differs")
	}
	copied, err := finder.VirtualMachine(ctx, "/DC0/vm/copy")
	if err != nil {
		t.Fatal(err)
	}
	if task, err := copied.Destroy(ctx); err != nil || task.Wait(ctx) != nil {
		t.Error("the copy cannot be removed")
	}
}

// readable asks qemu-img, which knows the format from elsewhere.
func readable(t *testing.T, stream []byte) {
	t.Helper()
	program, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Skip("qemu-img is missing; `cargo xtask setup` installs it")
	}
	file := filepath.Join(t.TempDir(), "export.vmdk")
	if err := os.WriteFile(file, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command(program, "check", "-f", "vmdk", file).CombinedOutput(); err != nil && !strings.Contains(string(output), "does not support checks") {
		t.Errorf("qemu-img check: %v: %s", err, output)
	}
	if output, err := exec.Command(program, "convert", "-f", "vmdk", "-O", "raw", file, file+".raw").CombinedOutput(); err != nil {
		t.Errorf("qemu-img convert: %v: %s", err, output)
	}
}

func TestAnExtensionsEventNeedsNoObject(t *testing.T) {
	ctx, client := login(t)
	events := event.NewManager(client.Client)
	if err := events.PostEvent(ctx, &types.EventEx{EventTypeId: "com.example.Test", Message: "about the whole vCenter"}); err != nil {
		t.Error(err)
	}
	err := events.PostEvent(ctx, &types.EventEx{EventTypeId: "com.example.Test", ObjectType: "VirtualMachine", ObjectId: "vm-nowhere"})
	if err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("an event about nothing: %v", err)
	}
}
