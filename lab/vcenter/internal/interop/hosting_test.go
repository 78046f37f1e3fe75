package interop

import (
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/ovf"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

func TestAVMThatAClientCreatesHasBytesAndTakesSpace(t *testing.T) {
	ctx, client := login(t)
	finder := find.NewFinder(client.Client)
	datastore, err := finder.DefaultDatastore(ctx)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := finder.ResourcePool(ctx, "/DC0/host/C0/Resources")
	if err != nil {
		t.Fatal(err)
	}
	folder, err := finder.Folder(ctx, "/DC0/vm")
	if err != nil {
		t.Fatal(err)
	}
	var devices object.VirtualDeviceList
	controller, err := devices.CreateSCSIController("pvscsi")
	if err != nil {
		t.Fatal(err)
	}
	const size = 100 << 20
	disk := &types.VirtualDisk{CapacityInBytes: size, CapacityInKB: size >> 10, VirtualDevice: types.VirtualDevice{
		Backing: &types.VirtualDiskFlatVer2BackingInfo{DiskMode: "persistent", ThinProvisioned: types.NewBool(true)}}}
	devices = append(devices, controller)
	devices.AssignController(disk, controller.(types.BaseVirtualController))
	devices = append(devices, disk)
	changes, err := devices.ConfigSpec(types.VirtualDeviceConfigSpecOperationAdd)
	if err != nil {
		t.Fatal(err)
	}
	spec := types.VirtualMachineConfigSpec{Name: "created", GuestId: "otherGuest", NumCPUs: 1, MemoryMB: 128,
		Files: &types.VirtualMachineFileInfo{VmPathName: "[" + datastore.Name() + "]"}, DeviceChange: changes}

	filter := new(property.WaitFilter).Add(datastore.Reference(), "Datastore", []string{"summary.freeSpace"})
	var before, after int64
	err = property.WaitForUpdates(ctx, property.DefaultCollector(client.Client), filter, func(updates []types.ObjectUpdate) bool {
		free, _ := updates[0].ChangeSet[0].Val.(int64)
		if before != 0 {
			after = free
			return true
		}
		before = free
		task, err := folder.CreateVM(ctx, spec, pool, nil)
		if err != nil || task.Wait(ctx) != nil {
			t.Error("the VM was not created")
			return true
		}
		return false
	})
	if err != nil {
		t.Fatal(err)
	}
	if before-after != size {
		t.Errorf("%d bytes are told to be taken, want %d", before-after, size)
	}
	sum, _ := vmOf(t, dump(t), "created")["disks"].([]any)[0].(map[string]any)["sha256"].(string)
	if len(sum) != 64 {
		t.Errorf("its disk is %q", sum)
	}
	created, err := finder.VirtualMachine(ctx, "/DC0/vm/created")
	if err != nil {
		t.Fatal(err)
	}
	stream, _ := export(ctx, t, client, created, func() {})
	if len(stream) == 0 {
		t.Error("its disk cannot be exported")
	}
	if task, err := created.Destroy(ctx); err != nil || task.Wait(ctx) != nil {
		t.Error("it cannot be removed")
	}
}

func TestALeaseBlocksEveryWayToPowerOnAndToMove(t *testing.T) {
	ctx, client := login(t)
	finder := find.NewFinder(client.Client)
	vm, err := finder.VirtualMachine(ctx, "/DC0/vm/vm-00005")
	if err != nil {
		t.Fatal(err)
	}
	dc, err := finder.Datacenter(ctx, "/DC0")
	if err != nil {
		t.Fatal(err)
	}
	lease, err := vm.Export(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lease.Wait(ctx, nil); err != nil {
		t.Fatal(err)
	}
	powerOn := func() types.ClusterPowerOnVmResult {
		res, err := methods.PowerOnMultiVM_Task(ctx, client.Client, &types.PowerOnMultiVM_Task{This: dc.Reference(),
			Vm: []types.ManagedObjectReference{vm.Reference()}})
		if err != nil {
			t.Fatal(err)
		}
		info, err := object.NewTask(client.Client, res.Returnval).WaitForResult(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		return info.Result.(types.ClusterPowerOnVmResult)
	}
	migrate := func() error {
		task, err := vm.Migrate(ctx, nil, nil, types.VirtualMachineMovePriorityDefaultPriority, "")
		if err != nil {
			return err
		}
		return task.Wait(ctx)
	}
	if result := powerOn(); len(result.NotAttempted) != 1 || len(result.Attempted) != 0 {
		t.Errorf("power on under a lease: %+v", result)
	}
	if err := migrate(); err == nil || !strings.Contains(err.Error(), "is held by") {
		t.Errorf("a move under a lease: %v", err)
	}
	if err := lease.Abort(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if err := migrate(); err != nil {
		t.Errorf("a move without a lease: %v", err)
	}
	if result := powerOn(); len(result.Attempted) != 1 {
		t.Errorf("power on without a lease: %+v", result)
	}
	if task, err := vm.PowerOff(ctx); err != nil || task.Wait(ctx) != nil {
		t.Error("it cannot be powered off")
	}
}

func TestGeneratedVMsShareNothing(t *testing.T) {
	ctx, client := login(t)
	finder := find.NewFinder(client.Client)
	read := func(name string) (vm mo.VirtualMachine) {
		found, err := finder.VirtualMachine(ctx, "/DC0/vm/"+name)
		if err != nil {
			t.Fatal(err)
		}
		if err := found.Properties(ctx, found.Reference(), []string{"config", "layout", "guest", "runtime.host"}, &vm); err != nil {
			t.Fatal(err)
		}
		return vm
	}
	one, err := finder.VirtualMachine(ctx, "/DC0/vm/vm-00010")
	if err != nil {
		t.Fatal(err)
	}
	task, err := one.CreateSnapshot(ctx, "alone", "", false, false)
	if err == nil {
		err = task.Wait(ctx)
	}
	if err == nil {
		task, err = one.Reconfigure(ctx, types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{
			&types.OptionValue{Key: "mine", Value: "yes"}}})
	}
	if err == nil {
		err = task.Wait(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	other := read("vm-00011")
	if other.Layout != nil && len(other.Layout.Snapshot) > 0 {
		t.Error("a snapshot of one shows in the layout of another")
	}
	for _, o := range other.Config.ExtraConfig {
		if o.GetOptionValue().Key == "mine" {
			t.Error("extraConfig of one shows in another")
		}
	}
	macs := make(map[string]bool)
	for _, name := range []string{"vm-00010", "vm-00011", "vm-00012"} {
		vm := read(name)
		for _, device := range vm.Config.Hardware.Device {
			if card, ok := device.(types.BaseVirtualEthernetCard); ok {
				macs[card.GetVirtualEthernetCard().MacAddress] = true
			}
		}
	}
	if len(macs) != 3 {
		t.Errorf("3 VMs have %d addresses", len(macs))
	}
	var datastore mo.Datastore
	found, err := finder.DefaultDatastore(ctx)
	if err == nil {
		err = found.Properties(ctx, found.Reference(), []string{"vm"}, &datastore)
	}
	if err != nil || !slices.Contains(datastore.Vm, read("vm-00011").Self) {
		t.Errorf("the datastore does not name its VMs: %v", err)
	}
}

func TestOptionsCarryWhatADescriptorDrops(t *testing.T) {
	ctx, client := login(t)
	finder := find.NewFinder(client.Client)
	source, err := finder.VirtualMachine(ctx, "/DC0/vm/web-01")
	if err != nil {
		t.Fatal(err)
	}
	var properties mo.VirtualMachine
	if err := source.Properties(ctx, source.Reference(), []string{"config"}, &properties); err != nil {
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
	options := []string{"mac", "uuid", "extraconfig", "unknown ones are ignored"}
	manager := ovf.NewManager(client.Client)
	described, err := manager.CreateDescriptor(ctx, source, types.OvfCreateDescriptorParams{ExportOption: options})
	if err != nil {
		t.Fatal(err)
	}
	spec := func(options []string) *types.VirtualMachineConfigSpec {
		result, err := manager.CreateImportSpec(ctx, described.OvfDescriptor, pool, datastore, &types.OvfCreateImportSpecParams{
			NetworkMapping:         []types.OvfNetworkMapping{{Name: "VM Network", Network: network.Reference()}},
			OvfManagerCommonParams: types.OvfManagerCommonParams{ImportOption: options}})
		if err != nil || len(result.Error) > 0 {
			t.Fatalf("%v %+v", err, result)
		}
		return &result.ImportSpec.(*types.VirtualMachineImportSpec).ConfigSpec
	}
	mac := func(devices []types.BaseVirtualDevice) string {
		for _, device := range devices {
			if card, ok := device.(types.BaseVirtualEthernetCard); ok {
				return card.GetVirtualEthernetCard().MacAddress
			}
		}
		return ""
	}
	devices := func(spec *types.VirtualMachineConfigSpec) (all []types.BaseVirtualDevice) {
		for _, change := range spec.DeviceChange {
			all = append(all, change.GetVirtualDeviceConfigSpec().Device)
		}
		return all
	}
	with, without := spec(options), spec(nil)
	if with.Uuid != properties.Config.Uuid || mac(devices(with)) != mac(properties.Config.Hardware.Device) || with.Uuid == "" {
		t.Errorf("with options: %q %q", with.Uuid, mac(devices(with)))
	}
	if without.Uuid != "" || mac(devices(without)) != "" || len(without.ExtraConfig) > 0 {
		t.Errorf("without options: %q %q %v", without.Uuid, mac(devices(without)), without.ExtraConfig)
	}
}
